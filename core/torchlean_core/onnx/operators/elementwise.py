"""Functions of one element."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F

from torchlean_core.capture.errors import Refused
from torchlean_core.onnx.graph import Node
from torchlean_core.onnx.operators.places import number
from torchlean_core.onnx.operators.registry import operator
from torchlean_core.onnx.tensors import NoNumbersError, type_of

_UNARY: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "Abs": torch.abs,
    "Acos": torch.acos,
    "Acosh": torch.acosh,
    "Asin": torch.asin,
    "Asinh": torch.asinh,
    "Atan": torch.atan,
    "Atanh": torch.atanh,
    "Ceil": torch.ceil,
    "Cos": torch.cos,
    "Cosh": torch.cosh,
    "Erf": torch.erf,
    "Exp": torch.exp,
    "Floor": torch.floor,
    "HardSwish": F.hardswish,
    "IsNaN": torch.isnan,
    "Log": torch.log,
    "Mish": F.mish,
    "Neg": torch.neg,
    "Not": torch.logical_not,
    "Reciprocal": torch.reciprocal,
    "Relu": torch.relu,
    "Round": torch.round,
    "Sigmoid": torch.sigmoid,
    "Sign": torch.sign,
    "Sin": torch.sin,
    "Sinh": torch.sinh,
    "Softplus": F.softplus,
    "Softsign": F.softsign,
    "Sqrt": torch.sqrt,
    "Tan": torch.tan,
    "Tanh": torch.tanh,
}


def _plain(function: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[Node, torch.Tensor], torch.Tensor]:
    return lambda node, x: function(x)


for _name, _function in _UNARY.items():
    operator(_name)(_plain(_function))


@operator("Identity")
def identity(node: Node, x: torch.Tensor) -> torch.Tensor:
    """The operand itself."""
    return x


@operator("Elu")
def elu(node: Node, x: torch.Tensor) -> torch.Tensor:
    """Alpha (exp(x) - 1) below 0."""
    return F.elu(x, node["alpha"])


@operator("Celu")
def celu(node: Node, x: torch.Tensor) -> torch.Tensor:
    """Alpha (exp(x / alpha) - 1) below 0."""
    return F.celu(x, node["alpha"])


_SELU = 1.67326319217681884765625, 1.05070102214813232421875
"""The usual alpha and gamma, as float32 has them."""


@operator("Selu")
def selu(node: Node, x: torch.Tensor) -> torch.Tensor:
    """An Elu times gamma."""
    alpha, gamma = float(node["alpha"]), float(node["gamma"])
    return F.selu(x) if (alpha, gamma) == _SELU else F.elu(x, alpha) * gamma


@operator("LeakyRelu")
def leaky_relu(node: Node, x: torch.Tensor) -> torch.Tensor:
    """Alpha x below 0."""
    return F.leaky_relu(x, node["alpha"])


@operator("ThresholdedRelu")
def thresholded_relu(node: Node, x: torch.Tensor) -> torch.Tensor:
    """X above alpha, else 0."""
    return F.threshold(x, node["alpha"], 0.0)


@operator("HardSigmoid")
def hard_sigmoid(node: Node, x: torch.Tensor) -> torch.Tensor:
    """Alpha x + beta between 0 and 1."""
    alpha, beta = node["alpha"], node["beta"]
    if abs(alpha - 1 / 6) < 1e-7 and beta == 0.5:
        return F.hardsigmoid(x)
    return torch.clamp(alpha * x + beta, 0.0, 1.0)


@operator("Gelu")
def gelu(node: Node, x: torch.Tensor) -> torch.Tensor:
    """With the error function, or by tanh."""
    return F.gelu(x, approximate=node["approximate"])


@operator("Swish")
def swish(node: Node, x: torch.Tensor) -> torch.Tensor:
    """X sigmoid(alpha x)."""
    alpha = node["alpha"]
    return F.silu(x) if alpha == 1 else x * torch.sigmoid(alpha * x)


@operator("Shrink")
def shrink(node: Node, x: torch.Tensor) -> torch.Tensor:
    """Nearer to 0 by bias, and 0 within lambd of it."""
    bias, lambd = node["bias"], node["lambd"]
    if bias == lambd and lambd >= 0:
        return F.softshrink(x, lambd)
    if bias == 0 and lambd >= 0:
        return F.hardshrink(x, lambd)
    zero = torch.zeros_like(x)
    return torch.where(x < -lambd, x + bias, torch.where(x > lambd, x - bias, zero))


@operator("Clip", settings=(1, 2))
def clip(node: Node, x: torch.Tensor, low: float | None = None, high: float | None = None) -> torch.Tensor:
    """Between two bounds, which were attributes before version 11."""
    if node.version < 11:
        low, high = node.get("min"), node.get("max")
    low, high = _bound(low), _bound(high)
    most = torch.finfo(torch.float32).max
    if x.is_floating_point():
        low = None if low is not None and low <= -most else low
        high = None if high is not None and high >= most else high
    if low is None and high is None:
        return x
    return torch.clamp(x, low, high)


def _bound(value: object) -> float | None:
    found = number(value)
    if found is not None and (not isinstance(found, int | float) or math.isnan(found)):
        raise Refused("its bounds are to be numbers")
    return found


@operator("Cast")
def cast(node: Node, x: torch.Tensor) -> torch.Tensor:
    """Another type."""
    return converted(x, _type(node["to"]))


@operator("CastLike", bare=(1,))
def cast_like(node: Node, x: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """The type of another operand."""
    return converted(x, like.dtype)


def converted(x: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """A tensor in another type; what is computed from the network's input or a parameter stays real.

    Raises:
        Refused: It would become whole numbers.
    """
    if x.dtype == dtype:
        return x
    if x.is_floating_point() and not dtype.is_floating_point and dtype != torch.bool and x.is_meta:
        name = str(dtype).removeprefix("torch.")
        raise Refused(
            f"makes {name} of what is computed from the network's input or a parameter; an artifact's values are real"
            " numbers"
        )
    return x.to(dtype)


def _type(number: int) -> torch.dtype:
    try:
        return type_of(number)
    except NoNumbersError as error:
        raise Refused(f"its result's type: {error}") from error


@operator("IsInf")
def is_inf(node: Node, x: torch.Tensor) -> torch.Tensor:
    """Infinite, of one sign or both."""
    negative, positive = node["detect_negative"], node["detect_positive"]
    if negative and positive:
        return torch.isinf(x)
    if not negative and not positive:
        return torch.zeros_like(x, dtype=torch.bool)
    return torch.isneginf(x) if negative else torch.isposinf(x)


@operator("Dropout", settings=(1, 2))
def dropout(node: Node, x: torch.Tensor, ratio: float | None = None, training: bool | None = None) -> object:
    """Nothing, as in use; the second output says that all is kept."""
    if training and ratio != 0:
        raise Refused("drops at random: training_mode is set")
    if node.wants(1):
        if node.version < 12:
            raise Refused("its mask is used, on which evaluators do not agree before operator set 12")
        return x, torch.ones(x.shape, dtype=torch.bool)
    return x
