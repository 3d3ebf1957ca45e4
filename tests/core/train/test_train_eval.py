"""`torchlean eval`, and `torchlean run` on many inputs."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.core.train.train_graphs import CNN_NODES, artifact, data_x, data_y, linear
from torchlean_core.artifact import parse_graph
from torchlean_core.cli.main import main
from torchlean_core.graph import lower
from torchlean_core.interp import Interpreter
from torchlean_core.params import ParameterStore
from torchlean_core.params.tensors import load_tensors


@pytest.fixture
def folder(folder):
    np.savez("d.npz", x=data_x(), y=data_y())
    assert main(["init", "m.ir.json", "-q"]) == 0
    return folder


def outputs(x, name="m"):
    program = lower(parse_graph(Path(f"{name}.ir.json").read_text()))
    params = load_tensors(ParameterStore.load(Path(f"{name}.params.safetensors")), program)
    interpreter = Interpreter(program, params)
    return np.stack([interpreter.run(torch.from_numpy(one)).numpy() for one in x])


def evaluated(capsys, *options):
    assert main(["eval", "m.ir.json", *options, "--output-format", "json", "-q"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("size", ["1", "5", "16", "100"])
def test_loss_and_metrics_do_not_depend_on_the_batch(folder, capsys, size):
    found = evaluated(capsys, "--data", "d.npz", "--batch-size", size)
    error = outputs(data_x().reshape(16, 1, 4)).reshape(16, 3) - data_y()
    assert found["loss"] == pytest.approx((error**2).mean(), rel=1e-5)
    assert found["mae"] == pytest.approx(np.abs(error).mean(), rel=1e-5)
    assert found["r2"] == pytest.approx(
        1 - (error**2).sum() / ((data_y() - data_y().mean(0)) ** 2).sum(), rel=1e-5
    )
    assert (found["samples"], found["objective"], found["params"]) == (16, "mse", "m.params.safetensors")


def test_what_training_validated_is_what_eval_finds(folder, capsys):
    assert main(["train", "m.ir.json", "--data", "d.npz", "--steps", "3", "-q"]) == 0
    capsys.readouterr()
    assert main(["eval", "m.ir.json", "--data", "d.npz", "--params", "m.trained.safetensors"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("loss ")
    assert "16 samples from d.npz · parameters m.trained.safetensors · " in captured.out
    assert main(["eval", "m.ir.json", "--data", "d.npz"]) == 0
    assert "m.trained.safetensors is there, too" in capsys.readouterr().err


def test_a_graph_that_is_its_own_loss(folder, capsys):
    nodes = [
        {"kind": "input", "shape": [4]},
        linear(0, 4),
        {"kind": "mse_loss", "parents": [1, 0], "shape": []},
    ]
    Path("m.ir.json").write_text(artifact(*nodes))
    assert main(["init", "m.ir.json", "-q", "--force"]) == 0
    found = evaluated(capsys, "--data", "d.npz")
    assert found["objective"] is None
    assert "mae" not in found
    assert found["loss"] == pytest.approx(outputs(data_x()).mean(), rel=1e-5)


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--data", "d.npz", "--loss", "cross_entropy"], 1, "y must be between 0 and 1 for cross_entropy"),
        (["--data", "absent.npz"], 2, "absent.npz"),
        (["--data", "d.npz", "--batch-size", "0"], 2, "--batch-size must be greater than 0"),
        (["--data", "d.npz", "--class-axis", "1"], 2, "--class-axis belongs to --loss cross_entropy"),
        (["--data", "d.npz", "--y", "z"], 1, "holds no `z`"),
        (["--data", "d.npz", "--params", "absent.safetensors"], 2, "absent.safetensors"),
        (["--data", "d.npz", "--device", "tpu"], 2, "unknown device"),
    ],
)
def test_what_is_refused(folder, capsys, options, code, message):
    before = sorted(folder.iterdir())
    assert main(["eval", "m.ir.json", *options]) == code
    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err
    assert sorted(folder.iterdir()) == before


def test_a_loss_that_is_not_finite_names_the_node(folder, capsys):
    Path("l.ir.json").write_text(
        artifact(
            {"kind": "input", "shape": [2]},
            {"kind": "relu", "parents": [0], "shape": [2]},
            {"kind": "log", "parents": [1], "shape": [2]},
        )
    )
    np.savez("l.npz", x=np.array([[1, 1], [1, -1.0]]), y=np.zeros((2, 2)))
    assert main(["eval", "l.ir.json", "--data", "l.npz"]) == 1
    assert "l.npz: the loss is inf; the first node that gives inf is node 2 (log)" in capsys.readouterr().err


# -- run -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [[], ["--batch-size", "3"]])
def test_run_writes_all_outputs(folder, capsys, size):
    assert main(["run", "m.ir.json", "--data", "d.npz", *size]) == 0
    assert capsys.readouterr().out.startswith("16 inputs, output [16, 3] float32 on ")
    expected = outputs(data_x().reshape(16, 1, 4)).reshape(16, 3)
    np.testing.assert_allclose(np.load("m.output.npy"), expected, rtol=1e-5, atol=1e-6)


def test_a_file_of_many_inputs_is_told_by_its_shape(folder):
    np.save("x.npy", data_x())
    assert main(["run", "m.ir.json", "--input", "x.npy", "-q"]) == 0
    assert np.load("m.output.npy").shape == (16, 3)
    np.save("x.npy", data_x()[:1])
    assert main(["run", "m.ir.json", "--input", "x.npy", "-q"]) == 0
    assert np.load("m.output.npy").shape == (1, 3)


def test_outputs_of_a_graph_without_an_axis_for_samples(folder):
    Path("c.ir.json").write_text(artifact(*CNN_NODES))
    assert main(["init", "c.ir.json", "-q"]) == 0
    x = np.random.default_rng(2).normal(size=(5, 4, 6, 6)).astype(np.float32)
    np.save("x.npy", x)
    assert main(["run", "c.ir.json", "--input", "x.npy", "-q"]) == 0
    np.testing.assert_allclose(np.load("c.output.npy"), outputs(x, "c"), rtol=1e-5, atol=1e-6)


def test_double_precision_of_the_data_is_kept(folder):
    x = data_x().astype(np.float64) / 3
    np.savez("d.npz", x=x)
    assert main(["run", "m.ir.json", "--data", "d.npz", "--dtype", "float64", "-q"]) == 0
    from_data = np.load("m.output.npy")
    np.save("x.npy", x)
    assert main(["run", "m.ir.json", "--input", "x.npy", "--dtype", "float64", "-q"]) == 0
    np.testing.assert_array_equal(from_data, np.load("m.output.npy"))


def test_options_of_many_inputs_are_refused_for_one(folder, capsys):
    assert main(["run", "m.ir.json", "--input", "random", "--batch-size", "3"]) == 2
    assert "have a meaning with many inputs only" in capsys.readouterr().err
    assert main(["run", "m.ir.json", "--data", "d.npz", "--seed", "3"]) == 2
    assert "--seed has a meaning with `--input random` only" in capsys.readouterr().err


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_gpu_evaluates_as_the_cpu_does(folder, capsys):
    on_cpu, on_gpu = (evaluated(capsys, "--data", "d.npz", "--device", device) for device in ("cpu", "cuda"))
    assert on_gpu["loss"] == pytest.approx(on_cpu["loss"], rel=1e-5)
    assert on_gpu["r2"] == pytest.approx(on_cpu["r2"], rel=1e-5)
