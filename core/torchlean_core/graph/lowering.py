"""Lowering of a graph to operators: one form for every dialect, projections of tuples become what they compute.

The result is what the interpreter runs, the emitter writes and the parameter store is laid out for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from torchlean_core.errors import UserError
from torchlean_core.graph.model import Graph, Node
from torchlean_core.graph.parameters import Absent, Parameter, Use
from torchlean_core.graph.payload import Payload, fields_of, in_words, payloads_of
from torchlean_core.graph.views import view_json
from torchlean_core.kinds import Call, Operator, Step
from torchlean_core.kinds import operators as ops
from torchlean_core.kinds.numbers import show

T = TypeVar("T")

_MAX_INT64 = 2**63 - 1


@dataclass(frozen=True, slots=True)
class TensorNode:
    """One tensor-valued node after lowering.

    Attributes:
        id: Tensor id: its place in `Program.nodes`.
        raw: Id of the artifact's node that it came from.
        operator: What it computes.
        parents: Tensor ids of the operands.
        shape: Shape of the result.
        fields: The operator's fields.
        params: Its payload by the operator's roles, in their order; None where the model has no such tensor.
        extra: The remaining extra fields of the artifact's node (`debug_target`, `source`).
        compact: Whether a grouped convolution's kernel is given without the zeros off its blocks.
    """

    id: int
    raw: int
    operator: Operator
    parents: tuple[int, ...]
    shape: tuple[int, ...]
    fields: Mapping[str, Any]
    params: Mapping[str, Use | None] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    compact: bool = False


@dataclass(frozen=True, slots=True)
class Program:
    """A lowered graph.

    Attributes:
        nodes: Tensor nodes in order; `nodes[i].id == i`.
        input_id: Tensor id of the designated input.
        output_ids: Tensor ids of the outputs, in order.
        graph: The graph it came from.
        without: Payload tensors that the model does not have, by the names they would have.
    """

    nodes: tuple[TensorNode, ...]
    input_id: int
    output_ids: tuple[int, ...]
    graph: Graph
    without: Mapping[str, Absent] = field(default_factory=dict)

    @property
    def output_id(self) -> int:
        """Tensor id of the only output.

        Raises:
            UserError: There are several.
        """
        if len(self.output_ids) != 1:
            raise UserError(f"the artifact has {len(self.output_ids)} outputs, and one is asked for")
        return self.output_ids[0]

    def with_output(self, place: int) -> Program:
        """The same program with one of its outputs alone.

        Raises:
            UserError: There is no such output.
        """
        if not 0 <= place < len(self.output_ids):
            raise UserError(f"there is no output {place}: outputs are 0..{len(self.output_ids) - 1}")
        return replace(self, output_ids=(self.output_ids[place],))

    def kind_of(self, node: TensorNode) -> str:
        """Kind of the artifact's node that a tensor node came from."""
        return self.graph.node(node.raw).kind

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
        """Tensor ids of the nodes that the outputs depend on."""
        reached = set(self.output_ids)
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
        return self._named(node, lambda: node.operator.expression(call))

    def layer_modules(self, node: TensorNode) -> tuple[str, ...] | None:
        """Source texts of the `torch.nn` modules that compute a node; None where it has no layer view.

        Raises:
            UserError: As `expression`.
        """
        view = node.operator.layer
        return None if view is None else self._named(node, lambda: view.modules(self._call(node, [], {})))

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
        return self._named(node, lambda: node.operator.batch_expression(call))

    def _call(self, node: TensorNode, args: list[str], params: Mapping[str, str]) -> Call:
        return Call(
            args=args,
            params={**dict.fromkeys(node.params, "None"), **params},
            fields=node.fields,
            parent_shapes=[self.nodes[parent].shape for parent in node.parents],
            shape=node.shape,
            id=node.id,
            absent=frozenset(role for role, use in node.params.items() if use is None),
            compact=node.compact,
        )

    def _named(self, node: TensorNode, text: Callable[[], T]) -> T:
        try:
            return text()
        except UserError as error:
            raise UserError(f"node {node.raw} ({self.kind_of(node)}): {error}") from error


