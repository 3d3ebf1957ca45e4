"""The payload of every node: which tensors it has, what the artifact says of them, and which uses share one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from torchlean_core.errors import UserError
from torchlean_core.graph.identity import PLAIN, Claim, Identity, Tensors, identities
from torchlean_core.graph.model import Graph, Node
from torchlean_core.graph.parameters import Absent, Parameter, Use
from torchlean_core.graph.views import View
from torchlean_core.kinds import TENSOR_KINDS, TUPLE_GETITEM
from torchlean_core.kinds.code import structure


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


def payloads_of(graph: Graph) -> tuple[dict[int, Payload], dict[str, Absent]]:
    """The payload of every node by role, and what the model does not have.

    Raises:
        UserError: The field `parameters` of a node is malformed, or uses of one tensor do not fit together.
    """
    slots: dict[int, list[_Slot]] = {}
    for node in graph.nodes:
        if node.shape is None:
            slots[node.id] = _attention_slots(graph, node)
        else:
            with in_words(node):
                slots[node.id] = _slots(graph, node)
    tensors = Tensors()
    claims: dict[str, Claim] = {}
    for node in graph.nodes:
        said = identities(node)
        roles = [slot.role for slot in slots[node.id]]
        if roles and (unknown := next((role for role in said if role not in roles), None)):
            raise UserError(
                f"TL502 node {node.id} ({node.kind}): `parameters`: there is no {unknown}; there are {', '.join(roles)}"
            )
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
    assert node.shape is not None, "of a tensor-valued node"
    kind = TENSOR_KINDS[node.kind]
    if not kind.params:
        return []
    shapes = [graph.node(parent).shape or () for parent in node.parents]
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
        (n.shape for n in graph.nodes if n.kind == TUPLE_GETITEM.name and n.parents[:1] == (attention.id,)),
        None,
    )
    if shape is None or len(shape) != 3:
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


@contextmanager
def in_words(node: Node) -> Iterator[None]:
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
