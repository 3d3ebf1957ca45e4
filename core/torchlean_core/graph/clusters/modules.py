"""Clusters by module path: every run of nodes that were captured from one module, and its submodules in it."""

from __future__ import annotations

from collections.abc import Sequence

from torchlean_core.graph.clusters.branch import Branch, Item
from torchlean_core.graph.clusters.tree import Part


def by_module(parts: Sequence[Part]) -> list[Item]:
    """The nodes, with a branch around each call of a module that more than one node came from.

    A node that nothing is known of belongs to the innermost module that the nodes before and after it share.
    """
    root = Branch((), [])
    stack = [root]
    for place, path in enumerate(_paths(parts)):
        depth = _shared(stack[-1].path, path)
        del stack[depth + 1 :]
        while len(stack) - 1 < len(path):
            branch = Branch(path[: len(stack)], [])
            stack[-1].items.append(branch)
            stack.append(branch)
        stack[-1].items.append(place)
    return [_compressed(item) for item in root.items]


def _paths(parts: Sequence[Part]) -> list[tuple[str, ...]]:
    """The path of every node."""
    following: list[tuple[str, ...]] = []
    after: tuple[str, ...] | None = None
    for part in reversed(parts):
        after = part.module if part.module is not None else after
        following.append(after or ())
    following.reverse()
    found: list[tuple[str, ...]] = []
    before: tuple[str, ...] = ()
    for part, after in zip(parts, following, strict=True):
        if part.module is not None:
            before = part.module
            found.append(before)
        else:
            found.append(before[: _shared(before, after)])
    return found


def _shared(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """How many names two paths begin with in common."""
    count = 0
    for ours, theirs in zip(one, other, strict=False):
        if ours != theirs:
            break
        count += 1
    return count


def _compressed(item: Item) -> Item:
    """The item without branches around a single one."""
    if not isinstance(item, Branch):
        return item
    item.items = [_compressed(one) for one in item.items]
    return item.items[0] if len(item.items) == 1 else item
