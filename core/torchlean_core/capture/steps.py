"""Conditions on the input that make no step: `x * (x > 0)`, `where(x > 0, x, 0.1 * x)`, `masked_fill(x < 0, 0)`,
`where(x > 0, x, exp(x) - 1)`.

A condition has no form of its own. But where x is compared with a number and both results are multiples of x, or x and
the number itself, the whole is continuous: a rectifier or a bound. Which of the two slopes holds exactly at the number
decides the gradient there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from torchlean_core.capture.builder import GraphBuilder
from torchlean_core.capture.lowerings.activation import elu
from torchlean_core.capture.lowerings.ties import at_least, at_most, negative_part
from torchlean_core.capture.pieces import by_element
from torchlean_core.capture.values import Known, Operand, Value

aten = torch.ops.aten

_COMPARISONS = {
    aten.gt.Scalar: (True, False),
    aten.ge.Scalar: (True, True),
    aten.lt.Scalar: (False, False),
    aten.le.Scalar: (False, True),
}
"""Whether a comparison holds above the number, and whether it holds at it."""
_OF_TWO = {
    aten.gt.Tensor: (True, False),
    aten.ge.Tensor: (True, True),
    aten.lt.Tensor: (False, False),
    aten.le.Tensor: (False, True),
}
"""The same of two tensors."""
CONDITIONS = frozenset({*_COMPARISONS, aten.gt.Tensor, aten.ge.Tensor, aten.lt.Tensor, aten.le.Tensor})
"""Operators whose refusal comes with `ADVICE`."""
ADVICE = (
    "; conditions on the input are captured where one value is compared with constants and what is on both sides meets "
    "there, as in x * (x > 0), where(x > c, x, c), where(x > 1, x * x, x) or sign(x) * log1p(abs(x))"
)
_NOTS = frozenset({aten.bitwise_not.default, aten.logical_not.default})
_SELECTIONS = frozenset({aten.where.self, aten.where.ScalarOther, aten.where.ScalarSelf, aten.where.Scalar})
_FILLINGS = frozenset({aten.masked_fill.Scalar, aten.masked_fill.Tensor})
_PRODUCTS = frozenset({aten.mul.Tensor})
_NUMBERS = {
    aten.zeros_like.default: 0.0,
    aten.ones_like.default: 1.0,
    aten.zeros.default: 0.0,
    aten.ones.default: 1.0,
}
_CONVERSIONS = frozenset({aten._to_copy.default, aten.to.dtype, aten.type_as.default})
_COPIES = frozenset({aten.clone.default, aten.alias.default})
_COPIES_OF_CONSTANTS = _COPIES | {
    aten.lift_fresh_copy.default,
    aten.detach.default,
    aten.detach_.default,
}
_FULL = frozenset({aten.full_like.default, aten.full.default, aten.scalar_tensor.default})

Values = Mapping[torch.fx.Node, Any]


@dataclass(frozen=True, slots=True)
class Bend:
    """A continuous function of one operand with one bend.

    Attributes:
        x: The operand.
        at: Where the bend is.
        above: The slope above it, a number, or what gives a factor.
        below: The slope below it.
        as_above: Whether the gradient at the bend is that above.
        alpha: Factor of exp(x) - 1, where that is what is below 0, in place of a slope.
        digits: Whether that difference has its digits near 0.
    """

    x: torch.fx.Node
    at: float
    above: torch.fx.Node | float
    below: torch.fx.Node | float
    as_above: bool
    alpha: float | None = None
    digits: bool = False

    def operands(self) -> list[torch.fx.Node]:
        """The nodes that it is made of."""
        return [one for one in (self.x, self.above, self.below) if isinstance(one, torch.fx.Node)]


def bend_of(node: torch.fx.Node, values: Values) -> Bend | None:
    """The bend that a use of a condition is; None where it is none, or none that is continuous."""
    if node.target in _SELECTIONS:
        condition, yes, no = node.args
    elif node.target in _FILLINGS:
        condition, yes, no = node.args[1], node.args[2], node.args[0]
    elif node.target in _PRODUCTS:
        first, second = node.args
        condition, yes, no = (first, second, 0.0) if _comparison(first) is not None else (second, first, 0.0)
    else:
        return None
    compared = _comparison(condition)
    if compared is None or compared.target not in _COMPARISONS:
        return None
    x, at = compared.args
    if not isinstance(x, torch.fx.Node) or not isinstance(at, bool | int | float):
        return None
    if not isinstance(values.get(x), Value):
        return None  # known beforehand, or refused
    over, including = _COMPARISONS[compared.target]
    if _is_negated(condition):
        yes, no = no, yes
    above, below = (yes, no) if over else (no, yes)
    as_above = including if over else not including
    if at == 0 and _piece(above, x, values) == (1.0, 0.0) and (curve := _exponential(below, x)) is not None:
        is_smooth = curve[0] == 1  # else the slope at 0 is that below
        return Bend(x, 0.0, 1.0, 0.0, as_above, *curve) if is_smooth or not as_above else None
    pieces = _piece(above, x, values), _piece(below, x, values)
    if None in pieces or not math.isfinite(at):
        return None
    (slope_above, height_above), (slope_below, height_below) = pieces  # type: ignore[misc]
    multiples = at == height_above == height_below == 0
    bound = (slope_above, height_above, slope_below, height_below) in ((1, 0, 0, at), (0, at, 1, 0))
    if not multiples and not bound:
        return None
    return Bend(x, float(at), slope_above, slope_below, as_above)


def extreme_of(node: torch.fx.Node, values: Values) -> tuple[torch.fx.Node, torch.fx.Node, bool, bool] | None:
    """The larger or the smaller of two values, chosen by comparing them; None for anything else.

    Returns:
        Both values, whether it is the larger one, and whether the first gets the gradient where they are equal.
    """
    if node.target is not aten.where.self:
        return None
    condition, yes, no = node.args
    if not isinstance(condition, torch.fx.Node) or condition.target not in _OF_TWO:
        return None
    first, second = condition.args
    if any(
        not isinstance(one, torch.fx.Node) or not isinstance(values.get(one), Value)
        for one in (first, second)
    ):
        return None
    greater, equal = _OF_TWO[condition.target]
    assert isinstance(first, torch.fx.Node) and isinstance(second, torch.fx.Node)
    if _same(yes, first) and _same(no, second):
        return first, second, greater, equal
    if _same(yes, second) and _same(no, first):
        return first, second, not greater, not equal
    return None


def serves_bends(node: torch.fx.Node, values: Values) -> bool:
    """Whether a node is a comparison (or its conversion to numbers) of which only bends are made."""
    if not node.users:
        return False
    if node.target in _OF_TWO and all(extreme_of(user, values) for user in node.users):
        return True
    if _comparison(node) is None:
        return False
    return all(bend_of(user, values) is not None or serves_bends(user, values) for user in node.users)


def lower_bend(b: GraphBuilder, bend: Bend, values: Values) -> Value:
    """A bound, or the slopes times both parts of the operand."""
    x = values[bend.x]
    if bend.alpha is not None:
        if bend.digits:
            return elu(b, x, bend.alpha)
        power = b.minus(b.unary("exp", negative_part(b, x)), 1.0)
        return b.plus(b.unary("relu", x), b.times(power, bend.alpha))
    if bend.at != 0:
        bounded = at_least if bend.above == 1 else at_most
        return bounded(b, x, bend.at, passes=bend.as_above == (bend.above == 1))
    above, below = (_slope(slope, values) for slope in (bend.above, bend.below))
    if bend.as_above:
        over, under = at_least(b, x, 0.0, passes=True), b.times(b.unary("relu", b.times(x, -1.0)), -1.0)
    else:
        if isinstance(above, float) and isinstance(below, float) and 0 < below <= above:
            return b.plus(b.times(x, below), b.times(b.unary("relu", x), above - below))
        over, under = b.unary("relu", x), negative_part(b, x)
    parts = [b.times(part, slope) for part, slope in ((over, above), (under, below)) if _counts(slope)]
    return b.plus(*parts) if len(parts) == 2 else parts[0] if parts else b.full(0.0, x.shape)


def _slope(slope: torch.fx.Node | float, values: Values) -> Operand:
    if not isinstance(slope, torch.fx.Node):
        return slope
    operand = values[slope]
    assert isinstance(operand, Value | Known)
    return operand


def _counts(slope: Operand) -> bool:
    return not (isinstance(slope, float) and slope == 0)


def _comparison(node: Any) -> torch.fx.Node | None:
    """The comparison that a node is, or is made a number from."""
    if not isinstance(node, torch.fx.Node):
        return None
    if node.target in _CONVERSIONS | _NOTS and isinstance(node.args[0], torch.fx.Node):
        return _comparison(node.args[0])
    return node if node.target in _COMPARISONS else None


def _is_negated(node: Any) -> bool:
    """Whether a condition holds where its comparison does not."""
    negated = False
    while node.target not in _COMPARISONS:
        negated ^= node.target in _NOTS
        node = node.args[0]
    return negated


def _exponential(node: Any, x: torch.fx.Node) -> tuple[float, bool] | None:
    """The factor of exp(x) - 1 that a value is, and whether it has its digits (`expm1`); None for something else."""
    if not isinstance(node, torch.fx.Node):
        return None
    args: Any = node.args
    if node.target in (aten.mul.Tensor, aten.mul.Scalar):
        for factor, other in (args[:2], args[1::-1]):
            if isinstance(factor, int | float) and (inner := _exponential(other, x)) is not None:
                return factor * inner[0], inner[1]
        return None
    if node.target is aten.expm1.default:
        return (1.0, True) if _same(args[0], x) else None
    less_one = {aten.sub.Tensor: 1, aten.sub.Scalar: 1, aten.add.Tensor: -1, aten.add.Scalar: -1}
    if node.target not in less_one or node.kwargs or args[1:] != (less_one[node.target],):
        return None
    is_exp = isinstance(args[0], torch.fx.Node) and args[0].target is aten.exp.default
    return (1.0, False) if is_exp and _same(args[0].args[0], x) else None


def _same(a: Any, c: Any, depth: int = 4) -> bool:
    """Whether two arguments are one value: the same, or computed in the same way."""
    if not isinstance(a, torch.fx.Node) or not isinstance(c, torch.fx.Node):
        return type(a) is type(c) and bool(a == c)
    if a is c:
        return True
    alike = a.op == c.op == "call_function" and a.target is c.target and a.kwargs == c.kwargs
    if not alike or not depth or len(a.args) != len(c.args) or a.is_impure() or c.is_impure():
        return False
    seeded = (
        isinstance(a.target, torch._ops.OpOverload) and torch.Tag.nondeterministic_seeded in a.target.tags
    )
    return not seeded and all(_same(*pair, depth - 1) for pair in zip(a.args, c.args, strict=True))


def _number(node: torch.fx.Node, values: Values) -> float | None:
    """The number that a constant of one element holds, which is no parameter or buffer."""
    while node.target in _COPIES_OF_CONSTANTS and isinstance(node.args[0], torch.fx.Node):
        node = node.args[0]
    known = values.get(node)
    if not isinstance(known, Known) or known.state or known.tensor.numel() != 1:
        return None
    return float(known.tensor)


def _piece(node: Any, x: torch.fx.Node, values: Values) -> tuple[torch.fx.Node | float, float] | None:
    """Slope and height of what is taken on one side."""
    if isinstance(node, bool | int | float):
        return 0.0, float(node)
    if not isinstance(node, torch.fx.Node):
        return None
    while node.target in _COPIES and isinstance(node.args[0], torch.fx.Node):
        node = node.args[0]
    if _same(node, x):
        return 1.0, 0.0
    if (number := _number(node, values)) is not None:
        return 0.0, number
    if node.target in _NUMBERS:
        return 0.0, _NUMBERS[node.target]
    if node.target in _FULL:
        number = node.args[-1]
        return (0.0, float(number)) if isinstance(number, bool | int | float) else None
    if node.target is aten.neg.default and _same(node.args[0], x):
        return -1.0, 0.0
    if node.target in (aten.mul.Tensor, aten.mul.Scalar) and any(_same(side, x) for side in node.args[:2]):
        factor = node.args[1] if _same(node.args[0], x) else node.args[0]
        if isinstance(factor, bool | int | float):
            return float(factor), 0.0
        return (factor, 0.0) if isinstance(factor, torch.fx.Node) and not _follows(factor, x) else None
    return None


def _follows(node: torch.fx.Node, x: torch.fx.Node) -> bool:
    """Whether a factor is a function of the operand: infinite on the other side of a bend, it spoils this one."""
    pending, seen = [node], {node}
    while pending:
        one = pending.pop()
        if one is x:
            return True
        if by_element(one):
            pending += [operand for operand in one.all_input_nodes if operand not in seen]
            seen.update(one.all_input_nodes)
    return False
