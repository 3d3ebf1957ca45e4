"""Elementwise arithmetic: direct nodes, scalar and broadcast operands."""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from torchlean_core.capture.builder import GraphBuilder
from torchlean_core.capture.errors import Refused
from torchlean_core.capture.lowerings.activation import log_one_plus_exp
from torchlean_core.capture.lowerings.digits import exp_minus_one, log_one_plus
from torchlean_core.capture.lowerings.masks import LARGEST, has_minus_infinity, masked_sum
from torchlean_core.capture.lowerings.ties import at_least, at_most
from torchlean_core.capture.ranges import range_of
from torchlean_core.capture.registry import lowers
from torchlean_core.capture.values import Known, Masked, Operand, Value

aten = torch.ops.aten

SMALLEST_NORMAL = 2.0**-126
"""The smallest positive float32 of full precision."""


@lowers(aten.tanh.default)
def tanh(b: GraphBuilder, x: Value) -> Value:
    """Direct."""
    return b.unary("tanh", x)


@lowers(aten.sigmoid.default)
def sigmoid(b: GraphBuilder, x: Value) -> Value:
    """Direct."""
    return b.unary("sigmoid", x)


@lowers(aten.exp.default)
def exp(b: GraphBuilder, x: Value) -> Value:
    """Direct."""
    return b.unary("exp", x)


@lowers(aten.log.default)
def log(b: GraphBuilder, x: Value) -> Value:
    """Direct."""
    return b.unary("log", x)


@lowers(aten.sin.default)
def sin(b: GraphBuilder, x: Value) -> Value:
    """Direct."""
    return b.unary("sin", x)


@lowers(aten.cos.default)
def cos(b: GraphBuilder, x: Value) -> Value:
    """Direct."""
    return b.unary("cos", x)


@lowers(aten.abs.default)
def absolute(b: GraphBuilder, x: Value) -> Value:
    """Direct."""
    return b.unary("abs", x)


@lowers(aten.sqrt.default)
def sqrt(b: GraphBuilder, x: Value) -> Value:
    """Direct."""
    return b.unary("sqrt", x)


@lowers(aten.reciprocal.default)
def reciprocal(b: GraphBuilder, x: Value) -> Value:
    """1 / x."""
    return b.unary("inv", x)


@lowers(aten.rsqrt.default)
def rsqrt(b: GraphBuilder, x: Value) -> Value:
    """1 / sqrt(x)."""
    return b.unary("inv", b.unary("sqrt", x))


@lowers(aten.neg.default)
def neg(b: GraphBuilder, x: Value) -> Value:
    """-1 * x."""
    return b.times(x, -1.0)


@lowers(aten.square.default)
def square(b: GraphBuilder, x: Value) -> Value:
    """Product of x with itself."""
    return b.times(x, x)


@lowers(aten.log1p.default)
def log1p(b: GraphBuilder, x: Value) -> Value:
    """log(1 + x), with its digits near 0."""
    return log_one_plus(b, x)


@lowers(aten.expm1.default)
def expm1(b: GraphBuilder, x: Value) -> Value:
    """exp(x) - 1, with its digits near 0."""
    return exp_minus_one(b, x)


@lowers(aten.exp2.default)
def exp2(b: GraphBuilder, x: Value) -> Value:
    """exp(x ln 2)."""
    return b.unary("exp", b.times(x, math.log(2.0)))


@lowers(aten.log2.default)
def log2(b: GraphBuilder, x: Value) -> Value:
    """log(x) / ln 2."""
    return b.times(b.unary("log", x), 1.0 / math.log(2.0))


@lowers(aten.log10.default)
def log10(b: GraphBuilder, x: Value) -> Value:
    """log(x) / ln 10."""
    return b.times(b.unary("log", x), 1.0 / math.log(10.0))


@lowers(aten.sinh.default)
def sinh(b: GraphBuilder, x: Value) -> Value:
    """The product of both functions of x / 2, doubled, which is finite where the result is."""
    half_sinh, half_cosh = _of_half(b, x)
    return b.times(b.times(half_sinh, 2.0), half_cosh)


@lowers(aten.cosh.default)
def cosh(b: GraphBuilder, x: Value) -> Value:
    """1 + 2 sinh(x / 2)^2, whose gradient has its digits near 0, too."""
    half_sinh, _ = _of_half(b, x)
    return b.plus(b.times(b.times(half_sinh, 2.0), half_sinh), 1.0)


def _of_half(b: GraphBuilder, x: Value) -> tuple[Value, Value]:
    """sinh(x / 2), as tanh(x / 4) (cosh(x / 2) + 1), in which nothing cancels, and cosh(x / 2)."""
    half = b.times(x, 0.5)
    half_cosh = b.times(b.plus(b.unary("exp", half), b.unary("exp", neg(b, half))), 0.5)
    return b.times(b.unary("tanh", b.times(half, 0.5)), b.plus(half_cosh, 1.0)), half_cosh


