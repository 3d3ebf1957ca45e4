"""Bounds whose gradient exactly at the bound is PyTorch's.

`max_elem` and `min_elem` give each operand half of the gradient where both are equal. PyTorch does so, too, in
`maximum` and `minimum`; but a clamp passes all of it there, and hardtanh, relu6 and `threshold` nothing. The
difference is made by adding what is 0 everywhere and has a gradient at the bound only.
"""

from __future__ import annotations

from torchlean_core.capture.builder import GraphBuilder
from torchlean_core.capture.values import Operand, Value


def at_least(b: GraphBuilder, x: Operand, least: Operand, *, passes: bool) -> Value:
    """max(x, least).

    Args:
        b: The builder.
        x: Operand.
        least: The bound.
        passes: Whether x gets the whole gradient where it equals the bound, or nothing.
    """
    return _bounded(b, x, least, "max_elem", "min_elem", passes)


def at_most(b: GraphBuilder, x: Operand, most: Operand, *, passes: bool) -> Value:
    """min(x, most); see `at_least`."""
    return _bounded(b, x, most, "min_elem", "max_elem", passes)


def negative_part(b: GraphBuilder, x: Operand) -> Value:
    """min(x, 0), the gradient at 0 that of a negative number: with `relu`, whose gradient there is 0, makes x."""
    return at_most(b, x, 0.0, passes=True)


def _bounded(b: GraphBuilder, x: Operand, bound: Operand, kind: str, opposite: str, passes: bool) -> Value:
    """The bounded operand, plus or minus twice a zero.

    The zero is the part of its distance to the bound that lies beyond the bound. Exactly there its gradient is
    a quarter (half of the half that the first node passes on), so that twice it makes the half whole, or nothing.
    """
    near = b.binary(kind, x, bound)
    beyond = near if _is_zero(bound) else b.minus(near, bound)
    zero = b.binary(opposite, beyond, 0.0)
    combine = b.plus if passes else b.minus
    return combine(combine(near, zero), zero)


def _is_zero(bound: Operand) -> bool:
    return isinstance(bound, bool | int | float) and bound == 0
