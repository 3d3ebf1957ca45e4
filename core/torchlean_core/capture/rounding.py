"""Comparison in float32, in which artifacts and generated code compute: what rounding costs at the ends of the range.

The artifact is finite where the module is, and may lose as much as the module itself loses in float32 against its own
float64, or as much as the last place of the input and of the parameters is worth there (the conditioning), times a
margin. One thing is forgiven: where inputs are so large that exponentials are infinite whatever they are computed in,
the artifact may be no number where the module leaves such an entry out, since no mask can hide NaN here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch

from torchlean_core.capture.assemble import Finished
from torchlean_core.capture.builder import Provenance
from torchlean_core.capture.probes import Probe, nudged
from torchlean_core.graph import Program
from torchlean_core.interp import Interpreter

MARGIN = 64
"""How much more than module or conditioning the artifact may lose: it computes in another order."""

LARGEST = torch.finfo(torch.float32).max
"""The largest float32."""

_EPS = torch.finfo(torch.float32).eps
_FLOOR = 2.0**-120
"""Below this float32 has no full precision left."""

_UNDERFLOWN = 2.0**-16
"""Digits that are left of a square of 1e-20, which float32 holds as a denormal number; a sixty-fourth of 1e-3."""

NUDGES = 4
"""Neighbours that are looked at."""

Results = tuple[torch.Tensor, ...]
"""All outputs, in order."""

Forward = Callable[[torch.Tensor], Results]


@dataclass(frozen=True, slots=True)
class Loss:
    """More is lost than rounding explains.

    Attributes:
        probe: The input.
        error: Largest absolute difference, infinite where the artifact alone is not finite.
        scale: Largest absolute value of the module's result.
        precise: The artifact in float64, on the same input.
        expected: The module's result, in float64 where that means the same.
        output: Which of the outputs it is.
    """

    probe: Probe
    error: float
    scale: float
    precise: torch.Tensor
    expected: torch.Tensor
    output: int

    @property
    def of_rounding(self) -> bool:
        """Whether the artifact is right in float64, so that nothing but digits is lost."""
        wanted = self.expected.double()
        finite = torch.isfinite(wanted)
        difference = (self.precise - wanted)[finite].abs()
        near = not bool((difference > 1e-4 * max(self.scale, _FLOOR)).any())
        return near and _finite_where(self.precise, wanted)


class Sides:
    """Artifact and module on special inputs.

    Attributes:
        artifact: The artifact in float32.
        precise: Makes the artifact in float64, which is seldom needed.
        neighbours: The same with parameters that float32 cannot tell from these, or hardly.
        module: The module in float32.
        reference: The module in float64, None where that means something else.
    """

    def __init__(
        self,
        artifact: Interpreter,
        precise: Callable[[], Interpreter],
        neighbours: Callable[[], Iterator[Interpreter]],
        module: Forward,
        reference: Forward | None,
    ) -> None:
        self.artifact = artifact
        self.precise = precise
        self.neighbours = neighbours
        self.module = module
        self.reference = reference

    def loss(self, probe: Probe, *, cheap: bool = False) -> Loss | None:
        """What the artifact loses on an input, where that is too much.

        Args:
            probe: The input.
            cheap: Ask the module in float64 only where float32 leaves a doubt.
        """
        pairs = zip(self.module(probe.x), self.artifact.run_all(probe.x), strict=True)
        losses = (
            self._loss(place, module.double(), found.double(), probe, cheap)
            for place, (module, found) in enumerate(pairs)
        )
        return next((loss for loss in losses if loss is not None), None)

    def _loss(
        self, place: int, module: torch.Tensor, found: torch.Tensor, probe: Probe, cheap: bool
    ) -> Loss | None:
        """What one output loses."""
        if cheap and self._within(found, module, None, 0.0, probe) is None:
            return self._loss_of_a_part(probe) if _differ_often(found, module) else None
        reference = self.reference
        expected = module if reference is None else reference(probe.x.double())[place]
        rounding = None if self.reference is None else module
        if self._within(found, expected, rounding, 0.0, probe) is None:
            return None
        precise = self.precise().run_all(probe.x.double())[place]
        near = [_largest(other.run_all(probe.x.double())[place] - precise) for other in self.neighbours()]
        conditioning = max(self._conditioning(probe.x, expected, place), *near)
        measured = self._within(found, expected, rounding, conditioning, probe)
        if measured is None:
            return None
        if probe.may_overflow and math.isinf(measured[0]) and not _finite_where(precise, expected):
            return None
        return Loss(probe, *measured, precise, expected, place)

    def _loss_of_a_part(self, probe: Probe) -> Loss | None:
        """The loss on one of the inputs of which a mixture was made."""
        losses = (self.loss(part) for part in probe.parts)
        return next((loss for loss in losses if loss is not None), None)

    def _within(
        self,
        found: torch.Tensor,
        expected: torch.Tensor,
        module: torch.Tensor | None,
        conditioning: float,
        probe: Probe,
    ) -> tuple[float, float] | None:
        """None where the error is explained; else the error, and the size of the result."""
        used = expected if module is None else module
        counts = torch.isfinite(expected) & torch.isfinite(used) & (used.abs() < LARGEST)
        if not bool(counts.any()):
            return None
        scale = float(expected[counts].abs().max())
        if not bool(torch.isfinite(found[counts]).all()):
            return math.inf, scale
        own = float((used - expected)[counts].abs().max())
        error = float((found - expected)[counts].abs().max())
        # Where the module's float64 is no reference, its own rounding is not known either.
        relative = _EPS if module is not None else 16 * _EPS
        if probe.may_underflow:
            relative = _UNDERFLOWN
        allowed = MARGIN * max(own, conditioning, relative * scale, _FLOOR)
        return None if error <= allowed else (error, scale)

    def _conditioning(self, x: torch.Tensor, expected: torch.Tensor, place: int) -> float:
        """The largest change of the result when every element of the input moves within its last place."""
        forward = self.reference or (lambda moved: self.module(moved.float()))
        factor = 1.0 if self.reference is not None else 2.0  # so that float32 moves at all
        largest = 0.0
        for seed in range(NUDGES):
            moved = x.double() + factor * (nudged(x, seed) - x.double())
            largest = max(largest, _largest(forward(moved)[place].double() - expected))
        return largest


def blamed(
    program: Program, tensors: Mapping[str, torch.Tensor], artifact: Finished, loss: Loss
) -> Provenance:
    """Where a node comes from that makes the most of its operands' errors, in float32 against float64."""
    in_float32, precise = (Interpreter(program, tensors, dtype) for dtype in (torch.float32, torch.float64))
    errors: dict[int, float] = {}
    probe = loss.probe
    worst, culprit = 0.0, program.output_ids[loss.output]
    # One after the other: each turns gradients off, and on again at its end.
    rounded = list(in_float32.values(probe.x))
    exact = list(precise.values(probe.x.double()))
    for (node, found), (_, expected) in zip(rounded, exact, strict=True):
        errors[node.id] = _relative(found.double(), expected)
        inherited = max((errors[parent] for parent in node.parents), default=0.0)
        growth = errors[node.id] / max(inherited, _EPS)
        if growth > worst and not math.isinf(inherited):
            worst, culprit = growth, node.id
    raw = next(node.raw for node in program.nodes if node.id == culprit)
    return artifact.origins[raw]


