"""Names in an ONNX file: what is no UTF-8 comes out of the message as bytes, and is no name of anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import onnx


def has_other_names(proto: onnx.ModelProto) -> bool:
    """Whether a name that is read is no text."""
    return any(type(one) is not str for one in _names(proto))


def _names(proto: onnx.ModelProto) -> Iterator[Any]:
    yield from (proto.producer_name, proto.producer_version)
    yield from (one.domain for one in proto.opset_import)
    yield from _of_graph(proto.graph)
    for function in proto.functions:
        yield from (function.name, function.domain, *function.input, *function.output)
        for node in function.node:
            yield from _of_node(node)


def _of_graph(graph: onnx.GraphProto) -> Iterator[Any]:
    for node in graph.node:
        yield from _of_node(node)
    for tensor in graph.initializer:
        yield from _of_tensor(tensor)
    for value in (*graph.input, *graph.output):
        yield value.name
        yield from (dim.dim_param for dim in value.type.tensor_type.shape.dim)
    yield from (one.values.name for one in graph.sparse_initializer)


def _of_node(node: onnx.NodeProto) -> Iterator[Any]:
    yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
    for attribute in node.attribute:
        yield from (attribute.name, attribute.ref_attr_name)
        if attribute.HasField("t"):
            yield from _of_tensor(attribute.t)


def _of_tensor(tensor: onnx.TensorProto) -> Iterator[Any]:
    yield tensor.name
    for entry in tensor.external_data:
        yield from (entry.key, entry.value)
