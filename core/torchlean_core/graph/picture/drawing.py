"""What is drawn, whatever it is written as: boxes in the order of the nodes, and edges between them."""

from __future__ import annotations

from dataclasses import dataclass

from torchlean_core.check.checker import Report
from torchlean_core.kinds.numbers import show
from torchlean_core.navigate.explain import code, value_text
from torchlean_core.navigate.links import Links
from torchlean_core.navigate.outline import role_of


@dataclass(frozen=True, slots=True)
class Box:
    """One node.

    Attributes:
        index: Place in `nodes`.
        node_id: Its id, as text.
        kind: Its kind, short and printable.
        shape: Its shape, as text.
        role: What sort of thing it is (`outline.ROLES`).
        is_output: Whether it is one of the artifact's outputs.
    """

    index: int
    node_id: str
    kind: str
    shape: str
    role: str
    is_output: bool

    @property
    def title(self) -> str:
        """Id and kind."""
        return f"{self.node_id} {self.kind}"


@dataclass(frozen=True, slots=True)
class Drawing:
    """A graph to be drawn.

    Attributes:
        name: The artifact's name.
        boxes: The nodes that can be read, in order.
        edges: Pairs (operand, user) of positions in `boxes`, once for each operand place, operands before users.
    """

    name: str
    boxes: tuple[Box, ...]
    edges: tuple[tuple[int, int], ...]

    def parents(self) -> list[list[int]]:
        """For every box the boxes of its operands, in their order."""
        found: list[list[int]] = [[] for _ in self.boxes]
        for operand, user in self.edges:
            found[user].append(operand)
        return found


def drawing_of(report: Report, name: str) -> Drawing:
    """The drawing of an artifact; edges that lead nowhere, or back, are left out."""
    links = Links(report)
    records = [record for record in report.records if record is not None]
    position = {record.index: number for number, record in enumerate(records)}
    boxes = tuple(
        Box(
            record.index,
            show(record.ref),
            code(record.kind or "?"),
            value_text(record),
            role_of(links, record),
            record.ref in links.outputs,
        )
        for record in records
    )
    edges = [
        (position[parent.index], number)
        for number, record in enumerate(records)
        for parent in links.parents(record)
        if parent is not None and position[parent.index] < number
    ]
    return Drawing(code(name), boxes, tuple(edges))
