"""Parameters that no gradient reaches: training and the emitted smoke test say which they are."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.core.train.train_graphs import artifact, linear
from torchlean_core.cli.main import main
from torchlean_core.errors import UserError
from torchlean_core.kinds import CLASSIC
from torchlean_core.params import ParameterStore
from torchlean_core.train import Optimizer, ScalarModule

INPUT = {"kind": "input", "shape": [1, 4]}
DETACHED = [INPUT, linear(0, 1, 8), {"kind": "detach", "parents": [1], "shape": [1, 8]}]
MASKED = [
    INPUT,
    linear(0, 1, 1),
    {"kind": "reshape", "parents": [1], "shape": [], "in_shape": [1, 1], "out_shape": []},
    {"kind": "bernoulli_mask", "parents": [2], "shape": [3], "seed": 3},
]
PARTLY = [*DETACHED, linear(2, 1, 3)]
LEARNS = "linear_3_W, linear_3_b"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, nodes in (("detached", DETACHED), ("masked", MASKED), ("partly", PARTLY)):
        (tmp_path / f"{name}.ir.json").write_text(artifact(*nodes))
    return tmp_path


@pytest.mark.parametrize("name", ["detached", "masked"])
def test_training_where_no_gradient_reaches_anything_is_an_error(folder, capsys, name):
    before = sorted(folder.iterdir())
    assert main(["train", f"{name}.ir.json", "--steps", "3"]) == 1
    message = "no gradient reaches a parameter, so there is nothing to train (linear_1_W, linear_1_b)"
    assert message in capsys.readouterr().err
    assert sorted(folder.iterdir()) == before


def test_training_names_what_no_gradient_reaches_and_counts_the_rest(folder, capsys):
    assert main(["init", "partly.ir.json", "-q"]) == 0
    capsys.readouterr()
    assert main(["train", "partly.ir.json", "--steps", "3"]) == 0
    captured = capsys.readouterr()
    assert "warning: no gradient reaches linear_1_W, linear_1_b: not trained" in captured.err
    assert captured.out.startswith("trained 2 tensors (27 scalars)")
    before, after = (
        ParameterStore.load(Path(f"partly.{which}.safetensors")) for which in ("params", "trained")
    )
    moved = {name for name in before.names if not np.array_equal(before.numpy(name), after.numpy(name))}
    assert moved == {"linear_3_W", "linear_3_b"}


def emitted(name):
    assert main(["init", f"{name}.ir.json", "-q"]) == 0
    assert main(["emit", f"{name}.ir.json", "-o", "made.py", "-q"]) == 0
    return subprocess.run([sys.executable, "made.py"], capture_output=True, text=True)


@pytest.mark.parametrize("name", ["detached", "masked"])
def test_the_emitted_smoke_test_ends_with_the_names(folder, name):
    done = emitted(name)
    assert done.returncode == 1
    assert done.stderr == "no gradient reaches a parameter, nothing can train: linear_1_W, linear_1_b\n"


def test_the_emitted_smoke_test_trains_the_rest(folder):
    done = emitted("partly")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "no gradient reaches linear_1_W, linear_1_b: not trained"


def test_kinds_that_stop_gradients_are_those_where_torch_has_none():
    stopping = {name for name, kind in CLASSIC.tensor_kinds.items() if kind.operator.stops_gradients}
    assert stopping == {"detach", "bernoulli_mask"}
    for name in stopping:
        node = {
            "kind": name,
            "parents": [0],
            "shape": [],
            **({"seed": 1} if name == "bernoulli_mask" else {}),
        }
        graph = artifact({"kind": "input", "shape": []}, node)
        assert json.loads(graph)["nodes"][1]["kind"] == name
        from torchlean_core.artifact import parse_graph
        from torchlean_core.graph import lower
        from torchlean_core.interp import Interpreter

        x = torch.tensor(0.5, requires_grad=True)
        assert not Interpreter(lower(parse_graph(graph)), {}).function({}, x).requires_grad


def test_a_scalar_module_does_not_train_without_gradients():
    scalar = ScalarModule(lambda params, x: (params["w"].detach() * x).mean(), {"w": torch.ones(2)})
    for train in (
        lambda: scalar.train_sgd(0.1, 3, [(torch.ones(2),)]),
        lambda: scalar.train_with(Optimizer(), 3, [(torch.ones(2),)]),
    ):
        with pytest.raises(UserError, match=r"no gradient reaches a parameter.*\(w\)"):
            train()
    assert scalar.backward(torch.ones(2))["w"].tolist() == [0.0, 0.0]