def first_without_number(
    program: Program, tensors: Mapping[str, torch.Tensor], artifact: Finished, x: torch.Tensor, output: int
) -> Provenance | None:
    """Where the first node comes from that an output needs and that makes an infinity or NaN of finite operands.

    Args:
        program: The artifact's program.
        tensors: Its parameters.
        artifact: The artifact.
        x: The input.
        output: Which of the outputs it is.
    """
    needed = {program.output_ids[output]}
    for node in reversed(program.nodes):
        needed.update(node.parents if node.id in needed else ())
    finite: dict[int, bool] = {}
    for node, value in Interpreter(program, tensors, torch.float64).values(x.double()):
        finite[node.id] = bool(torch.isfinite(value).all())
        if node.id in needed and not finite[node.id] and all(finite[parent] for parent in node.parents):
            return artifact.origins[node.raw]
    return None


def _largest(change: torch.Tensor) -> float:
    finite = change[torch.isfinite(change)].abs()
    return float(finite.max()) if finite.numel() else 0.0


def _differ_often(found: torch.Tensor, expected: torch.Tensor) -> bool:
    """Whether many elements have lost most of their digits, which the largest ones may hide."""
    lost = (found - expected).abs() > 1e-3 * expected.abs()
    return bool(lost.double().mean() > 0.03)


def _finite_where(found: torch.Tensor, expected: torch.Tensor) -> bool:
    return bool(torch.isfinite(found[torch.isfinite(expected)]).all())


def _relative(found: torch.Tensor, expected: torch.Tensor) -> float:
    finite = torch.isfinite(expected)
    if not bool(finite.any()):
        return 0.0
    if not bool(torch.isfinite(found[finite]).all()):
        return math.inf
    scale = float(expected[finite].abs().max())
    return float((found - expected)[finite].abs().max()) / max(scale, _FLOOR)
