"""Powers: with whole exponents, their halves to eighths, any other, and exponents that train or depend on the input."""

from __future__ import annotations

import math

import torch

from torchlean_core.capture.builder import GraphBuilder, broadcast_shape
from torchlean_core.capture.errors import Refused
from torchlean_core.capture.lowerings.digits import positive, root
from torchlean_core.capture.ranges import range_of
from torchlean_core.capture.registry import lowers
from torchlean_core.capture.values import Known, Operand, Value

aten = torch.ops.aten

MAX_EXPONENT = 32


@lowers(aten.pow.Tensor_Scalar, aten.float_power.Tensor_Scalar)
def power(b: GraphBuilder, x: Value, exponent: float) -> Value:
    """A whole exponent by squaring, halves, quarters and eighths by square roots, others by exp(p log(x)).

    Of a negative number a power that is no whole one is NaN, and so is its logarithm.
    """
    if exponent == 0:
        return b.full(1.0, x.shape)
    if exponent < 0:
        return b.unary("inv", power(b, x, -exponent))
    if exponent > MAX_EXPONENT:
        if exponent == int(exponent) and range_of(b, x.index).low < 0:
            raise Refused(
                f"exponent {exponent} of what can be negative: supported are integers up to {MAX_EXPONENT}"
            )
        return by_logarithm(b, x, exponent)
    whole, eighths = divmod(exponent * 8, 8)
    if eighths != int(eighths):
        fraction = by_logarithm(b, x, exponent - int(whole))
        return b.times(_natural_power(b, x, int(whole)), fraction) if whole else fraction
    result = _natural_power(b, x, int(whole)) if whole else None
    factor = x
    for part in (4, 2, 1):  # 1/2, 1/4 and 1/8
        if not int(eighths) & (2 * part - 1):
            break
        # The derivative of a power over 1 is 0 at 0, where that of its root is infinite.
        factor = root(b, factor) if whole else b.unary("sqrt", factor)
        if int(eighths) & part:
            result = factor if result is None else b.times(result, factor)
    assert result is not None
    return result


def by_logarithm(b: GraphBuilder, x: Value, exponent: Operand) -> Value:
    """exp(p log(x)); where x can be 0, with the value 0 and no gradient there."""
    bounds = range_of(b, x.index)
    if bounds.low > 0:
        return b.unary("exp", b.times(b.unary("log", x), exponent))
    kept, there = positive(b, x)
    return b.times(b.unary("exp", b.times(b.unary("log", kept), exponent)), there)


@lowers(aten.pow.Tensor_Tensor, aten.float_power.Tensor_Tensor)
def power_of_tensor(b: GraphBuilder, x: Operand, exponent: Operand) -> Value:
    """exp(p log(x)), where x is not negative.

    Raises:
        Refused: The sign of x is not known.
    """
    if isinstance(exponent, Known) and not exponent.trainable:
        first = float(exponent.tensor.reshape(-1)[0]) if exponent.tensor.numel() else 1.0
        if bool((exponent.tensor == first).all()):
            shape = broadcast_shape(b.value(x).shape, exponent.shape)  # type: ignore[arg-type]
            return b.broadcast(power(b, b.value(x), first), shape)  # type: ignore[arg-type]
    base, given = b.operands(x, exponent)
    if range_of(b, base.index).low < 0:
        raise Refused(
            "the base of a power with an exponent that is no known number has to be known as positive, as "
            "x.clamp(min=1e-6), exp(x) or softplus(x) are"
        )
    if range_of(b, given.index).low > 0:
        return by_logarithm(b, base, given)
    return b.unary("exp", b.times(b.unary("log", base), given))


def _natural_power(b: GraphBuilder, x: Value, exponent: int) -> Value:
    """Squarings, and products of what the exponent's binary digits name."""
    result: Value | None = None
    while True:
        if exponent & 1:
            result = x if result is None else b.times(result, x)
        exponent >>= 1
        if not exponent:
            assert result is not None
            return result
        x = b.times(x, x)


@lowers(aten.pow.Scalar)
def exponential(b: GraphBuilder, x: float, exponent: Value) -> Value:
    """exp(exponent * ln(base)), for a positive base."""
    if x <= 0:
        raise Refused(f"power of the base {x}: only positive bases are supported")
    return b.unary("exp", b.times(exponent, math.log(x)))
