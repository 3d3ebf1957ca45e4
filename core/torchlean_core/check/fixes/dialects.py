"""Files and nodes that speak two dialects: the field that is ignored, one node, or the whole file."""

from __future__ import annotations

from collections.abc import Iterator

from torchlean_core.check.findings import Finding
from torchlean_core.check.fixes.edit import Edit
from torchlean_core.check.fixes.fields import offer
from torchlean_core.check.fixes.layout import remove_elements, replace_members
from torchlean_core.check.fixes.model import Family, Fix, quick_fix
from torchlean_core.check.fixes.view import View, readable_node, sound_text, view_of
from torchlean_core.check.report import Report
from torchlean_core.errors import UserError
from torchlean_core.kinds import DIALECTS

_MAX_TEXT = 250_000
"""Characters of a text that is converted in an editor; `torchlean convert` takes any."""


@quick_fix(
    "drop-ignored",
    {
        "Remove `…`, which is ignored": "TL017",
    },
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
    {
        "Convert this node to …: `…`": "TL017 TL014 TL010",
    },
    family=Family.DIALECT,
    requires=(readable_node,),
    why="Exact, but never done unasked: the file may be meant for the other dialect.",
)
def _convert_node(report: Report, finding: Finding) -> Iterator[Fix]:
    """Write a node of another dialect as the one node of this one that computes the same."""
    if finding.code != "TL017" and not finding.data.get("foreign"):
        return
    from torchlean_core.convert.text import converted_record  # it needs graphs, which need the checker

    view = view_of(report)
    record = view.record(finding.index)
    tree = report.document.tree_of(finding.index) if finding.index is not None else None
    found = converted_record(report, record) if record is not None else None
    if record is None or tree is None or found is None:
        return
    removed = frozenset(record.raw.keys() - found.keys() - {"value_kind"})
    new = {name: value for name, value in found.items() if record.raw.get(name) != value}
    raw = {name: value for name, value in record.raw.items() if name not in removed} | new
    edits = tuple(replace_members(report.document.text, tree, removed, new))
    title = f"Convert this node to {view.dialect.name}: `{found['kind']}`"
    yield from offer(view, record, title, edits, raw, safe=False)


@quick_fix(
    "convert-file",
    {
        "Convert the file to the … dialect": "TL017",
    },
    family=Family.DIALECT,
    requires=(sound_text,),
    why="Exact, but never done unasked: the file may be meant for the other dialect.",
)
def _convert_file(report: Report, finding: Finding) -> Iterator[Fix]:
    """Write the whole file in one dialect, in the canonical layout; made once, also where it cannot be."""
    view = view_of(report)
    if "converted" not in view.made:
        view.made["converted"] = (
            list(_conversions(report, view)) if len(report.document.text) <= _MAX_TEXT else []
        )
    found = view.made["converted"]
    assert isinstance(found, list)
    yield from found


def _conversions(report: Report, view: View) -> Iterator[Fix]:
    from torchlean_core.convert.text import convert_text

    for dialect in DIALECTS.values():
        if dialect is report.dialect and report.ok:
            continue  # nothing but a field that is ignored
        try:
            text = convert_text(report, dialect)
        except UserError:
            continue  # it has no exact counterpart
        edit = Edit(0, len(report.document.text), text)
        title = f"Convert the file to the {dialect.name} dialect"
        yield Fix(title, (edit,), safe=False, dialect=dialect.name)
