"""Where cards and frames stand: each frame is laid out in layers by itself, then it is one box of what is around."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from torchlean_core.picture.layered import Layout, layered
from torchlean_core.picture.scene import Frame, Scene

HEIGHT = 40.0
GAP = 22.0
STEP = 38.0
PADDING = 14.0
HEADER = 22.0
COLUMN = 2_600.0
"""Height of a drawing; what is longer goes on in another column, unless high frames are in it."""
_COLUMN_GAP = 70.0


@dataclass(slots=True)
class Placed:
    """A piece of the picture, measured from the top left of what it stands in.

    Attributes:
        width: Its width.
        height: Its height.
        cards: Centre and top of each card in it.
        frames: Every open cluster in it: frame, left, top, width, height.
        lines: Every edge in it, as points; `tip` where it ends at a card.
        inlets: For every value that comes from outside, where its edge begins at the upper border.
        outlets: For every value that is used outside, where its edge ends at the lower border.
    """

    width: float = 0.0
    height: float = 0.0
    cards: dict[int, tuple[float, float]] = field(default_factory=dict)
    frames: list[tuple[Frame, float, float, float, float]] = field(default_factory=list)
    lines: list[tuple[list[tuple[float, float]], bool, str]] = field(default_factory=list)
    inlets: dict[int, float] = field(default_factory=dict)
    outlets: dict[int, float] = field(default_factory=dict)


Edge = tuple[int, int, str]
"""Operand, user (places of cards) and mark."""


def nested(scene: Scene, widths: Sequence[float]) -> Placed:
    """Lay out a scene whose cards have the given widths."""
    edges = [(*edge, mark) for edge, mark in zip(scene.edges, scene.marks, strict=True)]
    return _place(scene.frame, edges, widths)


def _cards(frame: Frame) -> list[int]:
    found: list[int] = []
    for item in frame.items:
        found += _cards(item) if isinstance(item, Frame) else [item]
    return found


def _place(frame: Frame, edges: list[Edge], widths: Sequence[float]) -> Placed:
    """Lay out a frame, given the edges that touch what is in it."""
    member: dict[int, int] = {}
    inner: dict[int, Placed] = {}
    for number, item in enumerate(frame.items):
        held = set(_cards(item)) if isinstance(item, Frame) else {item}
        member.update(dict.fromkeys(held, number))
        if isinstance(item, Frame):
            touching = [edge for edge in edges if edge[0] in held or edge[1] in held]
            inner[number] = _place(item, touching, widths)
    # Where values come in and go out are boxes without a size, in the first and in the last layer.
    inlets = list(dict.fromkeys(a for a, b, _ in edges if a not in member and b in member))
    outlets = list(dict.fromkeys(a for a, b, _ in edges if a in member and b not in member))
    base = len(inlets)
    top = {value: number for number, value in enumerate(inlets)}
    bottom = {value: base + len(frame.items) + number for number, value in enumerate(outlets)}
    sizes = [(0.0, 0.0)] * base
    for number, item in enumerate(frame.items):
        placed = inner.get(number)
        sizes.append((placed.width, placed.height) if placed is not None else (widths[_card(item)], HEIGHT))
    sizes += [(0.0, 0.0)] * len(outlets)
    links: dict[tuple[int, int, int], str] = {}
    for a, b, mark in edges:
        start = base + member[a] if a in member else top[a]
        end = base + member[b] if b in member else bottom[a]
        if start != end:
            links.setdefault((start, end, a), mark)
    pairs = [(start, end) for start, end, _ in links]
    layout = layered([width for width, _ in sizes], pairs, GAP, len(inlets), len(outlets))
    return _Composition(frame, sizes, layout, inner, base).composed(links, top, bottom)


def _card(item: Frame | int) -> int:
    assert not isinstance(item, Frame)
    return item


class _Composition:
    """Turns layers into places: rows get their heights, and a long picture its columns."""

    def __init__(
        self,
        frame: Frame,
        sizes: list[tuple[float, float]],
        layout: Layout,
        inner: dict[int, Placed],
        base: int,
    ) -> None:
        self.frame, self.sizes, self.layout, self.inner, self.base = frame, sizes, layout, inner, base
        self.padding = 0.0 if frame.cluster is None else PADDING
        self.header = 0.0 if frame.cluster is None else HEADER
        self._rows()

    def _rows(self) -> None:
        """For every layer its column, top and height."""
        heights = [0.0] * (max(self.layout.layer, default=0) + 1)
        for layer, (_, height) in zip(self.layout.layer, self.sizes, strict=True):
            heights[layer] = max(heights[layer], height)
        self.heights = heights
        self.tops: list[float] = []
        self.columns: list[int] = []
        y, column = self.padding + self.header, 0
        wraps = self.frame.cluster is None and max(heights) <= COLUMN / 4
        for height in heights:
            if wraps and self.tops and y + height > COLUMN:
                y, column = 0.0, column + 1
            self.tops.append(y)
            self.columns.append(column)
            y += height + (STEP if height else PADDING)
        self.stride = self.layout.width + _COLUMN_GAP

    def _at(self, x: float, layer: int) -> float:
        return self.padding + x + self.columns[layer] * self.stride

    def _top(self, number: int) -> float:
        layer = self.layout.layer[number]
        return self.tops[layer] + (self.heights[layer] - self.sizes[number][1]) / 2

    def composed(
        self, links: dict[tuple[int, int, int], str], top: dict[int, int], bottom: dict[int, int]
    ) -> Placed:
        """The frame with all that is in it."""
        layout, placed = self.layout, Placed()
        placed.width = layout.width + self.columns[-1] * self.stride + 2 * self.padding
        last = max(y + height for y, height in zip(self.tops, self.heights, strict=True))
        placed.height = last + self.padding
        if self.frame.cluster is not None:
            placed.width = max(placed.width, 7.0 * len(self.frame.cluster.title) + 2 * self.padding)
        for number, item in enumerate(self.frame.items):
            box = self.base + number
            x, y = self._at(layout.x[box], layout.layer[box]), self._top(box)
            if isinstance(item, Frame):
                self._take(placed, item, self.inner[number], x - self.sizes[box][0] / 2, y)
            else:
                placed.cards[item] = x, y
        placed.inlets = {value: self._at(layout.x[box], layout.layer[box]) for value, box in top.items()}
        placed.outlets = {value: self._at(layout.x[box], layout.layer[box]) for value, box in bottom.items()}
        for ((start, end, value), mark), bends in zip(links.items(), layout.bends, strict=True):
            points = [self._end(start, value, out=True, height=placed.height)]
            for x, layer in bends:  # straight beside what is high
                middle = self.tops[layer] + self.heights[layer] / 2
                reach = max(0.0, self.heights[layer] - HEIGHT) / 2
                points += [(self._at(x, layer), y) for y in sorted({middle - reach, middle + reach})]
            points.append(self._end(end, value, out=False, height=placed.height))
            is_card = (
                self.base <= end < self.base + len(self.frame.items) and end - self.base not in self.inner
            )
            placed.lines.append((points, is_card, mark))
        return placed

    def _take(self, placed: Placed, frame: Frame, inner: Placed, left: float, top: float) -> None:
        """Put an inner frame, and what is in it, into the picture of this one."""
        placed.frames.append((frame, left, top, inner.width, inner.height))
        placed.frames += [(one, x + left, y + top, w, h) for one, x, y, w, h in inner.frames]
        placed.cards.update({card: (x + left, y + top) for card, (x, y) in inner.cards.items()})
        for points, tip, mark in inner.lines:
            placed.lines.append(([(x + left, y + top) for x, y in points], tip, mark))

    def _end(self, box: int, value: int, *, out: bool, height: float) -> tuple[float, float]:
        """Where a line begins (`out`) or ends at a box."""
        x = self._at(self.layout.x[box], self.layout.layer[box])
        if box < self.base:
            return x, 0.0
        if box >= self.base + len(self.frame.items):
            return x, height
        inner = self.inner.get(box - self.base)
        y = self._top(box) + (self.sizes[box][1] if out else 0.0)
        if inner is None:
            return x, y
        return x - inner.width / 2 + (inner.outlets if out else inner.inlets)[value], y
