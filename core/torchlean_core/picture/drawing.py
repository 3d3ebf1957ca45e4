"""What is drawn, whatever it is written as: boxes in the order of the nodes, edges between them, and their clusters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torchlean_core.check.nodes import Record
from torchlean_core.check.report import Report
from torchlean_core.graph.clusters import EMPTY, Part, Tree, around, clusters_of, within
from torchlean_core.kinds import INPUT
from torchlean_core.kinds.families import family_of
from torchlean_core.kinds.numbers import show, show_shape
from torchlean_core.navigate.explain import code, value_text
from torchlean_core.navigate.links import Links
from torchlean_core.navigate.outline import role_of
from torchlean_core.text.numbers import Numbers, json_text

MAX_DEPTH = 24
"""Names of a module path that count; more are one name."""

_AROUND = 16
_MAX_MARKED = 200
"""Of a comparison so much is seen that nothing happened to, and the clusters around so many nodes are opened."""


@dataclass(frozen=True, slots=True)
class Box:
    """One node.

    Attributes:
        index: Place in `nodes`; of a removed node in those of the version before.
        node_id: Its id, as text.
        kind: Its kind, short and printable.
        shape: Its shape, as text.
        role: What sort of thing it is (`outline.ROLES`).
        outputs: Its places among the artifact's outputs; none where it is no output.
        family: The family of its kind (`kinds.families`).
        mark: What became of it since another version (`marks.MARKS`); empty where nothing did, or nothing is compared.
        changes: What changed in it, in words.
    """

    index: int
    node_id: str
    kind: str
    shape: str
    role: str
    outputs: tuple[int, ...]
    family: str = ""
    mark: str = ""
    changes: tuple[str, ...] = ()

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
        tree: The clusters of the boxes.
        marked: What became of edges since another version: pairs with `added` or `removed`.
    """

    name: str
    boxes: tuple[Box, ...]
    edges: tuple[tuple[int, int], ...]
    has_many_outputs: bool = False
    tree: Tree = EMPTY
    marked: Mapping[tuple[int, int], str] = field(default_factory=dict)


def opened_within(drawing: Drawing, budget: int) -> frozenset[str]:
    """Keys of the clusters to open at first: as many as a budget allows; of a comparison those around what changed."""
    marked = [number for number, box in enumerate(drawing.boxes) if box.mark]
    opened = within(drawing.tree, _AROUND if marked else budget)
    return opened | around(drawing.tree, marked) if len(marked) <= _MAX_MARKED else opened


def drawing_of(report: Report, name: str) -> Drawing:
    """The drawing of an artifact; edges that lead nowhere, or back, are left out."""
    links = Links(report)
    records = [record for record in report.records if record is not None]
    position = {record.index: number for number, record in enumerate(records)}
    outputs = _outputs(links)
    boxes = tuple(box_of(links, record, outputs.get(record.ref, ())) for record in records)
    edges = [
        (position[parent.index], number)
        for number, record in enumerate(records)
        for parent in links.parents(record)
        if parent is not None and position[parent.index] < number
    ]
    tree = clusters_of(parts_of(records, edges))
    return Drawing(code(name), boxes, tuple(edges), sum(map(len, outputs.values())) > 1, tree)


def box_of(links: Links, record: Record, outputs: tuple[int, ...]) -> Box:
    """The box of one node."""
    return Box(
        record.index,
        show(record.ref),
        code(record.kind or "?"),
        value_text(record),
        role_of(links, record),
        outputs,
        family_of(links.dialect, record.kind).name,
    )


def short_value(value: object, width: int) -> str:
    """A field's value in so many characters at most; of a long array of numbers the shape."""
    if isinstance(value, Numbers):
        shape = value.shape()
        return "numbers" if shape is None else f"numbers {show_shape(shape)}"
    text = code(json_text(value, default=str))
    return text if len(text) <= width else text[: width - 1] + "…"


def _outputs(links: Links) -> dict[int, tuple[int, ...]]:
    """For every id that is an output its places among them."""
    found: dict[int, tuple[int, ...]] = {}
    ends = [value for path, value in links.ends() if path[0] == links.dialect.output_field]
    for place, output in enumerate(ends):
        found[output] = (*found.get(output, ()), place)
    return found


def parts_of(records: list[Record], edges: list[tuple[int, int]]) -> list[Part]:
    """The nodes as clustering sees them."""
    parents: list[list[int]] = [[] for _ in records]
    for operand, user in edges:
        parents[user].append(operand)
    return [
        Part(record.kind or "?", tuple(parents[number]), module_of(record), show(record.ref))
        for number, record in enumerate(records)
    ]


def module_of(record: Record) -> tuple[str, ...] | None:
    """The path of the module that a node was captured from; None where nothing says it."""
    source = record.raw.get("source")
    if record.kind == INPUT:
        return ()
    if not isinstance(source, dict):
        return None
    module = source.get("module")
    if not isinstance(module, str) or not module:
        return ()
    return tuple(code(name) for name in module.split(".", MAX_DEPTH - 1))
