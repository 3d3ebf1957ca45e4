"""From a finding's node and field to the text it points at."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from torchlean_core.check.findings import Finding
from torchlean_core.kinds.spec import Path
from torchlean_core.text import Document
from torchlean_core.text.quick_json import Unread, read_numbers
from torchlean_core.text.tree import Tree


def place(
    document: Document,
    index: int | None,
    path: Path,
    span: tuple[int, int] | None = None,
    on_key: bool = False,
) -> tuple[int, int]:
    """Offsets of a value, of a key, or of the opening brace of the node (or root) where the path is empty.

    Where a path cannot be followed to its end (the value is missing), the deepest value on it stands in.
    """
    if span is not None:
        return span
    if index is not None:
        return document.place(index, path, on_key, _quick, _descend)
    root = document.root
    return _descend(root, path, on_key) if root is not None else (0, min(1, len(document.text)))


def spans_of(document: Document, findings: Iterable[Finding]) -> list[tuple[int, int]]:
    """Offsets that findings point at, as `place` gives them, in less time: an edit can make thousands."""
    spans, text = document.spans, document.text
    if spans is None:
        return [place(document, one.index, one.path, one.span, one.on_key) for one in findings]
    starts, ends, count = spans.starts, spans.ends, len(spans.starts)
    found = []
    for one in findings:
        index = one.index
        where = None
        if one.span is None and index is not None and 0 <= index < count and not document.has_numbers(index):
            where = _quick(text, starts[index], ends[index], one.path, one.on_key)
        found.append(where or place(document, index, one.path, one.span, one.on_key))
    return found


_VALUE = re.compile(r'\s*:\s*(-?[0-9][0-9.eE+-]*|"[^"\\]*"|\[|true|false|null)')


@lru_cache(256)
def _quoted(key: str) -> str | None:
    """A key as it stands in a text; None for a key that can be spelled otherwise."""
    return f'"{key}"' if key.isidentifier() else None


def _quick(text: str, start: int, end: int, path: Path, on_key: bool) -> tuple[int, int] | None:
    """The place of a node's brace, or of a simple value under a key that stands in the node only once, or in it."""
    if not path:
        return (start, start + 1) if text[start] == "{" else None
    key = path[0]
    if len(path) > 2 or on_key or type(key) is not str:
        return None
    quoted = _quoted(key)
    if quoted is None or text.count(quoted, start, end) != 1:
        return None
    match = _VALUE.match(text, text.find(quoted, start, end) + len(quoted), end)
    if match is None:
        return None
    first, last = match.span(1)
    if text[first] == "[":
        last = _flat_end(text, first, end)
        if not last:
            return None
    if len(path) == 1:
        return first, last
    return _quick_item(text, first, last, path[1])


def _flat_end(text: str, start: int, end: int) -> int:
    """Where an array ends that holds neither strings nor arrays; 0 for any other, and for one that has no end."""
    last = text.find("]", start, end)
    if last < 0 or text.find("[", start + 1, last) >= 0 or text.find('"', start, last) >= 0:
        return 0
    return last + 1


def _quick_item(text: str, start: int, end: int, position: str | int) -> tuple[int, int] | None:
    """The place of an element of an array of simple values: an array of parents can have a million."""
    if type(position) is not int or text[start] != "[":
        return None
    try:
        count = len(read_numbers(text[start:end]))
    except Unread:
        return None  # not clean: the tree knows
    if position >= count:
        return None
    first = start + 1
    for _ in range(position):
        first = text.index(",", first) + 1
    last = text.find(",", first, end)
    item = text[first : last if last >= 0 else end - 1]
    first += len(item) - len(item.lstrip())
    return first, first + len(item.strip())


def _descend(tree: Tree, path: Path, on_key: bool) -> tuple[int, int]:
    for depth, step in enumerate(path):
        if isinstance(step, str):
            pair = tree.member(step)
            if pair is None:
                return _head(tree)
            if on_key and depth == len(path) - 1:
                return pair[0].start, pair[0].end
            tree = pair[1]
        elif step < len(tree.items):
            tree = tree.items[step]
        else:
            return _head(tree)
    return (tree.start, tree.end) if path else _head(tree)


def _head(tree: Tree) -> tuple[int, int]:
    """The opening bracket of a container, or the whole of another value."""
    if isinstance(tree.value, dict | list):
        return tree.start, tree.start + 1
    return tree.start, tree.end
