"""From nodes to the tree of clusters."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from torchlean_core.graph.clusters.branch import Branch, Item, Outside, first_of, last_of
from torchlean_core.graph.clusters.modules import by_module
from torchlean_core.graph.clusters.repeats import Run, repeats
from torchlean_core.graph.clusters.tree import Cluster, Part, Tree

MIN_ITEMS = 16
"""Items in one place among which repetitions are looked for; fewer are read at a glance."""
MAX_ITEMS = 120
"""Items that one cluster has at most: more are cut into sections."""
_MIN_SECTION, _MAX_SECTION = 16, 64
_NAMED_KINDS = 3
_MIN_MODULES = 3
_MOST = 0.6


def clusters_of(parts: Sequence[Part]) -> Tree:
    """The clusters of a graph, in time near-linear in its size.

    Runs of nodes of one module come first, then in each of them equal pieces that follow one another, then, where
    still more than `MAX_ITEMS` stand side by side, sections of about equal length.
    """
    if not parts:
        return Tree(())
    outside = Outside(parts)
    root = Branch((), by_module(parts))
    _group(root, outside, is_root=True)
    return Tree(tuple(_Names(parts).finished(root.items, "", ())))


def _group(branch: Branch, outside: Outside, *, is_root: bool = False) -> None:
    """Group what is in a branch, from the inside out."""
    for item in branch.items:
        if isinstance(item, Branch):
            _group(item, outside)
    _arrange(branch, outside, is_root=is_root)


def _arrange(branch: Branch, outside: Outside, *, is_root: bool = False) -> None:
    """Group the items of a branch, in which everything is grouped already."""
    tokens = outside.tokens(branch.items)
    branch.likeness = outside.number(tuple(tokens))
    if len(branch.items) >= _MIN_MODULES:
        _group_repeats(branch, tokens, outside, is_root=is_root)
    while len(branch.items) > MAX_ITEMS:
        branch.items = _sections(branch, outside)


def _are_alike(items: Sequence[Item], tokens: Sequence[int]) -> bool:
    """Whether a list of modules is one of equal ones; one of them may just be edited."""
    [(_, count)] = Counter(tokens).most_common(1)
    return all(isinstance(item, Branch) for item in items) and count >= _MOST * len(items)


def _group_repeats(branch: Branch, tokens: list[int], outside: Outside, *, is_root: bool) -> None:
    if not is_root and _are_alike(branch.items, tokens):
        branch.repeat = len(branch.items)
        return
    if len(branch.items) < MIN_ITEMS:
        return
    found = repeats(tokens, outside.widths(branch.items))
    items: list[Item] = []
    place = 0
    for run in found:
        items += branch.items[place : run.start]
        pieces = _pieces(branch, run, outside)
        if run.period * run.pieces == len(branch.items) and not is_root:
            branch.items, branch.repeat = pieces, run.pieces
            return
        group = Branch(branch.path, pieces, "repeat", _label(branch, pieces, outside))
        group.repeat = run.pieces
        group.likeness = outside.number(("repeat", *tokens[run.start : run.end]))
        while len(group.items) > MAX_ITEMS:
            group.items = _sections(group, outside)
        items.append(group)
        place = run.end
    branch.items = items + branch.items[place:]


def _pieces(branch: Branch, run: Run, outside: Outside) -> list[Item]:
    """The pieces of a repetition, each a branch of its own unless it is one item."""
    if run.period == 1:
        return branch.items[run.start : run.end]
    pieces: list[Item] = []
    known: dict[tuple[int, ...], Branch] = {}
    for number in range(run.pieces):
        start = run.start + number * run.period
        items = branch.items[start : start + run.period]
        tokens = tuple(outside.tokens(items))
        label = f"block {number + 1}"
        if tokens in known:
            block = known[tokens].moved(first_of(items[0]) - first_of(known[tokens]))
            block.label = label
        else:
            is_plain = not any(isinstance(item, Branch) for item in items)
            block = Branch(branch.path, items, "block", label)
            _arrange(block, outside)
            if is_plain:
                known[tokens] = block
        pieces.append(block)
    return pieces


def _label(branch: Branch, items: Sequence[Item], outside: Outside) -> str:
    """What repeats, in a few words: modules by the first and the last, others by the kinds that they have most of."""
    ends = items[0], items[-1]
    if all(isinstance(end, Branch) and end.kind == "module" for end in ends):
        names = [_relative(end.path, branch.path) for end in ends if isinstance(end, Branch)]
        return "–".join(names)
    counts: Counter[str] = Counter()
    for item in items:
        for place in range(first_of(item), last_of(item) + 1):
            counts[outside.parts[place].kind] += 1
    return ", ".join(kind for kind, _ in counts.most_common(_NAMED_KINDS)) + (
        ", …" if len(counts) > _NAMED_KINDS else ""
    )


def _sections(branch: Branch, outside: Outside) -> list[Item]:
    """The items in pieces of about equal length, cut where few values pass."""
    items = branch.items
    size = min(max(math.isqrt(len(items)), _MIN_SECTION), _MAX_SECTION)
    widths = outside.widths(items)
    found: list[Item] = []
    start = 0
    for number in range(1, math.ceil(len(items) / size) + 1):
        target = number * size
        if target >= len(items) - size // 2:
            end = len(items)
        else:
            slack = size // 4
            end = min(
                range(target - slack, target + slack + 1), key=lambda at: (widths[at], abs(at - target))
            )
        if end <= start:
            continue
        piece = items[start:end]
        section = Branch(branch.path, piece, "section")
        section.likeness = outside.number(("section", *outside.tokens(piece)))
        found.append(section if len(piece) > 1 else piece[0])
        start = end
        if start == len(items):
            break
    return found


# -- what is built, as values ---------------------------------------------------------------------------------


def _relative(path: tuple[str, ...], around: tuple[str, ...]) -> str:
    """A module path without what stands around it; one of a list keeps the list's name."""
    inner = path[len(around) :]
    if inner and inner[0].isdecimal():
        inner = (*around[-1:], *inner)
    return ".".join(inner)


class _Names:
    """Gives each cluster its key: modules one of their own, wherever they are grouped, others one by what is around."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts
        self._counts: Counter[str] = Counter()

    def finished(self, items: Sequence[Item], around: str, path: tuple[str, ...]) -> list[Cluster | int]:
        """The items as values; names leave out the path around them."""
        found: list[Cluster | int] = []
        for item in items:
            if not isinstance(item, Branch):
                found.append(item)
                continue
            is_module = item.kind == "module"
            name = _relative(item.path, path) if is_module else item.label or self._ends(item)
            mark = ".".join(item.path) if is_module else f"{around}/{item.kind}"
            self._counts[mark] += 1
            count = self._counts[mark]
            key = mark if is_module and count == 1 else f"{mark}#{count}"
            inner = tuple(self.finished(item.items, key, item.path))
            found.append(Cluster(key, name, first_of(item), last_of(item), inner, item.repeat, item.likeness))
        return found

    def _ends(self, item: Branch) -> str:
        """The ids that a section goes from and to."""
        return f"{self._parts[first_of(item)].node_id}–{self._parts[last_of(item)].node_id}"
