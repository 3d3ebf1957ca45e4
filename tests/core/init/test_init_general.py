"""Initialization of what only the generalized dialect has."""

from __future__ import annotations

import json
import math

import pytest

from torchlean_core.artifact import parse_graph
from torchlean_core.graph import lower
from torchlean_core.init import Scheme, default_plan, materialize
from torchlean_core.init.schemes import unit


def program(groups, **more):
    conv = {
        "id": 1, "kind": "conv", "parents": [0], "shape": [4, 4], "spatial_rank": 1, "kernel": [2], "stride": [1],
        "padding": [0], "padding_after": [0], "dilation": [1], "groups": groups, "channel_axis": 0, "in_channels": 4,
        "out_channels": 4, **more,
    }  # fmt: skip
    nodes = [{"id": 0, "kind": "input", "parents": [], "shape": [4, 5]}, conv]
    root = {"format": "torchlean.ir.v1", "input_id": 0, "output_ids": [1], "nodes": nodes}
    return lower(parse_graph(json.dumps(root)))


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_the_fan_of_a_grouped_kernel_is_what_a_cell_reads(groups):
    made = program(groups)
    kernel = materialize(made, default_plan(made, 0), "cpu", {})["conv_1_kernel"]
    limit = math.sqrt(6 / (4 // groups * 2))
    for k, value in enumerate(kernel.reshape(-1).tolist()):
        row, column = k // 8, k // 2 % 4
        inside = row // (4 // groups) == column // (4 // groups)
        expected = -limit + unit(0, k) * 2 * limit if inside else 0.0
        assert value == pytest.approx(expected, abs=1e-7)


def test_another_scheme_with_a_fan_counts_it_too():
    plan = default_plan(program(2), 0, Scheme("xavier_uniform"))
    assert plan["conv_1_kernel"].fan_in == 4 and plan["conv_1_bias"].name == "zeros"


def test_a_normalization_without_payload_has_no_parameters_and_one_with_it_begins_neutral():
    node = {"id": 1, "kind": "layernorm", "parents": [0], "shape": [2, 3], "axis": 1}
    root = {
        "format": "torchlean.ir.v1", "input_id": 0, "output_ids": [1],
        "nodes": [{"id": 0, "kind": "input", "parents": [], "shape": [2, 3]}, node],
    }  # fmt: skip
    assert lower(parse_graph(json.dumps(root))).parameters() == []
    node.update(gamma=[2, 2, 2], beta=[1, 1, 1], eps=0.5)
    made = lower(parse_graph(json.dumps(root)))
    values = materialize(made, default_plan(made, 0), "cpu", {})
    assert values["layernorm_1_gamma"].tolist() == [1, 1, 1] and values["layernorm_1_beta"].tolist() == [
        0,
        0,
        0,
    ]
