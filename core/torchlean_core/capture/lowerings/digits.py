"""Forms that keep their digits in float32, where the textbook form has none left.

Each is the textbook form plus what rounding took from it: 0 as a real function, at most a few units of the last
place of 1, and without a gradient. So derivative and bounds are those of the textbook form.
"""

from __future__ import annotations

from torchlean_core.capture.builder import GraphBuilder
from torchlean_core.capture.values import Value

_LAST_PLACES = 2.0**-22
"""No more than this is lost to rounding where the result is of size 1."""

_SMALLEST = 2.0**-149
"""The smallest positive float32."""

_LARGE = 2.0**80
"""Twice multiplied with it, every positive float32 is more than 1."""


def _regained(b: GraphBuilder, plain: Value, lost: Value) -> Value:
    bounded = b.binary("max_elem", b.binary("min_elem", lost, _LAST_PLACES), -_LAST_PLACES)
    return b.plus(plain, b.unary("detach", bounded))


def log_one_plus(b: GraphBuilder, x: Value, *, small: bool = False) -> Value:
    """log(1 + x), plus x - ((1 + x) - 1): what 1 + x does not hold of x.

    Args:
        b: The builder.
        x: Operand.
        small: Whether x is at most 1; beyond that nothing is lost that counts.
    """
    near = x if small else b.binary("min_elem", x, 1.0)
    lost = b.minus(near, b.minus(b.plus(near, 1.0), 1.0))
    return _regained(b, b.unary("log", b.plus(x, 1.0)), lost)


def exp_minus_one(b: GraphBuilder, x: Value, *, small: bool = False) -> Value:
    """exp(x) - 1, plus its difference to tanh(x / 2) (exp(x) + 1), in which nothing cancels.

    Args:
        b: The builder.
        x: Operand.
        small: Whether x is at most 1; beyond that nothing is lost that counts.
    """
    exponential = b.unary("exp", x)
    plain = b.minus(exponential, 1.0)
    near = x if small else b.binary("min_elem", x, 1.0)
    grown = exponential if small else b.unary("exp", near)
    better = b.times(b.unary("tanh", b.times(near, 0.5)), b.plus(grown, 1.0))
    return _regained(b, plain, b.minus(better, b.minus(grown, 1.0)))


def root_of_sum(b: GraphBuilder, squares: Value) -> Value:
    """sqrt(x) for a sum of squares x; where that is 0 the gradient is 0, as PyTorch has it for norms.

    The root is taken of the smallest float32 there, and multiplied with 0; elsewhere the factor is 1.
    """
    root = b.unary("sqrt", b.binary("max_elem", squares, _SMALLEST))
    scaled = b.times(b.times(squares, _LARGE), _LARGE)
    return b.times(root, b.unary("detach", b.binary("min_elem", scaled, 1.0)))


def root(b: GraphBuilder, x: Value) -> Value:
    """sqrt(x), with the gradient 0 where x is 0; NaN for a negative x."""
    positive = b.unary("sqrt", b.binary("max_elem", x, _SMALLEST))
    return b.plus(positive, b.unary("detach", b.minus(b.unary("sqrt", x), positive)))


def positive(b: GraphBuilder, x: Value) -> tuple[Value, Value]:
    """A number as it is where it is positive, and else the smallest one; and 1 where it is, else 0.

    A negative number stays what it is, so that its logarithm is NaN.
    """
    lifted = b.binary("max_elem", x, _SMALLEST)
    negative = b.binary("min_elem", x, 0.0)
    scaled = b.times(b.times(x, _LARGE), _LARGE)
    return b.plus(lifted, negative), b.unary("detach", b.binary("min_elem", scaled, 1.0))
