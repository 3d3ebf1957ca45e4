"""Reading one node object into a record, with a finding for every field that is missing or of a wrong type."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from torchlean_core.check.findings import Finding, Severity
from torchlean_core.kinds import Dialect, Field, FieldType, Kind
from torchlean_core.kinds.dialects import others
from torchlean_core.kinds.numbers import show
from torchlean_core.kinds.spec import Path
from torchlean_core.text import BAD, HUGE, Numbers

_MISSING: Any = object()
MAX_PER_ARRAY = 20
"""Findings for the elements of one array; the rest are counted in one more."""


class NeedsExact(Exception):
    """A number was read as a float where an integer of any size may stand: read the text exactly."""


class Record:
    """What could be read of one node.

    Attributes:
        index: Place in `nodes`.
        id: Raw id; None where it cannot be read.
        ref: Id that later nodes mean when they name it: its raw id, or its place where that is unreadable.
        raw: The JSON object.
        kind: Wire tag; None where it cannot be read.
        entry: Entry of the kind table; None for unknown kinds and tuple-valued nodes.
        parents: Parent ids, None for each that is no natural number; None where the array cannot be read.
        is_tuple: Whether it is tuple-valued; None where `value_kind` cannot be read.
        shape: Declared shape; None where it cannot be read.
        tuple_shapes: Shapes of the components; None where they cannot be read.
        fields: The kind's own fields that could be read.
        complete: Whether all required fields of the kind could be read.
    """

    __slots__ = (
        "complete",
        "entry",
        "fields",
        "id",
        "index",
        "is_tuple",
        "kind",
        "parents",
        "raw",
        "ref",
        "shape",
        "tuple_shapes",
    )

    def __init__(self, index: int, raw: dict[str, Any]) -> None:
        self.index = index
        self.raw = raw
        self.id: int | None = None
        self.ref = index
        self.kind: str | None = None
        self.entry: Kind | None = None
        self.parents: list[int | None] | None = None
        self.is_tuple: bool | None = False
        self.shape: list[int] | None = None
        self.tuple_shapes: list[list[int]] | None = None
        self.fields: dict[str, Any] = {}
        self.complete = True


def describe(value: Any) -> str:
    """A JSON value in words, short, for "found …"."""
    if value is None:
        return "null"
    if value is HUGE:
        return "a number with more than 10,000 digits"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return show(value)
    if value == 0:
        return "a zero with more than 10 decimals"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, str):
        return f'the string "{value if len(value) <= 40 else value[:39] + "…"}"'
    if isinstance(value, list | Numbers):
        return f"an array of {len(value)}" if value else "an empty array"
    if isinstance(value, dict):
        return "an object"
    return "something unreadable"


def cut(text: str | None, longest: int = 60) -> str:
    """A kind, or another text of a file, for a message: not endless."""
    if text is None:
        return "?"
    return text if len(text) <= longest else text[: longest - 1] + "…"


class Reader:
    """Reads nodes, and collects what is wrong with them."""

    def __init__(self, exact: bool, dialect: Dialect) -> None:
        self.exact = exact
        self.dialect = dialect
        self.findings: list[Finding] = []

    def read(self, index: int, raw: dict[str, Any]) -> Record:
        """Read one node object.

        Raises:
            NeedsExact: See there; only when not `exact`.
        """
        record = Record(index, raw)
        get = raw.get
        node_id = get("id", _MISSING)
        if type(node_id) is int and node_id >= 0:
            record.id = record.ref = node_id
        elif node_id is _MISSING:
            self.missing(record, "id", "every node has an `id`, its place in `nodes`", data=index)
        else:
            self.natural(record, node_id, ("id",), "id")
        kind = get("kind", _MISSING)
        if type(kind) is str:
            record.kind = kind
        elif kind is _MISSING:
            self.missing(record, "kind", "every node has a `kind`")
        else:
            self.wrong_type(record, kind, ("kind",), "kind", "a string")
        parents = get("parents", _MISSING)
        if parents is _MISSING:
            self.missing(
                record, "parents", "every node has `parents`, an array of ids ([] for none)", data=[]
            )
        elif type(parents) is list:
            record.parents = self.naturals(record, parents, ("parents",), "parents")
        else:
            self.wrong_type(record, parents, ("parents",), "parents", "an array of node ids")
        self._value(record, get("value_kind", _MISSING))
        if record.kind is not None and record.is_tuple is False:
            self._tensor_kind(record)
        elif record.is_tuple and not self.exact:
            # The fields of a tuple kind are read where a component is taken, and by then exactly.
            tuple_kind = self.dialect.tuple_kinds.get(record.kind or "")
            fields = () if tuple_kind is None else tuple_kind.fields
            if any(type(get(field.name)) is float for field in fields):
                raise NeedsExact
        return record

    def _value(self, record: Record, value_kind: Any) -> None:
        """Read what the node holds: `shape` of a tensor, or `tuple_shapes`."""
        if value_kind is _MISSING or value_kind == "tensor":
            shape = record.raw.get("shape", _MISSING)
            if shape is _MISSING:
                self.missing(record, "shape", "a tensor-valued node has a `shape` ([] for a scalar)")
            else:
                record.shape = self.shape(record, shape, ("shape",), "shape")
        elif value_kind == "tuple":
            record.is_tuple = True
            shapes = record.raw.get("tuple_shapes", _MISSING)
            if shapes is _MISSING:
                self.missing(
                    record, "tuple_shapes", "a tuple-valued node has `tuple_shapes`, an array of shapes"
                )
            elif type(shapes) is list:
                read = [
                    self.shape(record, shape, ("tuple_shapes", i), f"tuple_shapes[{i}]")
                    for i, shape in enumerate(shapes)
                ]
                record.tuple_shapes = None if None in read else [shape for shape in read if shape is not None]
            else:
                self.wrong_type(record, shapes, ("tuple_shapes",), "tuple_shapes", "an array of shapes")
                if shapes == {}:
                    record.tuple_shapes = []  # it has no components, whatever it should have been
        else:
            record.is_tuple = None
            if type(value_kind) is not str:
                self.wrong_type(record, value_kind, ("value_kind",), "value_kind", "a string")
            else:
                self.error(
                    record,
                    "TL015",
                    f'value_kind must be "tensor" or "tuple", found {describe(value_kind)}',
                    ("value_kind",),
                )

    def _tensor_kind(self, record: Record) -> None:
        kind = record.kind
        assert kind is not None
        entry = self.dialect.tensor_kinds.get(kind)
        if entry is None:
            entry = self.dialect.getitem
            if kind != entry.name:
                self._unknown(record, kind)
                return
        record.entry = entry
        if entry.fields:
            self.own_fields(record, entry.fields, entry.name)

    def _unknown(self, record: Record, kind: str) -> None:
        dialect = self.dialect
        if dialect.is_foreign(kind):
            ours = dialect.equivalents[kind]
            hint = f"; here it is `{ours}`" if ours else ""
            message = (
                f"`{kind}` is a kind of {_speakers(dialect, kind)}, and this file is {dialect.name}{hint}"
            )
            self.error(record, "TL014", message, ("kind",), foreign=True)
            return
        if kind in dialect.refused:
            self.error(record, "TL014", f"`{kind}` stands in no file: {dialect.refused[kind]}", ("kind",))
            return
        if kind in dialect.tuple_kinds:
            self.error(
                record,
                "TL014",
                f'`{kind}` is tuple-valued: the node needs "value_kind": "tuple" and `tuple_shapes`',
                ("kind",),
            )
            return
        near = similar(kind, dialect.tags)
        hint = f"; did you mean `{near[0]}`?" if near else ""
        self.error(record, "TL014", f"unknown kind `{cut(kind)}`{hint}", ("kind",), suggestions=near)

    def own_fields(self, record: Record, fields: Iterable[Field], kind: str) -> None:
        """Read a kind's own fields into `record.fields`."""
        for field in fields:
            value = record.raw.get(field.name, _MISSING)
            if value is _MISSING:
                if field.required:
                    record.complete = False
                    is_first = record.entry is not None and field is record.entry.fields[0]
                    foreign = self._foreign_field(record) if is_first else None
                    near = similar(field.name, [key for key in record.raw if key not in _COMMON])
                    hint = f"; did you mean `{near[0]}`?" if near else ""
                    if foreign is not None:
                        hint = f"; `{foreign}` is of the other dialect"
                    why = f"`{kind}` needs it: {field.doc.rstrip('.')}{hint}"
                    self.missing(record, field.name, why, near=near, foreign=foreign is not None)
                continue
            read = self.field(record, field, value)
            if read is None:
                record.complete = False
            else:
                record.fields[field.name] = read

    def _foreign_field(self, record: Record) -> str | None:
        """The first field of a node that another dialect's entry of its kind has, and this one's does not."""
        entry = record.entry
        if entry is None:
            return None
        own = {field.name for field in entry.fields}
        return next(
            (
                field.name
                for dialect in others(self.dialect)
                if (theirs := dialect.tensor_kinds.get(entry.name)) is not None
                for field in theirs.fields
                if field.name in record.raw and field.name not in own
            ),
            None,
        )

    def field(self, record: Record, field: Field, value: Any) -> Any:
        """Read one own field; None (with a finding) where its type is wrong."""
        name = field.name
        if field.type is FieldType.NATURAL:
            if not (type(value) is int and value >= 0):
                self.natural(record, value, (name,), name)
                return None
            if field.positive and value == 0:
                self.error(record, "TL206", f"{name} must be > 0, found 0", (name,))
            return value
        if field.type is FieldType.BOOLEAN:
            if type(value) is bool:
                return value
            self.wrong_type(record, value, (name,), name, field.type.value)
            return None
        return self.shape(record, value, (name,), name)

    def shape(self, record: Record, value: Any, path: Path, name: str) -> list[int] | None:
        """Read an array of naturals; None (with a finding per bad element) where there is none."""
        if type(value) is not list:
            self.wrong_type(record, value, path, name, "an array of natural numbers")
            return None
        read = self.naturals(record, value, path, name)
        return None if None in read else value

    def naturals(self, record: Record, values: list[Any], path: Path, name: str) -> list[int | None]:
        """Read an array of naturals; None in place of each that is none, with a finding for the first few."""
        for value in values:
            if type(value) is not int or value < 0:
                break
        else:
            return values
        bad = [i for i, value in enumerate(values) if type(value) is not int or value < 0]
        for position in bad[:MAX_PER_ARRAY]:
            self.natural(record, values[position], (*path, position), f"{name}[{position}]")
        if len(bad) > MAX_PER_ARRAY:
            self.error(
                record,
                "TL011",
                f"{len(bad) - MAX_PER_ARRAY} more elements of {name} are no natural numbers",
                path,
            )
        return [value if type(value) is int and value >= 0 else None for value in values]

    # -- findings -----------------------------------------------------------------------------------------

    def natural(self, record: Record, value: Any, path: Path, name: str) -> None:
        """Report a value that is no natural number."""
        if type(value) is float and not self.exact:
            raise NeedsExact
        self.wrong_type(record, value, path, name, FieldType.NATURAL.value)

    def wrong_type(self, record: Record, value: Any, path: Path, name: str, expected: str) -> None:
        """Report a value of a wrong type."""
        if value is not BAD:
            self.error(record, "TL011", f"{name} must be {expected}, found {describe(value)}", path)

    def missing(
        self,
        record: Record,
        name: str,
        why: str,
        data: Any = None,
        near: list[str] | None = None,
        foreign: bool = False,
    ) -> None:
        """Report a missing field; `foreign` where the node has what another dialect has in its place."""
        more = {"foreign": True} if foreign else {}
        message = f"missing field `{name}`: {why}"
        self.error(record, "TL010", message, (), field=name, value=data, near=near or [], **more)

    def error(self, record: Record, code: str, message: str, path: Path, **data: Any) -> None:
        """Report an error at a node."""
        self.findings.append(Finding(code, Severity.ERROR, message, record.index, record.id, path, data=data))


_COMMON = ("id", "kind", "parents", "shape", "value_kind", "tuple_shapes")


def _speakers(dialect: Dialect, kind: str) -> str:
    names = [other.name for other in others(dialect) if kind in other.tensor_kinds or kind in other.refused]
    return f"the {' and '.join(names)} dialect"


def similar(word: str, candidates: Iterable[str]) -> list[str]:
    """Candidates close enough to be meant by a misspelt word, best first."""
    return list(_similar(word, tuple(candidates)))


@lru_cache(1024)
def _similar(word: str, candidates: tuple[str, ...]) -> tuple[str, ...]:
    if len(word) > 60:
        return ()
    return tuple(difflib.get_close_matches(word.lower(), candidates, n=3, cutoff=0.6))
