"""Initialization from Python: schemes refuse what plan files refuse, plans are whole, single values can be had."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from tests.core.emit.support import artifact_text
from tests.core.emit.test_emit_values import ATTENTION
from torchlean_core.artifact import parse_graph
from torchlean_core.errors import UserError
from torchlean_core.graph import Program, lower
from torchlean_core.init import Scheme, default_plan, fill, materialize, unit, value_at
from torchlean_core.train import ScalarModuleDef


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "gaussian"}, "unknown scheme 'gaussian'; there are zeros, ones"),
        ({"name": "zeros", "seed": 3}, "zeros takes no 'seed'; it takes nothing"),
        (
            {"name": "kaiming_uniform", "fan_out": 3},
            "kaiming_uniform takes no 'fan_out'; it takes fan_in, seed",
        ),
        ({"name": "uniform", "seed": -1}, "seed must be an unsigned 64-bit integer, found -1"),
        ({"name": "uniform", "seed": 1 << 64}, "seed must be an unsigned"),
        ({"name": "uniform", "seed": 1.5}, "seed must be an unsigned"),
        ({"name": "uniform", "lo": 2.0}, "lo 2.0 is greater than hi 1.0"),
        ({"name": "uniform", "hi": math.inf}, "hi must be a finite number that float32 holds, found inf"),
        ({"name": "uniform", "hi": 1e39}, "hi must be a finite number that float32 holds"),
        ({"name": "normal", "std": -1.0}, "std must be a finite number >= 0"),
        ({"name": "normal", "mean": math.nan}, "mean must be a finite"),
        ({"name": "xavier_uniform", "fan_in": 0}, "fan_in must be a whole number > 0"),
        ({"name": "flat", "values": (1.0, math.nan)}, "values must be a list of finite"),
        ({"name": "flat", "values": (1.0, "2")}, "values must be a list of finite"),
        ({"name": "flat"}, "flat needs its values"),
        ({"name": "zeros", "values": ()}, "zeros takes no 'values'"),
    ],
)
def test_a_scheme_refuses_what_a_plan_file_does(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        Scheme(**arguments)
    assert message in str(caught.value)


def test_nested_values_are_taken_row_by_row() -> None:
    scheme = Scheme("flat", values=[[1, 2], [3, 4]])  # type: ignore[arg-type]
    assert scheme.values == (1.0, 2.0, 3.0, 4.0)


def program() -> Program:
    text = artifact_text(
        {"kind": "input", "shape": [1, 4]},
        {"kind": "linear", "parents": [0], "shape": [1, 3]},
    )
    return lower(parse_graph(text))


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({"linear_1_W": 3}, "the plan's initializer of 'linear_1_W' is of type int, expected a Scheme"),
        ({"linear_1_W": "zeros"}, "is of type str, expected a Scheme"),
        ([Scheme("zeros")], "a plan is a mapping from parameters' names to schemes, found list"),
    ],
)
def test_a_plan_of_something_else_than_schemes_is_refused(plan: Any, message: str) -> None:
    calls = (
        lambda: materialize(program(), plan),
        lambda: ScalarModuleDef.of_program(program(), "mse").instantiate_with_plan(plan),
    )
    for call in calls:
        with pytest.raises(UserError) as caught:
            call()
        assert message in str(caught.value)
    with pytest.raises(UserError, match="initializer 1 is of type int, expected a Scheme"):
        ScalarModuleDef.of_program(program(), "mse").instantiate_with_initializers([3, 4])  # type: ignore[list-item]


def test_a_plan_without_an_initializer_is_refused_by_its_name() -> None:
    plan = default_plan(program())
    del plan["linear_1_b"]
    with pytest.raises(UserError, match=r"no initializer for linear_1_b \[3\] of node 1 \(linear\)"):
        materialize(program(), plan)


def test_an_initializer_of_no_parameter_is_refused() -> None:
    plan = {**default_plan(program()), "linear_2_W": Scheme("ones")}
    with pytest.raises(UserError, match="an initializer for 'linear_2_W', which is no parameter"):
        materialize(program(), plan)


def test_an_initializer_that_does_not_fit_is_refused() -> None:
    plan = {**default_plan(program()), "linear_1_b": Scheme("flat", values=(1.0,))}
    with pytest.raises(
        UserError, match=r"flat does not fit linear_1_b \[3\] of node 1 .*1 values for 3 elements"
    ):
        materialize(program(), plan)


def test_a_scale_of_an_attention_takes_no_initializer() -> None:
    attention = lower(parse_graph(ATTENTION))
    plan = {**default_plan(attention), "mha_1_scale": Scheme("ones")}
    with pytest.raises(UserError, match=r"for mha_1_scale, the scale of node 1 .*, which is fixed"):
        materialize(attention, plan)


def test_what_is_kept_needs_no_initializer() -> None:
    plan = default_plan(program())
    del plan["linear_1_b"]
    kept = {"linear_1_b": torch.tensor([1.0, 2.0, 3.0])}
    assert torch.equal(materialize(program(), plan, kept=kept)["linear_1_b"], kept["linear_1_b"])


def test_units_are_those_of_the_specification() -> None:
    assert [unit(0, 0), unit(0, 1), unit(1, 0), unit(42, 7)] == [
        0.30117025575600564,
        0.6844469008501619,
        0.454000539612025,
        0.5389441228471696,
    ]


SCHEMES = [
    Scheme("zeros"),
    Scheme("ones"),
    Scheme("uniform", lo=-2.0, hi=3.0, seed=(1 << 64) - 1),
    Scheme("xavier_uniform", seed=5),
    Scheme("kaiming_uniform", seed=6),
    Scheme("normal", mean=1.0, std=2.0, seed=7),
    Scheme("flat", values=tuple(range(24))),
]


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
def test_every_single_value_is_that_of_the_whole_tensor(scheme: Scheme) -> None:
    tensor = torch.empty(2, 3, 4)
    fill(tensor, scheme)
    assert [value_at(scheme, (2, 3, 4), k) for k in range(24)] == tensor.flatten().tolist()


@pytest.mark.parametrize("k", [-1, 24, 1.0, True])
def test_an_element_that_there_is_not_is_refused(k: Any) -> None:
    with pytest.raises(UserError, match="index"):
        value_at(Scheme("uniform"), (2, 3, 4), k)


@pytest.mark.parametrize(("seed", "k"), [(-1, 0), (1 << 64, 0), (0, -1), (0.5, 0)])
def test_a_unit_of_no_seed_or_index_is_refused(seed: Any, k: Any) -> None:
    with pytest.raises(UserError, match=r"(seed|index) must be"):
        unit(seed, k)
