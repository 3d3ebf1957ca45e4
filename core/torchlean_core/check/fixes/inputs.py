"""A second `input` node: the same tensor as the first, said as a node that computes it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torchlean_core.check.findings import Finding
from torchlean_core.check.fixes.edit import Edit
from torchlean_core.check.fixes.ends import input_nodes
from torchlean_core.check.fixes.layout import replace_members
from torchlean_core.check.fixes.model import Family, Fix, quick_fix
from torchlean_core.check.fixes.view import readable_node, view_of
from torchlean_core.check.places import place
from torchlean_core.check.report import Report
from torchlean_core.kinds import INPUT, shared
from torchlean_core.kinds.dialect import INPUT_FIELD
from torchlean_core.kinds.numbers import show


@quick_fix(
    "copy-input",
    {
        "Make it a reshape of the first input, node …": "TL105",
    },
    family=Family.FIELDS,
    requires=(readable_node,),
    why="Never safe: another input may be meant, or none.",
)
def _copy_input(report: Report, finding: Finding) -> Iterator[Fix]:
    """Make a further `input` node a `reshape` of the first one, where both have one shape."""
    view = view_of(report)
    record = view.record(finding.index)
    first = next(iter(input_nodes(view)), None)
    tree = report.document.tree_of(finding.index) if finding.index is not None else None
    if record is None or first is None or tree is None or first.index >= record.index:
        return
    if first.is_tuple is not False or record.is_tuple is not False or first.shape is None:
        return
    if record.kind != INPUT or first.shape != record.shape or view.operand_of(record, first.ref) is not first:
        return
    new: dict[str, Any] = {"kind": shared.RESHAPE.name, "parents": [first.ref]}
    new |= {field.name: list(first.shape) for field in shared.RESHAPE.fields}
    edits = tuple(replace_members(report.document.text, tree, frozenset(), new))
    if view.ends.get((INPUT_FIELD,)) == record.ref:
        edits += (Edit(*place(report.document, None, (INPUT_FIELD,)), str(first.ref)),)
    title = f"Make it a reshape of the first input, node {show(first.ref)}"
    yield Fix(title, edits, safe=False, preferred=True)
