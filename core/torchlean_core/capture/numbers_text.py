"""Tensors of torch as JSON text: the shortest that reads back as the same float32.

The same numbers as `params.inline_text` gives, which needs numpy and no torch; the standalone script has torch and
perhaps no numpy.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

from torchlean_core.capture.values import content
from torchlean_core.text.float_text import nested_text

if TYPE_CHECKING:
    import torch

_EXACT = 22
"""Largest power of ten that float64 holds exactly."""


def numbers_text(numbers: Any) -> str:
    """JSON text of float32 numbers, in nested arrays of their shape; a scalar is a number.

    Args:
        numbers: A tensor on the CPU, or an array of numpy; every number is finite.

    Raises:
        ValueError: A number is not finite, which JSON cannot say.
    """
    import torch

    tensor = torch.as_tensor(numbers).detach().to(torch.float32)
    if not bool(torch.isfinite(tensor).all()):
        raise ValueError("a number is not finite, which JSON cannot say")
    flat = tensor.reshape(-1)

    def decimals(start: int, end: int) -> list[float]:
        # A tensor's own `tolist` takes a microsecond for each number, ten times all the rest.
        found: list[Any] = content(_decimals(flat[start:end])).cast("d").tolist()
        return found

    return nested_text(tensor.shape, decimals)


def _decimals(tensor: torch.Tensor) -> torch.Tensor:
    """The float64 numbers with the fewest decimal digits that are these in float32.

    Six digits are told from every other six by the float32 next to them, and nine tell every float32. A float64 next to
    a number of so few digits is written with them.
    """
    import torch

    exact = tensor.double()
    found = exact.clone()
    size = exact.abs().clamp(min=torch.finfo(torch.float64).tiny).log10().floor()
    # The others take a power of ten that float64 does not hold.
    left = (exact != 0) & (size - 5 <= _EXACT) & (8 - size <= _EXACT)
    far = (exact != 0) & ~left
    for digits in (6, 7, 8, 9):
        power = digits - 1 - size
        scale = torch.pow(10.0, power.abs())
        scaled = torch.where(power >= 0, exact * scale, exact / scale).round()
        tried = torch.where(power >= 0, scaled / scale, scaled * scale)
        fits = left & (tried.float() == tensor)
        found = torch.where(fits, tried, found)
        left = left & ~fits
    flat = found.reshape(-1)
    for place in (left | far).reshape(-1).nonzero().reshape(-1).tolist():
        flat[place] = _shortest(float(flat[place]))
    return flat.reshape(found.shape)


def _float32(value: float) -> float:
    """The float32 next to a number."""
    return array("f", [value])[0]


def _shortest(value: float) -> float:
    """The same for one number, of any size."""
    for digits in range(1, 9):
        tried = float(f"{value:.{digits}g}")
        if _float32(tried) == value:
            return tried
    return float(f"{value:.9g}")
