"""What is seen of a drawing with some clusters closed: cards, the frames of open clusters around them, and edges."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from torchlean_core.graph.clusters import Cluster, shown
from torchlean_core.picture.drawing import Box, Drawing
from torchlean_core.picture.marks import sign_of


@dataclass(frozen=True, slots=True)
class Card:
    """One node, or a closed cluster.

    Attributes:
        title: Id and kind, or the cluster's title.
        detail: Shape of its value; of a cluster also the number of its nodes.
        role: As of `Box`; `cluster` for a cluster.
        family: As of `Box`; empty for a cluster.
        mark: As of `Box`; of a cluster `changed` where anything in it has one, unless all have the same.
        outputs: As of `Box`.
        first: The box, or the first of the cluster.
        ends: Ids of the first and the last node, which are one for a node.
        changes: As of `Box`.
    """

    title: str
    detail: str
    role: str
    family: str
    mark: str
    outputs: tuple[int, ...]
    first: Box
    ends: tuple[str, str]
    changes: tuple[str, ...] = ()

    @property
    def is_output(self) -> bool:
        """Whether one of the artifact's outputs is in it."""
        return bool(self.outputs)

    @property
    def signed(self) -> str:
        """The title, behind the sign of what became of it."""
        return f"{sign_of(self.mark)} {self.title}" if self.mark else self.title


@dataclass(frozen=True, slots=True)
class Frame:
    """An open cluster, or the whole graph: places of cards, and frames, in order.

    Attributes:
        cluster: The cluster; None for the whole graph.
        items: Places in `Scene.cards`, and frames.
    """

    cluster: Cluster | None
    items: list[Frame | int]


@dataclass(frozen=True, slots=True)
class Scene:
    """What is seen.

    Attributes:
        name: The artifact's name.
        cards: What is seen, in order.
        frame: The whole graph.
        edges: Pairs (operand, user) of places in `cards`; between two nodes once for each operand place.
        has_many_outputs: As of `Drawing`.
        marks: What became of edges, by their place in `edges`.
    """

    name: str
    cards: tuple[Card, ...]
    frame: Frame
    edges: tuple[tuple[int, int], ...]
    has_many_outputs: bool
    marks: tuple[str, ...]

    def parents(self) -> list[list[int]]:
        """For every card those of its operands, in their order."""
        found: list[list[int]] = [[] for _ in self.cards]
        for operand, user in self.edges:
            found[user].append(operand)
        return found

    def outline(self) -> Iterator[tuple[int, Cluster | int]]:
        """Every card and, before what is in it, every open cluster, with its depth."""
        waiting: list[tuple[int, Frame | int]] = [(0, self.frame)]
        while waiting:
            depth, item = waiting.pop()
            if not isinstance(item, Frame):
                yield depth, item
                continue
            if item.cluster is not None:
                yield depth, item.cluster
            inner = depth if item.cluster is None else depth + 1
            waiting += [(inner, one) for one in reversed(item.items)]


def scene_of(drawing: Drawing, opened: Collection[str]) -> Scene:
    """What is seen with some clusters open."""
    seen = shown(drawing.tree, (), opened)
    cards = tuple(_card(drawing, item) for item in seen.items)
    frame = Frame(None, [])
    stack = [frame]
    for number, around in enumerate(seen.levels):
        depth = 0
        while depth < min(len(around), len(stack) - 1) and stack[depth + 1].cluster is around[depth]:
            depth += 1
        del stack[depth + 1 :]
        for cluster in around[depth:]:
            inner = Frame(cluster, [])
            stack[-1].items.append(inner)
            stack.append(inner)
        stack[-1].items.append(number)
    edges: dict[tuple[int, int, int], str] = {}
    for place, (operand, user) in enumerate(drawing.edges):
        pair = seen.place[operand], seen.place[user]
        if pair[0] == pair[1]:
            continue
        plain = all(not isinstance(seen.items[end], Cluster) for end in pair)
        mark = drawing.marked.get((operand, user), "")
        edges.setdefault((*pair, place if plain else -1), mark)
    pairs = tuple((operand, user) for operand, user, _ in edges)
    return Scene(drawing.name, cards, frame, pairs, drawing.has_many_outputs, tuple(edges.values()))


def _card(drawing: Drawing, item: Cluster | int) -> Card:
    if not isinstance(item, Cluster):
        box = drawing.boxes[item]
        ends = box.node_id, box.node_id
        return Card(box.title, box.shape, box.role, box.family, box.mark, box.outputs, box, ends, box.changes)
    boxes = drawing.boxes[item.first : item.last + 1]
    marks = {box.mark for box in boxes}
    mark = marks.pop() if len(marks) == 1 else "changed"
    outputs = tuple(sorted(place for box in boxes for place in box.outputs))
    detail = f"{boxes[-1].shape} · {item.count:,} nodes"
    ends = boxes[0].node_id, boxes[-1].node_id
    return Card(item.title, detail, "cluster", "", mark, outputs, boxes[0], ends)
