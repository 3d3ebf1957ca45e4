"""The text as JSON: only what can be mended in one way."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator

from torchlean_core.check.findings import Finding, Severity
from torchlean_core.check.fixes.edit import Edit
from torchlean_core.check.fixes.fields import errors_note, offer
from torchlean_core.check.fixes.model import Family, Fix, quick_fix
from torchlean_core.check.fixes.trial import trial
from torchlean_core.check.fixes.view import View, view_of
from torchlean_core.check.report import Report
from torchlean_core.text.tree import MAX_TROUBLES, Tree

_SPACE = " \t\r\n"
_STRING_OR_COMMA = re.compile(r'"(?:[^"\\\r\n]|\\.)*"|(?<=[^,:\[{ \t\r\n])[ \t\r\n]*(,)(?=[ \t\r\n]*[\]}])')
_MEMBER = re.compile(r'"(?:[^"\\\r\n]|\\.)*"[ \t\r\n]*:')
_STRAY = re.compile(r"unexpected `([\[\]{}])`")
_MISSING = re.compile(r"expected `([\[\]{}])` (behind|before)")
_CONSTANTS = {"True": True, "False": False}


def _back(text: str, offset: int) -> int:
    """The end of what stands before a place, without the space between."""
    while offset and text[offset - 1] in _SPACE:
        offset -= 1
    return offset


def _on(text: str, offset: int) -> int:
    """The start of what stands at or behind a place."""
    while offset < len(text) and text[offset] in _SPACE:
        offset += 1
    return offset


@quick_fix(
    "trailing-comma",
    {
        "Remove the trailing comma": "TL001",
        "Remove all … trailing commas": "TL001",
    },
    family=Family.TEXT,
    why="Safe: a comma before a closing bracket separates nothing.",
)
def _trailing_comma(report: Report, finding: Finding) -> Iterator[Fix]:
    """Remove a comma that stands right before a closing bracket."""
    if len(report.document.troubles) >= MAX_TROUBLES and (every := _all_trailing_commas(view_of(report))):
        yield every
    text, (start, end) = report.document.text, report.span(finding)
    before, after = _back(text, start), _on(text, end)
    if text[start:end] == "," and text[after : after + 1] in ("]", "}") and before:
        if text[before - 1] in ",[{:":
            return
        yield Fix("Remove the trailing comma", (Edit(start, end, ""),), safe=True, preferred=True)


def _all_trailing_commas(view: View) -> Fix | None:
    """All of them in one fix, for a text with more troubles than are told one by one."""
    if "commas" not in view.made:
        found = _STRING_OR_COMMA.finditer(view.document.text)
        edits = tuple(Edit(match.start(1), match.end(1), "") for match in found if match[1])
        title = f"Remove all {len(edits)} trailing commas"
        view.made["commas"] = Fix(title, edits, safe=True, preferred=True) if len(edits) > 1 else None
    every = view.made["commas"]
    assert every is None or isinstance(every, Fix)
    return every


@quick_fix(
    "missing-comma",
    {
        "Add the missing comma": "TL001",
    },
    family=Family.TEXT,
    why="Safe: between two members, or two brackets, nothing but a comma can be missing. Where more of the node cannot "
    "be read, another error may show then.",
)
def _missing_comma(report: Report, finding: Finding) -> Iterator[Fix]:
    """Add the comma between two members of an object, or between two objects or arrays."""
    text, (place, _) = report.document.text, report.span(finding)
    if not finding.message.startswith("expected `,`"):
        return
    end, start = _back(text, place), _on(text, place)
    containers = text[end - 1 : end] in ("}", "]") and text[start : start + 1] in ("{", "[")
    member = finding.message.endswith("`}`") and _MEMBER.match(text, start)
    if end and (containers or member):
        hidden = _hidden_errors(report, place)
        title = "Add the missing comma" + errors_note(hidden)
        yield Fix(title, (Edit(end, end, ","),), safe=not hidden, sure=hidden > 0, preferred=True)


@quick_fix(
    "bracket",
    {
        "Remove this `…`": "TL001",
        "Add the missing `…`": "TL001",
    },
    family=Family.TEXT,
    why="Unsafe: where a bracket belongs is told from what nodes look like.",
)
def _bracket(report: Report, finding: Finding) -> Iterator[Fix]:
    """Add a bracket that is missing, or remove one that is too much."""
    start, end = report.span(finding)
    if found := _STRAY.match(finding.message):
        yield Fix(f"Remove this `{found[1]}`", (Edit(start, end, ""),), safe=False, preferred=True)
    elif found := _MISSING.match(finding.message):
        place = end if found[2] == "behind" else start
        yield Fix(
            f"Add the missing `{found[1]}`", (Edit(place, place, found[1]),), safe=False, preferred=True
        )


@quick_fix(
    "python-constant",
    {
        "Change `…` to `…`": "TL001",
    },
    family=Family.TEXT,
    why="Safe: Python's `True` and `False` are JSON's `true` and `false`.",
)
def _python_constant(report: Report, finding: Finding) -> Iterator[Fix]:
    """Write Python's `True` or `False` as JSON does."""
    view = view_of(report)
    text, (start, end) = report.document.text, report.span(finding)
    word = text[start:end]
    if word not in _CONSTANTS:
        return
    edit = Edit(start, end, word.lower())
    title = f"Change `{word}` to `{word.lower()}`"
    root = report.document.tree
    node = _element(root, start) if root is not None else None
    key = _key_of(node[1], start) if node is not None else None
    record = view.records[node[0]] if node is not None and node[0] < len(view.records) else None
    if record is None or key is None:
        yield Fix(title, (edit,), safe=True, preferred=True)
        return
    # What could not be read was not judged: see what comes out when it can.
    raw = {**record.raw, key: _CONSTANTS[word]}
    for fix in offer(view, record, title, (edit,), raw, safe=True):
        yield Fix(title, fix.edits, safe=True, preferred=True)


