"""A quick test that a node is clean, for the many nodes that are; those that fail it are judged in detail.

One function per kind is built from a dialect's table when the first file speaks it. It looks at nothing but the
node's own object and its parents' shapes, reads every field with the same strictness as `nodes.Reader`, and
asks the kind's own shape rule, so that it can only err towards "look again".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from torchlean_core.kinds import Dialect, Field, FieldType, Kind, shapes

Shapes = Sequence[list[int] | None] | Mapping[int, list[int] | None]
Quick = Callable[[dict[str, Any], Any, Any, Shapes, int], bool]
"""(node, its parents, its shape, shapes of the nodes before it by id, its id) to: surely clean."""


def scan(nodes: list[Any], dialect: Dialect) -> tuple[list[int], list[int]]:
    """Places of the nodes that must be judged in detail, and of clean ones that there may be advice for.

    Ids must be disciplined (`nodes[i].id` is i), so that parent ids are places.
    """
    suspects: list[int] = []
    noted: list[int] = []
    declared: list[list[int] | None] = []
    quick, advised = quick_of(dialect), advised_of(dialect)
    append = declared.append
    for index, raw in enumerate(nodes):
        try:
            shape, kind = raw["shape"], raw["kind"]
            if (
                quick[kind](raw, raw["parents"], shape, declared, index)
                and raw.get("value_kind", "tensor") == "tensor"
            ):
                append(shape)
                if kind in advised:
                    noted.append(index)
                continue
        except (KeyError, TypeError):
            pass  # a field is missing, the kind is unknown, or something is of a type it should not have
        suspects.append(index)
        append(declared_shape(raw))
    return suspects, noted


def clean_id(raw: Any, declared: Mapping[int, list[int] | None], dialect: Dialect) -> int | None:
    """The id of a node that is surely clean but for its id; None for one that must be judged in detail.

    Args:
        raw: The node.
        declared: Shapes by id, of the last node with it before this one.
        dialect: The file's.
    """
    try:
        node_id, shape = raw["id"], raw["shape"]
        if (
            type(node_id) is int
            and node_id >= 0
            and quick_of(dialect)[raw["kind"]](raw, raw["parents"], shape, declared, node_id)
            and raw.get("value_kind", "tensor") == "tensor"
        ):
            return node_id
    except (KeyError, TypeError):
        pass  # as above; or a parent does not exist
    return None


def declared_shape(raw: Any) -> list[int] | None:
    """The shape of a tensor-valued node, or None where it cannot be read."""
    if type(raw) is not dict or raw.get("value_kind", "tensor") != "tensor":
        return None
    shape = raw.get("shape")
    return shape if _is_shape(shape) else None


def _is_shape(value: Any) -> bool:
    if type(value) is not list:
        return False
    for dim in value:
        if type(dim) is not int or dim < 0:
            return False
    return True


def _same(raw: dict[str, Any], parents: Any, shape: Any, declared: Shapes, index: int) -> bool:
    """One parent of the same shape."""
    if type(parents) is not list or len(parents) != 1 or type(shape) is not list:
        return False
    parent = parents[0]
    if type(parent) is not int or not 0 <= parent < index or shape != declared[parent]:
        return False
    for dim in shape:  # 1.0 and true are equal to 1, and no dimensions
        if type(dim) is not int:
            return False
    return True


def _equal(raw: dict[str, Any], parents: Any, shape: Any, declared: Shapes, index: int) -> bool:
    """Two parents of the same shape."""
    if type(parents) is not list or len(parents) != 2 or type(shape) is not list:
        return False
    a, b = parents
    if type(a) is not int or type(b) is not int or not (0 <= a < index and 0 <= b < index):
        return False
    if shape != declared[a] or shape != declared[b]:
        return False
    for dim in shape:
        if type(dim) is not int:
            return False
    return True


def _unary(kind: Kind) -> Quick:
    """One parent, any shape rule, any fields."""
    infer, fields = kind.infer, _readers(kind.fields)

    def quick(raw: dict[str, Any], parents: Any, shape: Any, declared: Shapes, index: int) -> bool:
        if type(parents) is not list or len(parents) != 1 or type(shape) is not list:
            return False
        parent = parents[0]
        if type(parent) is not int or not 0 <= parent < index:
            return False
        operand = declared[parent]
        if operand is None:
            return False
        for dim in shape:
            if type(dim) is not int or dim < 0:
                return False
        for name, good in fields:
            if not good(raw[name]):
                return False
        return infer(raw, (operand,), shape) == shape

    return quick


def _general(kind: Kind) -> Quick:
    """Any number of parents, any shape rule, any fields."""
    infer, fields = kind.infer, _readers(tuple(field for field in kind.fields if field.required))
    optional = _readers(tuple(field for field in kind.fields if not field.required))
    low, high = kind.arity

    def quick(raw: dict[str, Any], parents: Any, shape: Any, declared: Shapes, index: int) -> bool:
        if type(parents) is not list or len(parents) < low or (high is not None and len(parents) > high):
            return False
        operands = []
        for parent in parents:
            if type(parent) is not int or not 0 <= parent < index:
                return False
            operand = declared[parent]
            if operand is None:
                return False
            operands.append(operand)
        for name, good in optional:
            if name in raw and not good(raw[name]):
                return False
        return (
            _is_shape(shape)
            and all(good(raw[name]) for name, good in fields)
            and infer(raw, operands, shape) == shape
        )

    return quick


def _natural(value: Any) -> bool:
    return type(value) is int and value >= 0


def _positive(value: Any) -> bool:
    return type(value) is int and value > 0


def _readers(fields: tuple[Field, ...]) -> tuple[tuple[str, Callable[[Any], bool]], ...]:
    tests = {
        FieldType.NATURAL: _natural,
        FieldType.SHAPE: _is_shape,
        FieldType.AXES: _is_shape,
        FieldType.GEOMETRY: _is_shape,
        FieldType.BOOLEAN: lambda value: type(value) is bool,
    }
    return tuple((field.name, _positive if field.positive else tests[field.type]) for field in fields)


def _quick(kind: Kind) -> Quick:
    if not kind.fields and kind.infer is shapes.same and kind.arity == (1, 1):
        return _same
    if not kind.fields and kind.infer is shapes.equal and kind.arity == (2, 2):
        return _equal
    if kind.arity == (1, 1) and all(field.required for field in kind.fields):
        return _unary(kind)
    return _general(kind)


@cache
def advised_of(dialect: Dialect) -> frozenset[str]:
    """Kinds that there may be something to say about of a clean node: advice, or an inline payload."""
    return frozenset(
        kind.name
        for kind in dialect.tensor_kinds.values()
        if kind.advice is not None or (dialect.inline and (kind.params or kind.facts))
    )


@cache
def quick_of(dialect: Dialect) -> dict[str, Quick]:
    """The quick test of every tensor kind of a dialect."""
    return {name: _quick(kind) for name, kind in dialect.tensor_kinds.items()}
