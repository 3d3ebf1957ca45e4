"""Activations: the direct ones, and exact compositions."""

from __future__ import annotations

import math

import torch

from torchlean_core.capture.builder import GraphBuilder
from torchlean_core.capture.errors import Refused
from torchlean_core.capture.lowerings.digits import exp_minus_one, log_one_plus
from torchlean_core.capture.lowerings.error_function import Nodes, allowed
from torchlean_core.capture.lowerings.ties import at_least, at_most, negative_part
from torchlean_core.capture.registry import lowers
from torchlean_core.capture.values import Operand, Tensor, Value
from torchlean_core.erf import forms
from torchlean_core.kinds.operators import SOFTPLUS

aten = torch.ops.aten

EXACT_THRESHOLD = 20.0
"""From here on softplus and its linear continuation agree to float rounding: log(1 + exp(-20)) = 2e-9."""


@lowers(aten.relu.default)
def relu(b: GraphBuilder, x: Value) -> Value:
    """Direct."""
    return b.unary("relu", x)


@lowers(aten.leaky_relu.default)
def leaky_relu(b: GraphBuilder, x: Value, negative_slope: float = 0.01) -> Value:
    """The sum slope * x + (1 - slope) * relu(x), whose gradient at 0 is the slope, as PyTorch has it."""
    slope = float(negative_slope)
    if slope == 0:
        return b.unary("relu", x)
    if 0 < slope <= 1:
        return b.plus(b.times(x, slope), b.times(b.unary("relu", x), 1.0 - slope))
    return b.plus(b.unary("relu", x), b.times(negative_part(b, x), slope))


@lowers(aten.prelu.default)
def prelu(b: GraphBuilder, x: Value, weight: Tensor) -> Value:
    """relu(x) + weight * min(x, 0), one weight for all or for each channel (axis 1)."""
    slope = b.value(weight)
    if len(x.shape) >= 2 and len(slope.shape) == 1 and slope.shape != (1,):
        slope = b.reshape(slope, (slope.shape[0], *(1,) * (len(x.shape) - 2)))
    return prelu_kernel(b, x, slope)


@lowers(aten._prelu_kernel.default)
def prelu_kernel(b: GraphBuilder, x: Value, weight: Tensor) -> Value:
    """As `prelu`, with a weight that goes with x as it is."""
    return b.plus(b.unary("relu", x), b.times(negative_part(b, x), weight))


@lowers(aten.clamp.default, aten.clamp.Tensor)
def clamp(b: GraphBuilder, x: Value, min: Operand | None = None, max: Operand | None = None) -> Value:
    """min(max(x, least), greatest); at the bounds the gradient passes."""
    if min is not None and min != -math.inf:
        x = at_least(b, x, min, passes=True)
    if max is not None and max != math.inf:
        x = at_most(b, x, max, passes=True)
    return x


@lowers(aten.clamp_min.default, aten.clamp_min.Tensor)
def clamp_min(b: GraphBuilder, x: Value, min: Operand) -> Value:
    """max(x, least)."""
    return clamp(b, x, min=min)


@lowers(aten.clamp_max.default, aten.clamp_max.Tensor)
def clamp_max(b: GraphBuilder, x: Value, max: Operand) -> Value:
    """min(x, greatest)."""
    return clamp(b, x, max=max)


@lowers(aten.hardtanh.default)
def hardtanh(b: GraphBuilder, x: Value, min_val: float = -1.0, max_val: float = 1.0) -> Value:
    """min(max(x, least), greatest); at the bounds the gradient is 0."""
    lower = b.unary("relu", x) if min_val == 0 else _stopped_below(b, x, float(min_val))
    return lower if max_val == math.inf else at_most(b, lower, float(max_val), passes=False)


def _stopped_below(b: GraphBuilder, x: Value, least: float) -> Value:
    return x if least == -math.inf else at_least(b, x, least, passes=False)


@lowers(aten.relu6.default)
def relu6(b: GraphBuilder, x: Value) -> Value:
    """min(relu(x), 6)."""
    return hardtanh(b, x, 0.0, 6.0)


@lowers(aten.hardsigmoid.default)
def hardsigmoid(b: GraphBuilder, x: Value) -> Value:
    """relu6(x + 3) / 6."""
    return b.times(relu6(b, b.plus(x, 3.0)), 1.0 / 6.0)


@lowers(aten.hardswish.default)
def hardswish(b: GraphBuilder, x: Value) -> Value:
    """Product of x and its hardsigmoid."""
    return b.times(x, hardsigmoid(b, x))


@lowers(aten.silu.default)
def silu(b: GraphBuilder, x: Value) -> Value:
    """Product of x and sigmoid(x)."""
    return b.times(x, b.unary("sigmoid", x))


