"""Lowering of a graph to tensor nodes: projections of tuples become what they compute (ir-v1 section 5).

The result is what the interpreter runs, the emitter writes and the parameter store is laid out for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from torchlean_core.errors import UserError
from torchlean_core.graph.identity import PLAIN, Claim, Identity, Tensors, identities
from torchlean_core.graph.model import Graph, Node
from torchlean_core.graph.views import View, source, view_json
from torchlean_core.kinds import TENSOR_KINDS, TUPLE_GETITEM, Call, Kind
from torchlean_core.kinds.code import structure
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
        node: Raw id of the artifact's node that it belongs to: its first use.
        kind: Kind of the tensor node that it feeds.
        model: Its name in the model that was captured; None where that is not known.
        derived: Names of the model's parameters that it was computed from.
        is_kept: Whether the artifact says that it is not trainable: initialization keeps its value.
    """

    name: str
    role: str
    shape: tuple[int, ...]
    trainable: bool
    node: int
    kind: str
    model: str | None = None
    derived: tuple[str, ...] = ()
    is_kept: bool = False

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
class Absent:
    """A payload tensor that the model does not have.

    Attributes:
        parameter: What it would be.
        neutral: What its elements are in files, for readers that need one.
    """

    parameter: Parameter
    neutral: float


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a stored tensor as a node's payload.

    Attributes:
        name: Name of the use (`linear_5_W`), which is the tensor's own where it is the first.
        shape: Its shape.
        parameter: The stored tensor.
        view: How it is made of that.
        fixed: Whether no gradient goes through this use of a tensor that other uses train.
        sparse: The convolution that it is a dense kernel of: its kernel's view, groups and dilation; None where
            the kernel is its own. Everything that computes takes this form.
    """

    name: str
    shape: tuple[int, ...]
    parameter: Parameter
    view: View = ()
    fixed: bool = False
    sparse: tuple[View, int, tuple[int, int]] | None = None

    @property
    def computed(self) -> View:
        """The view that is computed: without what makes a kernel dense."""
        return self.view if self.sparse is None else self.sparse[0]

    def expression(self, tensor: str) -> str:
        """Source text of the torch expression that makes it of the stored tensor, whose text is given."""
        return source(self.computed, f"{tensor}.detach()" if self.fixed else tensor)


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
                fields = self.graph.nodes[parameter.node].fields
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
    """Lower a graph without errors to tensor nodes, numbered densely in order.

    Tuple-valued nodes go; a projection of `multihead_attention` becomes ten nodes, whose parameters are
    named after the attention node.

    Raises:
        UserError: A dimension is larger than any tensor library can hold.
    """
    _require_computable(graph)
    payloads, without = _payloads(graph)
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

    for node in graph.nodes:
        if node.shape is None:
            continue
        if node.kind == TUPLE_GETITEM.name:
            payload = payloads[node.parents[0]]
            tensor_id[node.id] = _attention(graph, node, tensor_id, add, payload)
            continue
        parents = [tensor_id[parent] for parent in node.parents]
        tensor_id[node.id] = add(node, node.kind, parents, node.shape, node.fields, payloads.get(node.id, {}))
    return Program(tuple(nodes), tensor_id[graph.input_id], tensor_id[graph.output_id], graph, without)


def _require_computable(graph: Graph) -> None:
    """The format has naturals of any size; what is computed has 64 bits."""
    for node in graph.nodes:
        largest = max(node.shape or (), default=0)
        if largest > _MAX_INT64:
            raise UserError(
                f"node {node.id} ({node.kind}): dimension {show(largest)} is too large to compute with"
            )


@dataclass(frozen=True, slots=True)
class _Slot:
    """A place for a payload tensor.

    Attributes:
        role: Key of the node's `parameters`.
        name: Name of the use.
        shape: Its shape.
        trainable: Whether it trains where the artifact does not say.
        kind: Kind of the tensor node that it feeds.
        inner: Role within that tensor node.
        neutral: What its elements are where the model has no such tensor; None where there must be one.
        marked: Whether the node itself says that it is not trainable.
    """

    role: str
    name: str
    shape: tuple[int, ...]
    trainable: bool
    kind: str
    inner: str
    neutral: float | None = None
    marked: bool = False


Payload = dict[str, Use | None]


def _payloads(graph: Graph) -> tuple[dict[int, Payload], dict[str, Absent]]:
    """The payload of every node by role, and what the model does not have.

    Raises:
        UserError: The field `parameters` of a node is malformed, or uses of one tensor do not fit together.
    """
    slots = {node.id: _slots(graph, node) for node in graph.nodes}
    tensors = Tensors()
    claims: dict[str, Claim] = {}
    for node in graph.nodes:
        said = identities(node)
        own = [_claim(node, slot, said.get(slot.role, PLAIN)) for slot in slots[node.id]]
        claims.update((claim.use, claim) for claim in own)
        tensors.add(claim for claim in own if not claim.identity.absent)
    payloads: dict[int, Payload] = {}
    without: dict[str, Absent] = {}
    for node in graph.nodes:
        payload: Payload = {}
        for slot in slots[node.id]:
            claim = claims[slot.name]
            if claim.identity.absent:
                parameter = Parameter(slot.name, slot.inner, slot.shape, False, node.id, slot.kind)
                without[slot.name] = Absent(parameter, slot.neutral or 0.0)
                payload[slot.role] = None
            else:
                payload[slot.role] = _use(tensors, claims, slots, slot, claim)
        if payload:
            payloads[node.id] = payload
    return payloads, without


def _claim(node: Node, slot: _Slot, identity: Identity) -> Claim:
    if identity.absent and slot.neutral is None:
        raise UserError(f"TL502 node {node.id} ({node.kind}): `parameters`: {slot.role} cannot be absent")
    trainable = slot.trainable and not identity.absent
    if identity.trainable is not None and slot.trainable:
        trainable = identity.trainable
    marked = slot.marked or identity.trainable is False
    return Claim(slot.name, node, slot.shape, identity, trainable, marked)


def _use(
    tensors: Tensors, claims: Mapping[str, Claim], slots: Mapping[int, list[_Slot]], slot: _Slot, claim: Claim
) -> Use:
    name, shape, trainable, marked = tensors.stored(claim)
    first = claims[name]
    owner = next(one for one in slots[first.node.id] if one.name == name)
    identity = claim.identity
    parameter = Parameter(
        name,
        owner.inner,
        shape,
        trainable,
        first.node.id,
        owner.kind,
        identity.name,
        first.identity.derived,
        marked and not trainable,
    )
    sparse = _sparse(claim.node, identity.view) if slot.kind == "conv2d" else None
    return Use(claim.use, claim.shape, parameter, identity.view, trainable and not claim.trainable, sparse)


def _sparse(node: Node, view: View) -> tuple[View, int, tuple[int, int]] | None:
    """The end of a view that makes a kernel dense, as the marks `groups` and `dilation` of its node say it."""
    if not view or not ({"groups", "dilation"} & set(node.extra)):
        return None
    try:
        groups, dilation = structure({**node.fields, **node.extra})
    except UserError as error:
        raise UserError(f"node {node.id} ({node.kind}): {error}") from error
    rest = view
    if dilation != (1, 1):
        if rest[-1].name != "embed" or rest[-1].value[1:] != ((0, 0, 0, 0), (1, 1, *dilation)):
            return None
        rest = rest[:-1]
    if groups != 1:
        if not rest or (rest[-1].name, rest[-1].value) != ("blocks", groups):
            return None
        rest = rest[:-1]
    return rest, groups, dilation


def _slots(graph: Graph, node: Node) -> list[_Slot]:
    """Places for the payload tensors of a node, in the order of its kind's entry."""
    if node.kind == TUPLE_GETITEM.name:
        return []
    if node.shape is None:
        return _attention_slots(graph, node)
    kind = TENSOR_KINDS[node.kind]
    shapes = [graph.nodes[parent].shape or () for parent in node.parents]
    trainable = node.extra.get("trainable") is not False or "trainable" not in kind.extras
    return [
        _Slot(
            spec.role,
            kind.param_name(spec, node.id),
            spec.shape(node.fields, shapes, node.shape),
            spec.trainable and trainable,
            kind.name,
            spec.role,
            spec.neutral,
            spec.trainable and not trainable,
        )
        for spec in kind.params
    ]


def _attention_slots(graph: Graph, attention: Node) -> list[_Slot]:
    """Those of an attention that is projected: four projections, and the scale of the scores."""
    shape = next(
        (n.shape for n in graph.nodes if n.kind == TUPLE_GETITEM.name and n.parents[0] == attention.id), None
    )
    if shape is None:
        return []
    batch, seq, embed = shape
    found = []
    for role in ("q", "k", "v", "out"):
        name = f"mha_{attention.id}_{role}"
        found.append(_Slot(f"{role}_W", f"{name}_W", (embed, embed), True, "linear", "W"))
        if attention.fields.get("bias", True):
            found.append(_Slot(f"{role}_b", f"{name}_b", (embed,), True, "linear", "b", neutral=0.0))
    scale = f"mha_{attention.id}_scale"
    found.append(_Slot("scale", scale, (batch, seq, seq), False, "const", "value"))
    return found


def _attention(graph: Graph, projection: Node, tensor_id: dict[int, int], add: Any, payload: Payload) -> int:
    """The ten nodes of a single-head self-attention; returns the tensor id of the result."""
    attention = graph.nodes[projection.parents[0]]
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
