"""The payload of every node: which tensors it has, what the artifact says of them, and which uses share one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torchlean_core.errors import UserError
from torchlean_core.graph.identity import PLAIN, Claim, Identity, Tensors, identities
from torchlean_core.graph.model import Graph, Node
from torchlean_core.graph.parameters import Absent, Parameter, Use
from torchlean_core.graph.views import View
from torchlean_core.kinds import Dialect, Operator, ParamSpec, Step
from torchlean_core.kinds.code import structure
from torchlean_core.kinds.operators import CONST, CONV, LINEAR
from torchlean_core.kinds.spec import payload_name
from torchlean_core.text.numbers import Numbers, numbers_of


@dataclass(frozen=True, slots=True)
class _Slot:
    """A place for a payload tensor.

    Attributes:
        spec: Its entry.
        key: What lowering calls it: the operator's role, or for an attention the last part of its name.
        name: Name of the use.
        shape: Its shape.
        trainable: Whether it trains where the artifact does not say.
        operator: What it is an operand of.
        marked: Whether the node itself says that it is not trainable.
        inline: What the node holds of it.
        step: The first step of the node.
    """

    spec: ParamSpec
    key: str
    name: str
    shape: tuple[int, ...]
    trainable: bool
    operator: Operator
    marked: bool = False
    inline: Numbers | None = None
    step: Step | None = None

    @property
    def is_scale(self) -> bool:
        """Whether it is an attention's scale, one number in every cell."""
        return self.operator is CONST and self.key != self.spec.inner


Payload = dict[str, Use | None]


def payloads_of(graph: Graph, stored: Collection[str] = ()) -> tuple[dict[int, Payload], dict[str, Absent]]:
    """The payload of every node by role, and what the model does not have; arguments as for `lower`.

    Raises:
        UserError: The field `parameters` of a node is malformed, or uses of one tensor do not fit together.
    """
    slots: dict[int, list[_Slot]] = {}
    projected = _projected(graph)
    said = {node.id: identities(node) for node in graph.nodes}
    for node in graph.nodes:
        if node.shape is None:
            slots[node.id] = _attention_slots(graph.dialect, node, projected.get(node.id))
        else:
            with in_words(graph.dialect, node):
                slots[node.id] = _slots(graph, node, said[node.id], stored)
    tensors = Tensors()
    claims: dict[str, Claim] = {}
    for node in graph.nodes:
        roles = [slot.spec.role for slot in slots[node.id]]
        if roles and (unknown := next((role for role in said[node.id] if role not in roles), None)):
            raise UserError(
                f"TL502 node {node.id} ({node.kind}): `parameters`: there is no {unknown}; there are {', '.join(roles)}"
            )
        own = [_claim(node, slot, said[node.id].get(slot.spec.role, PLAIN)) for slot in slots[node.id]]
        claims.update((claim.use, claim) for claim in own)
        tensors.add(claim for claim in own if not claim.identity.absent)
    payloads: dict[int, Payload] = {}
    without: dict[str, Absent] = {}
    for node in graph.nodes:
        payload: Payload = {}
        for slot in slots[node.id]:
            claim = claims[slot.name]
            if claim.identity.absent:
                parameter = Parameter(
                    slot.name, slot.spec.inner, slot.shape, False, node.id, node.kind, slot.operator
                )
                without[slot.name] = Absent(parameter, slot.spec.neutral or 0.0)
                payload[slot.key] = None
            else:
                payload[slot.key] = _use(tensors, claims, slots, slot, claim)
        if payload:
            payloads[node.id] = payload
    return payloads, without


def _claim(node: Node, slot: _Slot, identity: Identity) -> Claim:
    if identity.absent and slot.spec.neutral is None:
        raise UserError(
            f"TL502 node {node.id} ({node.kind}): `parameters`: {slot.spec.role} cannot be absent"
        )
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
        owner.spec.inner,
        shape,
        trainable,
        first.node.id,
        first.node.kind,
        owner.operator,
        identity.name,
        first.identity.derived,
        marked and not trainable,
        owner.is_scale,
    )
    is_kernel = slot.operator is CONV and slot.step is not None
    sparse = _sparse(claim.node, slot.step, identity.view) if is_kernel and slot.step else None
    fixed = trainable and not claim.trainable
    return Use(claim.use, claim.shape, parameter, identity.view, fixed, sparse, slot.inline)


