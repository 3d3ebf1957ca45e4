"""Operators of several operands, broadcast to one another."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

from torchlean_core.capture.errors import Refused
from torchlean_core.onnx.graph import Node
from torchlean_core.onnx.operators.registry import EVERY, broadcast, operator

_BINARY: dict[str, Callable[[Any, Any], torch.Tensor]] = {
    "And": torch.logical_and,
    "Equal": torch.eq,
    "Greater": torch.gt,
    "GreaterOrEqual": torch.ge,
    "Less": torch.lt,
    "LessOrEqual": torch.le,
    "Or": torch.logical_or,
    "Xor": torch.logical_xor,
}


def _plain(function: Callable[[Any, Any], torch.Tensor]) -> Callable[[Node, Any, Any], torch.Tensor]:
    return lambda node, a, b: function(a, b)


for _name, _function in _BINARY.items():
    operator(_name)(_plain(_function))


@operator("Add", learned=(0, 1), scalars=True)
def add(node: Node, a: Any, b: Any) -> Any:
    """The sum."""
    return a + b


@operator("Sub", learned=(0, 1), scalars=True)
def sub(node: Node, a: Any, b: Any) -> Any:
    """The difference."""
    return a - b


@operator("Mul", learned=(0, 1), scalars=True)
def mul(node: Node, a: Any, b: Any) -> Any:
    """The product."""
    return a * b


@operator("Div", learned=(0, 1), scalars=True)
def div(node: Node, a: Any, b: Any) -> Any:
    """The quotient; that of whole numbers is one, cut off towards 0."""
    if isinstance(a, torch.Tensor) and not a.is_floating_point():
        if not b.is_meta and bool((b == 0).any()):
            raise Refused("divides by 0")
        return torch.div(a, b, rounding_mode="trunc")
    return a / b


@operator("Pow", scalars=True)
def power(node: Node, x: Any, exponent: Any) -> torch.Tensor:
    """X to the exponent, in the type of x."""
    result = torch.pow(x, exponent)
    return result.to(x.dtype) if isinstance(x, torch.Tensor) and result.dtype != x.dtype else result


@operator("Mod")
def mod(node: Node, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """The remainder, with the sign of a where fmod is 1, else that of b."""
    if not a.is_floating_point() and not b.is_meta and bool((b == 0).any()):
        raise Refused("divides by 0")
    return torch.fmod(a, b) if node["fmod"] else torch.remainder(a, b)


@operator("Max")
def largest(node: Node, *operands: torch.Tensor) -> torch.Tensor:
    """The largest, element by element."""
    return functools.reduce(torch.maximum, operands)


@operator("Min")
def smallest(node: Node, *operands: torch.Tensor) -> torch.Tensor:
    """The smallest, element by element."""
    return functools.reduce(torch.minimum, operands)


@operator("Sum", learned=EVERY)
def total(node: Node, *operands: torch.Tensor) -> torch.Tensor:
    """The sum of all operands."""
    return functools.reduce(torch.add, operands)


@operator("Mean", learned=EVERY)
def mean(node: Node, *operands: torch.Tensor) -> torch.Tensor:
    """The mean of all operands."""
    found = functools.reduce(torch.add, operands)
    return found / len(operands) if len(operands) > 1 else found


@operator("Where")
def where(node: Node, condition: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """A where the condition holds, else b."""
    return torch.where(condition, a, b)


@operator("PRelu", learned=(1,))
def prelu(node: Node, x: torch.Tensor, slope: torch.Tensor) -> torch.Tensor:
    """Slope times x below 0; the slope is broadcast to x."""
    if broadcast(x.shape, slope.shape) != list(x.shape):
        raise Refused(f"a slope of shape {list(slope.shape)} does not fit {list(x.shape)}")
    if slope.numel() == 1:
        return F.prelu(x, slope.reshape(1))
    aligned = [1] * (x.dim() - slope.dim()) + list(slope.shape)
    if x.dim() > 1 and all(size == 1 for axis, size in enumerate(aligned) if axis != 1):
        return F.prelu(x, slope.reshape(-1))
    return torch.relu(x) - slope * torch.relu(-x)