def _hidden_errors(report: Report, place: int) -> int:
    """How many errors of the node around a place are not told while something there cannot be read, at least."""
    view, root = view_of(report), report.document.tree
    if root is None:
        return 0
    node = _element(root, place)
    others = [one for one in report.document.troubles if one.code == "TL001" and one.start != place]
    if node is None:
        # Between nodes, or at the root: what else cannot be read there may be read otherwise then.
        lost = (one.start for one in others if not one.message.startswith("expected `,`"))
        return int(any(_element(root, start) is None for start in lost)) or _untold_duplicates(report, root)
    index, tree = node
    if any(tree.start <= one.start <= tree.end for one in others):
        return 1
    record = view.records[index] if index < len(view.records) else None
    found = trial(view, {index: record.raw}) if record is not None else None
    if found is None:
        return 1
    errors = sum(one.severity is Severity.ERROR and one.index == index for one in report.findings)
    return max(found.after - errors, 0) + _untold_duplicates(report, tree)


def _untold_duplicates(report: Report, tree: Tree) -> int:
    """How many keys stand twice in an object without anything said of that."""
    keys = [key.value for key, _ in tree.members]
    troubles = report.document.troubles
    told = sum(
        one.code == "TL002" and any(key.start == one.start for key, _ in tree.members) for one in troubles
    )
    return max(len(keys) - len(set(keys)) - told, 0)


def _element(root: Tree, offset: int) -> tuple[int, Tree] | None:
    """The node that a place of the text is in."""
    pair = root.member("nodes")
    items = pair[1].items if pair is not None else []
    index = bisect.bisect_right(items, offset, key=lambda item: item.start) - 1
    return (index, items[index]) if index >= 0 and offset < items[index].end else None


def _key_of(tree: Tree, offset: int) -> str | None:
    """Key of the member of an object whose value starts at a place."""
    for key, value in tree.members:
        if value.start == offset and isinstance(key.value, str):
            return key.value
    return None


@quick_fix(
    "duplicate-key",
    {
        "Remove the repeated `…`": "TL002",
        "Remove the earlier `…`, which TorchLean ignores": "TL002",
    },
    family=Family.TEXT,
    why="Safe where both values are written alike; else it keeps the last, which TorchLean reads.",
)
def _duplicate_key(report: Report, finding: Finding) -> Iterator[Fix]:
    """Remove the earlier of two equal keys."""
    text, (start, _) = report.document.text, report.span(finding)
    owner = _owner(report.document.tree, start)
    if owner is None:
        return
    position = next(i for i, (key, _) in enumerate(owner.members) if key.start == start)
    key, value = owner.members[position]
    for earlier in range(position - 1, -1, -1):
        old_key, old_value = owner.members[earlier]
        if old_key.value != key.value:
            continue
        behind = owner.members[earlier + 1][0].start
        if text[old_value.end : behind].strip(" \t\r\n") != ",":
            return
        same = text[value.start : value.end] == text[old_value.start : old_value.end]
        name = str(key.value) if len(str(key.value)) <= 40 else str(key.value)[:39] + "…"
        title = (
            f"Remove the repeated `{name}`"
            if same
            else f"Remove the earlier `{name}`, which TorchLean ignores"
        )
        yield Fix(title, (Edit(old_key.start, behind, ""),), safe=same, preferred=True)
        return


def _owner(tree: Tree | None, offset: int) -> Tree | None:
    """The object that has a key at a place of the text."""
    while tree is not None:
        if any(key.start == offset for key, _ in tree.members):
            return tree
        inside = tree.items or [value for _, value in tree.members]
        index = bisect.bisect_right(inside, offset, key=lambda item: item.start) - 1
        tree = inside[index] if index >= 0 else None
    return None


@quick_fix(
    "byte-order-mark",
    {
        "Remove the byte-order mark": "TL003",
    },
    family=Family.TEXT,
    why="Safe: the mark says nothing.",
)
def _byte_order_mark(report: Report, finding: Finding) -> Iterator[Fix]:
    """Remove a byte-order mark at the start."""
    start, end = report.span(finding)
    # A file's mark reads as a space, so that all places behind it stay what they are.
    marked = report.document.text[start:end] in ("\ufeff", " ") and (start, end) == (0, 1)
    if marked:
        yield Fix("Remove the byte-order mark", (Edit(0, 1, ""),), safe=True, preferred=True)
