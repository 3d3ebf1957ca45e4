"""Values of a graph: what an artifact says, free of text, positions and JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torchlean_core.errors import UserError
from torchlean_core.kinds import CLASSIC, INPUT, Dialect
from torchlean_core.kinds.numbers import show_shape


@dataclass(frozen=True, slots=True)
class Node:
    """One node of an artifact.

    Attributes:
        id: Its id, which is also its place in `Graph.nodes`.
        kind: Wire tag.
        parents: Ids of its operands.
        shape: Shape of its tensor; None for a tuple-valued node.
        tuple_shapes: Shapes of the components; None for a tensor-valued node.
        fields: The kind's own fields; shapes and axes as tuples.
        extra: Every other field of the JSON object (`debug_target`, `eps`, `trainable`, `source`, …).
        inline: Fields of parameters that stand in the node, in dialects that have them: tensors as
            `text.numbers.Numbers`, the others as they are.
    """

    id: int
    kind: str
    parents: tuple[int, ...]
    shape: tuple[int, ...] | None
    tuple_shapes: tuple[tuple[int, ...], ...] | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    inline: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Graph:
    """A whole artifact.

    Attributes:
        nodes: All nodes; `nodes[i].id == i`.
        input_id: Id of the designated `input` node.
        output_ids: Ids of the outputs, in the order of the model's results; one id alone stands for itself.
        extra: Other fields of the root object (`captured_from`, `approximations`, …).
        dialect: The dialect that it is written in.
    """

    nodes: tuple[Node, ...]
    input_id: int
    output_ids: tuple[int, ...]
    extra: Mapping[str, Any] = field(default_factory=dict)
    dialect: Dialect = CLASSIC

    def __init__(
        self,
        nodes: tuple[Node, ...],
        input_id: int,
        output_ids: tuple[int, ...] | int,
        extra: Mapping[str, Any] | None = None,
        dialect: Dialect = CLASSIC,
    ) -> None:
        found = (output_ids,) if isinstance(output_ids, int) else tuple(output_ids)
        values = nodes, input_id, found, {} if extra is None else extra, dialect
        for name, value in zip(("nodes", "input_id", "output_ids", "extra", "dialect"), values, strict=True):
            object.__setattr__(self, name, value)

    def node(self, node_id: int) -> Node:
        """The node with an id.

        Args:
            node_id: The id; in a damaged graph not always its place, and of equal ids the first counts.

        Raises:
            UserError: There is none, or what is given is no id.
        """
        if not isinstance(node_id, int) or isinstance(node_id, bool) or node_id < 0:
            raise UserError(f"{node_id!r} is no node id: a whole number >= 0 is")
        if node_id < len(self.nodes) and self.nodes[node_id].id == node_id:
            return self.nodes[node_id]
        found = next((node for node in self.nodes if node.id == node_id), None)
        if found is None:
            raise UserError(f"the graph has no node {node_id}{self._ids()}")
        return found

    def _ids(self) -> str:
        ids = [node.id for node in self.nodes]
        return (
            f": its {len(ids)} nodes have ids from {min(ids)} to {max(ids)}" if ids else ": it has no nodes"
        )

    @property
    def output_id(self) -> int:
        """Id of the only output.

        Raises:
            UserError: There are several.
        """
        if len(self.output_ids) != 1:
            raise UserError(f"the graph has {len(self.output_ids)} outputs, and one is asked for")
        return self.output_ids[0]

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of the designated input.

        Raises:
            UserError: The graph is damaged: there is no such node, or it is tuple-valued.
        """
        return self._shape_of("input", self.input_id)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of the only output.

        Raises:
            UserError: As `input_shape`, or there are several outputs.
        """
        return self._shape_of("output", self.output_id)

    def _shape_of(self, end: str, node_id: int) -> tuple[int, ...]:
        try:
            node = self.node(node_id)
        except UserError as error:
            raise UserError(f"{end}_id: {error}") from error
        if node.shape is None:
            raise UserError(f"{end}_id: node {node.id} ({node.kind}) is tuple-valued and has no shape")
        return node.shape

    def input_shapes_agree(self) -> bool:
        """Whether all `input` nodes have one shape, as evaluation needs (semantics section 1)."""
        return len({node.shape for node in self._inputs()}) == 1

    def require_one_input_shape(self) -> None:
        """Refuse a graph whose `input` nodes, which all get the same tensor, have different shapes.

        Raises:
            UserError: They do.
        """
        inputs = self._inputs()
        for node in inputs[1:]:
            first = inputs[0]
            if node.shape != first.shape:
                raise UserError(
                    f"input nodes {first.id} and {node.id} have different shapes ({show_shape(first.shape or ())} and "
                    f"{show_shape(node.shape or ())}), but every input gets the same tensor"
                )

    def _inputs(self) -> list[Node]:
        return [node for node in self.nodes if node.kind == INPUT and node.tuple_shapes is None]