def _sparse(node: Node, step: Step, view: View) -> tuple[View, int, tuple[int, ...]] | None:
    """The end of a view that makes a kernel dense, as the marks of its operator say it."""
    if not view or not step.fields["marks"]:
        return None
    try:
        groups, dilation = structure(step.fields)
    except UserError as error:
        raise UserError(f"node {node.id} ({node.kind}): {error}") from error
    rest = view
    if any(step != 1 for step in dilation):
        starts, steps = (0,) * (2 + len(dilation)), (1, 1, *dilation)
        if rest[-1].name != "embed" or rest[-1].value[1:] != (starts, steps):
            return None
        rest = rest[:-1]
    if groups != 1:
        if not rest or (rest[-1].name, rest[-1].value) != ("blocks", groups):
            return None
        rest = rest[:-1]
    return rest, groups, dilation


def _slots(graph: Graph, node: Node, said: Mapping[str, Identity], stored: Collection[str]) -> list[_Slot]:
    """Places for the payload tensors of a node, in the order of its kind's entry."""
    dialect = graph.dialect
    if node.kind == dialect.getitem.name:
        return []
    assert node.shape is not None, "of a tensor-valued node"
    kind = dialect.tensor_kinds[node.kind]
    specs = [
        spec
        for spec in kind.params
        if not spec.optional
        or any(
            one.role in node.inline or one.role in said or kind.param_name(one, node.id) in stored
            for one in kind.params
        )
    ]
    if not specs:
        return []
    shapes = [graph.node(parent).shape or () for parent in node.parents]
    trainable = node.extra.get("trainable") is not False or "trainable" not in kind.extras
    step = kind.steps(fields_of(node, kind.extras), shapes, node.shape)[0]
    return [
        _Slot(
            spec,
            spec.inner,
            kind.param_name(spec, node.id),
            spec.shape(node.fields, shapes, node.shape),
            spec.trainable and trainable,
            kind.operator,
            spec.trainable and not trainable,
            numbers_of(node.inline[spec.role]) if spec.role in node.inline else None,
            step,
        )
        for spec in specs
    ]


def fields_of(node: Node, extras: tuple[str, ...]) -> dict[str, Any]:
    """A node's own fields, with those of its extra and inline ones that its kind gives a meaning."""
    found = dict(node.fields)
    for name in extras:
        if name in node.inline:
            found[name] = node.inline[name]
        elif name in node.extra:
            found[name] = node.extra[name]
    return found


def _projected(graph: Graph) -> dict[int, tuple[int, ...]]:
    """Shape of the first projection of each tuple."""
    found: dict[int, tuple[int, ...]] = {}
    for node in graph.nodes:
        if node.kind == graph.dialect.getitem.name and node.parents and node.shape is not None:
            found.setdefault(node.parents[0], node.shape)
    return found


def _attention_slots(dialect: Dialect, attention: Node, shape: tuple[int, ...] | None) -> list[_Slot]:
    """Those of an attention that is projected: four projections, and the scale of the scores."""
    kind = dialect.tuple_kinds.get(attention.kind)
    if kind is None or shape is None or len(shape) != 3:
        return []
    has_bias = attention.fields.get("bias", True)
    return [
        _Slot(
            spec,
            spec.role if spec.stored is None else spec.stored,
            payload_name(kind.param_prefix, spec, attention.id),
            spec.shape(attention.fields, (), shape),
            spec.trainable,
            CONST if spec.inner == "value" else LINEAR,
            inline=numbers_of(attention.inline[spec.role]) if spec.role in attention.inline else None,
        )
        for spec in kind.params
        if has_bias or spec.neutral is None
    ]


@contextmanager
def in_words(dialect: Dialect, node: Node) -> Iterator[None]:
    """Around the lowering of a node: says which node of a damaged graph cannot be lowered, and why."""
    where = f"node {node.id} ({node.kind})"
    if node.kind != dialect.getitem.name and node.kind not in dialect.tensor_kinds:
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
