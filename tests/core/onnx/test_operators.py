"""Every operator of the table, in the forms that it had since operator set 7, compared with onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from torchlean_core.onnx.operators.registry import OPERATORS

from .coverage import DOCUMENT, document_rows
from .support import FLOAT, Array, captured, drawn, ints, model, node, saved


@dataclass(frozen=True)
class Case:
    name: str
    nodes: Sequence[onnx.NodeProto]
    shape: Sequence[int]
    tensors: Mapping[str, Array] = field(default_factory=dict)
    opset: int = 17
    outputs: str = "y"


def case(
    operator: str,
    shape: Sequence[int] = (2, 3, 4),
    tensors: Mapping[str, Array] | None = None,
    opset: int = 17,
    outputs: str = "y",
    also: str = "",
    **attributes: Any,
) -> Case:
    """One operator of x and of tensors of the file, in order."""
    tensors = tensors or {}
    one = node(operator, " ".join(["x", *(tensors or ())]), outputs, **attributes)
    given = {name: value for name, value in tensors.items() if name != "-"}
    return Case(f"{operator}-{opset}{also and '-' + also}", [one], shape, given, opset, outputs)


def scalar(value: float) -> Array:
    return np.array(value, dtype=np.float32)


PLAIN = (
    "Abs Asinh Cos Cosh Elu Celu Exp HardSigmoid Identity LeakyRelu Neg Relu Selu Sigmoid Sin Sinh Softplus "
    "Softsign Tan Tanh HardSwish"
)
IMAGE = (1, 4, 6, 5)
KERNEL = {"w": drawn(6, 2, 3, 3), "b": drawn(6)}
CASES = [
    *(case(operator) for operator in PLAIN.split()),
    case("Mish", opset=18),
    case("Gelu", opset=20, approximate="tanh"),
    case("Shrink", lambd=0.5, bias=0.5),
    case("LeakyRelu", alpha=0.3, also="alpha"),
    case("Elu", alpha=2.0, also="alpha"),
    case("Selu", alpha=1.5, gamma=1.1, also="numbers"),
    case("HardSigmoid", alpha=1 / 6, beta=0.5, also="sixth"),
    Case("Log", [node("Exp", "x", "e"), node("Log", "e")], (2, 3)),
    Case("Sqrt", [node("Exp", "x", "e"), node("Sqrt", "e")], (2, 3)),
    Case("Reciprocal", [node("Exp", "x", "e"), node("Reciprocal", "e")], (2, 3)),
    case("Clip", opset=7, min=-0.5, max=0.5),
    case("Clip", tensors={"-": ints(), "high": scalar(0.5)}, also="open"),
    case("Clip", tensors={"low": scalar(-1.0), "high": scalar(0.5)}),
    case("Cast", to=1),
    case("Dropout", opset=7, ratio=0.3),
    case("Dropout", opset=13),
    *(case(operator, tensors={"b": drawn(3, 1)}) for operator in "Add Sub Mul Max Min".split()),
    case("Div", tensors={"b": np.exp(drawn(4))}),
    case("Add", opset=7, tensors={"b": scalar(2.0)}, also="scalar"),
    case("Sum", tensors={"b": drawn(4), "c": drawn(2, 1, 1)}),
    case("Mean", tensors={"b": drawn(4), "c": drawn(2, 1, 1)}),
    case("Pow", tensors={"b": scalar(3.0)}),
    case("Pow", tensors={"b": np.array(2, dtype=np.int64)}, also="whole"),
    case("PRelu", (2, 3, 4), {"slope": drawn(3, 1)}),
    case("PRelu", (2, 3, 4), {"slope": drawn(4)}, also="last"),
    case("PRelu", (2, 3, 4), {"slope": drawn(1)}, also="one"),
    Case("Not", [node("Not", "mask", "n"), node("Where", "n x b")], (2, 3),
         {"mask": np.array([True, False, True]), "b": drawn(2, 3)}),
    Case("Where", [node("Where", "mask x b")], (2, 3), {"mask": np.array([True, False, True]), "b": drawn(2, 3)}),
    case("Reshape", (2, 3, 4), {"s": ints(0, -1, 2)}),
    case("Reshape", (2, 3, 4), {"s": ints(4, 6)}, opset=7),
    *(case("Flatten", axis=axis, also=str(axis)) for axis in (0, 1, 2, 3, -1)),
    case("Squeeze", (2, 1, 3, 1), opset=7, axes=[1]),
    case("Squeeze", (2, 1, 3, 1), {"axes": ints(-1)}),
    case("Squeeze", (2, 1, 3, 1), also="all"),
    case("Unsqueeze", opset=7, axes=[0, 3]),
    case("Unsqueeze", tensors={"axes": ints(-1, 0)}),
    case("Transpose", also="reverse"),
    case("Transpose", perm=[1, 0, 2]),
    case("Concat", tensors={"b": drawn(2, 1, 4)}, axis=-2),
    case("Split", (2, 6), opset=7, axis=1, split=[2, 4], outputs="y z"),
    case("Split", (2, 6), {"s": ints(1, 5)}, axis=1, outputs="y z"),
    case("Split", (2, 7), opset=18, axis=1, num_outputs=3, outputs="y z w"),
    case("Split", (2, 6), axis=-1, outputs="y z", also="equal"),
    case("Slice", opset=7, starts=[0, 1], ends=[1, 100], axes=[0, 2]),
    case("Slice", tensors={"s": ints(-1, 0), "e": ints(-100, 3), "a": ints(2, 1), "t": ints(-1, 2)}),
    case("Slice", tensors={"s": ints(0, 1), "e": ints(2, 2)}, also="front"),
    case("Gather", tensors={"i": np.array(-1, dtype=np.int64)}, axis=1, also="one"),
    case("Gather", tensors={"i": np.array([[0, 2], [3, -1]], dtype=np.int64)}, axis=2),
    case("Gather", tensors={"i": ints(2, 1, 0)}, axis=1, also="backwards"),
    case("GatherElements", (3, 3), {"i": np.array([[0, -1, 2], [2, 0, 1]], dtype=np.int64)}, axis=0),
    case("GatherND", (2, 3, 4), {"i": np.array([[0, 1], [1, -1]], dtype=np.int64)}),
    case("ScatterElements", (3, 3), {"i": ints(0, 2, 1)[None], "u": drawn(1, 3)}, axis=0),
    case("ScatterND", (4, 3), {"i": np.array([[0], [2]], dtype=np.int64), "u": drawn(2, 3)}),
    case("Expand", (3, 1), {"s": ints(2, 1, 4)}),
    case("Tile", (2, 3), {"r": ints(2, 3)}),
    case("Trilu", (3, 4), {"k": np.array(1, dtype=np.int64)}, upper=0),
    case("CumSum", (2, 4), {"a": np.array(1, dtype=np.int64)}, exclusive=1, reverse=1),
    case("TopK", (2, 5), {"k": ints(3)}, outputs="y i", axis=1),
    *(case("Pad", opset=7, pads=[0, 0, 1, 2, 0, 0, 0, 1], mode=mode, shape=(1, 2, 4, 5), also=mode)
      for mode in ("constant", "reflect", "edge")),
    case("Pad", (2, 3), {"p": ints(1, 0, 0, 2), "v": scalar(1.5)}),
    case("Pad", (2, 3), {"p": ints(-1, 1), "v": scalar(0.0), "a": ints(1)}, opset=18),
    case("Pad", (2, 3), {"p": ints(0, 2, 0, 4)}, opset=19, mode="wrap"),
    case("DepthToSpace", (1, 8, 2, 3), blocksize=2, mode="DCR"),
    case("DepthToSpace", (1, 8, 2, 3), blocksize=2, mode="CRD", also="CRD"),
    case("SpaceToDepth", (1, 2, 4, 6), blocksize=2),
    case("MatMul", tensors={"b": drawn(4, 5)}),
    case("MatMul", (4,), {"b": drawn(4, 5)}, also="vector"),
    case("MatMul", (2, 3, 4), {"b": drawn(2, 4, 5)}, also="batch"),
    Case("MatMul-left", [node("MatMul", "b x")], (4, 5), {"b": drawn(3, 4)}),
    Case("MatMul-Add", [node("MatMul", "x w", "h"), node("Add", "b h")], (2, 3, 4), {"w": drawn(4, 5), "b": drawn(5)}),
    Case("MatMul-square", [node("MatMul", "x x")], (2, 3, 3)),
    case("Gemm", (2, 4), {"b": drawn(4, 5), "c": drawn(5)}),
    case("Gemm", (4, 2), {"b": drawn(5, 4), "c": drawn(2, 1)}, alpha=0.5, beta=2.0, transA=1, transB=1, also="all"),
    case("Gemm", (2, 4), {"b": drawn(5, 4)}, transB=1, opset=11, also="bare"),
    case("Einsum", (2, 3, 4), {"b": drawn(5, 4)}, equation="bij,kj->bik"),
    *(case(f"Reduce{name}", opset=7, axes=[1], keepdims=0) for name in "Mean Max Min Sum SumSquare L1".split()),
    *(case(f"Reduce{name}", opset=17, axes=[-1], keepdims=1) for name in "Mean Max Min L2 LogSumExp Prod".split()),
    *(case(f"Reduce{name}", tensors={"a": ints(0, 2)}, opset=18) for name in "Mean Max Min Sum LogSumExp".split()),
    case("ReduceSum", noop_with_empty_axes=1, also="none"),
    Case("ReduceLogSum", [node("Exp", "x", "e"), node("ReduceLogSum", "e", axes=[1])], (2, 3)),
    *(case(name, opset=opset, axis=axis, also=str(axis))
      for name in ("Softmax", "LogSoftmax") for opset in (7, 11, 13) for axis in (1, 2)),
    case("BatchNormalization", (2, 3, 4), {k: np.exp(drawn(3, seed=i)) for i, k in enumerate("sbmv")}, opset=7),
    case("BatchNormalization", (2, 3, 4, 2), {k: np.exp(drawn(3, seed=i)) for i, k in enumerate("sbmv")}, opset=15),
    case("InstanceNormalization", (2, 3, 4), {"s": drawn(3), "b": drawn(3)}),
    case("LayerNormalization", (2, 3, 4), {"s": drawn(4), "b": drawn(4)}),
    case("LayerNormalization", (2, 3, 4), {"s": drawn(3, 4)}, axis=1, epsilon=1e-3, also="axis"),
    case("GroupNormalization", (2, 4, 5), {"s": drawn(2), "b": drawn(2)}, opset=18, num_groups=2),
    case("GroupNormalization", (2, 4, 5), {"s": drawn(4), "b": drawn(4)}, opset=21, num_groups=2),
    case("RMSNormalization", (2, 3, 4), {"s": drawn(4)}, opset=23),
    case("LRN", (1, 6, 3, 3), size=3),
    case("LpNormalization", axis=1, p=2),
    case("Conv", IMAGE, KERNEL, group=2, pads=[1, 1, 1, 1]),
    case("Conv", IMAGE, {"w": drawn(3, 4, 3, 2)}, opset=7, strides=[2, 1], pads=[0, 1, 2, 0], also="pads"),
    case("Conv", IMAGE, {"w": drawn(3, 4, 2, 2)}, dilations=[2, 2], also="dilated"),
    *(case("Conv", IMAGE, {"w": drawn(3, 4, 3, 2)}, auto_pad=auto, strides=[2, 2], also=auto)
      for auto in ("SAME_UPPER", "SAME_LOWER", "VALID")),
    case("Conv", (2, 3, 8), {"w": drawn(4, 3, 3)}, also="row"),
    case("Conv", (1, 2, 4, 4, 3), {"w": drawn(2, 2, 2, 2, 2)}, also="volume"),
    case("ConvTranspose", (1, 4, 3, 3), {"w": drawn(4, 2, 3, 3), "b": drawn(2)}, strides=[2, 2], pads=[1, 1, 1, 1],
         output_padding=[1, 1]),
    case("ConvTranspose", (1, 4, 3, 3), {"w": drawn(4, 2, 3, 3), "b": drawn(2)}, strides=[2, 2], pads=[0, 1, 2, 0],
         also="pads"),
    case("ConvTranspose", (1, 4, 3, 3), {"w": drawn(4, 2, 3, 3)}, strides=[2, 2], output_shape=[6, 8], also="shape"),
    case("ConvTranspose", (1, 4, 3, 3), {"w": drawn(4, 2, 3, 3)}, strides=[2, 2], auto_pad="SAME_UPPER", also="same"),
    case("MaxPool", IMAGE, kernel_shape=[2, 2], strides=[2, 2]),
    case("MaxPool", IMAGE, kernel_shape=[3, 3], strides=[2, 2], pads=[0, 0, 1, 1], also="pads"),
    case("MaxPool", IMAGE, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1, pads=[1, 0, 1, 1], also="ceil"),
    case("MaxPool", IMAGE, kernel_shape=[2, 2], auto_pad="SAME_UPPER", also="same"),
    case("MaxPool", (1, 2, 7), opset=7, kernel_shape=[3], pads=[2, 2], strides=[2], also="wide"),
    case("AveragePool", IMAGE, kernel_shape=[2, 2]),
    case("AveragePool", IMAGE, kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2], also="pads"),
    case("AveragePool", IMAGE, kernel_shape=[3, 3], pads=[0, 1, 1, 0], count_include_pad=1, also="counted"),
    case("AveragePool", IMAGE, kernel_shape=[2, 2], auto_pad="SAME_LOWER", strides=[2, 2], also="same"),
    case("AveragePool", IMAGE, opset=19, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1, pads=[0, 1, 1, 0], also="c"),
    case("LpPool", IMAGE, opset=18, kernel_shape=[2, 2], p=2),
    case("GlobalAveragePool", IMAGE),
    case("GlobalMaxPool", IMAGE),
    case("GlobalLpPool", IMAGE),
    case("Upsample", (1, 2, 3, 3), opset=7, scales=[1.0, 1.0, 2.0, 3.0], mode="nearest"),
    case("Upsample", (1, 2, 3, 3), {"s": np.array([1, 1, 2, 2], dtype=np.float32)}, opset=9, mode="linear"),
    case("Resize", (1, 2, 3, 3), {"s": np.array([1, 1, 2, 1.5], dtype=np.float32)}, opset=10),
    *(case("Resize", (1, 2, 4, 4), {"-": ints(), "s": np.array([1, 1, 2, 1.5], dtype=np.float32)}, opset=13, mode=mode,
           coordinate_transformation_mode=how, also=f"{mode}-{how}")
      for mode in ("nearest", "linear", "cubic")
      for how in ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric")),
    Case("Resize-sizes", [node("Resize", "x - - s", mode="linear")], (1, 2, 4, 4), {"s": ints(1, 2, 7, 3)}, 13),
    *(Case(f"{name}-{direction}", [node(name, "x w r b - h", "y last", hidden_size=3, direction=direction, **more)],
           (4, 2, 5), {"w": drawn(count, 3 * gates, 5), "r": drawn(count, 3 * gates, 3),
                       "b": drawn(count, 6 * gates), "h": drawn(count, 2, 3)}, 14, "y last")
      for name, gates, more in (("RNN", 1, {}), ("GRU", 3, {}), ("GRU", 3, {"linear_before_reset": 1}), ("LSTM", 4, {}))
      for direction, count in (("forward", 1), ("reverse", 1), ("bidirectional", 2))),
    Case("LSTM-peepholes", [node("LSTM", "x w r - - - - p", "y h c", hidden_size=3)], (3, 2, 4),
         {"w": drawn(1, 12, 4), "r": drawn(1, 12, 3), "p": drawn(1, 9)}, 14, "y h c"),
]  # fmt: skip


def _ids(one: Case) -> str:
    return one.name


@pytest.mark.thorough
@pytest.mark.parametrize("one", [case for case in CASES if "i" not in case.outputs.split()], ids=_ids)
def test_an_operator_is_what_onnxruntime_computes(one: Case, tmp_path: Path) -> None:
    proto = model(one.nodes, one.shape, one.tensors, one.outputs, one.opset)
    found = captured(saved(proto, tmp_path))
    assert found.verification is not None
    assert found.verification.by is not None


def test_every_operator_has_a_case_here_or_tests_of_its_own() -> None:
    counted = document_rows(DOCUMENT.read_text(encoding="utf-8"))
    here = {one.op_type for case in CASES for one in case.nodes}
    tested = {name for name, row in counted.items() if any(cell.strip().isdigit() for cell in row.split("|"))}
    assert OPERATORS.keys() <= here | tested


def test_numbers_that_sizes_are_computed_with_are_no_parameters(tmp_path: Path) -> None:
    """As exporters write `interpolate(scale_factor=(2, 1.5))`, and a scale by the size."""
    sizes = [
        node("Shape", "x", "s"),
        node("Cast", "s", "f", to=FLOAT),
        node("Mul", "f k", "t"),
        node("Cast", "t", "i", to=onnx.TensorProto.INT64),
        node("Resize", "x - - i", mode="nearest", coordinate_transformation_mode="asymmetric"),
    ]
    factors = {"k": np.array([1, 1, 2, 1.5], dtype=np.float32)}
    assert captured(saved(model(sizes, [1, 2, 4, 6], factors), tmp_path)).parameters == 0
    scales = [*sizes[:2], node("Div", "f k", "t"), node("Resize", "x - t", mode="nearest")]
    assert captured(saved(model(scales, [1, 1, 2, 3], factors), tmp_path)).parameters == 0


def test_numbers_behind_a_cast_to_integers_are_no_parameters(tmp_path: Path) -> None:
    nodes = [
        node("Cast", "k", "u", to=onnx.TensorProto.INT32),
        node("Cast", "u", "f", to=FLOAT),
        node("Mul", "x f"),
    ]
    numbers = {"k": np.array([100.5, -1.7, 2.9], dtype=np.float32)}
    assert captured(saved(model(nodes, [3], numbers), tmp_path)).parameters == 0
