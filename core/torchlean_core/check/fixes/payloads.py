"""Parameters that stand in nodes: what says once more what follows from the graph, and what is not whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torchlean_core.check.findings import Finding
from torchlean_core.check.fixes.edit import Edit
from torchlean_core.check.fixes.fields import offer, set_field
from torchlean_core.check.fixes.layout import replace_members
from torchlean_core.check.fixes.model import Family, Fix, quick_fix
from torchlean_core.check.fixes.view import View, readable_node, view_of
from torchlean_core.check.nodes import Record
from torchlean_core.check.payload import is_tensor
from torchlean_core.check.report import Report
from torchlean_core.kinds import Kind, TupleKind
from torchlean_core.kinds.numbers import show_shape


def _entry(view: View, record: Record) -> Kind | TupleKind | None:
    """The entry of a node that holds parameters."""
    if not view.dialect.inline:
        return None
    return record.entry if record.entry is not None else view.dialect.tuple_kinds.get(record.kind or "")


@quick_fix(
    "set-fact",
    {
        "Set … to …": "TL502",
    },
    family=Family.FIELDS,
    requires=(readable_node,),
    why="Safe where nothing else of the parameters is wrong then: the graph forces the value.",
)
def _set_fact(report: Report, finding: Finding) -> Iterator[Fix]:
    """Set the sizes that stand beside parameters to those of the graph."""
    view = view_of(report)
    record = view.record(finding.index)
    kind = _entry(view, record) if record is not None else None
    if record is None or not isinstance(kind, Kind) or record.shape is None or len(finding.path) != 1:
        return
    operands = view.operands(record)
    if operands is None or finding.path[0] not in {fact.name for fact in kind.facts if fact.value}:
        return
    shapes = [operand.shape for operand in operands if operand.shape is not None]
    if len(shapes) != len(operands):
        return
    new: dict[str, Any] = {}
    for fact in kind.facts:
        if fact.value is not None and fact.name in record.raw:
            value = fact.value(record.fields, shapes, record.shape)
            if record.raw[fact.name] != value:
                new[fact.name] = value
    edits: tuple[Edit, ...] = ()
    for name, value in new.items():
        edits += set_field(view, record.index, name, value)
    said = [
        f"{name} to {show_shape(value) if isinstance(value, list) else value}" for name, value in new.items()
    ]
    yield from offer(view, record, f"Set {' and '.join(said)}", edits, {**record.raw, **new}, safe=True)


@quick_fix(
    "remove-payload",
    {
        "Remove …: the parameters are not whole": "TL501",
    },
    family=Family.FIELDS,
    requires=(readable_node,),
    why="Never safe: the numbers are lost.",
)
def _remove_payload(report: Report, finding: Finding) -> Iterator[Fix]:
    """Take parameters that are not whole out of a node: they are read from the parameter file then."""
    view = view_of(report)
    record = view.record(finding.index)
    kind = _entry(view, record) if record is not None else None
    tree = view.document.tree_of(finding.index) if finding.index is not None else None
    if record is None or kind is None or tree is None or "missing" not in finding.data:
        return
    gone = frozenset(spec.role for spec in kind.params if is_tensor(spec) and spec.role in record.raw)
    raw = {name: value for name, value in record.raw.items() if name not in gone}
    edits = tuple(replace_members(view.document.text, tree, gone, {}))
    what = " and ".join(f"`{name}`" for name in sorted(gone)) if len(gone) < 4 else f"{len(gone)} tensors"
    title = f"Remove {what}: the parameters are not whole"
    yield from offer(view, record, title, edits, raw, safe=False)
