"""The form of a function in pieces: formulas with comparisons decided at a point, whether they meet, and their sum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import torch
from torch.utils import _pytree

from torchlean_core.capture.builder import GraphBuilder
from torchlean_core.capture.lowerings.elementwise import SMALLEST_NORMAL
from torchlean_core.capture.lowerings.ties import at_least, at_most
from torchlean_core.capture.pieces import (
    CONVERSIONS,
    EQUALITIES,
    FILLS,
    MOVING,
    PRODUCTS,
    Pieces,
    Values,
    choice_of,
    is_mask_written,
)
from torchlean_core.capture.values import Known, Operand, Value

aten = torch.ops.aten

_MEETING = 1e-9
"""Largest difference of two pieces that meet, relative to their size: float64 rounding."""

_DRAWS = 12
"""Draws of what else is in a formula, for each of which its pieces have to meet."""

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

    def near(
        self, node: torch.fx.Node, bound: torch.Tensor, side: float, leaf: Leaf
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Where a piece ends, and its value there: beside the constant, where it has none at it (x log x at 0)."""
        shape = self.point.shape
        value = self.at(node, bound.expand(shape), leaf)
        at_one_place = any(one.target in EQUALITIES for one in self.pieces.conditions)
        if at_one_place or bool(torch.isfinite(value).all()):
            return bound, value
        beside = bound + side * torch.maximum(bound.abs() * 2.0**-23, torch.full_like(bound, SMALLEST_NORMAL))
        return beside, self.at(node, beside.expand(shape), leaf)

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
            if (choice := choice_of(one)) is not None and isinstance(holds := of(choice[0]), bool | float):
                return of(choice[1] if holds else choice[2])
            if one.target in MOVING:
                return moved(one)
            args: Any = _pytree.tree_map_only(torch.fx.Node, of, (one.args, one.kwargs))
            plain, named = args
            tensors = [place for place, given in enumerate(one.args) if isinstance(given, torch.fx.Node)]
            numbers = [place for place in tensors if isinstance(plain[place], bool | float)]
            if one.target in CONVERSIONS and numbers:
                return float(plain[0])
            if len(numbers) == len(tensors):
                result = _computed(one, lambda node: torch.tensor(of(node)))
                return result.item()
            if one.target in PRODUCTS and numbers and not named:
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


def _computed(node: torch.fx.Node, of: Leaf) -> torch.Tensor:
    """An operator of each element by itself, in float64."""
    target, args = node.target, node.args
    assert isinstance(target, torch._ops.OpOverload), "operators are"
    if target in FILLS or target is aten.full_like.default:
        fill = args[1] if len(args) > 1 else FILLS[target]
        return torch.full_like(of(node.all_input_nodes[0]), float(fill), dtype=torch.float64)  # type: ignore[arg-type]
    if target in CONVERSIONS:
        return of(node.all_input_nodes[0]).double()
    plain, named = _pytree.tree_map_only(torch.fx.Node, of, (args, node.kwargs))
    if is_mask_written(node):
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
    for draw in range(_DRAWS):
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
            values = [
                before.near(node, end, -1.0, leaf)[1],
                here.at(node, at, leaf),
                after.near(node, end, 1.0, leaf)[1],
            ]
            if not all(_same(values[0], one) for one in values[1:]):
                return False
    return True


def _drawn(value: Any, node: torch.fx.Node, draw: int, generator: torch.Generator) -> torch.Tensor:
    """A value for what is no function of what is compared: a constant is what it is."""
    size = 10.0 ** (draw % 4 - 1) if draw > 1 else 1.0
    if isinstance(value, Known):
        tensor = value.tensor.detach()
        if not tensor.is_floating_point():
            return tensor
        noise = torch.rand(tensor.shape, generator=generator, dtype=torch.float64)
        if not value.trainable or not draw:
            return tensor.double()
        return tensor.double() * (0.5 + noise) + (draw > 1) * size * (noise - 0.5)
    drawn = torch.rand(tuple(node.meta["val"].shape), generator=generator, dtype=torch.float64)
    return drawn + 0.2 if draw < 2 else (drawn * 2 - 1) * 2 * size


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
        low, high = (
            None if bound is None else _end(formula, node, bound, side, value_of)
            for bound, side in ((ends[number], 1.0), (ends[number + 1], -1.0))
        )
        part = x
        if low is not None:
            passes = _belongs(pieces, pieces.breaks[number - 1], formula, value_of)
            part = at_least(b, part, _operand(low), passes=passes)
        if high is not None:
            passes = _belongs(pieces, pieces.breaks[number], formula, value_of)
            part = at_most(b, part, _operand(high), passes=passes)
        piece = formula.lowered(node, part, value_of, lower)
        end = low if number > middle else high if number < middle else None
        if end is not None and _is_not_0(formula.lowered(node, Known(end), value_of, lower)):
            # In nodes, so that its rounding is that of what it is taken from.
            piece = _plus(b, piece, formula.lowered(node, b.const(Known(end)), value_of, lower), -1.0)
        total = _plus(b, total, piece, 1.0)
    if isinstance(total, bool | int | float):
        return b.full(float(total), shape)
    return b.broadcast(b.value(total), shape)


def _end(
    formula: Formula, node: torch.fx.Node, bound: torch.Tensor, side: float, value_of: Values
) -> torch.Tensor:
    """Where a piece ends: beside the constant, where it has no value at it."""
    generator = torch.Generator().manual_seed(6)
    leaves: dict[torch.fx.Node, torch.Tensor] = {}

    def leaf(one: torch.fx.Node) -> torch.Tensor:
        if one not in leaves:
            leaves[one] = _drawn(value_of(one), one, 0, generator)
        return leaves[one]

    return formula.near(node, bound, side, leaf)[0]


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
