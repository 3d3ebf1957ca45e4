"""Emission as an ONNX file: one operator of ONNX, or a few, for each operator of a lowered graph.

The table is direct, and not `torch.onnx.export` of the emitted module, which needs onnxscript and a trace, folds
parameters into tensors with names of its own, and writes what that version of torch writes.
"""