@lowers(aten.tan.default)
def tan(b: GraphBuilder, x: Value) -> Value:
    """sin(x) / cos(x)."""
    return b.times(b.unary("sin", x), b.unary("inv", b.unary("cos", x)))


@lowers(aten.atanh.default)
def atanh(b: GraphBuilder, x: Value) -> Value:
    """(log(1 + x) - log(1 - x)) / 2, with their digits near 0."""
    return b.times(b.minus(log_one_plus(b, x), log_one_plus(b, neg(b, x))), 0.5)


@lowers(aten.logit.default)
def logit(b: GraphBuilder, x: Value, eps: float | None = None) -> Value:
    """log(x) - log(1 - x), of x between bounds where there is an eps."""
    if eps is not None:
        x = at_most(b, at_least(b, x, eps, passes=True), 1.0 - eps, passes=True)
    return b.minus(b.unary("log", x), b.unary("log", b.minus(1.0, x)))


@lowers(aten.hypot.default)
def hypot(b: GraphBuilder, x: Operand, other: Operand) -> Value:
    """Scaled, s sqrt((x/s)^2 + (y/s)^2), s the larger absolute value, so that no square over- or underflows."""
    first, second = b.operands(x, other)
    larger = b.binary("max_elem", b.unary("abs", first), b.unary("abs", second))
    scale = b.unary("detach", b.binary("max_elem", larger, SMALLEST_NORMAL))
    ratios = [b.times(side, b.unary("inv", scale)) for side in (first, second)]
    return b.times(scale, b.unary("sqrt", b.plus(*(b.times(ratio, ratio) for ratio in ratios))))


@lowers(aten.logaddexp.default)
def logaddexp(b: GraphBuilder, x: Operand, other: Operand) -> Value:
    """The form m + log(1 + exp(-abs(x - y))), m the maximum, so that it stays finite.

    The distance is that of finite numbers: infinity minus infinity is none.
    """
    finite = [
        b.binary("max_elem", b.binary("min_elem", side, LARGEST), -LARGEST) for side in b.operands(x, other)
    ]
    distance = b.unary("abs", b.minus(*finite))
    return b.plus(b.binary("max_elem", x, other), log_one_plus_exp(b, distance))


@lowers(aten.logaddexp2.default)
def logaddexp2(b: GraphBuilder, x: Operand, other: Operand) -> Value:
    """As `logaddexp`, to the base 2."""
    scaled = [b.times(side, math.log(2.0)) for side in b.operands(x, other)]
    return b.times(logaddexp(b, *scaled), 1.0 / math.log(2.0))


@lowers(aten.ldexp.Tensor)
def ldexp(b: GraphBuilder, x: Operand, other: Operand) -> Value:
    """Product with a power of 2."""
    if isinstance(other, Known) and not other.trainable:
        factor = torch.pow(2.0, other.tensor.detach().double())
        return b.binary("mul_elem", x, replace(other, tensor=factor, name=None, base=None, view=()))
    (exponent,) = b.operands(other)
    return b.times(x, exp2(b, exponent))


@lowers(aten.asinh.default)
def asinh(b: GraphBuilder, x: Value) -> Value:
    """For x not negative log(1 + t), t = x + x^2 / (1 + sqrt(1 + x^2)), and an odd function."""

    def of_positive(side: Value) -> Value:
        ratio = div(b, side, b.plus(hypot(b, side, 1.0), 1.0))
        assert isinstance(ratio, Value)
        return log_one_plus(b, b.plus(side, b.times(side, ratio)))

    above = at_least(b, x, 0.0, passes=True)
    below = b.times(at_most(b, x, 0.0, passes=False), -1.0)
    return b.minus(of_positive(above), of_positive(below))


@lowers(aten.acosh.default)
def acosh(b: GraphBuilder, x: Value) -> Value:
    """log(1 + t + sqrt(t (t + 2))), t = x - 1."""
    above = b.minus(x, 1.0)
    product = b.times(b.unary("sqrt", above), b.unary("sqrt", b.plus(above, 2.0)))
    return log_one_plus(b, b.plus(above, product))


@lowers(aten.addcmul.default)
def addcmul(b: GraphBuilder, x: Operand, tensor1: Operand, tensor2: Operand, value: float = 1) -> Value:
    """Sum of x and value * tensor1 * tensor2."""
    return b.plus(x, b.times(b.times(tensor1, tensor2), float(value)))


@lowers(aten.addcdiv.default)
def addcdiv(b: GraphBuilder, x: Operand, tensor1: Operand, tensor2: Operand, value: float = 1) -> Value:
    """Sum of x and value * tensor1 / tensor2."""
    quotient = div(b, tensor1, tensor2)
    assert isinstance(quotient, Value)
    return b.plus(x, b.times(quotient, float(value)))


@lowers(aten.lerp.Scalar, aten.lerp.Tensor)
def lerp(b: GraphBuilder, x: Operand, end: Operand, weight: Operand) -> Value:
    """The sum x + weight * (end - x)."""
    return b.plus(x, b.times(b.minus(end, x), weight))


