"""Default plans, overrides of them, and plan files."""

import json
import math
from pathlib import Path

import jsonschema
import pytest
import torch

from tests.core.init.init_graphs import EVERYTHING, MLP, grouped
from torchlean_core.artifact import parse_graph
from torchlean_core.errors import UsageError, UserError
from torchlean_core.graph import lower
from torchlean_core.init import Scheme, default_plan, fill, materialize, read_plan
from torchlean_core.init.schema import FILE_NAME, plan_schema, schema_text
from torchlean_core.init.structure import kernel_masks

PROGRAM = lower(parse_graph(EVERYTHING))


def test_default_plan_counts_layers_in_order():
    plan = default_plan(PROGRAM, 100)
    xavier = {f"mha_2_{role}_W": 102 + 2 * i for i, role in enumerate(["q", "k", "v", "out"])}
    xavier |= {"linear_1_W": 100, "linear_11_W": 114}
    expected = {name: Scheme("xavier_uniform", seed=seed) for name, seed in xavier.items()}
    expected["conv2d_7_kernel"] = Scheme("kaiming_uniform", seed=110)
    expected["batchnorm_9_gamma"] = expected["batchnorm_9_var"] = Scheme("ones")
    for name, scheme in plan.items():
        assert scheme == expected.pop(name, Scheme("zeros")), name
    assert expected == {}
    assert list(plan) == [p.name for p in PROGRAM.parameters() if p.name != "mha_2_scale"]


def test_two_projections_of_one_attention_count_once():
    nodes = json.loads(EVERYTHING)
    nodes["nodes"].append({**nodes["nodes"][3], "id": len(nodes["nodes"])})
    program = lower(parse_graph(json.dumps(nodes)))
    assert default_plan(program, 0) == default_plan(PROGRAM, 0)


def test_override_takes_weights_and_trainable_consts_only():
    plan = default_plan(PROGRAM, 0, Scheme("normal", mean=1.0, std=2.0))
    changed = {name: scheme.seed for name, scheme in plan.items() if scheme.name == "normal"}
    assert changed == {
        "linear_1_W": 0,
        "mha_2_q_W": 2,
        "mha_2_k_W": 4,
        "mha_2_v_W": 6,
        "mha_2_out_W": 8,
        "conv2d_7_kernel": 10,
        "linear_11_W": 14,
        "const_4": 16,
    }
    assert plan["batchnorm_9_gamma"] == Scheme("ones")
    assert plan["linear_1_b"] == plan["const_5"] == Scheme("zeros")


def test_override_that_does_not_fit_a_const_gives_zeros():
    text = json.loads(EVERYTHING)
    del text["nodes"][5]["trainable"]
    plan = default_plan(lower(parse_graph(json.dumps(text))), 0, Scheme("kaiming_uniform"))
    assert plan["const_5"] == Scheme("zeros")
    assert plan["const_4"].name == "kaiming_uniform"


def test_seeds_wrap_at_64_bits():
    plan = default_plan(lower(parse_graph(MLP)), 2**64 - 1)
    assert (plan["linear_1_W"].seed, plan["linear_3_W"].seed) == (2**64 - 1, 1)


def test_materialized_values():
    tensors = materialize(PROGRAM, default_plan(PROGRAM, 0))
    assert [tuple(t.shape) for t in tensors.values()] == [p.shape for p in PROGRAM.parameters()]
    assert {t.dtype for t in tensors.values()} == {torch.float32}
    assert torch.equal(tensors["mha_2_scale"], torch.full((1, 2, 2), 0.5))
    limit = math.sqrt(6 / 8)
    assert tensors["linear_1_W"][0, 0].item() == pytest.approx(
        -limit + 0.30117025575600564 * 2 * limit, rel=1e-7
    )


def test_kept_values_are_taken_over():
    kept = {"const_5": torch.tensor([1.0, -math.inf, 3.0])}
    assert torch.equal(materialize(PROGRAM, default_plan(PROGRAM), kept=kept)["const_5"], kept["const_5"])


def test_parameters_too_big_for_memory_are_refused():
    text = json.loads(MLP)
    text["nodes"].insert(3, {"id": 3, "kind": "const", "parents": [], "shape": [1 << 40, 1 << 40]})
    text["nodes"][4]["id"] = 4
    text["output_id"] = 4
    program = lower(parse_graph(json.dumps(text)))
    with pytest.raises(UserError, match="no memory for the parameters on cpu"):
        materialize(program, default_plan(program))


