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
from torch.utils import _pytree

from torchlean_core.capture.builder import GraphBuilder
from torchlean_core.capture.lowerings.ties import at_least, at_most
from torchlean_core.capture.values import Known, Operand, Value

aten = torch.ops.aten

_COMPARISONS = frozenset(
    getattr(getattr(aten, name), form)
    for name in ("gt", "ge", "lt", "le", "eq", "ne")
    for form in ("Scalar", "Tensor")
)
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

_MOVING = frozenset(
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

_PRODUCTS = frozenset({aten.mul.Tensor, aten.mul.Scalar})
_CONVERSIONS = frozenset({aten._to_copy.default, aten.to.dtype, aten.type_as.default})
_FILLS = {aten.zeros_like.default: 0.0, aten.ones_like.default: 1.0}
_MOST_BREAKS = 64
"""Constants that one value is compared with."""

_MEETING = 1e-9
"""Largest difference of two pieces that meet, relative to their size: float64 rounding."""


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
    if not _by_element(node) or any(one.x is not x for one in parts):
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
        if not _by_element(one):
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
    if target in _PRODUCTS and number:
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


def _mask_written(node: torch.fx.Node) -> bool:
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


def _choice(node: torch.fx.Node) -> tuple[Any, Any, Any] | None:
    """Condition, what is taken where it holds, and what else; None for an operator that chooses nothing."""
    places = _CHOICES.get(node.target)
    args: Any = node.args
    if places is not None:
        return args[places[0]], args[places[1]], args[places[2]]
    return (args[1][0], args[2], args[0]) if _mask_written(node) else None


# -- a formula at a point -----------------------------------------------------------------------------------

Leaf = Callable[[torch.fx.Node], torch.Tensor]


@dataclass(slots=True)
class Formula:
    """A node as a function of what is compared, with every comparison decided at a point.

    Attributes:
        pieces: What is compared.
        point: Where comparisons are decided, of one shape with it.
    """

    pieces: Pieces
    point: torch.Tensor

    def depends(self, node: torch.fx.Node) -> bool:
        """Whether a node is computed of what is compared."""
        return node is self.pieces.x or node in self.pieces.inside

    def at(self, node: torch.fx.Node, value: torch.Tensor, leaf: Leaf) -> torch.Tensor:
        """Its value in float64.

        Args:
            node: The node.
            value: What is compared.
            leaf: Values of what is no function of that.
        """
        found: dict[torch.fx.Node, torch.Tensor] = {}

        def of(one: torch.fx.Node) -> torch.Tensor:
            if one is self.pieces.x:
                return value
            if one not in found:
                decided = one in self.pieces.conditions
                found[one] = self._decided(one, leaf) if decided else step(one)
            return found[one]

        def step(one: torch.fx.Node) -> torch.Tensor:
            return _computed(one, of) if self.depends(one) else leaf(one)

        return of(node)

    def _decided(self, condition: torch.fx.Node, leaf: Leaf) -> torch.Tensor:
        """A comparison, or a sign, at the point."""
        plain = replace(self.pieces, conditions=())
        return Formula(plain, self.point).at(condition, self.point, leaf)

    def lowered(
        self, node: torch.fx.Node, value: Value | Known, value_of: Values, lower: Callable[..., Any]
    ) -> Any:
        """Its nodes: a value, or a number where it is one.

        Args:
            node: The node.
            value: What is compared.
            value_of: Values of what is no function of that.
            lower: Lowers an operator: a node, its arguments, those by name.
        """
        found: dict[torch.fx.Node, Any] = {}

        def constant(one: torch.fx.Node) -> torch.Tensor:
            known = value_of(one)
            assert isinstance(known, Known), "comparisons are with constants"
            return known.tensor.detach().double()

        def of(one: Any) -> Any:
            if not isinstance(one, torch.fx.Node):
                return one
            if one is self.pieces.x:
                return value
            if one not in found:
                if one in self.pieces.conditions:
                    decided = self._decided(one, constant)
                    number = decided.reshape(-1)[:1]
                    found[one] = number.item() if bool((decided == number).all()) else Known(decided)
                else:
                    found[one] = step(one) if self.depends(one) else value_of(one)
            return found[one]

        def step(one: torch.fx.Node) -> Any:
            if (choice := _choice(one)) is not None and isinstance(holds := of(choice[0]), bool | float):
                return of(choice[1] if holds else choice[2])
            if one.target in _MOVING:
                return moved(one)
            args: Any = _pytree.tree_map_only(torch.fx.Node, of, (one.args, one.kwargs))
            plain, named = args
            tensors = [place for place, given in enumerate(one.args) if isinstance(given, torch.fx.Node)]
            numbers = [place for place in tensors if isinstance(plain[place], bool | float)]
            if one.target in _CONVERSIONS and numbers:
                return float(plain[0])
            if len(numbers) == len(tensors):
                result = _computed(one, lambda node: torch.tensor(of(node)))
                return result.item()
            if one.target in _PRODUCTS and numbers and not named:
                factor, other = plain if 0 in numbers else plain[::-1]
                if factor in (0.0, 1.0):
                    return other if factor else 0.0
            plain = [_number(given) if place in numbers else given for place, given in enumerate(plain)]
            return lower(one, tuple(plain), named)

        def moved(one: torch.fx.Node) -> Any:
            """An operator that moves elements: of one number everywhere that is the number."""
            values = [of(operand) for operand in one.all_input_nodes]
            if all(isinstance(given, bool | float) and given == values[0] for given in values):
                return values[0]

            def whole(operand: torch.fx.Node) -> Any:
                given = of(operand)
                if not isinstance(given, bool | float):
                    return given
                meta = operand.meta["val"]
                return Known(torch.full(tuple(meta.shape), given, dtype=meta.dtype))

            plain, named = _pytree.tree_map_only(torch.fx.Node, whole, (one.args, one.kwargs))
            return lower(one, plain, named)

        return of(node)


def _number(given: float) -> Known:
    """A number, or a truth value, as a tensor."""
    return Known(torch.tensor(given, dtype=torch.bool if isinstance(given, bool) else torch.float64))


def _by_element(node: torch.fx.Node) -> bool:
    """Whether an operator treats each element by itself."""
    target = node.target
    if not isinstance(target, torch._ops.OpOverload):
        return False
    return (
        torch.Tag.pointwise in target.tags
        or target in _ALSO
        or target in _MOVING
        or target in _FILLS
        or target is aten.full_like.default
        or _mask_written(node)
    )


def _computed(node: torch.fx.Node, of: Leaf) -> torch.Tensor:
    """An operator of each element by itself, in float64."""
    target, args = node.target, node.args
    assert isinstance(target, torch._ops.OpOverload), "operators are"
    if target in _FILLS or target is aten.full_like.default:
        fill = args[1] if len(args) > 1 else _FILLS[target]
        return torch.full_like(of(node.all_input_nodes[0]), float(fill), dtype=torch.float64)  # type: ignore[arg-type]
    if target in _CONVERSIONS:
        return of(node.all_input_nodes[0]).double()
    plain, named = _pytree.tree_map_only(torch.fx.Node, of, (args, node.kwargs))
    if _mask_written(node):
        return torch.where(plain[1][0], plain[2].double(), plain[0])
    result: torch.Tensor = target(*plain, **named)
    return result


# -- meeting, and the form ----------------------------------------------------------------------------------


def points(breaks: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """A point inside each piece."""
    size = max(float(one.abs().max()) for one in breaks) + 1.0
    between = [(a + c) / 2 for a, c in pairwise(breaks)]
    return [breaks[0] - size, *between, breaks[-1] + size]


def meet(node: torch.fx.Node, pieces: Pieces, value_of: Values) -> bool:
    """Whether the pieces of a node have the same values where one ends and the next begins, and what is there has.

    That has to hold whatever other unknown values and parameters are.
    """
    shape = tuple(pieces.x.meta["val"].shape)
    formulas = [Formula(pieces, point.expand(shape)) for point in points(pieces.breaks)]
    for draw in range(3):
        generator = torch.Generator().manual_seed(6 + draw)
        leaves: dict[torch.fx.Node, torch.Tensor] = {}

        def leaf(
            one: torch.fx.Node, draw: int = draw, leaves: Any = leaves, generator: Any = generator
        ) -> Any:
            if one not in leaves:
                leaves[one] = _drawn(value_of(one), one, draw, generator)
            return leaves[one]

        for (before, after), bound, end in zip(pairwise(formulas), pieces.breaks, pieces.ends, strict=True):
            at = end.expand(shape)
            here = Formula(pieces, bound.expand(shape))
            values = [one.at(node, at, leaf) for one in (before, here, after)]
            if not all(_same(values[0], one) for one in values[1:]):
                return False
    return True


def _drawn(value: Any, node: torch.fx.Node, draw: int, generator: torch.Generator) -> torch.Tensor:
    """A value for what is no function of what is compared: a constant is what it is."""
    if isinstance(value, Known):
        tensor = value.tensor.detach()
        if not tensor.is_floating_point():
            return tensor
        noise = torch.rand(tensor.shape, generator=generator, dtype=torch.float64)
        return tensor.double() * (0.5 + noise) if value.trainable and draw else tensor.double()
    drawn = torch.rand(tuple(node.meta["val"].shape), generator=generator, dtype=torch.float64)
    return drawn + 0.2 if draw < 2 else drawn * 4 - 2


def _same(first: torch.Tensor, second: torch.Tensor) -> bool:
    """Whether two results are equal; infinities and NaN have to be in the same places, and not everywhere."""
    finite = torch.isfinite(first) & torch.isfinite(second)
    if not bool((torch.isfinite(first) == torch.isfinite(second)).all()) or not bool(finite.any()):
        return False
    size = 1.0 + torch.maximum(first.abs(), second.abs())[finite]
    return bool(((first - second)[finite].abs() <= _MEETING * size).all())


def in_pieces(
    b: GraphBuilder, node: torch.fx.Node, pieces: Pieces, value_of: Values, lower: Callable[..., Any]
) -> Value:
    """The sum of the pieces of a node that meet, each of what is compared as far as the piece goes.

    Args:
        b: The builder.
        node: The node.
        pieces: Its pieces.
        value_of: Values of nodes before it.
        lower: Lowers an operator: a node, its arguments, those by name.
    """
    x = value_of(pieces.x)
    shape = tuple(node.meta["val"].shape)
    ends = [None, *pieces.ends, None]
    wide = tuple(pieces.x.meta["val"].shape)
    formulas = [Formula(pieces, point.expand(wide)) for point in points(pieces.breaks)]
    # The piece with 0 in it is whole, so that small values keep their digits beside what others add.
    middle = sum(bool((bound < 0).all()) for bound in pieces.breaks)
    total: Operand = 0.0
    for number, formula in enumerate(formulas):
        low, high = ends[number], ends[number + 1]
        part = x
        if low is not None:
            belongs = _belongs(pieces, pieces.breaks[number - 1], formula, value_of)
            part = at_least(b, part, _operand(low), passes=belongs)
        if high is not None:
            belongs = _belongs(pieces, pieces.breaks[number], formula, value_of)
            part = at_most(b, part, _operand(high), passes=belongs)
        piece = formula.lowered(node, part, value_of, lower)
        end = low if number > middle else high if number < middle else None
        if end is not None and _is_not_0(formula.lowered(node, Known(end), value_of, lower)):
            # In nodes, so that its rounding is that of what it is taken from.
            piece = _plus(b, piece, formula.lowered(node, b.const(Known(end)), value_of, lower), -1.0)
        total = _plus(b, total, piece, 1.0)
    if isinstance(total, bool | int | float):
        return b.full(float(total), shape)
    return b.broadcast(b.value(total), shape)


def _is_not_0(value: Operand) -> bool:
    if isinstance(value, Known) and not value.trainable:
        return bool(value.tensor.any())
    return isinstance(value, Value | Known) or value != 0


def _operand(bound: torch.Tensor) -> Operand:
    return float(bound) if bound.numel() == 1 else Known(bound)


def _belongs(pieces: Pieces, bound: torch.Tensor, formula: Formula, value_of: Values) -> bool:
    """Whether a piece is what holds exactly at one of its ends, so that its gradient is the one there."""

    def constant(one: torch.fx.Node) -> torch.Tensor:
        tensor: torch.Tensor = value_of(one).tensor
        return tensor.detach().double()

    there = Formula(pieces, bound.expand(formula.point.shape))
    return all(
        bool((there._decided(one, constant) == formula._decided(one, constant)).all())
        for one in pieces.conditions
    )


def _plus(b: GraphBuilder, total: Operand, part: Operand, sign: float) -> Operand:
    """A sum without what is 0 in it."""
    if isinstance(part, Known) and not part.trainable and part.tensor.numel():
        first = part.tensor.reshape(-1)[0]
        part = float(first) if bool((part.tensor == first).all()) else part
    if isinstance(part, bool | int | float):
        if isinstance(total, bool | int | float):
            return total + sign * part
        return b.plus(total, sign * part) if part else total
    if isinstance(total, bool | int | float) and total == 0 and sign == 1:
        return part
    return b.plus(total, part) if sign == 1 else b.minus(total, part)
