"""What evaluators do not agree on is refused, and what the outputs do not need is none of their business."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import pytest
import torch
from onnx import NodeProto, helper

from torchlean_core.capture.errors import CaptureError
from torchlean_core.capture.verify import relative_error
from torchlean_core.onnx.evaluate import Evaluator
from torchlean_core.onnx.load import load_onnx, read_onnx

from .support import captured, drawn, model, node, saved


@pytest.mark.parametrize("side", ["SAME_UPPER", "SAME_LOWER"])
@pytest.mark.parametrize("pool", ["MaxPool", "AveragePool"])
def test_windows_that_leave_gaps_are_not_padded(pool: str, side: str, tmp_path: Path) -> None:
    window = node(pool, "x", kernel_shape=[2, 2], strides=[3, 3], auto_pad=side)
    file = saved(model([window], [1, 1, 6, 6], {}), tmp_path)
    with pytest.raises(CaptureError, match="evaluators do not agree"):
        load_onnx(read_onnx(file, None))
    fits = node(pool, "x", kernel_shape=[2, 2], strides=[3, 3], auto_pad=side)
    assert captured(saved(model([fits], [1, 1, 5, 5], {}), tmp_path)).verification is not None


@pytest.mark.parametrize("side", ["SAME_UPPER", "SAME_LOWER"])
def test_a_transposed_convolution_is_not_extended(side: str, tmp_path: Path) -> None:
    weight = {"w": drawn(1, 2, 2, 2)}
    over = node("ConvTranspose", "x w", strides=[3, 3], auto_pad=side)
    with pytest.raises(CaptureError, match="its output is to have 12 along an axis where it computes 11"):
        load_onnx(read_onnx(saved(model([over], [1, 1, 4, 4], weight), tmp_path), None))


def test_other_shapes_are_no_small_error() -> None:
    assert relative_error(torch.zeros(2), torch.zeros(1)) == math.inf
    assert relative_error(torch.zeros(2, 1), torch.zeros(2)) == math.inf
    assert relative_error(torch.zeros(2), torch.zeros(2)) == 0.0


def test_what_nothing_needs_is_not_evaluated(tmp_path: Path) -> None:
    proto = model([node("Relu", "x")], [1, 3], {})
    proto.graph.node.insert(0, helper.make_node("Foo", ["x"], ["unused"], domain="com.x"))
    proto.opset_import.append(helper.make_opsetid("com.x", 1))
    assert [one.kind for one in captured(saved(proto, tmp_path)).graph.nodes] == ["input", "relu"]


def test_an_evaluator_says_nothing_of_infinities(tmp_path: Path) -> None:
    source = read_onnx(saved(model([node("Exp", "x")], [1, 3], {}), tmp_path), None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = Evaluator(source.graph, (1, 3)).run(torch.full((1, 3), 1e4, dtype=torch.float64))
    assert bool(found[0].isinf().all())


@pytest.mark.parametrize(
    ("window", "said"),
    [
        (node("LRN", "x", size=2), "size 2 is even"),
        (node("Attention", "x x x"), "an export for operator set 22 or older says the same"),
    ],
)
def test_what_has_no_agreed_meaning_is_refused_by_its_reason(
    window: NodeProto, said: str, tmp_path: Path
) -> None:
    with pytest.raises(CaptureError, match=said):
        load_onnx(read_onnx(saved(model([window], [1, 4, 3, 3], {}, opset=23), tmp_path), None))


def test_a_mask_of_old_operator_sets_is_refused(tmp_path: Path) -> None:
    nodes = [node("Dropout", "x", "a mask", ratio=0.5), node("Cast", "mask", to=1)]
    with pytest.raises(CaptureError, match="its mask is used"):
        load_onnx(read_onnx(saved(model(nodes, [1, 4], {}, opset=10), tmp_path), None))
