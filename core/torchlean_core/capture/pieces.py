"""Functions in pieces: what comparisons of one value with constants make, as long as the pieces meet.

`where(x > 1, x * x, x)`, `mask * f(x) + (1 - mask) * g(x)`, `sign(x) * log1p(abs(x))` are one formula on each side of
a number. A step has no form; but with f below a, g above it and f(a) = g(a), the whole is f(min(x, a)) + g(max(x, a))
- g(a), and so on for more pieces. Which formula holds where is seen by deciding every comparison at a point inside a
piece, and whether two of them meet by computing both at the number between.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import torch

from torchlean_core.capture.values import Known, Value

aten = torch.ops.aten

_COMPARISONS = frozenset(
    getattr(getattr(aten, name), form)
    for name in ("gt", "ge", "lt", "le", "eq", "ne")
    for form in ("Scalar", "Tensor")
)
EQUALITIES = frozenset({aten.eq.Scalar, aten.eq.Tensor, aten.ne.Scalar, aten.ne.Tensor})
_SIGNS = frozenset({aten.sign.default, aten.sgn.default})
_CHOICES: dict[Any, tuple[int, int, int]] = {
    aten.where.self: (0, 1, 2),
    aten.where.ScalarOther: (0, 1, 2),
    aten.where.ScalarSelf: (0, 1, 2),
    aten.where.Scalar: (0, 1, 2),
    aten.masked_fill.Scalar: (1, 2, 0),
    aten.masked_fill.Tensor: (1, 2, 0),
}
"""Places of a condition, of what is taken where it holds, and of what else."""

_ALSO = frozenset(
    {
        *_CHOICES,
        aten.clone.default,
        aten.alias.default,
        aten.detach.default,
        aten._to_copy.default,
        aten.to.dtype,
        aten.type_as.default,
        aten.lift_fresh_copy.default,
        aten.__and__.Tensor,
        aten.__or__.Tensor,
        aten.__xor__.Tensor,
    }
)
"""Operators of each element by itself that torch does not mark as such."""

MOVING = frozenset(
    {
        aten.slice.Tensor,
        aten.select.int,
        aten.unsqueeze.default,
        aten.squeeze.dim,
        aten.squeeze.dims,
        aten.view.default,
        aten.reshape.default,
        aten.expand.default,
        aten.permute.default,
        aten.transpose.int,
        aten.flip.default,
        aten.cat.default,
        aten.stack.default,
    }
)
"""Operators that only move elements, so that each is still a function of one element of what is compared."""

PRODUCTS = frozenset({aten.mul.Tensor, aten.mul.Scalar})
CONVERSIONS = frozenset({aten._to_copy.default, aten.to.dtype, aten.type_as.default})
FILLS = {aten.zeros_like.default: 0.0, aten.ones_like.default: 1.0}
_MOST_BREAKS = 64
"""Constants that one value is compared with."""


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """A value that depends on comparisons, and has no form yet.

    Attributes:
        x: What is compared.
        breaks: The constants, in order: tensors of one element, or of one for each.
        conditions: The comparisons.
        inside: The nodes that are computed of what is compared by operators of each element by itself.
        rounded: Whether pieces end at the constants as float32 holds them.
    """

    x: torch.fx.Node
    breaks: tuple[torch.Tensor, ...]
    conditions: tuple[torch.fx.Node, ...]
    inside: frozenset[torch.fx.Node] = frozenset()
    rounded: bool = False

    @property
    def ends(self) -> tuple[torch.Tensor, ...]:
        """Where one piece ends and the next begins."""
        return tuple(one.float().double() for one in self.breaks) if self.rounded else self.breaks

    def readings(self) -> list[Pieces]:
        """Itself, and what it is where the constants are meant as float32 holds them, as what is written there is."""
        return [self, replace(self, rounded=True)]


Values = Callable[[torch.fx.Node], Any]
"""The value of a node that was lowered."""


def compared(node: torch.fx.Node, value_of: Values) -> Pieces | None:
    """The pieces that a comparison with a constant, or a sign, makes; None for anything else."""
    if node.target in _SIGNS:
        x, bound = node.args[0], torch.zeros((), dtype=torch.float64)
    elif node.target in _COMPARISONS:
        first, second = node.args
        x, constant = (first, second) if _is_unknown(first, value_of) else (second, first)
        number = _constant(constant, value_of)
        if number is None:
            return None
        bound = number
    else:
        return None
    if not _is_unknown(x, value_of):
        return None
    assert isinstance(x, torch.fx.Node)
    wide = tuple(x.meta["val"].shape)
    breaks: tuple[torch.Tensor, ...] = (bound,)
    if bound.numel() > 1 and torch.broadcast_shapes(wide, bound.shape) != wide:  # type: ignore[no-untyped-call]
        # Several constants for each element: as many breaks.
        breaks = tuple(bound.unique())  # type: ignore[no-untyped-call]
        if len(breaks) > _MOST_BREAKS:
            return None
    chain = [node]
    while (found := _inverted(x, breaks, value_of)) is not None:
        chain.append(x)
        x, breaks = found
    return Pieces(x, _ordered(breaks) or breaks, (node,), frozenset(chain))


def joined(node: torch.fx.Node, parts: Sequence[Pieces], value_of: Values) -> Pieces | None:
    """What an operator of each element by itself makes of pieces of one value; None for any other.

    Values that have a form, but were made of comparisons of the same value, are in pieces here once more.
    """
    x = parts[0].x
    if not by_element(node) or any(one.x is not x for one in parts):
        return None
    inside: dict[torch.fx.Node, bool | None] = {}
    found: dict[torch.fx.Node, Pieces] = {}

    def visit(one: torch.fx.Node) -> bool | None:
        """Whether a node is a function of the value; None for a comparison of another one."""
        if one is x:
            return True
        if one not in inside:
            inside[one] = look(one)
        return inside[one]

    def look(one: torch.fx.Node) -> bool | None:
        if (pieces := compared(one, value_of)) is not None:
            if pieces.x is x:
                found[one] = pieces
            return True if pieces.x is x else None
        if not by_element(one):
            return False
        results = [visit(operand) for operand in one.all_input_nodes]
        if None in results:
            return False if isinstance(value_of(one), Value) else None
        return any(results)

    if not visit(node):
        return None
    breaks = _ordered([one for part in found.values() for one in part.breaks])
    nodes = frozenset(one for one in inside if inside[one])
    nodes = nodes.union(*(one.inside for one in found.values()))
    return None if breaks is None else Pieces(x, breaks, tuple(found), nodes)


def _is_unknown(node: Any, value_of: Values) -> bool:
    return isinstance(node, torch.fx.Node) and isinstance(value_of(node), Value)


def _constant(node: Any, value_of: Values) -> torch.Tensor | None:
    """A constant that something is compared with, finite, and nothing that trains."""
    if isinstance(node, bool | int | float):
        found = torch.tensor(float(node), dtype=torch.float64)
    else:
        known = value_of(node) if isinstance(node, torch.fx.Node) else None
        if not isinstance(known, Known) or known.trainable or known.tensor.is_complex():
            return None
        found = known.tensor.detach().double()
        if found.numel() and bool((found == found.reshape(-1)[0]).all()):
            found = found.reshape(-1)[0]
    return found if bool(torch.isfinite(found).all()) else None


def _inverted(
    x: torch.fx.Node, breaks: tuple[torch.Tensor, ...], value_of: Values
) -> tuple[torch.fx.Node, tuple[torch.Tensor, ...]] | None:
    """What a compared value is a multiple of, or the distance to a number, or the absolute value; None if nothing.

    With it come the constants that it is compared with.
    """
    args: Any = x.args
    target = x.target
    number = args[1] if len(args) > 1 and isinstance(args[1], int | float) else None
    inner = args[0] if args else None
    if x.kwargs or not isinstance(inner, torch.fx.Node) or not _is_unknown(inner, value_of):
        return None
    if target in (aten.add.Tensor, aten.add.Scalar) and number is not None:
        return inner, tuple(one - number for one in breaks)
    if target in (aten.sub.Tensor, aten.sub.Scalar) and number is not None:
        return inner, tuple(one + number for one in breaks)
    if target in (aten.rsub.Scalar, aten.rsub.Tensor) and number is not None:
        return inner, tuple(number - one for one in breaks)
    if target in PRODUCTS and number:
        return inner, tuple(one / number for one in breaks)
    if target in (aten.div.Tensor, aten.div.Scalar) and number:
        return inner, tuple(one * number for one in breaks)
    if target is aten.neg.default:
        return inner, tuple(-one for one in breaks)
    if target is aten.abs.default and all(bool((one > 0).all()) for one in breaks):
        return inner, (*(-one for one in breaks), *breaks)
    return None


def _ordered(breaks: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...] | None:
    """Different constants in order; None where they have no order that is the same for all elements."""
    found: list[torch.Tensor] = []
    for one in breaks:
        if not any(other.shape == one.shape and torch.equal(other, one) for other in found):
            place = sum(bool((other < one).all()) for other in found)
            found.insert(place, one)
    ordered = all(bool((a < c).all()) for a, c in pairwise(found))
    return tuple(found) if ordered else None


def is_mask_written(node: torch.fx.Node) -> bool:
    """Whether a number is written where a mask holds."""
    if node.target not in (aten.index_put.default, aten._unsafe_index_put.default):
        return False
    args: Any = node.args
    whole, mask = args[0], args[1][0] if len(args[1]) == 1 else None
    if not isinstance(mask, torch.fx.Node) or len(args) > 3 or node.kwargs:
        return False
    shapes = [one.meta["val"].shape for one in (whole, mask)]
    is_mask = mask.meta["val"].dtype == torch.bool and shapes[0] == shapes[1]
    sizes = args[2].meta["val"].shape  # open where a mask tells them
    return is_mask and all(type(size) is int and size == 1 for size in sizes)


def choice_of(node: torch.fx.Node) -> tuple[Any, Any, Any] | None:
    """Condition, what is taken where it holds, and what else; None for an operator that chooses nothing."""
    places = _CHOICES.get(node.target)
    args: Any = node.args
    if places is not None:
        return args[places[0]], args[places[1]], args[places[2]]
    return (args[1][0], args[2], args[0]) if is_mask_written(node) else None


def by_element(node: torch.fx.Node) -> bool:
    """Whether an operator treats each element by itself."""
    target = node.target
    if not isinstance(target, torch._ops.OpOverload):
        return False
    return (
        torch.Tag.pointwise in target.tags
        or target in _ALSO
        or target in MOVING
        or target in FILLS
        or target is aten.full_like.default
        or is_mask_written(node)
    )
