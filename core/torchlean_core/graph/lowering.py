"""Lowering of a graph to tensor nodes: projections of tuples become what they compute (ir-v1 section 5).

The result is what the interpreter runs, the emitter writes and the parameter store is laid out for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from torchlean_core.errors import UserError
from torchlean_core.graph.model import Graph, Node
from torchlean_core.kinds import TENSOR_KINDS, TUPLE_GETITEM, Call, Kind
from torchlean_core.kinds.numbers import show, show_shape

T = TypeVar("T")

_MAX_INT64 = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Parameter:
    """One tensor of the parameter store.

    Attributes:
        name: Its name in the store, in generated code and in messages (`linear_3_W`).
        role: Short name within its node (`W`, `kernel`, `value`).
        shape: Its shape.
        trainable: Whether training may change it and initialization may set it.
        node: Raw id of the artifact's node that it belongs to.
        kind: Kind of the tensor node that it feeds.
    """

    name: str
    role: str
    shape: tuple[int, ...]
    trainable: bool
    node: int
    kind: str

    @property
    def owner(self) -> str:
        """The artifact's node it belongs to, in words: `node 3 (linear)`."""
        kind = "multihead_attention" if self.name.startswith("mha_") else self.kind
        return f"node {self.node} ({kind})"

    @property
    def is_attention_scale(self) -> bool:
        """Whether it is `mha_<id>_scale`, whose value follows from the attention's fields."""
        return self.kind == "const" and self.name == f"mha_{self.node}_scale"

    @property
    def missing(self) -> str:
        """The message where it is missing."""
        return f"{self.owner}: {self.name} {show_shape(self.shape)} is missing"


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
        params: Its payload, in the order of the kind's entry; None where a bias is left out.
        extra: The remaining extra fields of the artifact's node (`debug_target`, `source`).
    """

    id: int
    raw: int
    kind: Kind
    parents: tuple[int, ...]
    shape: tuple[int, ...]
    fields: Mapping[str, Any]
    params: Mapping[str, Parameter | None] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Program:
    """A lowered graph.

    Attributes:
        nodes: Tensor nodes in order; `nodes[i].id == i`.
        input_id: Tensor id of the designated input.
        output_id: Tensor id of the output.
        graph: The graph it came from.
    """

    nodes: tuple[TensorNode, ...]
    input_id: int
    output_id: int
    graph: Graph

    def parameters(self) -> list[Parameter]:
        """The payload of the whole program, in node order, each tensor once."""
        found: dict[str, Parameter] = {}
        for node in self.nodes:
            for parameter in node.params.values():
                if parameter is not None:
                    found.setdefault(parameter.name, parameter)
        return list(found.values())

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
    nodes: list[TensorNode] = []
    tensor_id: dict[int, int] = {}

    def add(
        raw: Node,
        kind: str,
        parents: list[int],
        shape: tuple[int, ...],
        fields: Mapping[str, Any],
        params: Mapping[str, Parameter | None],
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
        with _words(node):
            if node.kind == TUPLE_GETITEM.name:
                tensor_id[node.id] = _attention(graph, node, tensor_id, add)
                continue
            parents = operands(node)
            params = _payload(node, [nodes[parent].shape for parent in parents])
            tensor_id[node.id] = add(node, node.kind, parents, node.shape, node.fields, params)
    ends = {"input_id": graph.input_id, "output_id": graph.output_id}
    for name, end in ends.items():
        if end not in tensor_id:
            raise UserError(f"{name}: node {end} is no tensor-valued node of the graph")
    return Program(tuple(nodes), tensor_id[graph.input_id], tensor_id[graph.output_id], graph)


@contextmanager
def _words(node: Node) -> Iterator[None]:
    """Around the lowering of a node: says which node of a damaged graph cannot be lowered, and why."""
    where = f"node {node.id} ({node.kind})"
    if node.kind != TUPLE_GETITEM.name and node.kind not in TENSOR_KINDS:
        raise UserError(f"{where}: unknown kind")
    try:
        yield
    except UserError as error:
        raise UserError(f"{where}: {error}") from error
    except (KeyError, IndexError, TypeError, ValueError, ZeroDivisionError) as error:
        what = (
            f"`{error.args[0]}` is missing"
            if isinstance(error, KeyError)
            else "fields or operands do not fit it"
        )
        raise UserError(f"{where}: it cannot be lowered: {what}") from error


def _require_computable(graph: Graph) -> None:
    """The format has naturals of any size; what is computed has 64 bits."""
    for node in graph.nodes:
        largest = max(node.shape or (), default=0)
        if largest > _MAX_INT64:
            raise UserError(
                f"node {node.id} ({node.kind}): dimension {show(largest)} is too large to compute with"
            )


def _payload(node: Node, parent_shapes: list[tuple[int, ...]]) -> dict[str, Parameter | None]:
    kind = TENSOR_KINDS[node.kind]
    assert node.shape is not None
    trainable = node.extra.get("trainable") is not False
    return {
        spec.role: Parameter(
            kind.param_name(spec, node.id),
            spec.role,
            spec.shape(node.fields, parent_shapes, node.shape),
            spec.trainable and (trainable or "trainable" not in kind.extras),
            node.id,
            kind.name,
        )
        for spec in kind.params
    }


def _attention(graph: Graph, projection: Node, tensor_id: dict[int, int], add: Any) -> int:
    """The ten nodes of a single-head self-attention; returns the tensor id of the result."""
    attention = graph.node(projection.parents[0])
    if attention.tuple_shapes is None or attention.parents[0] not in tensor_id:
        raise UserError(f"its operand {attention.id} is no attention over a tensor before it")
    x = tensor_id[attention.parents[0]]
    assert projection.shape is not None
    batch, seq, embed = projection.shape
    full, scores = (batch, seq, embed), (batch, seq, seq)
    has_bias = attention.fields.get("bias", True)

    def linear(role: str, source: int) -> int:
        def parameter(suffix: str, shape: tuple[int, ...]) -> Parameter:
            name = f"mha_{attention.id}_{role}_{suffix}"
            return Parameter(name, suffix, shape, True, attention.id, "linear")

        params = {"W": parameter("W", (embed, embed)), "b": parameter("b", (embed,)) if has_bias else None}
        result: int = add(projection, "linear", [source], full, {}, params)
        return result

    q, k, v = (linear(role, x) for role in ("q", "k", "v"))
    k_transposed = add(projection, "transpose3d_last_two", [k], (batch, embed, seq), {}, {})
    raw_scores = add(projection, "matmul", [q, k_transposed], scores, {}, {})
    value = Parameter(f"mha_{attention.id}_scale", "value", scores, False, attention.id, "const")
    scale = add(projection, "const", [], scores, {}, {"value": value})
    scaled = add(projection, "mul_elem", [raw_scores, scale], scores, {}, {})
    weights = add(projection, "softmax", [scaled], scores, {"axis": 2}, {})
    mixed = add(projection, "matmul", [weights, v], full, {}, {})
    return linear("out", mixed)