@pytest.mark.parametrize(("groups", "dilation"), [(2, 1), (1, 2), (4, [1, 2]), ([2], [2]), (2, (2, 1))])
def test_structural_zeros_are_those_of_the_original_convolution(groups, dilation):
    program = lower(parse_graph(grouped(groups, dilation)))
    (mask,) = kernel_masks(program).values()
    g = groups[0] if isinstance(groups, list) else groups
    d = (dilation, dilation) if isinstance(dilation, int) else tuple(dilation) * (3 - len(dilation))
    taps = [2 // step + 1 for step in d]
    original = torch.ones(4, 4 // g, *taps)
    spread = torch.zeros(4, 4, 3, 3)
    per_group = 4 // g
    for out in range(4):
        first = out // per_group * per_group
        spread[out, first : first + per_group, :: d[0], :: d[1]] = original[out]
    assert torch.equal(mask.to(torch.float32).expand(4, 4, 3, 3), spread)
    kernel = materialize(program, default_plan(program))["conv2d_1_kernel"]
    assert torch.equal(kernel != 0, mask.expand(4, 4, 3, 3))


@pytest.mark.parametrize(
    ("groups", "dilation", "message"),
    [
        (3, 1, "groups 3 does not divide the 4 output channels"),
        (0, 1, "groups must be a number > 0, found 0"),
        (1, [1, 2, 3], "dilation must be a number > 0, or 2 of them"),
        ("2", 1, "groups must be a number > 0, found 2"),
    ],
)
def test_impossible_groups_and_dilations_name_the_node(groups, dilation, message):
    program = lower(parse_graph(grouped(groups, dilation)))
    with pytest.raises(UserError, match=rf"node 1 \(conv2d\): {message}"):
        kernel_masks(program)


def plan_file(tmp_path, content):
    path = tmp_path / "plan.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


FOUR = [
    {"scheme": "uniform", "lo": -1, "hi": 1, "seed": 3},
    {"scheme": "flat", "values": [1, 2, 3.5, 4]},
    {"scheme": "kaiming_uniform"},
    {"scheme": "normal", "mean": 0.5, "std": 0.1, "seed": 1},
]


def test_plan_file(tmp_path):
    plan = read_plan(plan_file(tmp_path, {"plan": FOUR}), lower(parse_graph(MLP)))
    assert plan == {
        "linear_1_W": Scheme("uniform", lo=-1, hi=1, seed=3),
        "linear_1_b": Scheme("flat", values=(1.0, 2.0, 3.5, 4.0)),
        "linear_3_W": Scheme("kaiming_uniform"),
        "linear_3_b": Scheme("normal", mean=0.5, std=0.1, seed=1),
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"plan": FOUR[:3]}, r"has 3 initializers for 4 parameters.*number 4, linear_3_b \[4\] of node 3"),
        ({"plan": [*FOUR, {"scheme": "ones"}]}, r"has 5 initializers for 4 .*too many is number 5 \(ones\)"),
        ({"plan": [*FOUR[:3], FOUR[2]]}, r"kaiming_uniform does not fit linear_3_b \[4\].*no fan_in"),
        ({"plan": [FOUR[0], {"scheme": "flat", "values": [1]}, *FOUR[2:]]}, "1 values for 4 elements"),
        ({"plan": [{"scheme": "he"}]}, "initializer 1: unknown scheme 'he'; there are zeros, ones"),
        ({"plan": [{"scheme": "ones", "seed": 1}]}, "initializer 1: ones takes no 'seed'"),
        ({"plan": [{"scheme": "uniform", "seed": -1}]}, "seed must be an unsigned 64-bit integer, found -1"),
        ({"plan": [{"scheme": "uniform", "lo": "0"}]}, "lo must be a finite number"),
        ({"plan": [{"scheme": "normal", "std": -1}]}, "std must be a finite number >= 0"),
        ({"plan": [{"scheme": "flat"}]}, "flat needs its values"),
        ({"plan": [3]}, "initializer 1 must be an object"),
        ({"plans": []}, "a plan file is"),
        ({"plan": [], "seed": 1}, "a plan file is"),
        (3, "a plan file is"),
        ([], "has 0 initializers for 4 parameters: it is shorter; the first one without is number 1"),
        ({"plan": [{"scheme": "xavier_uniform", "fan_in": 0}]}, "fan_in must be a whole number > 0"),
        ({"plan": [*FOUR[:3], {"scheme": "xavier_uniform", "fan_in": 2}]}, "or fan_in and fan_out in the"),
        ({"plan": ["he"]}, "initializer 1: unknown scheme 'he'"),
        ("{", "not valid JSON"),
        ('[{"scheme": "uniform", "lo": -1' + "0" * 400 + "}]", "lo must be a finite number"),
        ('["ones", {"scheme": "flat", "values": [1' + "0" * 400 + "]}]", "values must be a list of finite"),
        ({"plan": [FOUR[0], {"scheme": "flat", "values": [1, 2, 3, -4e38]}]}, "that float32 holds"),
        (
            {"plan": [{"scheme": "normal", "std": 1e39}]},
            "std must be a finite number >= 0 that float32 holds",
        ),
        ({"plan": [{"scheme": "uniform", "lo": 2}]}, "initializer 1: lo 2 is greater than hi 1"),
        ('{"plan": ["ones"], "plan": ["zeros"]}', "not valid JSON .'plan' stands there twice"),
        ('[{"scheme": "uniform", "lo": 0, "lo": 1}]', "'lo' stands there twice"),
    ],
)
def test_plan_file_errors(tmp_path, content, message):
    with pytest.raises(UserError, match=message):
        read_plan(plan_file(tmp_path, content), lower(parse_graph(MLP)))


