"""An ONNX model with float64 in place of float32, to be evaluated where rounding is not to count."""

from __future__ import annotations

from collections.abc import Iterable

import onnx
import onnx.numpy_helper

_FLOAT, _DOUBLE = onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE


def in_float64(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The same model in float64; what the file says of inner values is left out."""
    model = onnx.ModelProto()
    model.CopyFrom(proto)
    graph = model.graph
    del graph.value_info[:]
    for value in (*graph.input, *graph.output):
        if value.type.tensor_type.elem_type == _FLOAT:
            value.type.tensor_type.elem_type = _DOUBLE
    _convert(graph.initializer)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                _convert([attribute.t])
            elif attribute.name in ("to", "dtype") and attribute.i == _FLOAT:
                attribute.i = _DOUBLE
            elif node.op_type == "Constant" and attribute.name in ("value_float", "value_floats"):
                _as_tensor(attribute)
    return model


def _convert(tensors: Iterable[onnx.TensorProto]) -> None:
    for tensor in tensors:
        if tensor.data_type == _FLOAT:
            array = onnx.numpy_helper.to_array(tensor).astype("float64")
            tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))


def _as_tensor(attribute: onnx.AttributeProto) -> None:
    shape = [] if attribute.name == "value_float" else [len(attribute.floats)]
    values = [attribute.f] if attribute.name == "value_float" else list(attribute.floats)
    tensor = onnx.helper.make_tensor("", _DOUBLE, shape, values)
    attribute.CopyFrom(onnx.helper.make_attribute("value", tensor))
