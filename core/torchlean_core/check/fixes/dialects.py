"""Files and nodes that speak two dialects: the field that is ignored, one node, or the whole file."""

from __future__ import annotations

from collections.abc import Iterator

from torchlean_core.check.checker import Report
from torchlean_core.check.findings import Finding
from torchlean_core.check.fixes.fields import offer
from torchlean_core.check.fixes.layout import remove_elements, replace_members
from torchlean_core.check.fixes.model import Family, Fix, quick_fix
from torchlean_core.check.fixes.view import readable_node, sound_text, view_of
from torchlean_core.check.nodes import Reader, Record
from torchlean_core.kinds import Dialect
from torchlean_core.kinds.dialects import others


@quick_fix(
    "drop-ignored",
    "TL017",
    family=Family.FIELDS,
    requires=(sound_text,),
    why="Safe: nobody who reads the file in its dialect reads the field.",
)
def _drop_ignored(report: Report, finding: Finding) -> Iterator[Fix]:
    """Remove the root field of another dialect."""
    tree = report.document.root
    name = finding.data.get("field")
    if tree is None or finding.index is not None or name is None:
        return
    places = [place for place, (key, _) in enumerate(tree.members) if key.value == name]
    spans = [(key.start, value.end) for key, value in tree.members]
    edits = tuple(remove_elements(spans, frozenset(places)))
    yield Fix(f"Remove `{name}`, which is ignored", edits, safe=True, preferred=True)


@quick_fix(
    "convert-node",
    "TL017",
    "TL014",
    "TL010",
    family=Family.DIALECT,
    requires=(readable_node,),
    why="Exact, but never done unasked: the file may be meant for the other dialect.",
)
def _convert_node(report: Report, finding: Finding) -> Iterator[Fix]:
    """Write a node of another dialect as the one node of this one that computes the same."""
    if finding.code != "TL017" and not finding.data.get("foreign"):
        return
    view = view_of(report)
    record = view.record(finding.index)
    tree = report.document.tree_of(finding.index) if finding.index is not None else None
    if record is None or tree is None or record.kind is None:
        return
    counterpart = view.dialect.counterparts.get(record.kind)
    operands = view.operands(record)
    if counterpart is None or operands is None or record.shape is None:
        return
    shapes = [operand.shape for operand in operands if operand.shape is not None]
    for other in others(view.dialect):
        theirs = other.tensor_kinds.get(record.kind)
        if theirs is None or len(shapes) != len(operands) or len(shapes) != theirs.arity[0]:
            continue
        read = _read(other, record)
        if read is None or any(spec.role in record.raw for spec in theirs.params if other.inline):
            continue  # parameters that stand in the node would be lost
        found = counterpart(read.fields, shapes, record.shape)
        if found is None:
            continue
        kind, fields = found
        removed = frozenset(field.name for field in theirs.fields)
        removed |= {fact.name for fact in theirs.facts if fact.value is not None}
        new = {"kind": kind, **fields} if kind != record.kind else dict(fields)
        raw = {name: value for name, value in record.raw.items() if name not in removed} | new
        edits = tuple(replace_members(report.document.text, tree, removed, new))
        title = f"Convert this node to {view.dialect.name}: `{kind}`"
        yield from offer(view, record, title, edits, raw, safe=False, preferred=False)


def _read(dialect: Dialect, record: Record) -> Record | None:
    """The node as another dialect reads it; None where it is wrong there."""
    reader = Reader(True, dialect)
    read = reader.read(record.index, record.raw)
    return None if reader.findings or not read.complete or read.entry is None else read
