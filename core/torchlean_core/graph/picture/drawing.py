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
        outputs: Its places among the artifact's outputs; none where it is no output.
    """

    index: int
    node_id: str
    kind: str
    shape: str
    role: str
    outputs: tuple[int, ...]

    @property
    def is_output(self) -> bool:
        """Whether it is one of the artifact's outputs."""
        return bool(self.outputs)

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
        has_many_outputs: Whether there are several outputs, which are numbered then.
    """

    name: str
    boxes: tuple[Box, ...]
    edges: tuple[tuple[int, int], ...]
    has_many_outputs: bool = False

    def parents(self) -> list[list[int]]:
        """For every box the boxes of its operands, in their order."""
        found: list[list[int]] = [[] for _ in self.boxes]
        for operand, user in self.edges:
            found[user].append(operand)
        return found


def drawing_of(report: Report, name: str) -> Drawing:
    """The drawing of an artifact; edges that lead nowhere, or back, are left out."""
    links = Links(report)
    ends = [value for path, value in links.ends() if path[0] == links.dialect.output_field]
    outputs: dict[int, list[int]] = {}
    for place, output in enumerate(ends):
        outputs.setdefault(output, []).append(place)
    records = [record for record in report.records if record is not None]
    position = {record.index: number for number, record in enumerate(records)}
    boxes = tuple(
        Box(
            record.index,
            show(record.ref),
            code(record.kind or "?"),
            value_text(record),
            role_of(links, record),
            tuple(outputs.get(record.ref, ())),
        )
        for record in records
    )
    edges = [
        (position[parent.index], number)
        for number, record in enumerate(records)
        for parent in links.parents(record)
        if parent is not None and position[parent.index] < number
    ]
    return Drawing(code(name), boxes, tuple(edges), len(ends) > 1)
