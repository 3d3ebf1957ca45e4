"""Whether an ONNX model computes what the interpreter computes."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import torch

from torchlean_core.errors import UserError, first_line
from torchlean_core.graph import Program
from torchlean_core.interp import Interpreter
from torchlean_core.onnx.precise import in_float64
from torchlean_core.params import ParameterStore
from torchlean_core.params.format import Array

ROUNDING = 1e-6
"""Difference, relative to the largest element, that is rounding in float32 whatever is computed."""

_MORE = 8.0
"""How many times the interpreter's own error in float32 another order of computing may have."""

_TOLD = 1e-2
"""Relative error of the interpreter in float32 from which on an input tells nothing: float32 has no digits there."""

_NEAR = 1e-4
"""Relative difference in float32 that is rounding where both are the same in float64."""

_SAME = 1e-7
"""Relative difference in float64: attributes such as an epsilon are float32 in an ONNX file."""

_SEEDS = (1, 2, 3)

Run = Callable[[Array], list[Array]]


@dataclass(frozen=True, slots=True)
class Verified:
    """How a model and the interpreter agree.

    Attributes:
        by: What computed the model: `onnxruntime 1.32.0`.
        inputs: On how many inputs.
        error: Largest difference, relative to the largest element of a result.
    """

    by: str
    inputs: int
    error: float


def verify(model: onnx.ModelProto, program: Program, store: ParameterStore | None) -> Verified:
    """Compare a model with the interpreter, on random inputs and on special ones.

    The interpreter's result in float64 is the judge; the model may be as far from it as another order of computing in
    float32 is. Where the judge has an infinity or NaN, as has float32, the model has the same.

    Raises:
        UserError: They differ, no result is finite, or no program here computes the model.
    """
    tensors = {
        one.name: torch.from_numpy(np.array(store.numpy(one.name)))
        for one in program.parameters()
        if store is not None
    }
    single = Interpreter(program, tensors, torch.float32)
    double = Interpreter(program, tensors, torch.float64)
    by, run = _evaluation(model)
    worst, count = 0.0, 0
    for what, x in _inputs(single.input_shape):
        found = run(x.numpy())
        exact = [one.numpy() for one in double.run_all(x.double())]
        rounded = [one.numpy() for one in single.run_all(x)]
        errors = [_error(*three) for three in zip(found, exact, rounded, strict=True)]
        if None in errors and _is_same_in_float64(model, x, exact):
            errors = [_error(*three, within=_NEAR) for three in zip(found, exact, rounded, strict=True)]
        if None in errors:
            raise UserError(
                f"{by} computes something else of the ONNX model than the artifact says, for {what}; nothing was "
                "written"
            )
        told = [error for error in errors if error is not None and not np.isnan(error)]
        worst = max([worst, *told])
        count += len(told) == len(errors)
    if not count:
        raise UserError(
            f"no result has digits in float32 that could be compared with {by}; nothing was written"
        )
    return Verified(by, count, worst)


def _is_same_in_float64(model: onnx.ModelProto, x: torch.Tensor, exact: Sequence[Array]) -> bool:
    """Whether a model computes the same where rounding does not count: some functions lose digits in float32."""
    from onnx.reference import ReferenceEvaluator

    (source,) = (one.name for one in model.graph.input)
    try:
        results = ReferenceEvaluator(in_float64(model)).run(None, {source: x.double().numpy()})
    except Exception:  # of any class: it is not known then, and the difference counts
        return False
    for found, judge in zip(results, exact, strict=True):
        plain = np.isfinite(judge)
        scale = float(np.abs(judge[plain]).max()) if plain.any() else 0.0
        if found.shape != judge.shape or not (np.abs(found - judge)[plain] <= _SAME * scale).all():
            return False
    return True


def _error(found: Array, judge: Array, ours: Array, within: float = 0.0) -> float | None:
    """The difference relative to the largest element; None where it is more than rounding, NaN where nothing tells.

    Args:
        found: The model's result.
        judge: The interpreter's in float64.
        ours: The interpreter's in float32.
        within: Difference, relative to the largest element, that is rounding in any case.
    """
    if found.shape != judge.shape or found.dtype != np.float32:
        return None
    if not judge.size:
        return 0.0
    plain = np.isfinite(judge) & np.isfinite(ours)
    if not np.array_equal(found[~plain], ours[~plain], equal_nan=True):
        return None
    if not plain.any():
        return float("nan")
    scale = float(np.abs(judge[plain]).max())
    error = float(np.abs(found[plain] - judge[plain]).max())
    own = float(np.abs(ours[plain] - judge[plain]).max())
    if own > _TOLD * scale:
        return float("nan")
    if not error <= _MORE * own + max(ROUNDING, within) * scale:  # also where it is no number
        return None
    return error / scale if scale else 0.0


def _inputs(shape: Sequence[int]) -> Iterator[tuple[str, torch.Tensor]]:
    for seed in _SEEDS:
        generator = torch.Generator().manual_seed(seed)
        yield "random numbers", torch.randn(list(shape), generator=generator)
    generator = torch.Generator().manual_seed(0)
    yield "numbers between 0 and 1", torch.rand(list(shape), generator=generator)
    yield "zeros", torch.zeros(list(shape))
    yield "large numbers", 100 * torch.randn(list(shape), generator=generator)


def _evaluation(model: onnx.ModelProto) -> tuple[str, Run]:
    """What computes a model: onnxruntime where it is installed, else the evaluator of onnx.

    Raises:
        UserError: It does not compute the model.
    """
    (source,) = (one.name for one in model.graph.input)
    if importlib.util.find_spec("onnxruntime") is None:
        from onnx.reference import ReferenceEvaluator

        by, evaluator = f"onnx {onnx.__version__}", ReferenceEvaluator(model)
        return by, lambda x: [np.asarray(one) for one in evaluator.run(None, {source: x})]
    import onnxruntime

    by = f"onnxruntime {onnxruntime.__version__}"
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    # What it computes is to be what the file says, and not what a rewriting of it says.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # its own, of many classes
        raise UserError(f"{by} does not take the ONNX model: {first_line(error)}") from error
    return by, lambda x: list(session.run(None, {source: x}))
