"""From a finding's node and field to the text it points at."""

from __future__ import annotations

import re
from functools import lru_cache

from torchlean_core.kinds.spec import Path
from torchlean_core.text import Document
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
        return document.place(
            index,
            (path, on_key),
            lambda text, start, end: _quick(text, start, end, path, on_key),
            lambda tree: _descend(tree, path, on_key),
        )
    root = document.root
    return _descend(root, path, on_key) if root is not None else (0, min(1, len(document.text)))


_VALUE = r'\s*:\s*(-?[0-9][0-9.eE+-]*|"[^"\\]*"|\[[^\[\]"]*\]|true|false|null)'


@lru_cache(256)
def _member(key: str) -> re.Pattern[str]:
    return re.compile(re.escape(f'"{key}"') + _VALUE)


def _quick(text: str, start: int, end: int, path: Path, on_key: bool) -> tuple[int, int] | None:
    """The place of a node's brace, or of a simple value under a key that stands in the node only once."""
    if not path:
        return (start, start + 1) if text[start] == "{" else None
    key = path[0]
    if len(path) != 1 or on_key or not isinstance(key, str) or not key.isidentifier():
        return None
    if text.count(f'"{key}"', start, end) != 1:
        return None
    match = _member(key).search(text, start, end)
    return match.span(1) if match is not None else None


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
