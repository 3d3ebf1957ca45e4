"""Values of single fields: the one that the rule forces, or the only one with which the node is right."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torchlean_core.check.findings import Finding
from torchlean_core.check.fixes.edit import Edit
from torchlean_core.check.fixes.fields import offer, set_field
from torchlean_core.check.fixes.model import Family, Fix, quick_fix
from torchlean_core.check.fixes.view import View, readable_node, view_of
from torchlean_core.check.nodes import Record
from torchlean_core.check.places import place
from torchlean_core.check.report import Report
from torchlean_core.kinds import Field, Problems
from torchlean_core.kinds.dialects.classic.table import TORCHLEAN_EPS
from torchlean_core.kinds.guesses import own_shape
from torchlean_core.kinds.numbers import numel, show, show_shape

_MAX_OPERANDS = 10_000
_DIGITS = re.compile(r"0|[1-9][0-9]{0,18}")


def operand_shapes(view: View, record: Record) -> list[list[int]] | None:
    """Shapes of the operands; None where one is not known."""
    operands = view.operands(record)
    if operands is None or record.entry is None:
        return None
    low, high = record.entry.arity
    if len(operands) < low or (high is not None and len(operands) > high):
        return None
    shapes = [
        operand.shape for operand in operands if operand.is_tuple is False and operand.shape is not None
    ]
    return shapes if len(shapes) == len(operands) else None


def fits(record: Record, values: Mapping[str, Any], shapes: Sequence[list[int]]) -> bool:
    """Whether the node is right, declared shape and all, with values of some fields."""
    assert record.entry is not None
    fields = {**record.fields, **values}
    names = {field.name for field in record.entry.fields if field.required}
    if not names <= fields.keys() or any(
        field.positive and fields.get(field.name) == 0 for field in record.entry.fields
    ):
        return False
    found = record.entry.infer(fields, shapes, record.shape)
    return found is not None and not isinstance(found, Problems) and list(found) == record.shape


def field_of(record: Record, finding: Finding) -> Field | None:
    """The node's own field that a finding is about."""
    name = finding.data["field"] if finding.code == "TL010" else None
    if finding.code != "TL010" and len(finding.path) == 1:
        name = finding.path[0]
    fields = record.entry.fields if record.entry is not None else ()
    return next((field for field in fields if field.name == name), None)


@quick_fix(
    "set-field",
    {
        'Add "…": …': "TL010",
        "Set … to …": "TL204 TL206 TL207 TL210 TL211",
    },
    family=Family.FIELDS,
    requires=(readable_node,),
    why="Safe where a missing field can have one value only; where there was a value, something else may be wrong.",
)
def _set_field(report: Report, finding: Finding) -> Iterator[Fix]:
    """Give a field the value that the shapes force, or the only one with which the node is right."""
    view = view_of(report)
    record = view.record(finding.index)
    field = field_of(record, finding) if record is not None else None
    shapes = operand_shapes(view, record) if record is not None else None
    if record is None or field is None or shapes is None:
        return
    name, is_missing = field.name, finding.code == "TL010"
    value = None if field.forced is None else field.forced(record.fields, shapes, record.shape)
    safe = value is not None and is_missing
    if value is None and field.guess is not None:
        if len(shapes) > _MAX_OPERANDS:
            return  # trying every value would take as long as many checks
        guesses = list(field.guess(record.fields, shapes, record.shape))
        fitting = [one for one in guesses if fits(record, {name: one}, shapes)]
        if len(fitting) == 1:
            value = fitting[0]
        elif is_missing and field.presumed and guesses:
            value = guesses[0]
    if finding.code in _RANKS:
        yield from _other_axes(view, record, field, shapes)
    if value is None or record.raw.get(name) == value:
        return
    title = _member_text(name, value) if is_missing else f"Set {name} to {_value_text(value)}"
    edits = set_field(view, record.index, name, value)
    yield from offer(view, record, title, edits, {**record.raw, name: value}, safe=safe)


_RANKS = ("TL210", "TL211")
"""Codes of errors that an axis which is another one can lead to."""


def _other_axes(view: View, record: Record, field: Field, shapes: Sequence[list[int]]) -> Iterator[Fix]:
    """Axes other than a field with which the node is right, where an axis may be what is wrong."""
    assert record.entry is not None
    for other in record.entry.fields:
        if other is field or not other.is_axis or other.guess is None or len(shapes) > _MAX_OPERANDS:
            continue
        guesses = other.guess(record.fields, shapes, record.shape)
        fitting = [one for one in guesses if fits(record, {other.name: one}, shapes)]
        if len(fitting) == 1 and record.raw.get(other.name) != fitting[0]:
            title = f"Set {other.name} to {_value_text(fitting[0])}"
            edits = set_field(view, record.index, other.name, fitting[0])
            raw = {**record.raw, other.name: fitting[0]}
            yield from offer(view, record, title, edits, raw, safe=False)


def _member_text(name: str, value: Any) -> str:
    return f'Add "{name}": {_value_text(value)}'


def _value_text(value: Any) -> str:
    """A value as titles have it."""
    if isinstance(value, list):
        return show_shape(value)
    return ("true" if value else "false") if isinstance(value, bool) else show(value)


