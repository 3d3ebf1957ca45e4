"""From an offset of the text to the value or key that stands there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torchlean_core.kinds.spec import Path
from torchlean_core.text import Document
from torchlean_core.text.tree import Tree


@dataclass(frozen=True, slots=True)
class Spot:
    """The innermost value or key at an offset.

    Attributes:
        index: Place in `nodes`; None where it stands outside of all nodes.
        path: Place inside the node (or the root): keys and array positions.
        on_key: Whether it is the last key of `path`, and not its value.
        value: The value under `path`, as Python; also where `on_key`.
        span: Offsets of the value or key.
        around: Offsets of what it stands in, from the inside out, the node or root last.
    """

    index: int | None
    path: Path
    on_key: bool
    value: Any
    span: tuple[int, int]
    around: tuple[tuple[int, int], ...]

    @property
    def field(self) -> str | None:
        """The field of the node or root that it belongs to; None at a brace."""
        return self.path[0] if self.path and isinstance(self.path[0], str) else None


def node_index_at(document: Document, offset: int) -> int | None:
    """Place of the node whose text holds an offset, its end included."""
    spans = document.spans
    if spans is None:
        return None
    index = spans.starts.count_up_to(offset) - 1
    return index if index >= 0 and offset <= spans.ends[index] else None


def spot_at(document: Document, offset: int) -> Spot | None:
    """What stands at an offset; None outside of the root."""
    index = node_index_at(document, offset)
    tree = document.root if index is None else document.tree_of(index)
    if tree is None or not tree.start <= offset <= tree.end:
        return None
    path: list[str | int] = []
    around: list[tuple[int, int]] = []
    while True:
        around.append((tree.start, tree.end))
        found = _step(tree, offset)
        if found is None:
            return Spot(index, tuple(path), False, tree.value, around[-1], tuple(around[-2::-1]))
        step, key, value = found
        path.append(step)
        if key is not None:  # a member is a stretch of its own between its value and its object
            around.append((key.start, value.end))
            if offset <= key.end:
                return Spot(index, tuple(path), True, value.value, (key.start, key.end), tuple(around[::-1]))
        tree = value


def _step(tree: Tree, offset: int) -> tuple[str | int, Tree | None, Tree] | None:
    """The element or member of a container that holds an offset; of two that touch it the later one."""
    for position in range(len(tree.items) - 1, -1, -1):
        item = tree.items[position]
        if item.start <= offset <= item.end:
            return position, None, item
    for key, value in reversed(tree.members):
        if key.start <= offset <= key.end or value.start <= offset <= value.end:
            return str(key.value), key, value
    return None
