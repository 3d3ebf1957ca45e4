"""Self-verification: the reference interpreter on the new artifact against the module it was captured from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from torchlean_core.capture.assemble import Finished
from torchlean_core.capture.compact import compact
from torchlean_core.capture.errors import CaptureError
from torchlean_core.capture.instances import Instances, changed_attribute
from torchlean_core.graph import lower
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


def verify(instances: Instances, artifact: Finished, *, measure: bool = False) -> Verification:
    """Compare on random inputs, in float64 where the module can be converted, else in float32.

    Every input goes to an instance that never ran; one more gets them all, and must give the same. Where float64
    shows more than rounding, two things are no error of the capture: constants that float32 does not hold
    exactly, and a module that means something else in float64. Then the judgement is float32's.

    Args:
        instances: Gives instances of the module.
        artifact: The graph and its parameters.
        measure: Report an error of any size, for an artifact that is known to be an approximation.

    Raises:
        CaptureError: They differ by more than rounding, or forward is no function of its input.
    """
    shape = artifact.graph.input_shape
    new = float64_instances(instances, shape)
    dtype = torch.float32 if new is None else torch.float64
    new = new or instances.copy
    program, tensors = compact(lower(artifact.graph), artifact.tensors)
    interpreter = Interpreter(program, tensors, dtype)
    inputs = list(_inputs(shape, dtype))
    found, expected = [], []
    for x in inputs:
        expected.append(instances.call(new(), x, _HINT).detach())
        found.append(interpreter.run(x))
    worst = max(map(relative_error, found, expected))
    running = new()
    for x, first in zip(inputs, expected, strict=True):
        later, again = (instances.call(running, x, _HINT).detach() for _ in range(2))
        if _differ(first, later) or _differ(later, again):
            raise _stateful(instances, new(), running)
    if measure or worst <= LIMITS[dtype]:
        return Verification(worst, dtype, len(inputs))
    if dtype == torch.float64:
        results = [instances.call(instances.copy(), x.float(), _HINT).detach() for x in inputs]
        exact = Interpreter(
            *compact(lower(artifact.graph), {**artifact.tensors, **artifact.unrounded}), dtype
        )
        rounding = max(map(relative_error, map(exact.run, inputs), expected)) <= LIMITS[dtype]
        if rounding or _computes_otherwise(found, expected, results):
            in_float32 = Interpreter(program, tensors, torch.float32)
            error = max(map(relative_error, (in_float32.run(x.float()) for x in inputs), results))
            if error <= LIMITS[torch.float32]:
                return Verification(error, torch.float32, len(inputs))
    with _without_fast_path():
        plain = [instances.call(new(), x, _HINT).detach() for x in inputs]
    if max(map(relative_error, found, plain)) <= LIMITS[dtype]:
        raise CaptureError.at(
            instances.loaded.shown,
            "TL603",
            f"torch's fast path for attention layers, which it takes for inference only, gives another result than "
            f'their definition (relative error {worst:.3g}), as it does for nn.GELU(approximate="tanh") and '
            "padding masks; call torch.backends.mha.set_fastpath_enabled(False) in the model file to mean the "
            "definition (nothing was written)",
            instances.loaded.line,
        )
    name = str(dtype).removeprefix("torch.")
    raise CaptureError.at(
        instances.loaded.shown,
        "TL603",
        f"the artifact differs from the model by a relative error of {worst:.3g} (limit "
        f"{LIMITS[dtype]:g} in {name}); nothing was written. The model does something that its trace does "
        "not show, such as a change through `.data` or by NumPy; where it does not, a report with the model helps",
        instances.loaded.line,
    )


def _computes_otherwise(
    found: Sequence[torch.Tensor], expected: Sequence[torch.Tensor], in_float32: Sequence[torch.Tensor]
) -> bool:
    """Whether the module means something else in float64, such as an epsilon taken from the type.

    Then the artifact, computed in float64, is much nearer to what the module gives in float32 than the module's
    own result in float64 is.
    """
    artifact = max(map(relative_error, found, in_float32))
    module = max(map(relative_error, expected, in_float32))
    return artifact <= LIMITS[torch.float32] and artifact * _MUCH < module


_MUCH = 4


@contextmanager
def _without_fast_path() -> Iterator[None]:
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


_HINT = " (in a further call, with a random input of the same shape)"


def _differ(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.shape != b.shape or not torch.allclose(a, b, equal_nan=True)


def _stateful(instances: Instances, fresh: torch.nn.Module, ran: torch.nn.Module) -> CaptureError:
    """The error for a model whose result depends on the calls before."""
    changed = changed_attribute(fresh, ran)
    if changed is None:
        what = "the model gives different results for the same input"
    else:
        name, path, kind = changed
        what = (
            f"forward keeps state: `{name}` of {f'`{path}` ({kind})' if path else kind} changes when it runs"
        )
    loaded = instances.loaded
    return CaptureError.at(
        loaded.shown,
        "TL603",
        f"{what}; only a function of the input can be captured (nothing was written)",
        loaded.line,
    )


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


def float64_instances(instances: Instances, shape: tuple[int, ...]) -> Callable[[], torch.nn.Module] | None:
    """Gives instances that compute in float64; None where the module does not allow it."""

    def new() -> torch.nn.Module:
        return instances.copy().double()

    try:
        result = instances.call(new(), torch.ones(shape, dtype=torch.float64))
    except Exception:
        return None
    return new if isinstance(result, torch.Tensor) and result.dtype == torch.float64 else None


def _inputs(shape: tuple[int, ...], dtype: torch.dtype) -> Iterator[torch.Tensor]:
    """Random inputs: normal ones at three scales, and positive ones."""
    generator = torch.Generator().manual_seed(1)
    for scale in (1.0, 0.1, 4.0):
        yield torch.randn(shape, generator=generator, dtype=dtype) * scale
    yield torch.rand(shape, generator=generator, dtype=dtype)
