"""A layered layout: operands above users, edges short and seldom crossing (after Sugiyama, Tagawa, Toda 1981)."""

from __future__ import annotations

from dataclasses import dataclass

SWEEPS = 8
"""Passes that order the layers, down and up in turn."""

_RELAXATIONS = 12


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything stands, in units of the widths that were given.

    Attributes:
        x: Centre of every box.
        layer: Layer of every box, 0 at the top.
        bends: For every edge the (x, layer) of its bends between the two boxes.
        width: Width of the whole.
    """

    x: list[float]
    layer: list[int]
    bends: list[list[tuple[float, int]]]
    width: float


def layered(
    widths: list[float], edges: list[tuple[int, int]], gap: float, top: int = 0, bottom: int = 0
) -> Layout:
    """Lay out boxes of given widths; edges lead from smaller to greater numbers.

    Args:
        widths: Width of each box.
        edges: Pairs (from, to) of boxes.
        gap: Least space between two neighbours in a layer.
        top: So many of the first boxes stand in the first layer.
        bottom: So many of the last boxes, to which edges only lead, stand in the last one.
    """
    count = len(widths)
    layer = _layers(count, edges, top, bottom)
    sizes = list(widths)
    rank = list(layer)
    links: list[tuple[int, int]] = []
    chains: list[list[int]] = []
    for start, end in edges:  # an edge over several layers runs through a point in each between
        chain = []
        before = start
        for between in range(layer[start] + 1, layer[end]):
            point = len(sizes)
            sizes.append(0.0)
            rank.append(between)
            links.append((before, point))
            chain.append(point)
            before = point
        links.append((before, end))
        chains.append(chain)
    rows: list[list[int]] = [[] for _ in range(max(rank, default=0) + 1)]
    for vertex, row in enumerate(rank):
        rows[row].append(vertex)
    above: list[list[int]] = [[] for _ in sizes]
    below: list[list[int]] = [[] for _ in sizes]
    for start, end in links:
        below[start].append(end)
        above[end].append(start)
    _order(rows, above, below)
    x = _place(rows, above, below, sizes, gap)
    bends = [[(x[point], rank[point]) for point in chain] for chain in chains]
    right = max((x[vertex] + sizes[vertex] / 2 for vertex in range(len(sizes))), default=0.0)
    return Layout(x[:count], layer, bends, right)


def _layers(count: int, edges: list[tuple[int, int]], top: int, bottom: int) -> list[int]:
    """The layer of each box: below all its operands; a source stands right above its first user."""
    layer = [0] * count
    users: list[list[int]] = [[] for _ in range(count)]
    has_operand = [False] * count
    for start, end in sorted(edges, key=lambda edge: edge[1]):
        layer[end] = max(layer[end], layer[start] + 1)
        users[start].append(end)
        has_operand[end] = True
    for vertex in range(count):
        if not has_operand[vertex] and users[vertex]:
            layer[vertex] = max(0, min(layer[user] for user in users[vertex]) - 1)
    layer[:top] = [0] * top
    layer[count - bottom :] = [max(layer, default=0)] * bottom
    return layer


def _order(rows: list[list[int]], above: list[list[int]], below: list[list[int]]) -> None:
    """Order each layer by the mean position of its neighbours in the layer before, down and up in turn."""
    position = [0.0] * len(above)
    for row in rows:
        for place, vertex in enumerate(row):
            position[vertex] = place
    for sweep in range(SWEEPS):
        neighbours = above if sweep % 2 == 0 else below
        for row in rows if sweep % 2 == 0 else reversed(rows):
            row.sort(key=lambda vertex: _mean(neighbours[vertex], position))
            for place, vertex in enumerate(row):
                position[vertex] = place


def _mean(vertices: list[int], position: list[float]) -> float:
    return sum(position[vertex] for vertex in vertices) / len(vertices) if vertices else 0.0


def _place(
    rows: list[list[int]], above: list[list[int]], below: list[list[int]], sizes: list[float], gap: float
) -> list[float]:
    """Centres of all boxes and points: near their neighbours, and apart from those beside them."""
    x = [0.0] * len(sizes)
    for row in rows:
        _spread(row, [0.0] * len(row), x, sizes, gap)
    for turn in range(_RELAXATIONS):
        for row in rows if turn % 2 == 0 else reversed(rows):
            wanted = []
            for vertex in row:
                around = above[vertex] + below[vertex]
                wanted.append(sum(x[one] for one in around) / len(around) if around else x[vertex])
            _spread(row, wanted, x, sizes, gap)
    left = min((x[vertex] - sizes[vertex] / 2 for vertex in range(len(sizes))), default=0.0)
    return [value - left for value in x]


def _spread(row: list[int], wanted: list[float], x: list[float], sizes: list[float], gap: float) -> None:
    """Put a layer's boxes as near to where they want to be as their order and widths allow."""
    right: list[float] = []
    for place, vertex in enumerate(row):
        least = right[-1] + _apart(row, place, sizes, gap) if right else wanted[place]
        right.append(max(wanted[place], least) if place else least)
        x[vertex] = right[-1]
    left = 0.0
    for place in range(len(row) - 1, -1, -1):
        most = left - _apart(row, place + 1, sizes, gap) if place + 1 < len(row) else wanted[place]
        left = min(wanted[place], most)
        x[row[place]] = (x[row[place]] + left) / 2


def _apart(row: list[int], place: int, sizes: list[float], gap: float) -> float:
    """Least distance of the centres of a box and the one before it."""
    return (sizes[row[place - 1]] + sizes[row[place]]) / 2 + gap
