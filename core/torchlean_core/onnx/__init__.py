"""ONNX files as models: their operators as a module of torch functions, which capture takes like any other."""
