"""Batched forms of the kinds: a batch gives what its samples give, one by one."""

import numpy as np
import pytest
import torch

from tests.core.interp.interp_cases import CASES, attention, broadcast, conv, one, reshape, window
from tests.core.interp.interp_reference import program_of, random_params
from tests.core.interp.test_interp_kinds import VALID, as_tensors, input_for, inputs_agree
from torchlean_core.artifact import load_graph
from torchlean_core.graph import lower
from torchlean_core.interp import Interpreter, compile_batch
from torchlean_core.kinds import CLASSIC

CONST = {"kind": "const", "shape": [1, 3, 4]}
X = {"kind": "input", "shape": [1, 3, 4]}
ADD = {"kind": "add", "shape": [1, 3, 4]}

# With a first axis of size 1, in whose place the batch can be.
ONES = {
    "linear": one("linear", [1, 5], [1, 3]),
    "softmax": one("softmax", [1, 3, 4], [1, 3, 4], axis=1),
    "softmax over the first": one("softmax", [1, 4], [1, 4], axis=0),
    "layernorm": one("layernorm", [1, 3, 4], [1, 3, 4], axis=2),
    "layernorm all": one("layernorm", [1, 4], [1, 4], axis=0),
    "reduce_sum": one("reduce_sum", [1, 4], [1, 3, 4], axis=1),
    "reduce_sum to one axis": one("reduce_sum", [1], [1, 4], axis=1),
    "reduce_mean of the first": one("reduce_mean", [3, 4], [1, 3, 4], axis=0),
    "sum": one("sum", [], [1, 3, 4]),
    "permute behind": one("permute", [1, 4, 3], [1, 3, 4], perm=[0, 2, 1]),
    "permute the first": one("permute", [3, 1, 4], [1, 3, 4], perm=[1, 0, 2]),
    "swap_first_two": one("swap_first_two", [3, 1, 4], [1, 3, 4]),
    "transpose3d_last_two": one("transpose3d_last_two", [1, 4, 3], [1, 3, 4]),
    "reshape": reshape([1, 3, 4], [1, 12]),
    "reshape away": reshape([1, 3, 4], [3, 4]),
    "reshape and regroup": reshape([1, 3, 4], [4, 3]),
    "reshape to more": reshape([3, 4], [1, 3, 4]),
    "flatten": one("flatten", [12], [1, 3, 4], value_shape=[1, 3, 4]),
    "flatten one": one("flatten", [1], [1, 1], value_shape=[1, 1]),
    "broadcast_to": broadcast([1, 3], [1, 3, 4]),
    "broadcast_to of the first": broadcast([1, 3], [2, 3]),
    "batch_norm2d_nchw_eval": one("batch_norm2d_nchw_eval", [1, 3, 2, 2], [1, 3, 2, 2], channels=3),
    "conv2d": conv([4, 5, 6], [1, 5, 6], (3, 3), 1, 1),
    "pool": window("max_pool2d", [1, 2, 3], [1, 5, 6], (2, 2), 2),
    "attention": attention(shape=(1, 3, 4)),
    "matmul with a constant": [
        {"kind": "input", "shape": [1, 3]},
        {"kind": "const", "shape": [3, 5]},
        {"kind": "matmul", "parents": [0, 1], "shape": [1, 5]},
    ],
    "matmul of a constant": [
        {"kind": "input", "shape": [1, 3]},
        {"kind": "const", "shape": [4, 1]},
        {"kind": "matmul", "parents": [1, 0], "shape": [4, 3]},
    ],
    "matmul with itself": [
        {"kind": "input", "shape": [1, 3]},
        {"kind": "permute", "parents": [0], "shape": [3, 1], "perm": [1, 0]},
        {"kind": "matmul", "parents": [0, 1], "shape": [1, 1]},
    ],
    "matmul of batches with a constant": [
        X,
        {"kind": "const", "shape": [1, 4, 2]},
        {"kind": "matmul", "parents": [0, 1], "shape": [1, 3, 2]},
    ],
    "add a constant": [X, CONST, {**ADD, "parents": [0, 1]}],
    "add of two forms": [
        X,
        {"kind": "reduce_sum", "parents": [0], "shape": [3, 4], "axis": 0},
        {"kind": "reshape", "parents": [1], "shape": [4, 3], "in_shape": [3, 4], "out_shape": [4, 3]},
        {"kind": "reshape", "parents": [2], "shape": [1, 3, 4], "in_shape": [4, 3], "out_shape": [1, 3, 4]},
        {**ADD, "parents": [0, 3]},
    ],
    "concat with a constant": [
        X,
        CONST,
        {"kind": "concat", "parents": [0, 1, 0], "shape": [1, 9, 4], "axis": 1},
    ],
    "concat along the first": [
        X,
        CONST,
        {"kind": "concat", "parents": [0, 1], "shape": [2, 3, 4], "axis": 0},
    ],
    "mse_loss": [X, CONST, {"kind": "mse_loss", "parents": [1, 0], "shape": []}],
    "nothing of the input": [X, {"kind": "const", "shape": [1, 2]}],
    "two inputs": [X, X, {**ADD, "parents": [0, 1]}],
    "image": [
        {"kind": "input", "shape": [1, 2, 5, 6]},
        {
            "kind": "reshape",
            "parents": [0],
            "shape": [2, 5, 6],
            "in_shape": [1, 2, 5, 6],
            "out_shape": [2, 5, 6],
        },
        {**conv([3, 5, 6], [2, 5, 6], (3, 3), 1, 1)[1], "parents": [1]},
        {
            "kind": "reshape",
            "parents": [2],
            "shape": [1, 3, 5, 6],
            "in_shape": [3, 5, 6],
            "out_shape": [1, 3, 5, 6],
        },
        {"kind": "batch_norm2d_nchw_eval", "parents": [3], "shape": [1, 3, 5, 6], "channels": 3},
        {
            "kind": "reshape",
            "parents": [4],
            "shape": [1, 90],
            "in_shape": [1, 3, 5, 6],
            "out_shape": [1, 90],
        },
    ],
}


