"""Values of a graph: what an artifact says, free of text, positions and JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


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
    """

    id: int
    kind: str
    parents: tuple[int, ...]
    shape: tuple[int, ...] | None
    tuple_shapes: tuple[tuple[int, ...], ...] | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Graph:
    """A whole artifact.

    Attributes:
        nodes: All nodes; `nodes[i].id == i`.
        input_id: Id of the designated `input` node.
        output_id: Id of the designated output node.
        extra: Other fields of the root object (`captured_from`, `approximations`, …).
    """

    nodes: tuple[Node, ...]
    input_id: int
    output_id: int
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of the designated input."""
        shape = self.nodes[self.input_id].shape
        assert shape is not None, "an artifact without errors has a tensor-valued input"
        return shape

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of the designated output."""
        shape = self.nodes[self.output_id].shape
        assert shape is not None, "an artifact without errors has a tensor-valued output"
        return shape

    def input_shapes_agree(self) -> bool:
        """Whether all `input` nodes have one shape, as evaluation needs (semantics section 1)."""
        return (
            len({node.shape for node in self.nodes if node.kind == "input" and node.tuple_shapes is None})
            == 1
        )
