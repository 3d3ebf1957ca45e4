"""Values of single fields: the one that the rule forces, or the only one with which the node is right."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from torchlean_core.check.checker import Report
from torchlean_core.check.findings import Finding
from torchlean_core.check.fixes.fields import offer, set_field
from torchlean_core.check.fixes.model import Edit, Family, Fix, quick_fix
from torchlean_core.check.fixes.shapes import REPEATED
from torchlean_core.check.fixes.view import ENDS, View, readable_node, view_of
from torchlean_core.check.nodes import Record
from torchlean_core.check.places import place
from torchlean_core.kinds import Problems
from torchlean_core.kinds.dialects.classic.table import TORCHLEAN_EPS
from torchlean_core.kinds.numbers import numel, show, show_shape

_MAX_RANK = 16
_MAX_OPERANDS = 10_000
_DIGITS = re.compile(r"0|[1-9][0-9]{0,18}")


def _shapes(view: View, record: Record) -> list[list[int]] | None:
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


def _forced(record: Record, name: str, shapes: Sequence[list[int]]) -> Any:
    """The one value of a field that the operands or the declared shape allow; None where there is none."""
    assert record.entry is not None
    kind = record.entry.name
    x = shapes[0] if shapes else []
    if name == REPEATED.get(kind):
        return x
    if name == "inC" and len(x) == 3 and x[0] > 0:
        return x[0]
    if name == "channels" and len(x) == 4 and x[1] > 0:
        return x[1]
    if name == "outC" and record.shape is not None and len(record.shape) == 3:
        return record.shape[0]
    if name in ("out_shape", "to_shape"):
        return record.shape
    return None


def _candidates(record: Record, name: str) -> list[Any]:
    """Values that may be meant, where nothing forces one."""
    fields = record.fields
    if name == "axis":
        return list(range(_MAX_RANK))
    if name == "padding":
        return [0]
    if name == "stride":
        return [1] if "inC" in fields or fields.get("kH") != fields.get("kW") else [fields.get("kH"), 1]
    if name == "perm" and isinstance(fields.get("perm"), list) and min(fields["perm"], default=0) > 0:
        return [[axis - 1 for axis in fields["perm"]]]
    return []


def _fits(record: Record, name: str, value: Any, shapes: Sequence[list[int]]) -> bool:
    """Whether the node is right, declared shape and all, with a value of a field."""
    assert record.entry is not None
    fields = {**record.fields, name: value}
    names = {field.name for field in record.entry.fields if field.required}
    if not names <= fields.keys() or any(
        field.positive and fields.get(field.name) == 0 for field in record.entry.fields
    ):
        return False
    found = record.entry.infer(fields, shapes, record.shape)
    return found is not None and not isinstance(found, Problems) and list(found) == record.shape


def _field_of(finding: Finding) -> str | None:
    """Name of the node's own field that a finding is about."""
    if finding.code == "TL010":
        return str(finding.data["field"])
    return str(finding.path[0]) if len(finding.path) == 1 else None


@quick_fix(
    "set-field",
    "TL010",
    "TL203",
    "TL204",
    "TL206",
    "TL207",
    "TL211",
    family=Family.FIELDS,
    requires=(readable_node,),
    why="Safe where a missing field can have one value only; where there was a value, something else may be wrong.",
)
def _set_field(report: Report, finding: Finding) -> Iterator[Fix]:
    """Give a field the value that the shapes force, or the only one with which the node is right."""
    view = view_of(report)
    record = view.record(finding.index)
    name = _field_of(finding)
    if record is None or record.entry is None or name not in {field.name for field in record.entry.fields}:
        return
    shapes = _shapes(view, record)
    if shapes is None:
        return
    value = _forced(record, name, shapes)
    safe = value is not None and finding.code == "TL010"
    if value is None:
        if len(shapes) > _MAX_OPERANDS:
            return  # trying every value would take as long as many checks
        fitting = [one for one in _candidates(record, name) if _fits(record, name, one, shapes)]
        if len(fitting) != 1:
            return
        value = fitting[0]
    if record.raw.get(name) == value:
        return
    shown = show_shape(value) if isinstance(value, list) else show(value)
    title = f'Add "{name}": {shown}' if finding.code == "TL010" else f"Set {name} to {shown}"
    edits = set_field(view, record.index, name, value)
    yield from offer(view, record, title, edits, {**record.raw, name: value}, safe=safe)


@quick_fix(
    "count-from-front",
    "TL011",
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
    if record.entry is None or not path or path[0] not in ("axis", "perm", "out_shape", "shape"):
        return
    shapes = _shapes(view, record)
    if not shapes:
        return
    name, old = str(path[0]), record.raw[str(path[0])]
    rank = len(shapes[0])
    if name in ("out_shape", "shape"):
        value: Any = _rest(old, shapes[0]) if record.entry.name == "reshape" else None
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
    "TL011",
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
        if finding.path[0] in ENDS and number in view.places:
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
    "TL011",
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
    "TL402",
    family=Family.FIELDS,
    requires=(readable_node,),
    why="Never safe: it changes what the node computes in PyTorch.",
)
def _set_epsilon(report: Report, finding: Finding) -> Iterator[Fix]:
    """Write the epsilon of TorchLean's evaluator."""
    assert finding.index is not None
    edits = set_field(view_of(report), finding.index, "eps", TORCHLEAN_EPS)
    yield Fix(f"Set eps to {TORCHLEAN_EPS:g}, TorchLean's", edits, safe=False)