@lowers(aten.elu.default)
def elu(b: GraphBuilder, x: Value, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> Value:
    """Sum of both sides: scale * (relu(x) + alpha * (exp(min(x, 0) * input_scale) - 1))."""
    below = exp_minus_one(b, b.times(negative_part(b, x), float(input_scale)), small=True)
    return b.plus(b.times(b.unary("relu", x), float(scale)), b.times(below, float(alpha) * float(scale)))


@lowers(aten.celu.default)
def celu(b: GraphBuilder, x: Value, alpha: float = 1.0) -> Value:
    """relu(x) + alpha * (exp(min(x, 0) / alpha) - 1)."""
    return elu(b, x, alpha, 1.0, 1.0 / alpha)


@lowers(aten.selu.default)
def selu(b: GraphBuilder, x: Value) -> Value:
    """An elu with fixed constants, as PyTorch has them."""
    return elu(b, x, 1.6732632423543772848170429916717, 1.0507009873554804934193349852946)


def log_one_plus_exp(b: GraphBuilder, distance: Value) -> Value:
    """log(1 + exp(-distance)) for what is not negative: never overflows."""
    if b.dialect.kinds_of(SOFTPLUS):
        return b.said(SOFTPLUS, b.times(distance, -1.0))
    return log_one_plus(b, b.unary("exp", b.times(distance, -1.0)), small=True)


@lowers(aten.softplus.default)
def softplus(b: GraphBuilder, x: Value, beta: float = 1, threshold: float = 20) -> Value:
    """Direct, of y = beta * x and divided by beta; without a kind for it (max(y, 0) + log(1 + exp(-abs(y)))) / beta.

    Of a maximum, since that has the gradient 1/2 at 0, which is the sum's.
    """
    if threshold < EXACT_THRESHOLD:
        raise Refused(
            f"softplus with threshold={threshold} has a step there; it is exact from {EXACT_THRESHOLD:g} on"
        )
    y = b.times(x, float(beta))
    if (direct := b.say(SOFTPLUS, y)) is not None:
        return b.times(direct, 1.0 / beta)
    return b.times(b.plus(b.binary("max_elem", y, 0.0), log_one_plus_exp(b, b.unary("abs", y))), 1.0 / beta)


@lowers(aten.log_sigmoid.default)
def log_sigmoid(b: GraphBuilder, x: Value) -> Value:
    """The softplus of -x, negated; without a kind for that min(x, 0) - log(1 + exp(-abs(x)))."""
    if b.dialect.kinds_of(SOFTPLUS):
        return b.times(b.said(SOFTPLUS, b.times(x, -1.0)), -1.0)
    return b.minus(b.binary("min_elem", x, 0.0), log_one_plus_exp(b, b.unary("abs", x)))


@lowers(aten.log_sigmoid_forward.default)
def log_sigmoid_forward(b: GraphBuilder, x: Value) -> tuple[Value, None]:
    """As `log_sigmoid`; the second result serves the gradient only."""
    return log_sigmoid(b, x), None


@lowers(aten.mish.default)
def mish(b: GraphBuilder, x: Value) -> Value:
    """Product of x and tanh(softplus(x))."""
    return b.times(x, b.unary("tanh", softplus(b, x)))


@lowers(aten.threshold.default)
def threshold(b: GraphBuilder, x: Value, threshold: float, value: float) -> Value:
    """The maximum of x and the threshold, where that is also the value below it."""
    if threshold != value:
        raise Refused(f"a threshold of {threshold} with another value ({value}) below it is a step there")
    return _stopped_below(b, x, float(threshold)) if threshold else b.unary("relu", x)


@lowers(aten.glu.default)
def glu(b: GraphBuilder, x: Value, dim: int = -1) -> Value:
    """First half times the sigmoid of the second half."""
    axis = dim % len(x.shape)
    half = x.shape[axis] // 2
    gate = b.unary("sigmoid", b.select(x, axis, range(half, 2 * half)))
    return b.times(b.select(x, axis, range(half)), gate)


@lowers(aten.gelu.default)
def gelu(b: GraphBuilder, x: Value, approximate: str = "none") -> Value:
    """The tanh form x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3))); the exact one is composed (`erf.forms`)."""
    if approximate != "tanh" and allowed(b, "gelu") == "erf":
        return forms.gelu(Nodes(b), x)
    cube = b.times(b.times(x, x), x)
    inner = b.times(b.plus(x, b.times(cube, 0.044715)), math.sqrt(2.0 / math.pi))
    return b.times(b.times(x, 0.5), b.plus(b.unary("tanh", inner), 1.0))