def lower(graph: Graph, stored: Collection[str] = ()) -> Program:
    """Lower a graph to tensor nodes, numbered densely in order.

    Tuple-valued nodes go; a projection of `multihead_attention` becomes ten nodes, whose parameters are
    named after the attention node. Nothing is checked that lowering does not need: a graph that was read without
    validation is lowered with the shapes that it declares.

    Args:
        graph: The graph.
        stored: Names of tensors that there are beside it: those of nodes that can do without are theirs then.

    Raises:
        UserError: A dimension is larger than any tensor library can hold, or a damaged graph cannot be lowered: a
            node names no operand before it, is of no kind, or lacks a field.
    """
    _require_computable(graph)
    dialect = graph.dialect
    payloads, without = payloads_of(graph, stored)
    nodes: list[TensorNode] = []
    tensor_id: dict[int, int] = {}

    def add(raw: Node, step: Step, parents: list[int], params: Mapping[str, Use | None]) -> int:
        fields, compact = step.fields, False
        kernel = params.get("kernel")
        if kernel is not None and kernel.sparse is not None:
            fields, compact = _compacted(fields, kernel), True
        extra = {name: value for name, value in raw.extra.items() if name not in fields}
        nodes.append(
            TensorNode(
                len(nodes), raw.id, step.operator, tuple(parents), step.shape, fields, params, extra, compact
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
        with in_words(dialect, node):
            if node.kind == dialect.getitem.name:
                payload = payloads.get(node.parents[0], {})
                tensor_id[node.id] = _attention(graph, node, tensor_id, add, payload)
                continue
            kind = dialect.tensor_kinds[node.kind]
            values = operands(node)
            shapes = [nodes[value].shape for value in values]
            params: Mapping[str, Use | None] = payloads.get(node.id, {})
            for step in kind.steps(fields_of(node, kind.extras), shapes, node.shape):
                values, params = [add(node, step, values, params)], {}
            (tensor_id[node.id],) = values
    if graph.input_id not in tensor_id:
        raise UserError(f"input_id: node {graph.input_id} is no tensor-valued node of the graph")
    for output in graph.output_ids:
        if output not in tensor_id:
            raise UserError(f"{dialect.output_field}: node {output} is no tensor-valued node of the graph")
    outputs = tuple(tensor_id[output] for output in graph.output_ids)
    return Program(tuple(nodes), tensor_id[graph.input_id], outputs, graph, without)


def _compacted(fields: Mapping[str, Any], kernel: Use) -> dict[str, Any]:
    """The fields of the grouped or dilated convolution that a dense kernel stands for."""
    assert kernel.sparse is not None
    _, groups, dilation = kernel.sparse
    marked = any(step != 1 for step in dilation)
    size = tuple((k - 1) // d + 1 for k, d in zip(fields["kernel"], dilation, strict=True))
    spread = dilation if marked else fields["dilation"]
    return {**fields, "groups": groups, "dilation": spread, "kernel": size}


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
        result: int = add(projection, Step(ops.LINEAR, {}, full), [source], params)
        return result

    def step(operator: Operator, shape: tuple[int, ...], parents: list[int], **fields: Any) -> int:
        result: int = add(projection, Step(operator, fields, shape), parents, {})
        return result

    q, k, v = (linear(role, x) for role in ("q", "k", "v"))
    k_transposed = step(ops.TRANSPOSE, (batch, embed, seq), [k], axis1=1, axis2=2)
    raw_scores = step(ops.MATMUL, scores, [q, k_transposed])
    scale = add(projection, Step(ops.CONST, {}, scores), [], {"value": payload["scale"]})
    scaled = step(ops.MUL, scores, [raw_scores, scale])
    weights = step(ops.SOFTMAX, scores, [scaled], axis=2)
    mixed = step(ops.MATMUL, full, [weights, v])
    return linear("out", mixed)
