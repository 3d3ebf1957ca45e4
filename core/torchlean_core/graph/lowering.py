"""Lowering of a graph to tensor nodes: projections of tuples become what they compute (ir-v1 section 5).

The result is what the interpreter runs, the emitter writes and the parameter store is laid out for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from torchlean_core.errors import UserError
from torchlean_core.graph.model import Graph, Node
from torchlean_core.graph.parameters import Absent, Parameter, Use
from torchlean_core.graph.payload import Payload, in_words, payloads_of
from torchlean_core.graph.views import view_json
from torchlean_core.kinds import TENSOR_KINDS, TUPLE_GETITEM, Call, Kind
from torchlean_core.kinds.numbers import show

T = TypeVar("T")

_MAX_INT64 = 2**63 - 1


@dataclass(frozen=True, slots=True)
class TensorNode:
    """One tensor-valued node after lowering.

    Attributes:
        id: Tensor id: its place in `Program.nodes`.
        raw: Id of the artifact's node that it came from.
        kind: Its entry in the kind table.
        parents: Tensor ids of the operands.
        shape: Shape of the result.
        fields: The kind's own fields and the extra fields that mean something (`Kind.extras`).
        params: Its payload, in the order of the kind's entry; None where the model has no such tensor.
        extra: The remaining extra fields of the artifact's node (`debug_target`, `source`).
    """

    id: int
    raw: int
    kind: Kind
    parents: tuple[int, ...]
    shape: tuple[int, ...]
    fields: Mapping[str, Any]
    params: Mapping[str, Use | None] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Program:
    """A lowered graph.

    Attributes:
        nodes: Tensor nodes in order; `nodes[i].id == i`.
        input_id: Tensor id of the designated input.
        output_id: Tensor id of the output.
        graph: The graph it came from.
        without: Payload tensors that the model does not have, by the names they would have.
    """

    nodes: tuple[TensorNode, ...]
    input_id: int
    output_id: int
    graph: Graph
    without: Mapping[str, Absent] = field(default_factory=dict)

    def parameters(self) -> list[Parameter]:
        """The stored tensors of the whole program, in the order of their first uses."""
        found: dict[str, Parameter] = {}
        for use in self.uses():
            found.setdefault(use.parameter.name, use.parameter)
        return list(found.values())

    def uses(self) -> list[Use]:
        """The uses of stored tensors, in node order."""
        return [use for node in self.nodes for use in node.params.values() if use is not None]

    def training_differs(self) -> list[str]:
        """Why training is another thing here than in the model that the graph was captured from (TL407), in words."""
        entries = self.graph.extra.get("training_differs")
        found = [
            entry["reason"]
            for entry in (entries if isinstance(entries, list) else [])
            if isinstance(entry, dict) and isinstance(entry.get("reason"), str)
        ]
        if found:
            return found
        return [
            f"{one.name} was computed from {', '.join(one.derived)}"
            for one in self.parameters()
            if one.derived
        ]

    def further_uses(self) -> dict[str, dict[str, Any]]:
        """Uses of tensors that are stored under another name, or in another form: that name, and the view."""
        return {
            use.name: {"stored": use.parameter.name, **({"view": view_json(use.view)} if use.view else {})}
            for use in self.uses()
            if use.name != use.parameter.name or use.view
        }

    def attention_scales(self) -> dict[str, float]:
        """1/√(embed_dim/num_heads) for every attention scale, by name (semantics section 2)."""
        scales = {}
        for parameter in self.parameters():
            if parameter.is_attention_scale:
                fields = self.graph.node(parameter.node).fields
                size = fields["embed_dim"] / fields["num_heads"]
                scales[parameter.name] = 1.0 / math.sqrt(size) if size else 0.0
        return scales

    def live(self) -> set[int]:
        """Tensor ids of the nodes that the output depends on."""
        reached = {self.output_id}
        for node in reversed(self.nodes):
            if node.id in reached:
                reached.update(node.parents)
        return reached

    def expression(self, node: TensorNode, args: list[str], params: Mapping[str, str]) -> str:
        """Source text of the torch expression that computes a node.

        Args:
            node: One of this program's nodes.
            args: Source text of its operands.
            params: Source text of its parameters by role; roles left out of the payload are `None`. The
                role `like` is a tensor that generators take dtype and device from.

        Raises:
            UserError: A field that the checker leaves alone (`eps`) has no meaning.
        """
        call = self._call(node, args, params)
        return _named(node, lambda: node.kind.expression(call))

    def layer_modules(self, node: TensorNode) -> tuple[str, ...] | None:
        """Source texts of the `torch.nn` modules that compute a node; None where it has no layer view.

        Raises:
            UserError: As `expression`.
        """
        view = node.kind.layer
        return None if view is None else _named(node, lambda: view.modules(self._call(node, [], {})))

    def batch_expression(
        self,
        node: TensorNode,
        args: list[str],
        params: Mapping[str, str],
        batched: list[bool],
        lead: int,
    ) -> str | None:
        """Source text of the expression that computes a node for a batch; None where its kind has none.

        Args:
            node: As for `expression`.
            args: As for `expression`.
            params: As for `expression`.
            batched: Which operands carry the batch.
            lead: Axes that the batch adds in front, 1 or 0 (see `kinds.batched`).

        Raises:
            UserError: As `expression`.
        """
        call = replace(self._call(node, args, params), batched=batched, lead=lead)
        return _named(node, lambda: node.kind.batch_expression(call))

    def _call(self, node: TensorNode, args: list[str], params: Mapping[str, str]) -> Call:
        return Call(
            args=args,
            params={**dict.fromkeys(node.params, "None"), **params},
            fields=node.fields,
            parent_shapes=[self.nodes[parent].shape for parent in node.parents],
            shape=node.shape,
            id=node.id,
            absent=frozenset(role for role, use in node.params.items() if use is None),
            sparse=next((use.sparse[1:] for use in node.params.values() if use and use.sparse), None),
        )


def _named(node: TensorNode, text: Callable[[], T]) -> T:
    try:
        return text()
    except UserError as error:
        raise UserError(f"node {node.raw} ({node.kind.name}): {error}") from error


def lower(graph: Graph) -> Program:
    """Lower a graph to tensor nodes, numbered densely in order.

    Tuple-valued nodes go; a projection of `multihead_attention` becomes ten nodes, whose parameters are
    named after the attention node. Nothing is checked that lowering does not need: a graph that was read without
    validation is lowered with the shapes that it declares.

    Raises:
        UserError: A dimension is larger than any tensor library can hold, or a damaged graph cannot be lowered: a
            node names no operand before it, is of no kind, or lacks a field.
    """
    _require_computable(graph)
    payloads, without = payloads_of(graph)
    nodes: list[TensorNode] = []
    tensor_id: dict[int, int] = {}

    def add(
        raw: Node,
        kind: str,
        parents: list[int],
        shape: tuple[int, ...],
        fields: Mapping[str, Any],
        params: Mapping[str, Use | None],
    ) -> int:
        meaningful = {name: raw.extra[name] for name in TENSOR_KINDS[kind].extras if name in raw.extra}
        nodes.append(
            TensorNode(
                len(nodes),
                raw.id,
                TENSOR_KINDS[kind],
                tuple(parents),
                shape,
                {**fields, **meaningful},
                params,
                {name: value for name, value in raw.extra.items() if name not in meaningful},
            )
        )
        return len(nodes) - 1

    def operands(node: Node) -> list[int]:
        unknown = next((parent for parent in node.parents if parent not in tensor_id), None)
        if unknown is not None:
            raise UserError(f"its operand {unknown} is no tensor-valued node before it")
        return [tensor_id[parent] for parent in node.parents]

    for node in graph.nodes:
        if node.shape is None:
            continue
        with in_words(node):
            if node.kind == TUPLE_GETITEM.name:
                payload = payloads.get(node.parents[0], {})
                tensor_id[node.id] = _attention(graph, node, tensor_id, add, payload)
                continue
            parents = operands(node)
            params = payloads.get(node.id, {})
            tensor_id[node.id] = add(node, node.kind, parents, node.shape, node.fields, params)
    ends = {"input_id": graph.input_id, "output_id": graph.output_id}
    for name, end in ends.items():
        if end not in tensor_id:
            raise UserError(f"{name}: node {end} is no tensor-valued node of the graph")
    return Program(tuple(nodes), tensor_id[graph.input_id], tensor_id[graph.output_id], graph, without)


def _require_computable(graph: Graph) -> None:
    """The format has naturals of any size; what is computed has 64 bits."""
    for node in graph.nodes:
        largest = max(node.shape or (), default=0)
        if largest > _MAX_INT64:
            raise UserError(
                f"node {node.id} ({node.kind}): dimension {show(largest)} is too large to compute with"
            )


def _attention(graph: Graph, projection: Node, tensor_id: dict[int, int], add: Any, payload: Payload) -> int:
    """The ten nodes of a single-head self-attention; returns the tensor id of the result."""
    attention = graph.node(projection.parents[0])
    if attention.tuple_shapes is None or attention.parents[0] not in tensor_id:
        raise UserError(f"its operand {attention.id} is no attention over a tensor before it")
    x = tensor_id[attention.parents[0]]
    assert projection.shape is not None
    batch, seq, embed = projection.shape
    full, scores = (batch, seq, embed), (batch, seq, seq)

    def linear(role: str, source: int) -> int:
        params = {"W": payload[f"{role}_W"], "b": payload.get(f"{role}_b")}
        result: int = add(projection, "linear", [source], full, {}, params)
        return result

    q, k, v = (linear(role, x) for role in ("q", "k", "v"))
    k_transposed = add(projection, "transpose3d_last_two", [k], (batch, embed, seq), {}, {})
    raw_scores = add(projection, "matmul", [q, k_transposed], scores, {}, {})
    scale = add(projection, "const", [], scores, {}, {"value": payload["scale"]})
    scaled = add(projection, "mul_elem", [raw_scores, scale], scores, {}, {})
    weights = add(projection, "softmax", [scaled], scores, {"axis": 2}, {})
    mixed = add(projection, "matmul", [weights, v], full, {}, {})
    return linear("out", mixed)
