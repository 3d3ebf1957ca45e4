"""What an ONNX file computes by somebody else's program: onnxruntime where it is there, else onnx's own evaluator."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
import onnx.reference
import torch

from torchlean_core.errors import first_line
from torchlean_core.onnx.graph import Graph
from torchlean_core.onnx.precise import in_float64

Run = Callable[[np.ndarray[Any, Any]], Any]
"""From the input to the outputs, in order."""

_SMALL_NODES = 400
_SMALL_TENSORS = 2_000_000
"""Up to which onnx's evaluator, which computes in Python, is asked for float64."""

_NEAR = 1e-4
"""Relative difference up to which both evaluators mean the same."""

_SCALES = (1.0, 0.1, 4.0)
"""Sizes of the inputs on which that is looked at."""


class NotEvaluatedError(Exception):
    """No program here computes the file; the message says why."""


class Evaluator:
    """Computes a file without torch.

    Attributes:
        words: What computes it, by type: `onnxruntime 1.32.0`.
    """

    def __init__(self, graph: Graph, shape: Sequence[int]) -> None:
        """Take a graph, and try what computes it.

        Args:
            graph: The graph.
            shape: Shape of its input.

        Raises:
            NotEvaluatedError: No program here computes it.
        """
        self.graph = graph
        self.shape = tuple(shape)
        self.outputs = list(graph.outputs)
        self._precise: Run | None = None
        reason = ""
        name = f"onnx {onnx.__version__}"
        if importlib.util.find_spec("onnxruntime") is not None:
            try:
                found, self._run = _of_onnxruntime(graph)
                self._run(
                    np.zeros(self.shape, dtype=np.float32)
                )  # some say only then what they have no code for
                self.words = {torch.float32: found, torch.float64: name}
                return
            except Exception as error:  # its own, of many classes
                reason = f"onnxruntime: {first_line(error)}; "
        try:
            self._run = _of_onnx(graph, graph.proto)
            self._run(np.zeros(self.shape, dtype=np.float32))
        except Exception as error:
            raise NotEvaluatedError(f"{reason}onnx: {first_line(error)}") from error
        self.words = {torch.float32: name, torch.float64: name}

    def run(self, x: torch.Tensor) -> list[torch.Tensor]:
        """The outputs for an input, in float32 or, of small files, float64.

        Raises:
            NotEvaluatedError: It is not computed in float64.
        """
        if x.dtype == torch.float32:
            return _tensors(self._run(x.numpy()))
        if self._precise is None:
            self._precise = self._in_float64()
        return _tensors(self._precise(x.numpy()))

    def _in_float64(self) -> Run:
        """By onnx's evaluator, where that means the same as what computes in float32."""
        large = sum(one.numel() for one in self.graph.tensors.values()) > _SMALL_TENSORS
        if large or len(self.graph.nodes) > _SMALL_NODES:
            raise NotEvaluatedError("it is too large for float64")
        precise = _of_onnx(self.graph, in_float64(self.graph.proto))
        generator = torch.Generator().manual_seed(7)
        for scale in _SCALES:
            x = torch.randn(self.shape, generator=generator) * scale
            if not all(map(_are_near, _tensors(precise(x.double().numpy())), self.run(x))):
                raise NotEvaluatedError("in float64 it means something else")
        return precise


def _of_onnx(graph: Graph, proto: onnx.ModelProto) -> Run:
    evaluator, outputs = onnx.reference.ReferenceEvaluator(proto), list(graph.outputs)

    def run(x: np.ndarray[Any, Any]) -> Any:
        with np.errstate(all="ignore"):  # it computes sigmoids with exponentials that overflow, rightly
            return evaluator.run(outputs, {graph.input: x})

    return run


def _of_onnxruntime(graph: Graph) -> tuple[str, Run]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # What it computes is to be what the file says, not what a rewriting of it says.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        graph.proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    outputs = list(graph.outputs)
    return f"onnxruntime {onnxruntime.__version__}", lambda x: session.run(outputs, {graph.input: x})


def _tensors(results: Sequence[Any]) -> list[torch.Tensor]:
    return [torch.from_numpy(np.array(one)) for one in results]


def _are_near(one: torch.Tensor, other: torch.Tensor) -> bool:
    if one.dtype != torch.float64 or one.shape != other.shape:
        return False
    finite = torch.isfinite(one) & torch.isfinite(other)
    scale = float(one[finite].abs().max()) if bool(finite.any()) else 0.0
    return bool(((one - other)[finite].abs() <= _NEAR * scale).all())


class Evaluated(torch.nn.Module):
    """An evaluator in the place of a module, to compare with."""

    def __init__(self, evaluator: Evaluator) -> None:
        super().__init__()
        self._held = _Held(evaluator)

    def forward(self, x: torch.Tensor) -> Any:
        """The output, or a dict of several."""
        evaluator = self._held.evaluator
        found = evaluator.run(x)
        return found[0] if len(found) == 1 else dict(zip(evaluator.outputs, found, strict=True))


class _Held:
    """Keeps an evaluator whole where the module is copied."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator

    def __deepcopy__(self, memo: dict[int, Any]) -> _Held:
        return self
