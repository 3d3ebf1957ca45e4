"""A graph in the making: nodes of the other dialect, their numbering, and their parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any

from torchlean_core.convert.refusal import refuse
from torchlean_core.graph.identity import FIELD
from torchlean_core.graph.model import Graph, Node
from torchlean_core.kinds import Dialect, Kind, ParamSpec, TupleKind
from torchlean_core.kinds.numbers import show_shape
from torchlean_core.kinds.spec import payload_name
from torchlean_core.params.inline_text import numbers_text
from torchlean_core.text.numbers import Numbers

if TYPE_CHECKING:
    from torchlean_core.params.format import Array

Shape = tuple[int, ...]

MOST = 1 << 28
"""Elements that a tensor may have which conversion makes: a gigabyte."""


def part(spec: ParamSpec) -> str:
    """What a payload tensor is called in the store, in every dialect: the last part of its name there."""
    return spec.role if spec.stored is None else spec.stored


@dataclass(frozen=True, slots=True)
class Payload:
    """The parameters of a node on their way to another.

    Attributes:
        arrays: Their values by `part`; empty where they are not known.
        said: What the field `parameters` says of them by `part`, as the artifact writes it.
        names: Their names in the store that they come from, for messages.
        changed: Parts whose stored tensor itself is another now.
    """

    arrays: Mapping[str, Array] = field(default_factory=dict)
    said: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    changed: frozenset[str] = frozenset()


NO_PAYLOAD = Payload()


class Draft:
    """The graph that is written, node by node.

    Attributes:
        source: The graph that is read.
        target: The dialect that is written.
        nodes: What is written so far.
        place: For each node that was read the node that has its value now.
        seat: For each node that was read the node that does what it did.
        tensors: Values for a parameter file, by name of the use.
        changed: Names in the model of tensors that are other ones now.
    """

    def __init__(self, source: Graph, target: Dialect, values: Mapping[str, Array] | None) -> None:
        self.source = source
        self.target = target
        self._values = values or {}
        self.nodes: list[Node] = []
        self.place: dict[int, int] = {}
        self.seat: dict[int, int] = {}
        self.tensors: dict[str, Array] = {}
        self.changed: set[str] = set()
        self._current: Node | None = None

    def begin(self, node: Node) -> Site:
        """Go on with a node of the source."""
        self._current = node
        return Site(self, node)

    def payload(self, node: Node) -> Payload:
        """The parameters of a node of the source."""
        holder = self.source.dialect.kind(node.kind)
        if holder is None or not holder.params:
            return NO_PAYLOAD
        said = node.extra.get(FIELD)
        arrays, told, names = {}, {}, {}
        for spec in holder.params:
            name = payload_name(holder.param_prefix, spec, node.id)
            names[part(spec)] = name
            if name in self._values:
                arrays[part(spec)] = self._values[name]
            if isinstance(said, Mapping) and isinstance(one := said.get(spec.role), Mapping):
                told[part(spec)] = one
        return Payload(arrays, told, names)

    def add(
        self,
        kind: str,
        parents: Sequence[int],
        shape: Sequence[int] | None,
        fields: Mapping[str, Any] | None = None,
        *,
        extra: Mapping[str, Any] | None = None,
        payload: Payload = NO_PAYLOAD,
        facts: Mapping[str, Any] | None = None,
        tuple_shapes: tuple[Shape, ...] | None = None,
    ) -> int:
        """Append a node; returns its id.

        Args:
            kind: Its tag.
            parents: Ids of its operands among `nodes`.
            shape: Its shape; None for a tuple.
            fields: Its own fields.
            extra: Its other fields; those whose names its kind reads are left out.
            payload: Its parameters.
            facts: Fields beside its inline parameters that do not follow from the graph.
            tuple_shapes: Shapes of its components.

        Raises:
            ConversionRefused: JSON has no number for a value.
        """
        node_id = len(self.nodes)
        holder = self.target.kind(kind)
        fields = dict(fields or {})
        kept = {name: value for name, value in (extra or {}).items() if name not in self._owned(holder)}
        inline: dict[str, Any] = {}
        if holder is not None:
            roles = {part(spec): spec.role for spec in holder.params}
            if said := {roles[key]: dict(one) for key, one in payload.said.items() if key in roles}:
                kept[FIELD] = said
            if self.target.inline:
                xs = [self.nodes[parent].shape or () for parent in parents]
                inline = self._inline(holder, payload, fields, xs, tuple(shape or ()))
                inline.update(facts or {})
            else:
                for spec in holder.params:
                    if part(spec) in payload.arrays:
                        name = payload_name(holder.param_prefix, spec, node_id)
                        self.tensors[name] = payload.arrays[part(spec)]
                named = (payload.said.get(key, {}).get("name") for key in payload.changed)
                self.changed.update(name for name in named if isinstance(name, str))
                kept.update(facts or {})
        self.nodes.append(
            Node(
                node_id,
                kind,
                tuple(parents),
                None if tuple_shapes is not None else tuple(shape or ()),
                tuple_shapes,
                fields,
                kept,
                inline,
            )
        )
        return node_id

    def _owned(self, holder: Kind | TupleKind | None) -> set[str]:
        """Names of the fields that mean something at a node of a kind, but for extra ones."""
        if holder is None:
            return set()
        own = {one.name for one in holder.fields}
        if self.target.inline:
            own |= {spec.role for spec in holder.params} | {fact.name for fact in holder.facts}
        return own

    def _inline(
        self,
        holder: Kind | TupleKind,
        payload: Payload,
        fields: Mapping[str, Any],
        xs: Sequence[Shape],
        shape: Shape,
    ) -> dict[str, Any]:
        if not payload.arrays:
            return {}
        found: dict[str, Any] = {}
        for spec in holder.params:
            array = payload.arrays[part(spec)]
            name = payload.names.get(part(spec), spec.role)
            found[spec.role] = Numbers(self._text(array, name, spec.inline_shape(array.shape)))
        for fact in holder.facts:
            if fact.value is not None:
                found[fact.name] = fact.value(fields, xs, shape)
        return found

    def _text(self, array: Array, name: str, shape: Shape) -> str:
        import numpy as np

        node = self._current
        assert node is not None, "nodes are added for a node"
        finite = np.isfinite(array)
        if not finite.all():
            place = tuple(int(index) for index in np.argwhere(~finite)[0])
            refuse(node, f"{name} holds {array[place]} at {show_shape(place)}, for which JSON has no number")
        with np.errstate(over="ignore"):
            single = array.astype(np.float32, copy=False)
        if array.dtype != np.float32 and not np.array_equal(single, array):
            refuse(node, f"{name} is {array.dtype}, and rounding it to float32 would change it")
        return numbers_text(single.reshape(shape))


class Site:
    """A node of the source, with what a rule asks about it.

    Attributes:
        draft: Where it goes.
        node: The node.
        parents: Ids of its operands there.
        xs: Shapes of its operands.
        shape: Its own shape.
        fields: Its own fields, numbers as integers.
        extra: Its other fields, without what is said of its parameters.
        payload: Its parameters.
    """

    def __init__(self, draft: Draft, node: Node) -> None:
        self.draft = draft
        self.node = node
        self.parents = [draft.place[parent] for parent in node.parents]
        self.xs: list[Shape] = [draft.source.node(parent).shape or () for parent in node.parents]
        self.shape: Shape = node.shape or ()
        self.fields = {name: whole(value) for name, value in node.fields.items()}
        holder = draft.source.dialect.kind(node.kind)
        moved = {FIELD} if holder is not None and holder.params else set()
        self.extra = {name: value for name, value in node.extra.items() if name not in moved}
        self.payload = draft.payload(node)

    def keep(self, kind: str, fields: Mapping[str, Any], **more: Any) -> int:
        """The node as one of another kind, or of its own, with everything that it has beside its fields."""
        given = {"parents": self.parents, "shape": self.shape, "payload": self.payload, **more}
        made = self.draft.add(kind, fields=fields, extra=self.extra, **given)
        self.draft.seat[self.node.id] = made
        return made

    def filled(self, shape: Sequence[int], value: float) -> Array:
        """A float32 tensor with one value everywhere.

        Raises:
            ConversionRefused: It would be too large.
        """
        import numpy as np

        if prod(shape) > MOST:
            refuse(
                self.node, f"a constant of {show_shape(shape)} would be needed, which is too large to write"
            )
        return np.full(tuple(shape), value, np.float32)

    def reshape(self, value: int, shape: Sequence[int]) -> int:
        """A `reshape` of a value that was written."""
        before = self.draft.nodes[value].shape or ()
        return self.draft.add(
            "reshape", [value], shape, {"in_shape": tuple(before), "out_shape": tuple(shape)}
        )

    def broadcast(self, value: int, shape: Sequence[int]) -> int:
        """A `broadcast_to` of a value that was written."""
        before = self.draft.nodes[value].shape or ()
        return self.draft.add(
            "broadcast_to", [value], shape, {"from_shape": tuple(before), "to_shape": tuple(shape)}
        )


def whole(value: Any) -> Any:
    """A field's value with its natural numbers as integers."""
    if isinstance(value, tuple | list):
        return tuple(whole(item) for item in value)
    return int(value) if isinstance(value, float) and value.is_integer() else value
