"""The dialects of `torchlean.ir.v1`, and which one a file speaks: decided once, at its root."""

from __future__ import annotations

import copyreg
from collections.abc import Mapping
from typing import Any

from torchlean_core.kinds.common import NODE_FIELDS
from torchlean_core.kinds.dialect import Dialect
from torchlean_core.kinds.dialects.classic import CLASSIC
from torchlean_core.kinds.dialects.generalized import GENERALIZED
from torchlean_core.kinds.spec import FieldType

__all__ = [
    "CLASSIC",
    "DIALECTS",
    "FIELD_NAMES",
    "GENERALIZED",
    "LIST_FIELDS",
    "ROOT_NAMES",
    "dialect_named",
    "dialect_of",
]

DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in (CLASSIC, GENERALIZED)}
"""Every dialect by its name."""

DEFAULT = CLASSIC
"""What a file speaks that does not say, and what is written where nobody asks for another."""

_FIELDS = [field for dialect in DIALECTS.values() for field in dialect.own_fields]

FIELD_NAMES = frozenset({"parents", "shape", "tuple_shapes"} | {field.name for field in _FIELDS})
"""Fields of nodes that hold numbers, booleans, or arrays of numbers, whatever the dialect and the kind."""

LIST_FIELDS = frozenset(NODE_FIELDS) | {
    field.name for field in _FIELDS if field.type not in (FieldType.NATURAL, FieldType.BOOLEAN)
}
"""Fields of nodes whose value is always read as Python's; other long arrays of numbers are kept as their text."""

ROOT_NAMES = frozenset(name for dialect in DIALECTS.values() for name in dialect.root_fields)
"""Fields of the root, whatever the dialect."""

PAYLOAD_NAMES = frozenset(name for dialect in DIALECTS.values() for name in dialect.payload_fields)
"""Fields of inline parameters, whatever the dialect and the kind."""

OUTPUT_FIELDS = tuple(dialect.output_field for dialect in DIALECTS.values())
"""The root fields that name outputs; which of them there is decides the dialect."""


def dialect_named(name: str) -> Dialect:
    """The dialect of a name.

    Raises:
        KeyError: There is none.
    """
    return DIALECTS[name]


def _by_name(dialect: Dialect) -> tuple[Any, ...]:
    return dialect_named, (dialect.name,)


copyreg.pickle(Dialect, _by_name)  # there is one of each: a copy of one is itself


def others(dialect: Dialect) -> list[Dialect]:
    """All dialects but one."""
    return [other for other in DIALECTS.values() if other is not dialect]


def dialect_of(root: Mapping[str, Any]) -> Dialect:
    """The dialect of an artifact's root object.

    The field that names the outputs decides, and of several the newest dialect's; without any, a node that only one
    dialect knows.
    """
    for dialect in reversed(DIALECTS.values()):
        if dialect.output_field in root:
            return dialect
    nodes = root.get("nodes")
    for node in nodes if type(nodes) is list else ():
        if type(node) is dict and type(kind := node.get("kind")) is str:
            for dialect in others(DEFAULT):
                if DEFAULT.is_foreign(kind) or _speaks(dialect, kind, node):
                    return dialect
    return DEFAULT


def _speaks(dialect: Dialect, kind: str, node: Mapping[str, Any]) -> bool:
    """Whether a node of a kind of both dialects has what only this one reads: the first field of its entry."""
    theirs, ours = dialect.tensor_kinds.get(kind), DEFAULT.tensor_kinds.get(kind)
    if theirs is None or ours is None or theirs.fields[:1] == ours.fields[:1]:
        return False
    return theirs.fields[0].name in node
