"""What files have that is no matter of one operator: names, shapes, outputs, versions, types."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import helper

from torchlean_core.capture.errors import CaptureError
from torchlean_core.capture.pipeline import Captured
from torchlean_core.graph import lower
from torchlean_core.interp import Interpreter
from torchlean_core.onnx.load import load_onnx, read_onnx

from .support import FLOAT, captured, drawn, ints, model, node, saved


def computed(found: Captured, x: Any) -> list[Any]:
    return [
        one.numpy()
        for one in Interpreter(lower(found.graph), found.tensors, torch.float32).run_all(torch.tensor(x))
    ]


def root(found: Captured) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(found.text)
    return value


def names_of(found: Captured) -> list[str]:
    names: list[str] = root(found)["captured_from"]["state"]["names"]
    return names


def layer(weight: str, bias: str) -> list[onnx.NodeProto]:
    return [helper.make_node("Gemm", ["x", weight, bias], ["y"])]


@pytest.mark.parametrize(
    ("weight", "bias", "names"),
    [
        ("fc.weight", "fc.bias", ["fc.weight", "fc.bias"]),
        ("onnx::Gemm_7", "a/b:0", ["onnx__Gemm_7", "a_b_0"]),
        ("a", "a.b", ["a", "a_b_2"]),
        ("a.b", "a", ["a.b", "a_2"]),
        ("a-b", "a+b", ["a_b", "a_b_2"]),
        ("..", "forward", ["_._._", "forward_"]),
        ("training", "_run", ["training_", "_run_"]),
        ("0.weight", "ü", ["0.weight", "_"]),
        ("_parameters.x", "x.state_dict", ["_parameters_.x", "x.state_dict_"]),
    ],
)
def test_names_of_tensors_become_names_that_a_module_can_have(
    weight: str, bias: str, names: list[str], tmp_path: Path
) -> None:
    found = captured(
        saved(model(layer(weight, bias), [2, 4], {weight: drawn(4, 3), bias: drawn(3)}), tmp_path)
    )
    assert sorted(names_of(found)) == sorted(names)


def test_nodes_say_where_they_come_from(tmp_path: Path) -> None:
    nodes = [
        node("Relu", "x", "/inner/h.0", name="/inner/Relu"),
        helper.make_node("Neg", ["/inner/h.0"], ["y"]),
    ]
    found = root(captured(saved(model(nodes, [2, 4]), tmp_path)))
    sources = [one.get("source") for one in found["nodes"]]
    assert {"node": "/inner/Relu", "output": "/inner/h.0"} in sources
    assert {"node": "y", "output": "y"} in sources
    said = found["captured_from"]
    assert (said["file"], said["format"], said["opset"], said["example_shape"]) == (
        "m.onnx",
        "onnx",
        17,
        [2, 4],
    )
    assert len(said["sha256"]) == 64


def test_equal_names_of_nodes_do_not_matter(tmp_path: Path) -> None:
    nodes = [node("Relu", "x", "h", name="n"), node("Neg", "h", "y", name="n")]
    assert len(captured(saved(model(nodes, [2, 4]), tmp_path)).graph.nodes) >= 3


def test_a_tensor_that_is_used_twice_is_one_parameter(tmp_path: Path) -> None:
    nodes = [node("MatMul", "x w", "h"), node("Transpose", "w", "t"), node("MatMul", "h t")]
    found = captured(saved(model(nodes, [2, 4], {"w": drawn(4, 3), "unused": drawn(9)}), tmp_path))
    assert found.parameters == 12
    assert names_of(found) == ["w"]


def test_nodes_and_tensors_that_nothing_needs_are_left_out(tmp_path: Path) -> None:
    nodes = [node("NonMaxSuppression", "a b", "c"), node("Relu", "x")]
    found = captured(saved(model(nodes, [2, 4], {"a": drawn(1, 1, 4), "b": drawn(1, 1, 1)}), tmp_path))
    assert len(found.graph.nodes) == 2


def test_nodes_in_another_order_are_sorted(tmp_path: Path) -> None:
    nodes = [node("Neg", "h"), node("Relu", "x", "h")]
    assert [one.kind for one in captured(saved(model(nodes, [2]), tmp_path)).graph.nodes][:2] == [
        "input",
        "relu",
    ]


@pytest.mark.parametrize("dialect", ["classic", "generalized"])
def test_outputs_that_are_the_input_or_a_tensor_of_the_file(dialect: str, tmp_path: Path) -> None:
    proto = model([node("Relu", "x", "r")], [2], {"b": drawn(2)}, outputs="x")
    x = np.array([1.0, -2.0], dtype=np.float32)
    assert np.array_equal(computed(captured(saved(proto, tmp_path), dialect), x)[0], x)
    proto = model([node("Relu", "x", "r")], [2], {"b": drawn(2)}, outputs="b")
    assert np.array_equal(computed(captured(saved(proto, tmp_path), dialect), x)[0], drawn(2))


def test_several_outputs(tmp_path: Path) -> None:
    nodes = [node("Relu", "x", "a/1"), node("Neg", "x", "b.2")]
    file = saved(model(nodes, [2, 3], outputs="b.2 a/1"), tmp_path)
    found = captured(file)
    assert root(found)["captured_from"]["outputs"] == ["b.2", "a/1"]
    with pytest.raises(CaptureError, match="an artifact has one output tensor in the classic dialect"):
        captured(file, "classic")


def test_the_shape_of_the_input(tmp_path: Path) -> None:
    def of(shape: list[Any], given: tuple[int, ...] | None = None) -> tuple[int, ...]:
        return read_onnx(saved(model([node("Relu", "x")], shape), tmp_path), given).shape

    assert of(["N", 3]) == (1, 3)
    assert of([None, 3]) == (1, 3)
    assert of([0, 3]) == (1, 3)
    assert of(["N", 3], (5, 3)) == (5, 3)
    assert of([4, 3]) == (4, 3)
    assert of([]) == ()
    for shape, given, said in (
        (["N", 3, "H"], None, "has the shape [N, 3, H]: give an example shape"),
        ([None, 3, None], None, "has the shape [?, 3, ?]"),
        ([2, 3], (1, 3), "expected an input of the example shape [1, 3], found [2, 3]"),
        (["N", 3], (1, 3, 1), "found [N, 3]"),
        (["N", "N"], (1, 3), "found [N, N]"),
    ):
        with pytest.raises(CaptureError) as caught:
            of(shape, given)
        assert said in str(caught.value)
    proto = model([node("Relu", "x")], [1])
    proto.graph.input[0].type.tensor_type.ClearField("shape")
    assert read_onnx(saved(proto, tmp_path), (2, 2)).shape == (2, 2)
    with pytest.raises(CaptureError, match="does not say the shape of its input `x`"):
        read_onnx(saved(proto, tmp_path))


def test_a_scalar_output_and_an_input_without_a_batch(tmp_path: Path) -> None:
    proto = model([node("ReduceSum", "x", keepdims=0)], [5])
    assert computed(captured(saved(proto, tmp_path)), np.ones(5, np.float32))[0].shape == ()


def test_tensors_that_also_stand_among_the_inputs(tmp_path: Path) -> None:
    proto = model([node("Add", "x b")], [2], {"b": drawn(2)}, opset=8)
    proto.ir_version = 3
    proto.graph.input.insert(0, helper.make_tensor_value_info("b", FLOAT, [2]))
    assert captured(saved(proto, tmp_path)).parameters == 2


def test_the_domain_may_be_spelled_out(tmp_path: Path) -> None:
    proto = model([helper.make_node("Relu", ["x"], ["y"], domain="ai.onnx")], [2])
    proto.opset_import[0].domain = "ai.onnx"
    assert len(captured(saved(proto, tmp_path)).graph.nodes) == 2


def test_shapes_are_folded(tmp_path: Path) -> None:
    nodes = [
        node("Shape", "x", "s"),
        node("Gather", "s zero", "n", axis=0),
        node("Unsqueeze", "n axes", "u"),
        node("Concat", "u rest", "c", axis=0),
        node("Cast", "c", "f", to=1),
        node("Div", "f one", "d"),
        node("Cast", "d", "i", to=7),
        node("Reshape", "x i"),
    ]
    tensors = {"zero": np.array(0), "axes": ints(0), "rest": ints(-1), "one": np.float32(1)}
    found = captured(saved(model(nodes, ["N", 3, 4], tensors), tmp_path), shape=(2, 3, 4))
    assert [one.kind for one in found.graph.nodes] == ["input", "reshape"]


def test_constants_in_all_their_forms(tmp_path: Path) -> None:
    forms: list[dict[str, Any]] = [
        {"value": onnx.numpy_helper.from_array(drawn(3))},
        {"value_float": 2.0},
        {"value_floats": [1.0, 2.0, 3.0]},
    ]
    for form in forms:
        captured(saved(model([node("Constant", "", "c", **form), node("Add", "x c")], [2, 3]), tmp_path))
    whole: list[dict[str, Any]] = [
        {"value_ints": [3, 2]},
        {"value": onnx.numpy_helper.from_array(ints(3, 2))},
    ]
    for form in whole:
        captured(saved(model([node("Constant", "", "c", **form), node("Reshape", "x c")], [2, 3]), tmp_path))
    for refused in ({"value_string": "a"}, {"value_strings": ["a"]}):
        file = saved(model([node("Constant", "", "c", **refused), node("Add", "x c")], [2, 3]), tmp_path)
        with pytest.raises(CaptureError, match="which is no number"):
            load_onnx(read_onnx(file))


@pytest.mark.parametrize("kind", ["DOUBLE", "FLOAT16", "INT64"])
def test_inputs_of_other_types_are_refused(kind: str, tmp_path: Path) -> None:
    proto = model([node("Relu", "x")], [2])
    proto.graph.input[0].type.tensor_type.elem_type = getattr(onnx.TensorProto, kind)
    with pytest.raises(CaptureError, match="expected float32"):
        read_onnx(saved(proto, tmp_path))


def test_half_numbers_that_are_cast_are_exact(tmp_path: Path) -> None:
    nodes = [node("Cast", "b", "c", to=1), node("Add", "x c")]
    captured(saved(model(nodes, [2], {"b": drawn(2).astype(np.float16)}), tmp_path))


def test_float64_inside_is_refused_at_its_node_or_allowed(tmp_path: Path) -> None:
    nodes = [node("Cast", "x", "d", name="wide", to=11), node("Exp", "d", "e"), node("Cast", "e", to=1)]
    file = saved(model(nodes, [2, 3]), tmp_path)
    with pytest.raises(CaptureError, match=r"Cast in node `wide`: .*float64"):
        captured(file)
    found = captured(file, approximate={"float64": "float32"})
    assert root(found)["approximations"][0]["operator"] == "float64"


def test_the_error_function_is_refused_at_its_node_or_allowed(tmp_path: Path) -> None:
    file = saved(model([node("Erf", "x", name="/act/Erf")], [2, 3]), tmp_path)
    with pytest.raises(CaptureError, match=r"TL601 Erf in node `/act/Erf`: .*--approximate erf=composed"):
        captured(file)
    assert root(captured(file, approximate={"erf": "composed"}))["approximations"][0]["operator"] == "erf"


def test_all_refused_operators_are_told_at_once(tmp_path: Path) -> None:
    nodes = [
        node("Bernoulli", "x", "a", name="first"),
        node("Ceil", "x", "b", name="second"),
        node("Add", "a b"),
    ]
    with pytest.raises(CaptureError) as caught:
        captured(saved(model(nodes, [2]), tmp_path))
    assert "first" in str(caught.value)
