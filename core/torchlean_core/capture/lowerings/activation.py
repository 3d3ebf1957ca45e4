"""Activations: the direct ones, and exact compositions."""

from __future__ import annotations

import math

import torch

from torchlean_core.capture.builder import GraphBuilder
from torchlean_core.capture.errors import Refused
from torchlean_core.capture.registry import lowers
from torchlean_core.capture.values import Operand, Tensor, Value

aten = torch.ops.aten

EXACT_THRESHOLD = 20.0
"""From here on softplus and its linear continuation agree to float rounding: log(1 + exp(-20)) = 2e-9."""


@lowers(aten.relu.default)
def relu(b: GraphBuilder, x: Value) -> Value:
    """Direct."""
    return b.unary("relu", x)


def _negative_part(b: GraphBuilder, x: Value) -> Value:
    return b.binary("min_elem", x, 0.0)


@lowers(aten.leaky_relu.default)
def leaky_relu(b: GraphBuilder, x: Value, negative_slope: float = 0.01) -> Value:
    """relu(x) + slope * min(x, 0)."""
    return b.plus(b.unary("relu", x), b.times(_negative_part(b, x), float(negative_slope)))


@lowers(aten.prelu.default, aten._prelu_kernel.default)
def prelu(b: GraphBuilder, x: Value, weight: Tensor) -> Value:
    """relu(x) + weight * min(x, 0), one weight for all or for each channel (axis 1)."""
    slope = b.value(weight)
    if len(x.shape) >= 2 and len(slope.shape) == 1 and slope.shape != (1,):
        slope = b.reshape(slope, (slope.shape[0], *(1,) * (len(x.shape) - 2)))
    return b.plus(b.unary("relu", x), b.times(_negative_part(b, x), slope))


@lowers(aten.clamp.default, aten.clamp.Tensor)
def clamp(b: GraphBuilder, x: Value, min: Operand | None = None, max: Operand | None = None) -> Value:
    """min(max(x, least), greatest)."""
    if isinstance(min, bool | int | float) and min == 0:
        x = b.unary("relu", x)
    elif min is not None and min != -math.inf:
        x = b.binary("max_elem", x, min)
    if max is not None and max != math.inf:
        x = b.binary("min_elem", x, max)
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
    """A clamp."""
    return clamp(b, x, min_val, max_val)


@lowers(aten.relu6.default)
def relu6(b: GraphBuilder, x: Value) -> Value:
    """min(relu(x), 6)."""
    return clamp(b, x, 0.0, 6.0)


@lowers(aten.hardsigmoid.default)
def hardsigmoid(b: GraphBuilder, x: Value) -> Value:
    """relu6(x + 3) / 6."""
    return b.times(clamp(b, b.plus(x, 3.0), 0.0, 6.0), 1.0 / 6.0)


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
    exponential = b.unary("exp", b.times(_negative_part(b, x), float(input_scale)))
    below = b.times(b.minus(exponential, 1.0), float(alpha) * float(scale))
    return b.plus(b.times(b.unary("relu", x), float(scale)), below)


@lowers(aten.celu.default)
def celu(b: GraphBuilder, x: Value, alpha: float = 1.0) -> Value:
    """relu(x) + alpha * (exp(min(x, 0) / alpha) - 1)."""
    return elu(b, x, alpha, 1.0, 1.0 / alpha)


@lowers(aten.selu.default)
def selu(b: GraphBuilder, x: Value) -> Value:
    """An elu with fixed constants, as PyTorch has them."""
    return elu(b, x, 1.6732632423543772848170429916717, 1.0507009873554804934193349852946)


def _log_one_plus_exp(b: GraphBuilder, x: Value) -> Value:
    """log(1 + exp(-abs(x))), which never overflows."""
    return b.unary("log", b.plus(b.unary("exp", b.times(b.unary("abs", x), -1.0)), 1.0))


@lowers(aten.softplus.default)
def softplus(b: GraphBuilder, x: Value, beta: float = 1, threshold: float = 20) -> Value:
    """(relu(y) + log(1 + exp(-abs(y)))) / beta with y = beta * x."""
    if threshold < EXACT_THRESHOLD:
        raise Refused(
            f"softplus with threshold={threshold} has a step there; it is exact from {EXACT_THRESHOLD:g} on"
        )
    y = b.times(x, float(beta))
    return b.times(b.plus(b.unary("relu", y), _log_one_plus_exp(b, y)), 1.0 / beta)


@lowers(aten.log_sigmoid.default)
def log_sigmoid(b: GraphBuilder, x: Value) -> Value:
    """min(x, 0) - log(1 + exp(-abs(x)))."""
    return b.minus(_negative_part(b, x), _log_one_plus_exp(b, x))


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
    return clamp(b, x, min=threshold)


@lowers(aten.glu.default)
def glu(b: GraphBuilder, x: Value, dim: int = -1) -> Value:
    """First half times the sigmoid of the second half."""
    axis = dim % len(x.shape)
    half = x.shape[axis] // 2
    gate = b.unary("sigmoid", b.select(x, axis, range(half, 2 * half)))
    return b.times(b.select(x, axis, range(half)), gate)


@lowers(aten.gelu.default)
def gelu(b: GraphBuilder, x: Value, approximate: str = "none") -> Value:
    """The tanh form: x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3)))."""
    if approximate != "tanh" and not b.may_approximate("gelu", "tanh"):
        raise Refused(
            "exact-erf GELU has no exact form in torchlean.ir.v1; use the tanh form, "
            'nn.GELU(approximate="tanh"), or allow it in its place',
            allow="gelu=tanh",
        )
    cube = b.times(b.times(x, x), x)
    inner = b.times(b.plus(x, b.times(cube, 0.044715)), math.sqrt(2.0 / math.pi))
    return b.times(b.times(x, 0.5), b.plus(b.unary("tanh", inner), 1.0))
