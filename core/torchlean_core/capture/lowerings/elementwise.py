"""Elementwise arithmetic: direct nodes, scalar and broadcast operands, powers."""

from __future__ import annotations

import math

import torch

from torchlean_core.capture.builder import GraphBuilder
from torchlean_core.capture.errors import Refused
from torchlean_core.capture.registry import lowers
from torchlean_core.capture.values import Operand, Value

aten = torch.ops.aten

MAX_EXPONENT = 32


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
    """log(1 + x)."""
    return b.unary("log", b.plus(x, 1.0))


@lowers(aten.expm1.default)
def expm1(b: GraphBuilder, x: Value) -> Value:
    """exp(x) - 1."""
    return b.minus(b.unary("exp", x), 1.0)


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
    """(exp(x) - exp(-x)) / 2."""
    return b.times(b.minus(b.unary("exp", x), b.unary("exp", neg(b, x))), 0.5)


@lowers(aten.cosh.default)
def cosh(b: GraphBuilder, x: Value) -> Value:
    """(exp(x) + exp(-x)) / 2."""
    return b.times(b.plus(b.unary("exp", x), b.unary("exp", neg(b, x))), 0.5)


@lowers(aten.tan.default)
def tan(b: GraphBuilder, x: Value) -> Value:
    """sin(x) / cos(x)."""
    return b.times(b.unary("sin", x), b.unary("inv", b.unary("cos", x)))


@lowers(aten.add.Tensor, aten.add.Scalar)
def add(b: GraphBuilder, x: Operand, other: Operand, alpha: float = 1) -> Value:
    """Sum of x and alpha * other."""
    return b.plus(x, _scaled(b, other, alpha))


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


@lowers(aten.mul.Tensor, aten.mul.Scalar)
def mul(b: GraphBuilder, x: Operand, other: Operand) -> Value:
    """Product of x and other."""
    return b.times(x, other)


@lowers(aten.div.Tensor, aten.div.Scalar, aten.true_divide.Tensor)
def div(b: GraphBuilder, x: Operand, other: Operand) -> Value:
    """Product of x and 1 / other."""
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


@lowers(aten.pow.Tensor_Scalar)
def power(b: GraphBuilder, x: Value, exponent: float) -> Value:
    """An integer exponent by squaring, a half by square roots."""
    if exponent == 0:
        return b.full(1.0, x.shape)
    if exponent < 0:
        return b.unary("inv", power(b, x, -exponent))
    if exponent == 0.5:
        return b.unary("sqrt", x)
    if exponent != int(exponent) or exponent > MAX_EXPONENT:
        raise Refused(f"exponent {exponent}: supported are integers up to {MAX_EXPONENT}, 0.5 and -0.5")
    result: Value | None = None
    factor, rest = x, int(exponent)
    while True:
        if rest & 1:
            result = factor if result is None else b.times(result, factor)
        rest >>= 1
        if not rest:
            assert result is not None
            return result
        factor = b.times(factor, factor)


@lowers(aten.pow.Scalar)
def exponential(b: GraphBuilder, x: float, exponent: Value) -> Value:
    """exp(exponent * ln(base)), for a positive base."""
    if x <= 0:
        raise Refused(f"power of the base {x}: only positive bases are supported")
    return b.unary("exp", b.times(exponent, math.log(x)))
