"""Self-verification: the reference interpreter on the new artifact against the module it was captured from."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from torchlean_core.approximations import ROUNDING, Approximation
from torchlean_core.capture.assemble import Finished
from torchlean_core.capture.compact import compact
from torchlean_core.capture.errors import CaptureError, CaptureFinding
from torchlean_core.capture.instances import Instances, changed_attribute, keeps_state
from torchlean_core.capture.places import located
from torchlean_core.capture.probes import is_small, nudged, random_inputs, special_inputs
from torchlean_core.capture.rounding import (
    LARGEST,
    NUDGES,
    Loss,
    Results,
    Sides,
    blamed,
    first_without_number,
)
from torchlean_core.graph import lower
from torchlean_core.interp import Interpreter

LIMITS = {torch.float64: ROUNDING, torch.float32: 1e-4}
"""Largest relative error that is rounding, by the type in which both sides were computed."""


@dataclass(frozen=True, slots=True)
class Verification:
    """How artifact and module agree.

    Attributes:
        max_relative_error: Largest max|a-b| / max|b| over the inputs.
        dtype: What both sides were computed in.
        inputs: Number of inputs.
        by: The program that computed the model, where it is not the module that was traced.
    """

    max_relative_error: float
    dtype: torch.dtype
    inputs: int
    by: str | None = None


def verify(
    instances: Instances,
    artifact: Finished,
    *,
    approximated: Sequence[Approximation] = (),
    by: Mapping[torch.dtype, str] | None = None,
) -> Verification:
    """Compare on random inputs, in float64 where the module can be converted; then in float32 on special ones.

    A module of any size is run a bounded number of times (see `probes`). What an instance gives for its first input
    it must give again after all others. Where float64 shows more than rounding, two things are no error of the
    capture: constants that float32 does not hold exactly, and a module that means something else in float64. Then
    the judgement is float32's.

    Args:
        instances: Gives instances of the module.
        artifact: The graph and its parameters.
        approximated: Forms that are not exact but were allowed and taken. Where their error is below rounding,
            nothing is different; else the error on random inputs is measured, and may be as large as the largest of
            their bounds, and special inputs are not looked at.
        by: The program that computes the model in place of the module that was traced, where it is one, by type.

    Raises:
        CaptureError: They differ by more than rounding, or forward is no function of its input.
    """
    comparison = _Comparison(instances, artifact, by)
    if not all(one.below_rounding for one in approximated):
        return comparison.measured(approximated)
    verification, same_in_float64 = comparison.of_values()
    comparison.at_the_ends(same_in_float64)
    return verification


class _Comparison:
    """Artifact and module, side by side."""

    def __init__(
        self, instances: Instances, artifact: Finished, by: Mapping[torch.dtype, str] | None = None
    ) -> None:
        self.instances = instances
        self.by = by or {}
        self.artifact = artifact
        self.small = is_small(artifact)
        self._reference: _Calls | None = None
        self.program, self.tensors = compact(lower(artifact.graph), artifact.tensors)

    def of_values(self) -> tuple[Verification, bool]:
        """How both agree on random inputs, and whether that is so in float64."""
        calls, inputs, found, expected = self._random(in_float64=True)
        dtype = inputs[0].dtype
        worst = max(map(largest_error, found, expected))
        if self.small or worst > LIMITS[dtype]:
            calls.check_state()
        if worst <= LIMITS[dtype]:
            self._reference = calls if self.small else None
            return Verification(worst, dtype, len(inputs), self.by.get(dtype)), dtype == torch.float64
        error = self._in_float32(inputs, found, expected) if dtype == torch.float64 else None
        if error is None or error > LIMITS[torch.float32]:
            raise self._different(calls.new, inputs, found, worst)
        return Verification(error, torch.float32, len(inputs), self.by.get(torch.float32)), False

    def _random(self, *, in_float64: bool) -> tuple[_Calls, list[torch.Tensor], list[Results], list[Results]]:
        """An instance, in float64 where asked for and possible; random inputs, the artifact's results and its own."""
        inputs = list(random_inputs(self.artifact.graph.input_shape, torch.float64, small=self.small))
        module = _converted(self.instances) if in_float64 else None
        if module is not None:
            # Before the module, which may have the same parameters, and may change them.
            tensors = self.instances.held_by(module, self.tensors)
            interpreter = Interpreter(self.program, tensors, torch.float64)
            found = [interpreter.run_all(x) for x in inputs]
            del interpreter, tensors
            calls = float64_calls(self.instances, inputs[0], module)
            if calls is not None:
                return calls, inputs, found, [calls(x) for x in inputs]
            module = None
        inputs = [x.float() for x in inputs]
        interpreter = Interpreter(self.program, self.tensors, torch.float32)
        found = [interpreter.run_all(x) for x in inputs]
        calls = _Calls(self.instances, self.instances.copy)
        return calls, inputs, found, [calls(x) for x in inputs]

    def _in_float64(self, x: torch.Tensor) -> Results:
        """The module's result in float64, where it is known to have one; a large one is made again only for that."""
        if self._reference is None:
            self._reference = _Calls(self.instances, self.instances.in_float64)
        return self._reference(x)

    def _in_float32(
        self, inputs: Sequence[torch.Tensor], found: Sequence[Results], expected: Sequence[Results]
    ) -> float | None:
        """The error in float32 where float64 is no judge of it."""
        dtype = torch.float64
        calls = _Calls(self.instances, self.instances.copy)
        results = [calls(x.float()) for x in inputs]
        exact = map(self._unrounded().run_all, inputs)
        rounding = max(map(largest_error, exact, expected)) <= LIMITS[dtype]
        if not rounding and not _computes_otherwise(found, expected, results):
            return None
        in_float32 = Interpreter(self.program, self.tensors, torch.float32)
        return max(map(largest_error, (in_float32.run_all(x.float()) for x in inputs), results))

    def _unrounded(self) -> Interpreter:
        """The artifact in float64, with constants that are not rounded to float32."""
        tensors = {**self.artifact.tensors, **self.artifact.unrounded}
        return Interpreter(*compact(lower(self.artifact.graph), tensors), torch.float64)

    def _neighbours(self) -> Iterator[Interpreter]:
        """The artifact in float64 with parameters that differ in or behind the last place of float32.

        Constants that make up an operator's form stay what they are.
        """
        yield self._unrounded()
        fixed = {
            f"const_{node.id}" for node in self.artifact.graph.nodes if node.extra.get("trainable") is False
        }
        for seed in range(NUDGES):
            moved = {
                name: tensor if name in fixed else nudged(tensor, seed)
                for name, tensor in self.tensors.items()
            }
            yield Interpreter(self.program, moved, torch.float64)

    def _different(
        self,
        new: Callable[[], torch.nn.Module],
        inputs: Sequence[torch.Tensor],
        found: Sequence[Results],
        worst: float,
    ) -> CaptureError:
        dtype = inputs[0].dtype
        with _without_fast_path():
            calls = _Calls(self.instances, new)
            plain = [calls(x) for x in inputs]
        if max(map(largest_error, found, plain)) <= LIMITS[dtype]:
            return self._error(
                "torch's fast path for attention layers, which it takes for inference only, gives another result "
                f"than their definition (relative error {worst:.3g}), as it does for "
                'nn.GELU(approximate="tanh") and padding masks; call torch.backends.mha.set_fastpath_enabled(False) '
                "in the model file to mean the definition (nothing was written)"
            )
        if math.isinf(worst):
            for x, results in zip(inputs, found, strict=True):
                for place in range(len(results)):
                    if (error := self._without_number(x, place, "random numbers")) is not None:
                        return error
        name = str(dtype).removeprefix("torch.")
        if self.by:
            return self._error(
                f"the artifact differs from what {self.by[dtype]} computes by a relative error of {worst:.3g} (limit "
                f"{LIMITS[dtype]:g} in {name}); nothing was written. A report with the model helps"
            )
        return self._error(
            f"the artifact differs from the model by a relative error of {worst:.3g} (limit "
            f"{LIMITS[dtype]:g} in {name}); nothing was written. The model does something that its trace does "
            "not show, such as a change through `.data` or by NumPy; where it does not, a report with the model helps"
        )

    def at_the_ends(self, same_in_float64: bool) -> None:
        """Compare in float32 on special inputs.

        Raises:
            CaptureError: The artifact loses more than rounding explains.
        """
        in_float32 = _Calls(self.instances, self.instances.copy)
        sides = Sides(
            Interpreter(self.program, self.tensors, torch.float32),
            lambda: Interpreter(self.program, self.tensors, torch.float64),
            self._neighbours,
            in_float32,
            self._in_float64 if same_in_float64 else None,
        )
        for probe in special_inputs(self.artifact.graph.input_shape, small=self.small):
            try:
                loss = sides.loss(probe, cheap=not self.small)
            except CaptureError:
                continue  # the model itself refuses such an input
            if loss is not None:
                in_float32.check_state()
                raise self._lost(loss)
        in_float32.check_state()

    def _without_number(self, x: torch.Tensor, output: int, kind: str) -> CaptureError | None:
        """The error for an infinity or NaN that the module leaves out; None where there is none."""
        where = first_without_number(self.program, self.tensors, self.artifact, x, output)
        if where is None:
            return None
        loaded = self.instances.loaded
        finding = CaptureFinding(
            "TL603",
            f"{self.instances.shown_output(output)}gives an infinity or NaN for inputs that are {kind}, which the "
            "model leaves out afterwards (where, a mask, a maximum); what is not taken cannot be hidden here. Keep its "
            "operand where it has a value, as `clamp` does; nothing was written",
            where.line or loaded.line,
            where.debug_target,
            where.module,
        )
        return CaptureError.of(loaded.shown, located(finding, where.stack, loaded.file))

    def _lost(self, loss: Loss) -> CaptureError:
        """The error for an input at which the artifact is not what the module is."""
        if math.isinf(loss.error) and not loss.of_rounding:
            error = self._without_number(loss.probe.x, loss.output, loss.probe.kind)
            if error is not None:
                return error
        size = "infinite or no number" if math.isinf(loss.error) else f"off by {loss.error:.3g}"
        there = (
            f"{self.instances.shown_output(loss.output)}for inputs that are {loss.probe.kind} the artifact is {size}, "
            "where the model's result is at most "
        )
        if not loss.of_rounding and self.by:
            return self._error(
                f"{there}{loss.scale:.3g} as {self.by[torch.float32]} computes it; nothing was written"
            )
        if not loss.of_rounding:
            return self._error(
                f"{there}{loss.scale:.3g}; nothing was written. There the model does something that its trace does "
                "not show, such as a branch that is taken only while it is traced"
            )
        where = blamed(self.program, self.tensors, self.artifact, loss)
        loaded = self.instances.loaded
        finding = CaptureFinding(
            "TL603",
            f"{there}{loss.scale:.3g}, in float32 (in float64 both agree); nothing was written. Its form here "
            "loses the digits that PyTorch's own function keeps; keep its operand in a smaller range",
            where.line or loaded.line,
            where.debug_target,
            where.module,
        )
        return CaptureError.of(loaded.shown, located(finding, where.stack, loaded.file))

    def measured(self, approximated: Sequence[Approximation]) -> Verification:
        """The error of an artifact that is an approximation.

        Raises:
            CaptureError: It is larger than what was allowed can explain.
        """
        in_float64 = all(one.operator != "float64" for one in approximated)
        calls, inputs, found, expected = self._random(in_float64=in_float64)
        worst = max(map(largest_error, found, expected))
        calls.check_state()
        bounds = {one.text: one.bound for one in approximated}
        if worst > max(bounds.values()):
            raise self._error(
                f"with {', '.join(bounds)} the artifact differs from the model by a relative error of {worst:.3g}, "
                f"more than the {max(bounds.values()):g} that this may cost; nothing was written"
            )
        return Verification(worst, inputs[0].dtype, len(inputs), self.by.get(inputs[0].dtype))

    def _error(self, message: str) -> CaptureError:
        loaded = self.instances.loaded
        return CaptureError.at(loaded.shown, "TL603", message, loaded.line)


