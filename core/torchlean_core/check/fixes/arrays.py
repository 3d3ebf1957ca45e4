"""Arrays of numbers in a node's own fields: entries that are wrong, and geometry of a wrong length."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torchlean_core.check.findings import Finding
from torchlean_core.check.fixes.edit import Edit
from torchlean_core.check.fixes.fields import offer, set_field
from torchlean_core.check.fixes.layout import remove_elements
from torchlean_core.check.fixes.model import Family, Fix, quick_fix
from torchlean_core.check.fixes.view import View, readable_node, view_of
from torchlean_core.check.nodes import Record
from torchlean_core.check.report import Report
from torchlean_core.kinds import Field, FieldType
from torchlean_core.kinds.guesses import of_length
from torchlean_core.kinds.numbers import show, show_shape


def _field(record: Record, name: Any) -> Field | None:
    fields = record.entry.fields if record.entry is not None else ()
    return next((field for field in fields if field.name == name), None)


@quick_fix(
    "drop-entry",
    {
        "Set … to …, counted from 0": "TL203",
        "Remove … from …": "TL203 TL206",
        "Remove the second … from …": "TL204",
    },
    family=Family.FIELDS,
    requires=(readable_node,),
    why="Safe for an axis that is given twice; another one may be a slip for an axis that there is.",
)
def _drop_entry(report: Report, finding: Finding) -> Iterator[Fix]:
    """Take an axis out of the list of axes, or count it from 0."""
    view = view_of(report)
    record = view.record(finding.index)
    if record is None or len(finding.path) != 2 or not isinstance(finding.path[1], int):
        return
    field, position = _field(record, finding.path[0]), finding.path[1]
    axes = record.fields.get(str(finding.path[0]))
    if field is None or not field.is_axis or not isinstance(axes, list):
        return
    operand = view.operand(record, 0)
    rank = len(operand.shape) if operand is not None and operand.shape is not None else None
    if finding.code == "TL203" and rank is not None and axes and min(axes) > 0 and max(axes) == rank:
        counted = [axis - 1 for axis in axes]
        edits = set_field(view, record.index, field.name, counted)
        title = f"Set {field.name} to {show_shape(counted)}, counted from 0"
        yield from offer(
            view, record, title, edits, {**record.raw, field.name: counted}, safe=False, preferred=False
        )
    yield from _without(view, record, field, axes, position, twice=finding.code == "TL204")


def _without(
    view: View, record: Record, field: Field, axes: list[int], position: int, *, twice: bool
) -> Iterator[Fix]:
    tree = view.document.tree_of(record.index)
    pair = tree.member(field.name) if tree is not None else None
    if pair is None or len(pair[1].items) != len(axes):
        return
    rest = [*axes[:position], *axes[position + 1 :]]
    if rest:
        edits = tuple(
            remove_elements([(item.start, item.end) for item in pair[1].items], frozenset((position,)))
        )
    else:
        edits = (Edit(pair[1].start, pair[1].end, "[]"),)
    title = f"Remove the second {show(axes[position])} from {field.name}"
    if not twice:
        title = f"Remove {show(axes[position])} from {field.name}"
    raw = {**record.raw, field.name: rest}
    yield from offer(view, record, title, edits, raw, safe=twice, preferred=twice)


@quick_fix(
    "set-length",
    {
        "Set spatial_rank to …, as all of the geometry has it": "TL212",
        "Set … to …": "TL212",
    },
    family=Family.FIELDS,
    requires=(readable_node,),
    why="Never safe: what the other axes should have is a guess.",
)
def _set_length(report: Report, finding: Finding) -> Iterator[Fix]:
    """Give geometry one number per spatial axis, or set the number of axes to what all of it has."""
    view = view_of(report)
    record = view.record(finding.index)
    if record is None or record.entry is None or len(finding.path) != 1:
        return
    field, rank = _field(record, finding.path[0]), record.fields.get("spatial_rank")
    if field is None or type(rank) is not int or rank > _MAX_SPATIAL:
        rank = None
    geometry = {
        one.name: record.fields[one.name]
        for one in record.entry.fields
        if one.type is FieldType.GEOMETRY and one.name in record.fields
    }
    lengths = {len(value) for value in geometry.values()}
    all_wrong = len(lengths) == 1 and len(geometry) > 1
    if all_wrong and (count := lengths.pop()):
        edits = set_field(view, record.index, "spatial_rank", count)
        raw = {**record.raw, "spatial_rank": count}
        title = f"Set spatial_rank to {count}, as all of the geometry has it"
        yield from offer(view, record, title, edits, raw, safe=False)
    if field is None or rank is None:
        return
    value = of_length(geometry[field.name], rank, field.neutral)
    title = f"Set {field.name} to {show_shape(value)}"
    edits = set_field(view, record.index, field.name, value)
    raw = {**record.raw, field.name: value}
    yield from offer(view, record, title, edits, raw, safe=False, preferred=not all_wrong)


_MAX_SPATIAL = 16
"""Spatial axes that a fix writes numbers for."""
