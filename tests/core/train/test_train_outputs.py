"""Artifacts with several outputs: one is chosen by its place, or a loss in Python takes all of them."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from torchlean_core.artifact import load_graph
from torchlean_core.cli.main import main
from torchlean_core.graph import lower
from torchlean_core.params import ParameterStore
from torchlean_core.params.resolve import resolve
from torchlean_core.params.tensors import load_tensors
from torchlean_core.train.definition import ScalarModuleDef


def linear(number, shape, rows):
    weight = (np.arange(rows * 3).reshape(rows, 3) / 8 - 0.5).tolist()
    payload = {"out_dim": rows, "in_dim": 3, "weight": weight, "bias": [0.0] * rows}
    return {"id": number, "kind": "linear", "parents": [0], "shape": shape, **payload}


@pytest.fixture
def artifact(tmp_path):
    nodes = [
        {"id": 0, "kind": "input", "parents": [], "shape": [1, 3]},
        linear(1, [1, 2], 2),
        linear(2, [1, 4], 4),
    ]
    path = tmp_path / "m.ir.json"
    root = {"format": "torchlean.ir.v1", "input_id": 0, "output_ids": [2, 1], "nodes": nodes}
    path.write_text(json.dumps(root))
    return path


def test_the_output_that_the_loss_is_of_is_named(artifact, capsys):
    assert main(["train", str(artifact), "--steps", "2"]) == 2
    assert "2 outputs (0: [1, 4], 1: [1, 2])" in capsys.readouterr().err
    assert main(["train", str(artifact), "--steps", "2", "--output", "2"]) == 2
    assert main(["train", str(artifact), "--steps", "2", "--output", "1", "-q"]) == 0
    before, after = load_graph(artifact), ParameterStore.load(artifact.with_name("m.trained.safetensors"))
    weights = {node.id: node.inline["weight"].array() for node in before.nodes if node.inline}
    assert not np.array_equal(after.numpy("linear_1_W"), weights[1])
    np.testing.assert_array_equal(after.numpy("linear_2_W"), weights[2])


def test_an_evaluation_is_of_one_output_too(artifact, tmp_path, capsys):
    data = tmp_path / "d.npz"
    np.savez(data, x=np.zeros((4, 3), np.float32), y=np.ones((4, 4), np.float32))
    assert main(["eval", str(artifact), "--data", str(data)]) == 2
    capsys.readouterr()
    assert main(["eval", str(artifact), "--data", str(data), "--output", "0", "--output-format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["loss"] == 1.0


def test_a_loss_in_python_takes_all_outputs(artifact):
    found = resolve(load_graph(artifact), artifact)
    tensors = load_tensors(found.store, found.program)

    def loss(first, second, target):
        assert first.shape == (5, 1, 4) and second.shape == (5, 1, 2)
        return ((first.mean(-1) - target) ** 2).mean() + second.square().sum()

    module = ScalarModuleDef.of_program(found.program, loss, tensors).instantiate(dtype=torch.float64)
    x, target = torch.randn(5, 1, 3, dtype=torch.float64), torch.zeros(5, 1, dtype=torch.float64)
    first = module.forward(x, target)
    weights = {name: tensor.double().requires_grad_() for name, tensor in tensors.items()}
    outputs = [x @ weights[f"linear_{i}_W"].T + weights[f"linear_{i}_b"] for i in (2, 1)]
    expected = loss(*outputs, target)
    expected.backward()
    assert float(first) == pytest.approx(float(expected), rel=1e-12)
    gradients = module.backward(x, target)
    for name, weight in weights.items():
        torch.testing.assert_close(gradients[name], weight.grad, rtol=1e-10, atol=1e-12)


def test_of_several_outputs_one_is_asked_for_in_words(artifact):
    program = lower(load_graph(artifact))
    with pytest.raises(Exception, match="2 outputs"):
        _ = program.output_id
    assert program.with_output(1).output_id == 1
