"""What can be done in Python source, or in the settings, about a finding of a capture."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

OFFERS: Mapping[str, tuple[str, ...]] = {
    "Write `…` (the same)": ("TL601",),
    "Write `…` (changes numbers)": ("TL601",),
    'Give … `approximate="tanh"` (changes numbers)': ("TL601",),
    "Allow … for … (in …)": ("TL601",),
    "Capture … in the … dialect": ("TL601",),
    "Write the example shape …": ("TL604",),
}
"""The titles of what editors offer in Python files, "…" for what depends on the file, with the rules."""

_KEY = re.compile(r"[A-Za-z0-9_-]+")


class Rewrite(NamedTuple):
    """An edit of a Python file.

    Attributes:
        title: What it does; it says so where numbers change.
        edits: Line (from 1), first and last column in characters, and what stands there then.
    """

    title: str
    edits: tuple[tuple[int, int, int, str], ...]


class Insertion(NamedTuple):
    """Text to be put into another text."""

    start: int
    end: int
    text: str


def allow_in_settings(text: str, target: str, form: str, *, project: bool = False) -> Insertion | None:
    """The edit of a settings file that allows an approximation for one model; all else keeps its spelling.

    Args:
        text: The file as it is; "" for one that is to be made.
        target: `FILE.py:Name`, the file relative to the settings file.
        form: What is allowed (`gelu=tanh`).
        project: Whether it is a `pyproject.toml`, where the settings are below `tool.torchlean`.

    Returns:
        The edit; None where it is allowed already, the file is no TOML, or its form is one that is not understood.
    """
    parents = ("tool", "torchlean", "capture") if project else ("capture",)
    wanted = _table(text, (*parents, target))
    if wanted is None:
        return None
    before, known = wanted
    given = known.get("approximate", [])
    if not isinstance(given, list) or form in given:
        return None
    for edit in _candidates(text, (*parents, target), given, form):
        after = _table(text[: edit.start] + edit.text + text[edit.end :], (*parents, target))
        if after is not None and after[1] == {**known, "approximate": [form, *given]}:
            rest = _without(after[0], (*parents, target))
            if rest == _without(before, (*parents, target)):
                return edit
    return None


def _candidates(text: str, path: Sequence[str], given: list[Any], form: str) -> Iterator[Insertion]:
    """Edits that may be right; whether one is, reading the result tells."""
    value = json.dumps(form)
    header = _header(text, path)
    if header is None:
        gap = "" if not text else "\n" if text.endswith("\n") else "\n\n"
        yield Insertion(len(text), len(text), f"{gap}[{_dotted(path)}]\napproximate = [{value}]\n")
        return
    following = re.compile(r"^[ \t]*\[", re.M).search(text, header)
    end = following.start() if following is not None else len(text)
    entry = re.compile(r"^[ \t]*approximate[ \t]*=[ \t]*\[", re.M).search(text, header, end)
    if entry is None:
        line_end = text.find("\n", header)
        if line_end < 0:
            yield Insertion(len(text), len(text), f"\napproximate = [{value}]\n")
        else:
            yield Insertion(line_end + 1, line_end + 1, f"approximate = [{value}]\n")
        return
    # In front: what stands in the list, comments between its values and all, stays as it is.
    yield Insertion(entry.end(), entry.end(), f"{value}, " if given else value)


def _header(text: str, path: Sequence[str]) -> int | None:
    """Offset behind the header of a table; None where there is none in plain spelling."""
    parts = [rf"(?:{re.escape(part)}|\"{re.escape(part)}\"|'{re.escape(part)}')" for part in path]
    match = re.compile(r"^[ \t]*\[[ \t]*" + r"[ \t]*\.[ \t]*".join(parts) + r"[ \t]*\]", re.M).search(text)
    return match.end() if match is not None else None


def _dotted(path: Sequence[str]) -> str:
    return ".".join(part if _KEY.fullmatch(part) else json.dumps(part) for part in path)


def _table(text: str, path: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The whole file, and one table in it (empty where it is not there); None where that cannot be read."""
    try:
        root = tomllib.loads(text)
    except ValueError:
        return None
    table: Any = root
    for part in path:
        table = table.get(part, {}) if isinstance(table, dict) else None
    return (root, table) if isinstance(table, dict) else None


def _without(root: dict[str, Any], path: Sequence[str]) -> dict[str, Any]:
    """The same without one table, and without tables that are empty then."""
    if not path or path[0] not in root:
        return root
    rest = {key: value for key, value in root.items() if key != path[0]}
    inner = root[path[0]]
    if len(path) > 1 and isinstance(inner, dict):
        kept = _without(inner, path[1:])
        if kept:
            rest[path[0]] = kept
    return rest
