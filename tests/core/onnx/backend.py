"""ONNX's own tests of operators, each as a file with one input that is captured, and what becomes of it.

A test gives several operands. The first that is float32 is the network's input; the others are numbers of the file.
Where there is none such, all is known, and what is computed beforehand is compared.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch

from torchlean_core.capture.errors import CaptureError
from torchlean_core.capture.pipeline import capture
from torchlean_core.errors import UserError
from torchlean_core.graph import lower
from torchlean_core.interp import Interpreter
from torchlean_core.onnx.file import Document
from torchlean_core.onnx.load import Source, load_onnx
from torchlean_core.onnx.operators.registry import OPERATORS
from torchlean_core.onnx.plan import known_beforehand
from torchlean_core.onnx.read import OLDEST, read_graph
from torchlean_core.options.capture import Options


@dataclass(frozen=True, slots=True)
class Case:
    """One of ONNX's tests.

    Attributes:
        name: Its name there.
        operator: What it tests; `composed` for one that has an operator's definition by others.
        proto: The model, with one input or none.
        x: The input, where there is one.
        expected: The outputs.
        tolerance: What they may differ by, relative and absolute.
    """

    name: str
    operator: str
    proto: onnx.ModelProto
    x: np.ndarray[Any, Any] | None
    expected: Sequence[Any]
    tolerance: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a test.

    Attributes:
        verdict: `passed`, `folded` (all was known beforehand), `refused` or `wrong`.
        reason: Why it was refused, or what is wrong.
    """

    verdict: str
    reason: str = ""


COMPOSED = "composed"


def cases(operators: frozenset[str] | None = None) -> Iterator[Case]:
    """All tests whose operators are in the table, or those of some operators."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = collect_testcases(None)
    for one in found:
        names = {node.op_type for node in one.model.graph.node}
        if not names <= OPERATORS.keys() or (operators is not None and not names <= operators):
            continue
        if any(entry.domain == "" and entry.version < OLDEST for entry in one.model.opset_import):
            continue
        operator = next(iter(names)) if len(names) == 1 and "_expanded" not in one.name else COMPOSED
        inputs, expected = one.data_sets[0]
        yield _case(one.name, operator, one.model, inputs, expected, (one.rtol, one.atol))


def _case(
    name: str,
    operator: str,
    model: onnx.ModelProto,
    inputs: Sequence[Any],
    expected: Sequence[Any],
    tolerance: tuple[float, float],
) -> Case:
    proto = onnx.ModelProto()
    proto.CopyFrom(model)
    graph = proto.graph
    given = list(zip(graph.input, map(_array, inputs), strict=False))
    x = None
    del graph.input[:]
    for value, array in given:
        if x is None and isinstance(array, np.ndarray) and array.dtype == np.float32 and array.size:
            kept = onnx.helper.make_tensor_value_info(value.name, onnx.TensorProto.FLOAT, array.shape)
            graph.input.append(kept)
            x = array
        elif isinstance(array, np.ndarray | np.generic):
            graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(array), value.name))
        else:
            graph.input.append(value)  # a sequence or an optional: refused
    return Case(name, operator, proto, x, [*map(_array, expected)], tolerance)


def _array(value: Any) -> Any:
    """A tensor of a test as an array."""
    return onnx.numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value


def outcome(case: Case, dialect: str = "generalized") -> Outcome:
    """Capture a test and compare what the artifact computes."""
    document = Document(Path("case.onnx"), "case.onnx", "0" * 64, 0, case.proto)
    try:
        if case.x is None:
            return _folded(case, document)
        graph = read_graph(document)
        loaded = load_onnx(Source(document, graph, case.x.shape, {}))
        options = Options(dialect=dialect, verify=False, inline=False)
        captured = capture(loaded, case.x.shape, Path("case.ir.json").absolute(), options)
    except CaptureError as error:
        reasons = dict.fromkeys(one.message for one in error.findings)
        return Outcome("refused", "; ".join(reasons))
    except UserError as error:
        return Outcome("wrong", str(error))
    interpreter = Interpreter(lower(captured.graph), captured.tensors, torch.float32)
    found = interpreter.run_all(torch.from_numpy(case.x))
    return _compared(case, [one.numpy() for one in found])


def _folded(case: Case, document: Document) -> Outcome:
    """A test without an input: one that nothing takes is put there."""
    graph = case.proto.graph
    graph.input.append(onnx.helper.make_tensor_value_info("unused", onnx.TensorProto.FLOAT, [1]))
    numbers = known_beforehand(read_graph(document), (1,), "case.onnx")
    found = [numbers[name].double().numpy() for name in (one.name for one in graph.output)]
    passed = _compared(case, found)
    return Outcome("folded") if passed.verdict == "passed" else passed


_TOLERANCE = {"float16": (2e-3, 1e-3), "bfloat16": (2e-2, 1e-2)}
"""Of numbers with few digits, which everyone rounds at other places."""


def _compared(case: Case, found: Sequence[np.ndarray[Any, Any]]) -> Outcome:
    if len(found) != len(case.expected):
        return Outcome("wrong", f"{len(found)} outputs, expected {len(case.expected)}")
    for one, other in zip(found, case.expected, strict=True):
        wanted = np.asarray(other)
        relative, absolute = _TOLERANCE.get(wanted.dtype.name, case.tolerance)
        if one.shape != wanted.shape:
            return Outcome("wrong", f"shape {one.shape}, expected {wanted.shape}")
        if not np.allclose(
            one, wanted.astype(np.float64), rtol=relative, atol=max(absolute, 1e-6), equal_nan=True
        ):
            difference = np.nanmax(np.abs(one.astype(np.float64) - wanted.astype(np.float64)))
            return Outcome("wrong", f"differs by {difference:.3g}")
    return Outcome("passed")
