"""Axes that the operand has not: the last one, or another with which the node is right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from torchlean_core.check.findings import Finding
from torchlean_core.check.fixes.edit import Edit
from torchlean_core.check.fixes.fields import offer, set_field
from torchlean_core.check.fixes.model import Family, Fix, quick_fix
from torchlean_core.check.fixes.values import field_of, fits, operand_shapes
from torchlean_core.check.fixes.view import readable_node, view_of
from torchlean_core.check.nodes import Record
from torchlean_core.check.places import place
from torchlean_core.check.report import Report
from torchlean_core.kinds import Field, FieldType, Problems
from torchlean_core.kinds.numbers import show

_MAX_CHOICES = 3
_MAX_AXES = 16
"""Axes that are tried."""


@quick_fix(
    "axis-in-range",
    {"Set … to …, the last axis": "TL203 TL011", "Set … to …": "TL203 TL011"},
    family=Family.FIELDS,
    requires=(readable_node,),
    why="Never safe: which axis was meant is a guess.",
)
def _axis_in_range(report: Report, finding: Finding) -> Iterator[Fix]:
    """Set an axis that the operand has not to one that it has: with which the node is right, or the last."""
    view = view_of(report)
    record = view.record(finding.index)
    field = field_of(record, finding) if record is not None else None
    shapes = operand_shapes(view, record) if record is not None else None
    if (
        record is None
        or field is None
        or not field.is_axis
        or not shapes
        or field.type is not FieldType.NATURAL
    ):
        return
    rank = len(shapes[0])
    old = record.raw.get(field.name)
    if finding.code == "TL011" and (type(old) is not int or old >= -rank):
        return  # PyTorch's negative axis, or no number at all
    for number, axis in enumerate(_choices(record, field, shapes, backwards=finding.code == "TL011")):
        title = f"Set {field.name} to {show(axis)}{', the last axis' if axis == rank - 1 else ''}"
        edits = set_field(view, record.index, field.name, axis)
        raw = {**record.raw, field.name: axis}
        yield from offer(view, record, title, edits, raw, safe=False, preferred=number == 0)


def _choices(record: Record, field: Field, shapes: Sequence[list[int]], *, backwards: bool) -> list[int]:
    """The axes that may be meant: the nearest to what stands there first, if the node is right with it."""
    rank = min(len(shapes[0]), _MAX_AXES)
    if not rank:
        return []
    nearest = list(range(rank)) if backwards else [len(shapes[0]) - 1, *range(rank - 2, -1, -1)]
    right = [axis for axis in nearest if fits(record, {field.name: axis}, shapes)]
    return (right or [axis for axis in nearest if _allowed(record, field, axis, shapes)])[:_MAX_CHOICES]


def _allowed(record: Record, field: Field, axis: int, shapes: Sequence[list[int]]) -> bool:
    """Whether a node's shape rule has nothing against an axis, whatever else is wrong."""
    assert record.entry is not None
    fields: dict[str, Any] = {**record.fields, field.name: axis}
    if any(one.required and one.name not in fields for one in record.entry.fields):
        return True
    found = record.entry.infer(fields, shapes, record.shape)
    return not isinstance(found, Problems) or all(problem.path[:1] != (field.name,) for problem in found)


@quick_fix(
    "last-axis",
    {"Set …[…] to …, the last axis": "TL203"},
    family=Family.FIELDS,
    requires=(readable_node,),
    why="Never safe: which axis was meant is a guess.",
)
def _last_axis(report: Report, finding: Finding) -> Iterator[Fix]:
    """Set an entry of a list of axes that the operand has not to the last axis."""
    view = view_of(report)
    record = view.record(finding.index)
    shapes = operand_shapes(view, record) if record is not None else None
    if record is None or not shapes or not shapes[0] or len(finding.path) != 2:
        return
    name, position = finding.path
    axes, last = record.fields.get(str(name)), len(shapes[0]) - 1
    if not isinstance(position, int) or not isinstance(axes, list) or last in axes:
        return
    raw = {**record.raw, str(name): [*axes[:position], last, *axes[position + 1 :]]}
    edits = (Edit(*place(view.document, record.index, finding.path), str(last)),)
    title = f"Set {name}[{position}] to {show(last)}, the last axis"
    yield from offer(view, record, title, edits, raw, safe=False)
