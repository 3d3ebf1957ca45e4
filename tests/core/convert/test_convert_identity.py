"""What a parameter is beside its value, and what the root says of nodes, through a conversion."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from torchlean_core.artifact import parse_graph, serialize_graph
from torchlean_core.convert import ConversionRefused, Converted, convert_graph
from torchlean_core.convert.rules import Direction
from torchlean_core.convert.to_classic import TO_CLASSIC
from torchlean_core.convert.to_generalized import TO_GENERALIZED
from torchlean_core.graph import Graph, lower
from torchlean_core.kinds import CLASSIC, GENERALIZED
from torchlean_core.params.held import HeldStore
from torchlean_core.params.uses import spread

Nodes = list[dict[str, Any]]


def _graph(output: str, nodes: Nodes, **root: Any) -> Graph:
    ids = len(nodes) - 1 if output == "output_id" else [len(nodes) - 1]
    numbered = [{"id": place, **node} for place, node in enumerate(nodes)]
    return parse_graph(
        json.dumps({"format": "torchlean.ir.v1", "input_id": 0, output: ids, **root, "nodes": numbered})
    )


def _classic(nodes: Nodes, **root: Any) -> Graph:
    return _graph("output_id", nodes, **root)


def _general(nodes: Nodes, **root: Any) -> Graph:
    return _graph("output_ids", nodes, **root)


def _store(arrays: dict[str, np.ndarray]) -> HeldStore:
    return HeldStore(Path("x"), {name: np.asarray(array, np.float32) for name, array in arrays.items()}, None)


def _nodes(found: Converted) -> Nodes:
    nodes: Nodes = json.loads(serialize_graph(found.graph))["nodes"]
    return nodes


def _back(found: Converted) -> Converted:
    return convert_graph(found.graph, CLASSIC)


X = {"kind": "input", "parents": [], "shape": [2, 3]}


def test_shared_and_marked_weights_keep_what_they_are() -> None:
    said = {
        "W": {"name": "a.weight", "view": [{"permute": [1, 0]}], "shape": [3, 3], "trainable": False},
        "b": {"absent": True},
    }
    first = {"W": {"name": "a.weight"}, "b": {"name": "a.bias", "derived": ["p", "q"]}}
    graph = _classic(
        [
            X,
            {"kind": "linear", "parents": [0], "shape": [2, 3], "parameters": first},
            {"kind": "linear", "parents": [1], "shape": [2, 3], "parameters": said},
        ]
    )
    weight = np.arange(9).reshape(3, 3)
    store = _store({"linear_1_W": weight, "linear_1_b": np.ones(3)})
    general = convert_graph(graph, GENERALIZED, store)
    one, two = _nodes(general)[1:]
    assert one["parameters"] == {"weight": first["W"], "bias": first["b"]}
    assert two["parameters"] == {"weight": said["W"], "bias": said["b"]}
    assert one["weight"] == weight.tolist() and two["weight"] == weight.T.tolist()
    assert two["bias"] == [0, 0, 0]
    back = _back(general)
    assert _nodes(back) == json.loads(serialize_graph(graph))["nodes"]
    assert back.tensors.keys() == {"linear_1_W", "linear_1_b"}
    assert np.array_equal(back.tensors["linear_1_W"], weight)


def test_a_dilated_grouped_kernel_is_the_models_own_again() -> None:
    view = [
        {"blocks": 2},
        {"embed": {"shape": [2, 4, 3, 3], "start": [0, 0, 0, 0], "step": [1, 1, 2, 2]}},
    ]
    said = {"kernel": {"name": "c.weight", "view": view, "shape": [2, 2, 2, 2]}, "bias": {"absent": True}}
    conv = {"inC": 4, "outC": 2, "kH": 3, "kW": 3, "stride": 1, "padding": 0, "groups": 2, "dilation": [2, 2]}
    graph = _classic(
        [
            {"kind": "input", "parents": [], "shape": [4, 5, 5]},
            {"kind": "conv2d", "parents": [0], "shape": [2, 3, 3], **conv, "parameters": said},
        ]
    )
    weight = np.arange(1.0, 17).reshape(2, 2, 2, 2)
    general = convert_graph(graph, GENERALIZED, _store({"conv2d_1_kernel": weight}))
    node = _nodes(general)[1]
    assert (node["groups"], node["dilation"], node["kernel"]) == (2, [2, 2], [2, 2])
    assert node["parameters"] == {
        "weight": {"name": "c.weight", "view": [{"blocks": 2}], "shape": [2, 2, 2, 2]},
        "bias": {"absent": True},
    }
    (parameter,) = lower(general.graph).parameters()
    assert parameter.shape == (2, 2, 2, 2)
    back = _back(general)
    assert _nodes(back) == json.loads(serialize_graph(graph))["nodes"]
    assert np.array_equal(back.tensors["conv2d_1_kernel"], weight)


def test_a_named_weight_of_its_own_is_spread_by_a_view() -> None:
    fields = {
        "spatial_rank": 2,
        "kernel": [2, 1],
        "stride": [1, 1],
        "padding": [0, 0],
        "padding_after": [0, 0],
        "dilation": [2, 1],
        "groups": 1,
        "channel_axis": 0,
        "in_channels": 1,
        "out_channels": 1,
        "input_spatial": [3, 2],
        "weight": [[[[1], [2]]]],
        "bias": [0.5],
    }
    said = {"weight": {"name": "c.weight"}}
    graph = _general(
        [
            {"kind": "input", "parents": [], "shape": [1, 3, 2]},
            {"kind": "conv", "parents": [0], "shape": [1, 1, 2], **fields, "parameters": said},
        ]
    )
    found = convert_graph(graph, CLASSIC)
    kernel = found.tensors["conv2d_1_kernel"]
    assert kernel.shape == (1, 1, 2, 1), "stored as the model has it"
    values = spread(found.tensors, lower(found.graph))
    assert values["conv2d_1_kernel"].reshape(-1).tolist() == [1, 0, 2]
    again = convert_graph(found.graph, GENERALIZED, _store(dict(found.tensors)))
    assert _nodes(again) == json.loads(serialize_graph(graph))["nodes"]


def _grouped(said: dict[str, Any], weight: Any) -> Nodes:
    fields = {
        "spatial_rank": 2,
        "kernel": [1, 1],
        "stride": [1, 1],
        "padding": [0, 0],
        "padding_after": [0, 0],
        "dilation": [1, 1],
        "groups": 2,
        "channel_axis": 0,
        "in_channels": 2,
        "out_channels": 2,
        "input_spatial": [1, 1],
        "weight": weight,
        "bias": [0, 0],
    }
    return [
        {"kind": "input", "parents": [], "shape": [2, 1, 1]},
        {"kind": "conv", "parents": [0], "shape": [2, 1, 1], **fields, **said},
    ]


def test_what_no_group_reads_goes() -> None:
    weight = [[[[1]], [[7]]], [[[8]], [[2]]]]
    for said in ({}, {"parameters": {"weight": {"name": "c.weight"}}}):
        found = convert_graph(_general(_grouped(said, weight)), CLASSIC)
        assert found.tensors["conv2d_1_kernel"].reshape(-1).tolist() == [1, 0, 0, 2]


def test_a_shared_weight_is_not_changed_for_one_of_its_nodes() -> None:
    weight = [[[[1]], [[7]]], [[[8]], [[2]]]]
    said = {"parameters": {"weight": {"name": "c.weight"}}}
    nodes = _grouped(said, weight)
    nodes.append({**nodes[1], "parents": [1], "groups": 1})
    with pytest.raises(ConversionRefused, match="share"):
        convert_graph(_general(nodes), CLASSIC)


@pytest.mark.parametrize("values", [(1.0, 0.0), (2.0, 0.5)])
def test_gamma_and_beta_of_a_model_become_constants_that_train(values: tuple[float, float]) -> None:
    said = {"gamma": {"name": "n.weight"}, "beta": {"name": "n.bias", "trainable": False}}
    norm = {"gamma": [values[0]] * 3, "beta": [values[1]] * 3, "eps": 0.5, "axis": 1, "parameters": said}
    found = convert_graph(
        _general([X, {"kind": "layernorm", "parents": [0], "shape": [2, 3], **norm}]), CLASSIC
    )
    nodes = _nodes(found)
    assert [node["kind"] for node in nodes if node["kind"] != "reshape"] == [
        *("input", "layernorm"),
        *("const", "broadcast_to", "mul_elem"),
        *("const", "broadcast_to", "add"),
    ]
    constants = [node for node in nodes if node["kind"] == "const"]
    assert [node["parameters"] for node in constants] == [{"value": said["gamma"]}, {"value": said["beta"]}]
    assert "parameters" not in nodes[1] and nodes[1]["eps"] == 0.5
    assert [one.model for one in lower(found.graph).parameters()] == ["n.weight", "n.bias"]


def test_an_absent_beta_is_not_trained() -> None:
    said = {"gamma": {"name": "n.weight"}, "beta": {"absent": True}}
    norm = {"gamma": [2, 2, 2], "beta": [0, 0, 0], "eps": 0.5, "axis": 1, "parameters": said}
    found = convert_graph(
        _general([X, {"kind": "layernorm", "parents": [0], "shape": [2, 3], **norm}]), CLASSIC
    )
    trained = {one.model: one.trainable for one in lower(found.graph).parameters()}
    assert trained == {"n.weight": True, None: False}
    absent = {"gamma": {"absent": True}, "beta": {"absent": True}}
    plain = {**norm, "gamma": [1, 1, 1], "parameters": absent}
    found = convert_graph(
        _general([X, {"kind": "layernorm", "parents": [0], "shape": [2, 3], **plain}]), CLASSIC
    )
    assert len(found.graph.nodes) == 2


def test_ids_in_the_root_move_along() -> None:
    differs = [{"reason": "r", "operator": "o", "nodes": [2, 1]}, {"reason": "s", "nodes": [3]}, "text"]
    captured = {"file": "m.py", "class": "M", "artifact_sha256": "0" * 64}
    graph = _general(
        [
            X,
            {"kind": "softplus", "parents": [0], "shape": [2, 3]},
            {"kind": "reduce_sum", "parents": [1], "shape": [2, 3], "axes": [], "keepdim": True},
            {"kind": "tanh", "parents": [2], "shape": [2, 3], "debug_target": "aten.tanh"},
        ],
        training_differs=differs,
        captured_from=captured,
        approximations=[{"operator": "gelu", "form": "tanh"}],
        output_id=7,
    )
    found = convert_graph(graph, CLASSIC)
    root = json.loads(serialize_graph(found.graph))
    assert root["training_differs"] == [
        {**differs[0], "nodes": [9, 9]},
        {**differs[1], "nodes": [10]},
        "text",
    ]
    assert root["captured_from"] == captured
    assert root["approximations"] == [{"operator": "gelu", "form": "tanh"}]
    assert root["output_id"] == 10
    assert root["nodes"][10]["parents"] == [9] and root["nodes"][10]["debug_target"] == "aten.tanh"


def test_a_part_of_a_tensor_that_only_another_output_needs_stays_stored() -> None:
    def part(start: int) -> dict[str, Any]:
        view = {"name": "w", "view": [{"slice": [[0, start, start + 1]]}], "shape": [2, 3]}
        return {"weight": view}

    line = {"out_dim": 1, "in_dim": 3, "bias": [0]}
    graph = parse_graph(
        json.dumps(
            {
                "format": "torchlean.ir.v1",
                "input_id": 0,
                "output_ids": [1, 2],
                "nodes": [
                    {"id": 0, **X},
                    {
                        "id": 1,
                        "kind": "linear",
                        "parents": [0],
                        "shape": [2, 1],
                        **line,
                        "weight": [[1, 2, 3]],
                    }
                    | {"parameters": part(0)},
                    {
                        "id": 2,
                        "kind": "linear",
                        "parents": [0],
                        "shape": [2, 1],
                        **line,
                        "weight": [[4, 5, 6]],
                    }
                    | {"parameters": part(1)},
                ],
            }
        )
    )
    found = convert_graph(graph, CLASSIC, output=1)
    assert len(found.graph.nodes) == 2
    assert found.tensors["linear_1_W"].tolist() == [[1, 2, 3], [4, 5, 6]]
    assert spread(found.tensors, lower(found.graph))["linear_1_W"].tolist() == [[4, 5, 6]]


def test_extra_fields_whose_names_the_other_dialect_reads_go() -> None:
    stray = {"out_dim": "x", "weight": [9], "note": 1}
    graph = _classic(
        [
            X,
            {"kind": "linear", "parents": [0], "shape": [2, 3], **stray},
            {"kind": "relu", "parents": [1], "shape": [2, 3], "weight": [9]},
        ]
    )
    nodes = _nodes(convert_graph(graph, GENERALIZED))
    assert nodes[1] == {"id": 1, "kind": "linear", "parents": [0], "shape": [2, 3], "note": 1}
    assert nodes[2]["weight"] == [9]


def test_field_values_are_normalized() -> None:
    graph = _classic([X, {"kind": "softmax", "parents": [0.0], "shape": [2.0, 3], "axis": 1.0, "eps": 2.0}])
    assert '[0], "shape": [2, 3], "axis": 1, "eps": 2' in serialize_graph(
        convert_graph(graph, GENERALIZED).graph
    )


def test_scales_that_differ_are_refused() -> None:
    attention = {"embed_dim": 1, "num_heads": 1, "batch_first": True, "dropout_zero": True, "bias": False}
    graph = _classic(
        [
            {"kind": "input", "parents": [], "shape": [1, 2, 1]},
            {"kind": "multihead_attention", "parents": [0, 0, 0], "value_kind": "tuple"}
            | {"tuple_shapes": [[1, 2, 1], [1, 2, 2]], **attention},
            {"kind": "tuple_getitem", "parents": [1], "shape": [1, 2, 1], "index": 0},
        ]
    )
    arrays = {f"mha_1_{name}_W": np.ones((1, 1)) for name in ("q", "k", "v", "out")}
    scale = np.full((1, 2, 2), 0.3)
    found = convert_graph(graph, GENERALIZED, _store({**arrays, "mha_1_scale": scale}))
    assert _nodes(found)[1]["scale"] == 0.3
    scale[0, 1, 0] = 0.5
    with pytest.raises(ConversionRefused, match="entries of mha_1_scale differ"):
        convert_graph(graph, GENERALIZED, _store({**arrays, "mha_1_scale": scale}))


def test_a_tuple_valued_input_is_refused() -> None:
    graph = _classic(
        [
            X,
            {"kind": "input", "parents": [], "value_kind": "tuple", "tuple_shapes": []},
            {"kind": "relu", "parents": [0], "shape": [2, 3]},
        ]
    )
    with pytest.raises(ConversionRefused, match=r"node 1 \(input\): a tuple-valued input"):
        convert_graph(graph, GENERALIZED)


def test_epsilon_that_is_no_number_is_refused() -> None:
    graph = _classic([X, {"kind": "layernorm", "parents": [0], "shape": [2, 3], "axis": 0, "eps": "1e-5"}])
    with pytest.raises(ConversionRefused, match=r"node 1 \(layernorm\): eps must be a number"):
        convert_graph(graph, GENERALIZED)


def test_tensors_that_no_machine_holds_are_refused() -> None:
    huge = 1 << 20
    node = {"kind": "layernorm", "parents": [0], "shape": [huge, huge], "axis": 0}
    graph = _classic([{"kind": "input", "parents": [], "shape": [huge, huge]}, node])
    with pytest.raises(ConversionRefused, match=r"node 1 \(layernorm\): a constant of"):
        convert_graph(graph, GENERALIZED)
    soft = {"kind": "softplus", "parents": [0], "shape": [huge, huge]}
    with pytest.raises(ConversionRefused, match="too large to write"):
        convert_graph(_general([{"kind": "input", "parents": [], "shape": [huge, huge]}, soft]), CLASSIC)


@pytest.mark.parametrize("direction", [TO_GENERALIZED, TO_CLASSIC], ids=["to generalized", "to classic"])
def test_every_kind_has_a_rule_or_is_the_same(direction: Direction) -> None:
    for name, kind in direction.source.tensor_kinds.items():
        other = direction.target.tensor_kinds.get(name)
        if kind.operator.name not in direction.rules:
            assert other is not None and other.fields == kind.fields, name
