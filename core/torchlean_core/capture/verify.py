"""Self-verification: the reference interpreter on the new artifact against the module it was captured from."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch

from torchlean_core.errors import UserError
from torchlean_core.graph import Graph, lower
from torchlean_core.interp import Interpreter

LIMITS = {torch.float64: 1e-6, torch.float32: 1e-4}
"""Largest relative error that is rounding, by the type in which both sides were computed."""


@dataclass(frozen=True, slots=True)
class Verification:
    """How artifact and module agree.

    Attributes:
        max_relative_error: Largest max|a-b| / max|b| over the inputs.
        dtype: What both sides were computed in.
        inputs: Number of inputs.
    """

    max_relative_error: float
    dtype: torch.dtype
    inputs: int


def verify(module: torch.nn.Module, graph: Graph, tensors: Mapping[str, torch.Tensor]) -> Verification:
    """Compare on random inputs, in float64 where the module can be converted, else in float32.

    Raises:
        UserError: They differ by more than rounding, or the module does not repeat itself.
    """
    converted = _in_float64(module, graph.input_shape)
    dtype = torch.float32 if converted is None else torch.float64
    reference = module if converted is None else converted
    interpreter = Interpreter(lower(graph), tensors, dtype)
    worst, count = 0.0, 0
    for x in _inputs(graph.input_shape, dtype):
        with torch.no_grad():
            expected, again = reference(x.clone()), reference(x.clone())
        if not torch.allclose(expected, again, equal_nan=True):
            raise UserError(
                "the model gives different results for the same input; only a function of the input can be "
                "captured (nothing was written)"
            )
        worst = max(worst, relative_error(interpreter.run(x), expected))
        count += 1
    if not worst <= LIMITS[dtype]:
        name = str(dtype).removeprefix("torch.")
        raise UserError(
            f"the artifact differs from the model by a relative error of {worst:.3g} (limit "
            f"{LIMITS[dtype]:g} in {name}); nothing was written. This is a bug in torchlean-ls, or the "
            "model's result depends on more than its input"
        )
    return Verification(worst, dtype, count)


def relative_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    """max|a-b| / max|b|; equal infinities and NaN in the same places count as equal, in others as infinite."""
    found, expected = found.double(), expected.double()
    finite = torch.isfinite(found) & torch.isfinite(expected)
    same = (found == expected) | (found.isnan() & expected.isnan())
    if not bool((finite | same).all()):
        return float("inf")
    difference = float((found - expected)[finite].abs().max()) if bool(finite.any()) else 0.0
    scale = float(expected[finite].abs().max()) if bool(finite.any()) else 0.0
    return difference / scale if scale > 0 else difference


def _in_float64(module: torch.nn.Module, shape: tuple[int, ...]) -> torch.nn.Module | None:
    """A copy that computes in float64, or None where the module does not allow it."""
    try:
        converted = copy.deepcopy(module).double()
        with torch.no_grad():
            result = converted(torch.ones(shape, dtype=torch.float64))
    except Exception:
        return None
    return converted if isinstance(result, torch.Tensor) and result.dtype == torch.float64 else None


def _inputs(shape: tuple[int, ...], dtype: torch.dtype) -> Iterator[torch.Tensor]:
    """Random inputs: normal ones at three scales, and positive ones."""
    generator = torch.Generator().manual_seed(1)
    for scale in (1.0, 0.1, 4.0):
        yield torch.randn(shape, generator=generator, dtype=dtype) * scale
    yield torch.rand(shape, generator=generator, dtype=dtype)
