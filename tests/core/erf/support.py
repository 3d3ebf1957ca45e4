"""The forms as functions of a tensor, and the true functions with forty digits."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import mpmath as mp
import torch
import torch.nn.functional as F

from torchlean_core.erf import forms

Tensor = torch.Tensor

_UNARY = {
    "abs": torch.abs,
    "detach": torch.detach,
    "exp": torch.exp,
    "inv": torch.reciprocal,
    "relu": torch.relu,
    "tanh": torch.tanh,
}
_BINARY = {
    "add": torch.add,
    "sub": torch.sub,
    "mul_elem": torch.mul,
    "max_elem": torch.maximum,
    "min_elem": torch.minimum,
}


class Tensors:
    """The algebra of the forms, computed at once."""

    def unary(self, kind: str, x: Tensor) -> Tensor:
        return _UNARY[kind](x)

    def binary(self, kind: str, x: Tensor, y: Tensor | float) -> Tensor:
        return _BINARY[kind](x, y if isinstance(y, Tensor) else _constant([y], x).reshape(()).expand_as(x))

    def sum_of(self, x: float, y: float, like: Tensor) -> Tensor:
        return (_constant([x], like) + _constant([y], like)).reshape(()).expand_as(like)

    def row(self, x: Tensor) -> Tensor:
        return x.reshape(1, -1)

    def column(self, numbers: Sequence[float], like: Tensor) -> Tensor:
        return _constant(numbers, like)[:, None].expand_as(like)

    def column_of_sums(self, x: Sequence[float], y: Sequence[float], like: Tensor) -> Tensor:
        return (_constant(x, like) + _constant(y, like))[:, None].expand_as(like)

    def rows(self, x: Tensor) -> Tensor:
        return x.expand(4, x.shape[1])

    def total(self, x: Tensor, like: Tensor) -> Tensor:
        return x.sum(0).reshape(like.shape)


def _constant(numbers: Sequence[float], like: Tensor) -> Tensor:
    """Numbers as an artifact holds them: in float32, whatever is computed in."""
    held = torch.tensor(numbers, dtype=torch.float32)
    assert held.tolist() == list(numbers), "a constant that float32 does not hold"
    return held.to(like.dtype)


@dataclass(frozen=True)
class Function:
    """A form, torch's own function, and the truth about both it and its derivative."""

    form: Callable[[Any, Any], Any]
    torch: Callable[[Tensor], Tensor]
    value: Callable[[Any], Any]
    slope: Callable[[Any], Any]

    def here(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Values and gradients of the form."""
        return _with_gradient(lambda x: self.form(Tensors(), x), x)

    def there(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Values and gradients of torch's own."""
        return _with_gradient(self.torch, x)


def _with_gradient(function: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    x = x.clone().requires_grad_()
    y = function(x)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    return y.detach(), gradient


def _erfc(z: Any) -> Any:
    return mp.mpf(1 - mp.sign(z)) if abs(z) > 1000 else mp.erfc(z)


def _gaussian(square: Any) -> Any:
    return mp.exp(-min(square, mp.mpf(10) ** 6))


def _cdf(x: Any) -> Any:
    return _erfc(-x / mp.sqrt(2)) / 2


def _density(x: Any) -> Any:
    return _gaussian(x * x / 2) / mp.sqrt(2 * mp.pi)


def _slope_of_erf(x: Any) -> Any:
    return 2 / mp.sqrt(mp.pi) * _gaussian(x * x)


FUNCTIONS = {
    "gelu": Function(forms.gelu, F.gelu, lambda x: x * _cdf(x), lambda x: _cdf(x) + x * _density(x)),
    "erf": Function(
        forms.erf,
        torch.erf,
        lambda x: mp.sign(x) if abs(x) > 1000 else mp.erf(x),
        _slope_of_erf,
    ),
    "erfc": Function(forms.erfc, torch.erfc, _erfc, lambda x: -_slope_of_erf(x)),
    "ndtr": Function(forms.normal_cdf, torch.special.ndtr, _cdf, _density),
}


def true(function: Callable[[Any], Any], x: Tensor) -> list[Any]:
    """A true function's values, as numbers of forty digits."""
    with mp.workdps(40):
        return [function(mp.mpf(one)) for one in x.tolist()]


def relative(found: Tensor, expected: Sequence[Any], smallest: float) -> list[float]:
    """Relative errors; 0 where the true value is no normal number."""
    return [
        float(abs((mp.mpf(one) - right) / right)) if abs(right) >= smallest else 0.0
        for one, right in zip(found.tolist(), expected, strict=True)
    ]


def ulps(found: Tensor, expected: Sequence[Any]) -> list[float]:
    """Errors in units of the last place of float32; 0 where the true value is no normal number."""
    result = []
    for one, right in zip(found.tolist(), expected, strict=True):
        if abs(right) < 2.0**-126:
            result.append(0.0)
            continue
        place = mp.mpf(2) ** (math.floor(mp.log(abs(right), 2)) - 23)
        result.append(float(abs(one - right) / place))
    return result


def octave(exponent: int, count: int, seed: int = 0) -> Tensor:
    """Numbers of both signs from 2**exponent to twice that, float32."""
    generator = torch.Generator().manual_seed(seed + exponent)
    positive = (2.0**exponent * (1 + torch.rand(count, generator=generator, dtype=torch.float64))).float()
    positive = positive.clamp(max=torch.finfo(torch.float32).max)
    return torch.cat([positive, -positive])
