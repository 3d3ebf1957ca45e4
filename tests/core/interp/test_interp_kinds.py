"""Every kind against NumPy formulas of its own, one by one and in the valid graphs of the conformance suite."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.core.interp.interp_cases import CASES, kinds_in_cases
from tests.core.interp.interp_reference import evaluate, program_of, random_params
from torchlean_core.artifact import load_graph
from torchlean_core.graph import lower
from torchlean_core.interp import Interpreter
from torchlean_core.kinds import CLASSIC

CONFORMANCE = Path(__file__).parents[2] / "conformance" / "cases"
VALID = sorted(CONFORMANCE.glob("valid_*.json"))


def input_for(program, seed=1):
    shape = program.nodes[program.input_id].shape
    return np.random.default_rng(seed).normal(size=shape)


def as_tensors(params):
    return {name: torch.from_numpy(np.asarray(value)) for name, value in params.items()}


def assert_same_as_numpy(program):
    params, x = random_params(program), input_for(program)
    expected = evaluate(program.graph, params, x)
    interpreter = Interpreter(program, as_tensors(params), torch.float64)
    last = {}
    for node, value in interpreter.values(torch.from_numpy(np.asarray(x))):
        assert tuple(value.shape) == node.shape
        assert value.dtype == torch.float64
        last[node.raw] = value.numpy()
    for raw, value in last.items():
        np.testing.assert_allclose(value, expected[raw], rtol=1e-9, atol=1e-12, err_msg=f"node {raw}")
    output = interpreter.run(torch.from_numpy(np.asarray(x))).numpy()
    np.testing.assert_array_equal(output, last[program.graph.output_id])


@pytest.mark.parametrize("name", CASES)
def test_kind_gives_what_its_formula_says(name):
    assert_same_as_numpy(program_of(CASES[name]))


def test_every_kind_has_a_case():
    assert kinds_in_cases() == set(CLASSIC.tensor_kinds)


def inputs_agree(path):
    return load_graph(path).input_shapes_agree()


@pytest.mark.parametrize("path", [path for path in VALID if inputs_agree(path)], ids=lambda path: path.stem)
def test_valid_artifact_gives_what_its_formulas_say(path):
    assert_same_as_numpy(lower(load_graph(path)))


@pytest.mark.parametrize("name", CASES)
def test_batch_gives_what_its_samples_give(name):
    program = program_of(CASES[name])
    interpreter = Interpreter(program, as_tensors(random_params(program)), torch.float64)
    batch = torch.stack([torch.from_numpy(np.asarray(input_for(program, seed))) for seed in range(3)])
    together = torch.func.vmap(interpreter.function, in_dims=(None, 0))(interpreter.params, batch)
    one_by_one = torch.stack([interpreter.run(sample) for sample in batch])
    torch.testing.assert_close(together, one_by_one, rtol=1e-9, atol=1e-12, equal_nan=True)


@pytest.mark.parametrize(
    "name", ["linear", "conv2d", "attention", "layernorm eps", "avg_pool2d_pad past half"]
)
def test_float32_agrees_with_float64(name):
    program = program_of(CASES[name])
    params, x = as_tensors(random_params(program)), torch.from_numpy(input_for(program))
    exact = Interpreter(program, params, torch.float64).run(x)
    single = Interpreter(program, params).run(x.to(torch.float32))
    assert single.dtype == torch.float32
    assert ((single - exact).abs().max() / exact.abs().max()).item() < 1e-5


def test_uniform_numbers_are_computed_in_float64_and_then_rounded():
    program = program_of(
        [{"kind": "input", "shape": []}, {"kind": "rand_uniform", "shape": [500], "seed": 9}]
    )
    exact = Interpreter(program, {}, torch.float64).run(torch.zeros((), dtype=torch.float64))
    single = Interpreter(program, {}).run(torch.zeros(()))
    assert torch.equal(single, exact.to(torch.float32))