class _Calls:
    """Calls of one instance of the module, all in a row."""

    def __init__(
        self,
        instances: Instances,
        new: Callable[[], torch.nn.Module],
        module: torch.nn.Module | None = None,
    ) -> None:
        self.instances = instances
        self.new = new
        self._module = new() if module is None else module
        self._first: tuple[torch.Tensor, Results] | None = None

    def __call__(self, x: torch.Tensor) -> Results:
        if self._first is not None and x is self._first[0]:
            return self._first[1]
        result = self._run(x)
        if self._first is None:
            self._first = x, result
        return result

    def _run(self, x: torch.Tensor) -> Results:
        return tuple(one.detach() for one in self.instances.results(self._module, x, _HINT))

    def check_state(self) -> None:
        """Give it the first input again.

        Raises:
            CaptureError: The result is another one.
        """
        if self._first is None:
            return
        x, first = self._first
        if any(map(_differ, first, self._run(x))):
            raise _stateful(self.instances, self.new(), self._module)


def _computes_otherwise(
    found: Sequence[Results], expected: Sequence[Results], in_float32: Sequence[Results]
) -> bool:
    """Whether the module means something else in float64, such as an epsilon taken from the type.

    Then the artifact, computed in float64, is much nearer to what the module gives in float32 than the module's
    own result in float64 is.
    """
    artifact = max(map(largest_error, found, in_float32))
    module = max(map(largest_error, expected, in_float32))
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
    return keeps_state(instances.loaded, changed_attribute(fresh, ran))