def test_values_may_be_nested_as_deep_as_json_goes(tmp_path):
    values = "[" * 900 + "1, 2], [3.5, 4]" + "]" * 899
    content = '["ones", {"scheme": "flat", "values": ' + values + '}, "ones", "ones"]'
    plan = read_plan(plan_file(tmp_path, content), lower(parse_graph(MLP)))
    assert plan["linear_1_b"].values == (1.0, 2.0, 3.5, 4.0)


def test_absent_plan_file_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="absent"):
        read_plan(tmp_path / "absent", PROGRAM)


def test_a_list_alone_and_names_alone_are_a_plan(tmp_path):
    program = lower(parse_graph(MLP))
    plan = read_plan(plan_file(tmp_path, ["ones", "zeros", {"scheme": "normal", "std": 2}, "zeros"]), program)
    assert list(plan.values()) == [Scheme("ones"), Scheme("zeros"), Scheme("normal", std=2), Scheme("zeros")]
    marked = {"$schema": "…", "plan": ["ones", "zeros", "xavier_uniform", "zeros"]}
    assert read_plan(plan_file(tmp_path, marked), program)["linear_3_W"] == Scheme("xavier_uniform")


def test_given_fans_serve_where_the_shape_has_none(tmp_path):
    program = lower(parse_graph(MLP))
    bias = {"scheme": "kaiming_uniform", "fan_in": 6, "seed": 5}
    values = materialize(program, read_plan(plan_file(tmp_path, ["ones", bias, "ones", bias]), program))
    expected = torch.empty(4)
    fill(expected, Scheme("uniform", lo=-1.0, hi=1.0, seed=5))
    assert torch.equal(values["linear_1_b"], expected)


def test_structural_zeros_of_values_that_are_kept_are_not_touched():
    program = lower(parse_graph(grouped(2, 1)))
    kept = {"conv2d_1_kernel": torch.ones(4, 4, 3, 3)}
    assert bool(materialize(program, default_plan(program), kept=kept)["conv2d_1_kernel"].all())


SCHEMA = Path(__file__).parents[3] / "schema" / FILE_NAME


def test_the_checked_in_schema_is_current():
    assert SCHEMA.read_text(encoding="utf-8") == schema_text(), "run `make schema`"


@pytest.mark.parametrize(
    ("content", "valid"),
    [
        ({"plan": FOUR}, True),
        (FOUR, True),
        ({"$schema": "…", "plan": ["zeros", {"scheme": "flat", "values": [[1, 2], [3]]}]}, True),
        ({"plan": [{"scheme": "he"}]}, False),
        ({"plan": [{"scheme": "ones", "seed": 1}]}, False),
        ({"plan": [{"scheme": "uniform", "seed": -1}]}, False),
        ({"plan": [{"scheme": "normal", "std": -1}]}, False),
        ({"plan": [{"scheme": "normal", "mean": 1e39}]}, False),
        ({"plan": [{"scheme": "flat", "values": [[-1e39]]}]}, False),
        ({"plan": [{"scheme": "flat"}]}, False),
        ({"plan": ["flat"]}, False),
        ({"plan": [], "seed": 3}, False),
    ],
)
def test_schema_takes_what_the_reader_takes(content, valid):
    validator = jsonschema.Draft202012Validator(plan_schema())
    assert validator.is_valid(content) is valid
