"""Emission as an ONNX file: one operator of ONNX, or a few, for each operator of a lowered graph.

The table is direct, and not `torch.onnx.export` of the emitted module: forty operators are less than what that needs
besides (onnxscript, a trace), the parameters keep their names and nodes theirs, and what stands in the file is what is
said here.
"""