def largest_error(found: Results, expected: Results) -> float:
    """The largest relative error of the outputs, each for itself."""
    return max(relative_error(one, other) for one, other in zip(found, expected, strict=True))


def relative_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    """max|a-b| / max|b|; equal infinities and NaN in the same places count as equal, in others, and other
    shapes, as infinite.

    What float32 does not hold counts as infinite, whatever it was computed in.
    """
    if found.shape != expected.shape:
        return math.inf  # also where one could be broadcast to the other
    found, expected = _as_float32_holds(found), _as_float32_holds(expected)
    finite = torch.isfinite(found) & torch.isfinite(expected)
    same = (found == expected) | (found.isnan() & expected.isnan())
    if not bool((finite | same).all()):
        return float("inf")
    difference = float((found - expected)[finite].abs().max()) if bool(finite.any()) else 0.0
    scale = float(expected[finite].abs().max()) if bool(finite.any()) else 0.0
    return difference / scale if scale > 0 else difference


def _as_float32_holds(x: torch.Tensor) -> torch.Tensor:
    """In float64, infinite from the largest float32 on."""
    x = x.double()
    return torch.where(x.abs() >= LARGEST, x.sign() * math.inf, x)


def float64_calls(
    instances: Instances, first: torch.Tensor, module: torch.nn.Module | None = None
) -> _Calls | None:
    """An instance that computes in float64 and was given its first input; None where the module does not allow it.

    Args:
        instances: Gives instances of the module.
        first: The input.
        module: The instance, where there is one already that never ran.
    """
    module = _converted(instances) if module is None else module
    if module is None:
        return None
    calls = _Calls(instances, instances.in_float64, module)
    try:
        results = calls(first)
    except Exception:
        return None
    return calls if all(one.dtype == torch.float64 for one in results) else None


def _converted(instances: Instances) -> torch.nn.Module | None:
    """An instance in float64; None where the module does not allow it."""
    try:
        return instances.in_float64()
    except Exception:
        return None