@quick_fix(
    "count-from-front",
    {
        "Set … to …": "TL011",
    },
    family=Family.FIELDS,
    requires=(readable_node,),
    why="Safe: PyTorch's negative axes, and its -1 in a reshape, mean one number each.",
)
def _count_from_front(report: Report, finding: Finding) -> Iterator[Fix]:
    """Write a negative axis as the axis that it means in PyTorch, and the -1 of a reshape as its number."""
    view = view_of(report)
    record = view.record(finding.index)
    assert record is not None
    path = finding.path
    if record.entry is None or not path:
        return
    field = next((one for one in record.entry.fields if one.name == path[0]), None)
    if field is None or not field.is_axis:
        # A shape with PyTorch's -1: the result's, of a kind that keeps the elements.
        is_result = path[0] == "shape" or (field is not None and field.forced is own_shape)
        if not (is_result and record.entry.operator.keeps_order):
            return
    # The first operand alone: how many there should be is another question.
    operand = view.operand(record, 0)
    if operand is None or operand.is_tuple is not False or operand.shape is None:
        return
    source = operand.shape
    name, old = str(path[0]), record.raw[str(path[0])]
    rank = len(source)
    if field is None or not field.is_axis:
        value: Any = _rest(old, source)
    elif isinstance(old, list):
        value = [_axis(axis, rank) for axis in old]
    else:
        value = _axis(old, rank)
    if value is None or value == old or (isinstance(value, list) and None in value):
        return
    edits = set_field(view, record.index, name, value)
    shown = show_shape(value) if isinstance(value, list) else show(value)
    title = f"Set {name} to {shown}"
    yield from offer(view, record, title, edits, {**record.raw, name: value}, safe=True, certain=True)


def _axis(axis: Any, rank: int) -> int | None:
    return axis + rank if type(axis) is int and -rank <= axis < 0 else axis if type(axis) is int else None


def _rest(dims: Any, source: Sequence[int]) -> list[int] | None:
    """A shape with its one -1 replaced by what is left of the elements; None where that is no number."""
    if not isinstance(dims, list) or any(type(dim) is not int or dim < -1 for dim in dims):
        return None
    if dims.count(-1) != 1:
        return None
    total, known = numel(source), numel(dim for dim in dims if dim != -1)
    if total is None or not known or total % known:
        return None
    return [total // known if dim == -1 else dim for dim in dims]


@quick_fix(
    "number-from-string",
    {
        'Change "…" to …': "TL011",
    },
    family=Family.FIELDS,
    why="Safe: the string holds just the number.",
)
def _number_from_string(report: Report, finding: Finding) -> Iterator[Fix]:
    """Write a number in quotes without them."""
    view = view_of(report)
    record = view.record(finding.index)
    if not finding.path:
        return
    value: Any = view.root if finding.index is None else record.raw if record is not None else None
    for step in finding.path:
        value = _part(value, step)
    if not isinstance(value, str) or not _DIGITS.fullmatch(value):
        return
    number = int(value)
    start, end = place(view.document, finding.index, finding.path)
    edits = (Edit(start, end, value),)
    title = f'Change "{value}" to {value}'
    if record is None:
        if finding.path in dict(view.dialect.ends_of(view.root)) and number in view.places:
            yield Fix(title, edits, safe=True, preferred=True)
    elif finding.path != ("id",) or number == record.index:
        raw = _replaced(record.raw, finding.path, number)
        if finding.path == ("id",):
            yield Fix(title, edits, safe=True, preferred=True)
        else:
            yield from offer(view, record, title, edits, raw, safe=True, certain=True)


def _part(value: Any, step: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(step)
    return value[step] if isinstance(value, list) and isinstance(step, int) else None


def _replaced(value: Any, path: Sequence[str | int], new: Any) -> Any:
    """A JSON value with the part at a path replaced."""
    if not path:
        return new
    copied: Any = dict(value) if isinstance(value, dict) else list(value)
    copied[path[0]] = _replaced(copied[path[0]], path[1:], new)
    return copied


@quick_fix(
    "wrap-in-array",
    {
        "Write … as an array, …": "TL011",
    },
    family=Family.FIELDS,
    requires=(readable_node,),
    why="Never safe: a single number may also be a slip.",
)
def _wrap_in_array(report: Report, finding: Finding) -> Iterator[Fix]:
    """Make a single number the array of it that is wanted."""
    view = view_of(report)
    record = view.record(finding.index)
    assert record is not None
    if len(finding.path) != 1 or finding.path[0] not in ("parents", "shape"):
        return
    name = str(finding.path[0])
    value = record.raw.get(name)
    if type(value) is int and value >= 0:
        start, end = report.span(finding)
        edits = (Edit(start, start, "["), Edit(end, end, "]"))
        title = f"Write {name} as an array, [{show(value)}]"
        yield from offer(view, record, title, edits, {**record.raw, name: [value]}, safe=False)


@quick_fix(
    "set-epsilon",
    {
        "Set eps to …, TorchLean's": "TL402",
    },
    family=Family.FIELDS,
    requires=(readable_node,),
    why="Never safe: it changes what the node computes in PyTorch.",
)
def _set_epsilon(report: Report, finding: Finding) -> Iterator[Fix]:
    """Write the epsilon of TorchLean's evaluator."""
    assert finding.index is not None
    edits = set_field(view_of(report), finding.index, "eps", TORCHLEAN_EPS)
    yield Fix(f"Set eps to {TORCHLEAN_EPS:g}, TorchLean's", edits, safe=False)
