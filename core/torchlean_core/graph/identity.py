"""What a parameter is: the field `parameters` of a node, which tells uses of one tensor (semantics section 2a)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torchlean_core.errors import UserError
from torchlean_core.graph.model import Node
from torchlean_core.graph.views import (
    View,
    ViewError,
    parse_view,
    source_shape,
    view_json,
    viewed_shape,
)
from torchlean_core.kinds.numbers import show_shape

FIELD = "parameters"
"""Name of the extra field."""

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Identity:
    """What a payload tensor is beside its value.

    Attributes:
        name: Its name in the model; equal names are one tensor. None: a tensor of its own.
        view: How this use is made of the named tensor.
        shape: Shape of the named tensor, where the view does not tell it.
        trainable: Whether training and initialization may change it; None where the artifact does not say.
        absent: Whether the model has no such tensor.
        derived: Names of the model's parameters that it was computed from.
    """

    name: str | None = None
    view: View = ()
    shape: Shape | None = None
    trainable: bool | None = None
    absent: bool = False
    derived: tuple[str, ...] = ()

    def json(self) -> dict[str, Any]:
        """As the artifact writes it: only what is not the default."""
        found: dict[str, Any] = {}
        if self.name is not None:
            found["name"] = self.name
        if self.view:
            found["view"] = view_json(self.view)
            found["shape"] = list(self.shape or ())
        if self.trainable is not None:
            found["trainable"] = self.trainable
        if self.absent:
            found["absent"] = True
        if self.derived:
            found["derived"] = list(self.derived)
        return found


PLAIN = Identity()
"""A trainable tensor of its own, as where the artifact says nothing."""


def identities(node: Node) -> dict[str, Identity]:
    """What the field `parameters` of a node says, by role.

    Raises:
        UserError: It is malformed.
    """
    found = node.extra.get(FIELD)
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise _malformed(node, "must be an object by role")
    return {role: _parsed(node, role, value) for role, value in found.items()}


def _parsed(node: Node, role: str, value: Any) -> Identity:
    if not isinstance(value, Mapping):
        raise _malformed(node, f"{role} must be an object")
    name, shape, derived = value.get("name"), value.get("shape"), value.get("derived", [])
    if name is not None and not isinstance(name, str):
        raise _malformed(node, f"`name` of {role} must be text")
    for key in ("trainable", "absent"):
        if key in value and not isinstance(value[key], bool):
            raise _malformed(node, f"`{key}` of {role} must be true or false")
    if not isinstance(derived, list) or not all(isinstance(one, str) for one in derived):
        raise _malformed(node, f"`derived` of {role} must be an array of names")
    if shape is not None and not (
        isinstance(shape, list) and all(type(size) is int and size >= 0 for size in shape)
    ):
        raise _malformed(node, f"`shape` of {role} must be an array of natural numbers")
    try:
        view = parse_view(value.get("view", []))
    except ViewError as error:
        raise _malformed(node, f"{role}: {error}") from error
    return Identity(
        name,
        view if name is not None else (),
        None if shape is None else tuple(shape),
        value.get("trainable"),
        value.get("absent", False),
        tuple(derived),
    )


def _malformed(node: Node, what: str) -> UserError:
    return UserError(f"TL502 node {node.id} ({node.kind}): `{FIELD}`: {what}")


@dataclass(slots=True)
class Claim:
    """One use of a payload tensor, before it is known what all uses of that tensor say.

    Attributes:
        use: Name of the use (`linear_3_W`).
        node: The node.
        shape: Shape of the use.
        identity: What the artifact says.
        trainable: Whether this use may change the tensor.
        marked: Whether the artifact says that it may not.
    """

    use: str
    node: Node
    shape: Shape
    identity: Identity
    trainable: bool
    marked: bool = False


@dataclass(slots=True)
class Tensors:
    """The tensors that uses share, by identity."""

    _claims: dict[str, list[Claim]] = field(default_factory=dict)

    def add(self, claims: Iterable[Claim]) -> None:
        """Take uses, in the order of the nodes."""
        for claim in claims:
            if claim.identity.name is not None:
                self._claims.setdefault(claim.identity.name, []).append(claim)

    def stored(self, claim: Claim) -> tuple[str, Shape, bool, bool]:
        """The tensor that a use is made of: name of its first use, shape, whether it trains, whether it is marked.

        Raises:
            UserError: The uses do not agree on its shape.
        """
        if claim.identity.name is None:
            return claim.use, claim.shape, claim.trainable, claim.marked
        claims = self._claims[claim.identity.name]
        shape = _shape(claim.identity.name, claims)
        trainable, marked = (
            any(flags) for flags in zip(*((c.trainable, c.marked) for c in claims), strict=True)
        )
        return claims[0].use, shape, trainable, marked


def _shape(name: str, claims: list[Claim]) -> Shape:
    """The shape of a tensor, which its uses say, or is the least that all of them fit into."""
    said = [one.identity.shape for one in claims if one.identity.shape is not None]
    whole = [one.shape for one in claims if not one.identity.view]
    if said or whole:
        shape = (said or whole)[0]
    else:
        least = [_source(one) for one in claims]
        known = [one for one in least if one is not None]
        if not known or len({len(one) for one in known}) != 1:
            raise _malformed(
                claims[0].node, f"the shape of {name!r} does not follow from its views: give it as `shape`"
            )
        shape = tuple(map(max, zip(*known, strict=True)))
    for one in claims:
        try:
            found = viewed_shape(one.identity.view, shape)
        except ViewError as error:
            raise _malformed(one.node, f"{name!r} of shape {show_shape(shape)}: {error}") from error
        if found != one.shape:
            raise _malformed(
                one.node,
                f"{one.use} is a view of {name!r} of shape {show_shape(found)}, expected {show_shape(one.shape)}",
            )
    return shape


def _source(claim: Claim) -> Shape | None:
    try:
        return source_shape(claim.identity.view, claim.shape)
    except ViewError as error:
        raise _malformed(claim.node, f"{claim.identity.name!r}: {error}") from error
