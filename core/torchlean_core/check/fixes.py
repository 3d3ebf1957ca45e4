"""Quick fixes: from a finding to edits of the text that mend it, and nothing else.

A fix is made for one finding by the functions registered for its code. It says whether it is safe (keeps what
the file was meant to say) and gives replacements of stretches of text, so that all else stays byte for byte.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from torchlean_core.check.checker import Report
from torchlean_core.check.findings import Finding
from torchlean_core.check.places import place
from torchlean_core.kinds.numbers import show_shape
from torchlean_core.kinds.spec import Path
from torchlean_core.text.tree import Tree


class Edit(NamedTuple):
    """A stretch of text and what replaces it; offsets count characters."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    """One way to mend a finding.

    Attributes:
        title: What it does, as the editor's menu shows it.
        edits: The replacements, which do not overlap.
        safe: Whether it surely keeps what the file was meant to say.
        preferred: Whether it is the obvious one.
    """

    title: str
    edits: tuple[Edit, ...]
    safe: bool
    preferred: bool = False


_Maker = Callable[[Report, Finding], Iterator[Fix]]
_MAKERS: dict[str, list[_Maker]] = {}


def fixes(report: Report, finding: Finding) -> list[Fix]:
    """All fixes of a finding, the preferred ones first."""
    found = [fix for maker in _MAKERS.get(finding.code, ()) for fix in maker(report, finding)]
    return sorted(found, key=lambda fix: not fix.preferred)


def apply_edits(text: str, edits: tuple[Edit, ...]) -> str:
    """The text with edits applied."""
    for edit in sorted(edits, reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def _fixes(*codes: str) -> Callable[[_Maker], _Maker]:
    def register(maker: _Maker) -> _Maker:
        for code in codes:
            _MAKERS.setdefault(code, []).append(maker)
        return maker

    return register


@_fixes("TL201", "TL302")
def _set_shape(report: Report, finding: Finding) -> Iterator[Fix]:
    """Set the declared shape to the inferred one."""
    if "inferred" not in finding.data or finding.index is None:
        return
    inferred = finding.data["inferred"]
    tree = _tree_at(report, finding.index, ("shape",))
    if tree is not None:
        text = _array_text(report.document.text, tree, inferred)
        edit = Edit(tree.start, tree.end, text)
        yield Fix(f"Set shape to inferred {show_shape(inferred)}", (edit,), safe=True, preferred=True)


@_fixes("TL014")
def _did_you_mean(report: Report, finding: Finding) -> Iterator[Fix]:
    """Replace a misspelt kind."""
    start, end = report.span(finding)
    for position, kind in enumerate(finding.data.get("suggestions", ())):
        edit = Edit(start, end, json.dumps(kind))
        yield Fix(f"Change kind to `{kind}`", (edit,), safe=False, preferred=position == 0)


@_fixes("TL013")
def _add_format(report: Report, finding: Finding) -> Iterator[Fix]:
    """Say the format at the start of the root object."""
    tree = report.document.tree
    if tree is None:
        return
    member = f"{json.dumps(finding.data['field'])}: {json.dumps(finding.data['value'])}"
    yield Fix(
        f"Add {member}", (_insert_first(report.document.text, tree, member),), safe=True, preferred=True
    )


@_fixes("TL012")
def _set_format(report: Report, finding: Finding) -> Iterator[Fix]:
    """Write the supported format."""
    start, end = report.span(finding)
    yield Fix(
        "Set format to torchlean.ir.v1", (Edit(start, end, '"torchlean.ir.v1"'),), safe=False, preferred=True
    )


@_fixes("TL010")
def _rename_field(report: Report, finding: Finding) -> Iterator[Fix]:
    """Rename a field that looks like the missing one."""
    if finding.index is None:
        return
    name = finding.data["field"]
    for near in finding.data.get("near", ())[:1]:
        start, end = place(report.document, finding.index, (near,), on_key=True)
        yield Fix(
            f"Rename `{near}` to `{name}`", (Edit(start, end, json.dumps(name)),), safe=False, preferred=True
        )


@_fixes("TL010")
def _add_field(report: Report, finding: Finding) -> Iterator[Fix]:
    """Add a field whose value is known."""
    value = finding.data.get("value")
    tree = report.document.tree_of(finding.index) if finding.index is not None else None
    if value is None or tree is None:
        return
    member = f"{json.dumps(finding.data['field'])}: {json.dumps(value)}"
    yield Fix(
        f"Add {member}", (_insert_first(report.document.text, tree, member),), safe=True, preferred=True
    )


@_fixes("TL101")
def _renumber_one(report: Report, finding: Finding) -> Iterator[Fix]:
    """Set one id to its place, where no other node has it and nobody means the old one."""
    record = report.records[finding.index] if finding.index is not None else None
    if record is None or record.id is None or record.index in report.by_id:
        return
    ends = (report.document.value.get("input_id"), report.document.value.get("output_id"))
    users = any(record.id in (other.parents or ()) for other in report.records if other is not None)
    if not users and record.id not in ends:
        start, end = report.span(finding)
        yield Fix(
            f"Set id to {record.index}", (Edit(start, end, str(record.index)),), safe=True, preferred=True
        )


@_fixes("TL209")
def _repeat_parent_shape(report: Report, finding: Finding) -> Iterator[Fix]:
    """Set a field that repeats the parent's shape to that shape."""
    if finding.index is None or not finding.related:
        return
    parent = report.records[finding.related[0].index]
    tree = _tree_at(report, finding.index, finding.path)
    if parent is not None and parent.shape is not None and tree is not None:
        edit = Edit(tree.start, tree.end, _array_text(report.document.text, tree, parent.shape))
        title = f"Set {finding.path[0]} to the parent's shape {show_shape(parent.shape)}"
        yield Fix(title, (edit,), safe=False, preferred=True)


def _tree_at(report: Report, index: int, path: Path) -> Tree | None:
    tree = report.document.tree_of(index)
    for step in path:
        pair = tree.member(step) if tree is not None and isinstance(step, str) else None
        if pair is None:
            return None
        tree = pair[1]
    return tree


def _array_text(text: str, old: Tree, values: Any) -> str:
    """An array of integers, laid out as the one that it replaces: on one line, or one element a line."""
    first = old.items[0] if old.items else None
    lead = text[old.start + 1 : first.start] if first is not None else ""
    if "\n" not in lead or not values:
        return json.dumps(list(values))
    tail = text[old.items[-1].end : old.end - 1] if old.items[-1].end < old.end else "\n"
    return "[" + lead + ("," + lead).join(map(str, values)) + tail + "]"


def _insert_first(text: str, tree: Tree, member: str) -> Edit:
    """A new first member of an object, laid out like the present first one."""
    if not tree.members:
        return Edit(tree.start + 1, tree.start + 1, member)
    lead = text[tree.start + 1 : tree.members[0][0].start]
    return Edit(
        tree.start + 1,
        tree.start + 1,
        f"{lead}{member}," + ("" if lead.strip(" ") else " " if not lead else ""),
    )