@lowers(aten.add.Tensor, aten.add.Scalar, masked=True)
def add(b: GraphBuilder, x: Operand | Masked, other: Operand | Masked, alpha: float = 1) -> Value | Masked:
    """Sum of x and alpha * other."""
    if alpha == 1 and isinstance(x, Value | Known | Masked) and _infinite(x, other):
        return masked_sum(b, x, other)
    if isinstance(x, Masked) or isinstance(other, Masked):
        raise Refused("adds a multiple of a sum that holds -inf; that has a meaning only before a softmax")
    return b.plus(x, _scaled(b, other, alpha))


def _infinite(x: Operand | Masked, other: Operand | Masked) -> bool:
    """Whether a sum holds -inf that a softmax may take."""
    if isinstance(x, Masked) or isinstance(other, Masked):
        return True
    return has_minus_infinity(x) or has_minus_infinity(other)


@lowers(aten.sub.Tensor, aten.sub.Scalar)
def sub(b: GraphBuilder, x: Operand, other: Operand, alpha: float = 1) -> Value:
    """Difference of x and alpha * other."""
    return b.minus(x, _scaled(b, other, alpha))


@lowers(aten.rsub.Tensor, aten.rsub.Scalar)
def rsub(b: GraphBuilder, x: Operand, other: Operand, alpha: float = 1) -> Value:
    """Difference of other and alpha * x."""
    return b.minus(other, _scaled(b, x, alpha))


def _scaled(b: GraphBuilder, x: Operand, factor: float) -> Operand:
    if factor == 1:
        return x
    return float(x) * factor if isinstance(x, bool | int | float) else b.times(x, float(factor))


@lowers(aten.mul.Tensor, aten.mul.Scalar, masked=True)
def mul(b: GraphBuilder, x: Operand | Masked, other: Operand | Masked) -> Value | Masked:
    """Product of x and other."""
    if isinstance(x, Masked) or isinstance(other, Masked):
        return _scaled_sum(b, x, other) if isinstance(x, Masked) else _scaled_sum(b, other, x)
    return b.times(x, other)


def _scaled_sum(b: GraphBuilder, x: Operand | Masked, factor: Operand | Masked) -> Masked:
    """A sum that holds -inf times a positive number, which leaves -inf what it is."""
    number = factor.tensor.item() if isinstance(factor, Known) and factor.tensor.numel() == 1 else factor
    if not isinstance(x, Masked) or not isinstance(number, int | float) or not 0 < number < math.inf:
        raise Refused("multiplies a sum that holds -inf; that has a meaning only before a softmax")
    return Masked(b.times(x.value, float(number)), Known(x.mask.tensor * float(number)))


@lowers(aten.div.Tensor, aten.div.Scalar, aten.true_divide.Tensor, masked=True)
def div(b: GraphBuilder, x: Operand | Masked, other: Operand | Masked) -> Value | Masked:
    """Product of x and 1 / other."""
    if isinstance(other, Known) and other.tensor.dim() == 0 and not other.state:
        other = float(other.tensor)
    if isinstance(x, Masked) and isinstance(other, int | float) and other > 0:
        return _scaled_sum(b, x, 1.0 / other)
    if isinstance(x, Masked) or isinstance(other, Masked):
        raise Refused("divides a sum that holds -inf; that has a meaning only before a softmax")
    if isinstance(other, bool | int | float):
        if other == 0:
            raise Refused("division by zero")
        return b.times(x, 1.0 / other)
    return b.times(x, b.unary("inv", other))


@lowers(aten.maximum.default, aten.max.other)
def maximum(b: GraphBuilder, x: Operand, other: Operand) -> Value:
    """Elementwise maximum."""
    return b.binary("max_elem", x, other)


@lowers(aten.minimum.default, aten.min.other)
def minimum(b: GraphBuilder, x: Operand, other: Operand) -> Value:
    """Elementwise minimum."""
    return b.binary("min_elem", x, other)


@lowers(aten.fmax.default)
def fmax(b: GraphBuilder, x: Operand, other: Operand) -> Value:
    """The maximum, all of whose gradient goes to the first operand where both are equal."""
    return at_least(b, *_numbers(b, x, other), passes=True)


@lowers(aten.fmin.default)
def fmin(b: GraphBuilder, x: Operand, other: Operand) -> Value:
    """The minimum; see `fmax`."""
    return at_most(b, *_numbers(b, x, other), passes=True)


def _numbers(b: GraphBuilder, x: Operand, other: Operand) -> list[Value]:
    """Both operands.

    Raises:
        Refused: One can be NaN, which is left out.
    """
    operands = b.operands(x, other)
    if any(range_of(b, one.index).wild for one in operands):
        raise Refused(
            "leaves NaN out, which an operand may be (a logarithm, a quotient or an exponential is in it)"
        )
    return operands
