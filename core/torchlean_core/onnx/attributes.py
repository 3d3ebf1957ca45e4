"""Attributes of an ONNX node as plain values, by what the operator's schema says of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import onnx

from torchlean_core.onnx.errors import quoted
from torchlean_core.onnx.tensors import NoNumbersError, tensor_of

_READ: Mapping[int, Any] = {
    onnx.AttributeProto.FLOAT: lambda one: one.f,
    onnx.AttributeProto.INT: lambda one: one.i,
    onnx.AttributeProto.STRING: lambda one: one.s.decode("utf-8", "replace"),
    onnx.AttributeProto.FLOATS: lambda one: list(one.floats),
    onnx.AttributeProto.INTS: lambda one: list(one.ints),
    onnx.AttributeProto.STRINGS: lambda one: [text.decode("utf-8", "replace") for text in one.strings],
    onnx.AttributeProto.TENSOR: lambda one: tensor_of(one.t),
}
_GRAPHS: tuple[int, ...] = (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS)
"""Attributes that are graphs: they are not looked into, the operators that have them are refused."""


class AttributeRefusedError(ValueError):
    """An attribute is none that the operator has; the message says which."""


def attributes_of(proto: onnx.NodeProto, schema: onnx.defs.OpSchema) -> tuple[dict[str, Any], frozenset[str]]:
    """The attributes of a node, with the defaults of those that are left out, and the names of those that are not.

    Raises:
        AttributeRefusedError: One is unknown, of another type, twice there or missing.
    """
    found: dict[str, Any] = {}
    kinds = {name: _number(one) for name, one in schema.attributes.items()}
    for one in proto.attribute:
        known = schema.attributes.get(one.name)
        if known is None:
            raise AttributeRefusedError(
                f"{schema.name} has no attribute {quoted(one.name)} in its version {schema.since_version}"
            )
        if one.name in found:
            raise AttributeRefusedError(f"attribute {quoted(one.name)} stands there twice")
        if one.ref_attr_name:
            raise AttributeRefusedError(f"attribute {quoted(one.name)} refers to one of a function")
        if one.type != kinds[one.name]:
            raise AttributeRefusedError(
                f"attribute {quoted(one.name)} is of another type than {schema.name} has"
            )
        if one.type in _GRAPHS:
            continue
        read = _READ.get(one.type)
        if read is None:
            raise AttributeRefusedError(f"attribute {quoted(one.name)} is of a type that is not read")
        try:
            found[one.name] = read(one)
        except NoNumbersError as error:
            raise AttributeRefusedError(f"attribute {quoted(one.name)}: {error}") from error
    given = frozenset(found)
    for name, known in schema.attributes.items():
        if name in found:
            continue
        if known.required and kinds[name] not in _GRAPHS:
            raise AttributeRefusedError(f"has no attribute {quoted(name)}")
        default = known.default_value
        if default.type:
            found[name] = _READ[default.type](default)
    return found, given


def _number(attribute: onnx.defs.OpSchema.Attribute) -> int:
    """The type of an attribute as messages have it."""
    kind: Any = attribute.type
    return int(kind.value)
