"""Fields of a node or of the root: added, renamed, or given the word that was meant."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from torchlean_core.check.findings import Finding
from torchlean_core.check.fixes.edit import Edit
from torchlean_core.check.fixes.layout import set_member
from torchlean_core.check.fixes.model import Family, Fix, quick_fix
from torchlean_core.check.fixes.trial import trial
from torchlean_core.check.fixes.view import View, readable_node, view_of
from torchlean_core.check.nodes import Record, similar
from torchlean_core.check.places import place
from torchlean_core.check.report import Report
from torchlean_core.check.root import misspelt
from torchlean_core.kinds import FORMAT, Kind


def offer(
    view: View,
    record: Record,
    title: str,
    edits: tuple[Edit, ...],
    raw: Mapping[str, Any],
    *,
    safe: bool,
    certain: bool = False,
    preferred: bool = True,
) -> Iterator[Fix]:
    """A fix of one node, where its errors do not become more, or only because more can be read then.

    Args:
        view: The graph.
        record: The node.
        title: What the fix does; a remark is added where other errors show then.
        edits: Its edits.
        raw: The node's object after it.
        safe: Whether it is safe where it leaves no other error in place of the finding.
        certain: Whether what it writes is surely meant, so that it is offered whatever can be read then.
        preferred: Whether it is the obvious one.
    """
    found = trial(view, {record.index: raw}) if edits else None
    if found is None or (found.after > found.before and not certain):
        return
    clean = found.after < found.before and not found.new
    yield Fix(
        title + errors_note(found.new),
        edits,
        safe=clean and (safe or certain),
        preferred=preferred,
        sure=certain and not clean,
    )


def errors_note(count: int) -> str:
    """What a title says of errors that can be read only after the fix."""
    if not count:
        return ""
    return " (another error shows then)" if count == 1 else f" ({count} other errors show then)"


def set_field(view: View, index: int, name: str, value: Any) -> tuple[Edit, ...]:
    """The edit that gives a field of a node a value; none where the node has no place."""
    tree = view.document.tree_of(index)
    return (set_member(view.document.text, tree, name, value),) if tree is not None else ()


@quick_fix(
    "change-kind",
    {
        "Change kind to `…`": "TL014",
        'Set value_kind to "tuple"': "TL014",
    },
    family=Family.FIELDS,
    requires=(readable_node,),
    why="Safe where only upper case, hyphens or spaces differ; else the meant kind is a guess.",
)
def _change_kind(report: Report, finding: Finding) -> Iterator[Fix]:
    """Replace a misspelt kind, or say that the node is a tuple."""
    view = view_of(report)
    record = view.record(finding.index)
    assert record is not None and record.kind is not None
    if record.kind in view.dialect.tuple_kinds:
        if "tuple_shapes" in record.raw:
            raw = {**record.raw, "value_kind": "tuple"}
            edits = set_field(view, record.index, "value_kind", "tuple")
            yield from offer(view, record, 'Set value_kind to "tuple"', edits, raw, safe=False)
        return
    start, end = report.span(finding)
    plain = record.kind.strip().lower().replace("-", "_").replace(" ", "_")
    suggestions = finding.data.get("suggestions", ())
    kinds = [kind for kind in suggestions if isinstance(view.dialect.kind(kind), Kind)]
    kinds = [kind for kind in kinds if kind == plain] or kinds
    found: list[Fix] = []
    for position, kind in enumerate(kinds):
        edits = (Edit(start, end, json.dumps(kind)),)
        errors = trial(view, {record.index: {**record.raw, "kind": kind}})
        # A kind with which the node is right is worth a guess; of the others only the nearest.
        if errors is None or (errors.after >= errors.before and position > 0):
            continue
        if errors.after > errors.before and kind != plain:
            continue
        title = f"Change kind to `{kind}`{errors_note(errors.new)}"
        clean = errors.after < errors.before and not errors.new
        meant = kind == plain
        found.append(Fix(title, edits, safe=meant and clean, preferred=not found, sure=meant and not clean))
    yield from found


@quick_fix(
    "change-value-kind",
    {
        'Set value_kind to "…"': "TL015",
    },
    family=Family.FIELDS,
    requires=(readable_node,),
    why="Safe where only upper case or spaces differ; else the meant word is a guess.",
)
def _change_value_kind(report: Report, finding: Finding) -> Iterator[Fix]:
    """Write the value kind that goes with the shape fields that the node has."""
    view = view_of(report)
    record = view.record(finding.index)
    assert record is not None
    present = [kind for kind, name in (("tensor", "shape"), ("tuple", "tuple_shapes")) if name in record.raw]
    if len(present) != 1:
        return
    old = record.raw["value_kind"]
    edits = set_field(view, record.index, "value_kind", present[0])
    raw = {**record.raw, "value_kind": present[0]}
    sure = isinstance(old, str) and old.strip().lower() == present[0]
    yield from offer(view, record, f'Set value_kind to "{present[0]}"', edits, raw, safe=sure, certain=sure)


@quick_fix(
    "add-format",
    {
        'Add "format": "…"': "TL013 TL010",
    },
    family=Family.FIELDS,
    why="Safe: the file is read as this format already.",
)
def _add_format(report: Report, finding: Finding) -> Iterator[Fix]:
    """Say the format at the start of the root object."""
    tree = report.document.root
    if finding.index is not None or finding.data.get("field") != "format":
        return
    if tree is not None and misspelt(view_of(report).root, "format") is None:
        edit = set_member(report.document.text, tree, "format", FORMAT, first=True)
        yield Fix(f'Add "format": "{FORMAT}"', (edit,), safe=True, preferred=True)


@quick_fix(
    "set-format",
    {
        "Set format to …": "TL012",
    },
    family=Family.FIELDS,
    why="Safe where only upper case or spaces differ; another format may be another language.",
)
def _set_format(report: Report, finding: Finding) -> Iterator[Fix]:
    """Write the supported format."""
    start, end = report.span(finding)
    old = view_of(report).root.get("format")
    safe = isinstance(old, str) and old.strip().lower() == FORMAT
    edit = Edit(start, end, json.dumps(FORMAT))
    yield Fix(f"Set format to {FORMAT}", (edit,), safe=safe, preferred=True)


@quick_fix(
    "rename-field",
    {
        "Rename `…` to `…`": "TL010",
    },
    family=Family.FIELDS,
    requires=(readable_node,),
    why="Safe where only upper case, hyphens or spaces differ; else the meant field is a guess.",
)
def _rename_field(report: Report, finding: Finding) -> Iterator[Fix]:
    """Rename a field that looks like the missing one."""
    view = view_of(report)
    record = view.record(finding.index)
    assert record is not None
    name = str(finding.data["field"])
    if finding.data.get("foreign"):
        return  # what looks like it is another dialect's field, and has another type
    known = {field.name for field in record.entry.fields} if record.entry is not None else set()
    others = [key for key in record.raw if key not in known and key not in _COMMON]
    for near in (finding.data.get("near") or similar(name, others))[:1]:
        start, end = place(report.document, record.index, (near,), on_key=True)
        raw = {name if key == near else key: value for key, value in record.raw.items()}
        edit = Edit(start, end, json.dumps(name))
        title = f"Rename `{near}` to `{name}`"
        if near in known or not isinstance(near, str):
            continue
        sure = _same_word(near, name)
        yield from offer(view, record, title, (edit,), raw, safe=sure, certain=sure)


_COMMON = ("id", "kind", "parents", "shape", "value_kind", "tuple_shapes")


def _same_word(found: str, meant: str) -> bool:
    def plain(word: str) -> str:
        return word.strip().lower().replace("-", "").replace("_", "").replace(" ", "")

    return plain(found) == plain(meant)


def _in_root(report: Report, finding: Finding) -> bool:
    """The finding is about a missing field of the root."""
    return finding.index is None and view_of(report).root != {}


@quick_fix(
    "rename-root-field",
    {
        "Rename `…` to `…`": "TL010 TL013",
    },
    family=Family.FIELDS,
    requires=(_in_root,),
    why="Safe where only upper case, hyphens or underscores differ; else the meant field is a guess.",
)
def _rename_root_field(report: Report, finding: Finding) -> Iterator[Fix]:
    """Rename a field of the root that looks like the missing one."""
    view = view_of(report)
    name = str(finding.data["field"])
    near = misspelt(view.root, name)
    if near is not None:
        start, end = place(report.document, None, (near,), on_key=True)
        edit = Edit(start, end, json.dumps(name))
        yield Fix(f"Rename `{near}` to `{name}`", (edit,), safe=_same_word(near, name), preferred=True)


@quick_fix(
    "add-common-field",
    {
        'Add "id": …': "TL010",
        'Add "parents": []': "TL010",
    },
    family=Family.FIELDS,
    requires=(readable_node,),
    why="Safe: a node's id is its place, and sources have no parents.",
)
def _add_common_field(report: Report, finding: Finding) -> Iterator[Fix]:
    """Add a missing `id`, or the missing `parents` of a kind that has none."""
    view = view_of(report)
    record = view.record(finding.index)
    assert record is not None
    name, value = finding.data["field"], finding.data.get("value")
    tree = report.document.tree_of(record.index)
    if value is None or tree is None:
        return
    if name == "parents" and (record.entry is None or record.entry.arity[0] > 0):
        return
    if name == "id" and record.index not in view.places:
        return
    edit = set_member(report.document.text, tree, name, value, first=name == "id")
    member = f"{json.dumps(name)}: {json.dumps(value)}"
    raw = {**record.raw, name: value}
    if name == "id":
        yield Fix(f"Add {member}", (edit,), safe=True, preferred=True)
    else:
        yield from offer(view, record, f"Add {member}", (edit,), raw, safe=True)