def assert_same_as_samples(program):
    interpreter = Interpreter(program, as_tensors(random_params(program)), torch.float64)
    samples = torch.stack([torch.from_numpy(np.asarray(input_for(program, seed))) for seed in range(3)])
    batch = compile_batch(program)
    together = batch.function(interpreter.params, batch.fold_input(samples))
    one_by_one = batch.fold_output(torch.stack([interpreter.run(sample) for sample in samples]))
    torch.testing.assert_close(together, one_by_one, rtol=1e-9, atol=1e-12, equal_nan=True)
    return batch


@pytest.mark.parametrize("name", CASES)
def test_batch_of_every_kind(name):
    assert_same_as_samples(program_of(CASES[name]))


@pytest.mark.parametrize("name", ONES)
def test_batch_in_the_place_of_a_first_axis(name):
    assert_same_as_samples(program_of(ONES[name]))


@pytest.mark.parametrize("path", [path for path in VALID if inputs_agree(path)], ids=lambda path: path.stem)
def test_batch_of_valid_artifacts(path):
    assert_same_as_samples(lower(load_graph(path)))


def test_what_was_captured_from_one_image_runs_as_its_model_does():
    batch = assert_same_as_samples(program_of(ONES["image"]))
    assert batch.source.splitlines()[1:] == [
        '    v2 = F.conv2d(x, p["conv2d_2_kernel"], p["conv2d_2_bias"], padding=1)',
        '    v4 = F.batch_norm(v2, p["batchnorm_4_mean"], p["batchnorm_4_var"].clamp(min=0.0), '
        'p["batchnorm_4_gamma"], p["batchnorm_4_beta"])',
        "    v5 = v4.reshape((v4.shape[0], 90,))",
        "    return (v5,)",
    ]
    assert batch.folds_input and batch.folds_output


def test_kinds_without_a_form_for_batches_are_mapped():
    mapped = {
        node["kind"]
        for nodes in CASES.values()
        for node in nodes[-1:]
        if "map_" in compile_batch(program_of(nodes)).source
    }
    without = {
        kind.name
        for kind in CLASSIC.tensor_kinds.values()
        if kind.operator.batched is None and kind.arity != (0, 0)
    }
    assert without == {"bernoulli_mask"} <= mapped


@pytest.mark.parametrize("name", ["linear", "image", "attention", "concat with a constant"])
def test_gradients_of_a_batch_are_those_of_its_samples(name):
    program = program_of(ONES[name])
    values = as_tensors(random_params(program))
    interpreter = Interpreter(program, values, torch.float64)
    trained = {parameter.name: parameter.trainable for parameter in program.parameters()}
    leaves = {
        name: tensor.clone().requires_grad_(trained[name]) for name, tensor in interpreter.params.items()
    }
    samples = torch.stack([torch.from_numpy(np.asarray(input_for(program, seed))) for seed in range(3)])
    batch = compile_batch(program)
    batch.function(leaves, batch.fold_input(samples)).square().sum().backward()
    gradients = {name: leaf.grad for name, leaf in leaves.items()}
    for leaf in leaves.values():
        leaf.grad = None
    for sample in samples:
        interpreter.function(leaves, sample).square().sum().backward()
    for name, leaf in leaves.items():
        torch.testing.assert_close(gradients[name], leaf.grad, rtol=1e-9, atol=1e-12)
