"""`torchlean run` from end to end."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from torchlean_core.cli.main import main
from torchlean_core.params import ParameterStore

NODES = [
    {"id": 0, "kind": "input", "parents": [], "shape": [2, 3]},
    {"id": 1, "kind": "linear", "parents": [0], "shape": [2, 4]},
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    root = {"format": "torchlean.ir.v1", "input_id": 0, "output_id": 1, "nodes": NODES}
    (tmp_path / "m.ir.json").write_text(json.dumps(root))
    assert main(["init", "m.ir.json", "-q"]) == 0
    return tmp_path


def expected(x):
    store = ParameterStore.load(Path("m.params.safetensors"))
    return x @ np.array(store.numpy("linear_1_W"), dtype=np.float64).T + store.numpy("linear_1_b")


X = np.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize("made", [np.float32, np.float64])
@pytest.mark.parametrize("computed", ["float32", "float64"])
def test_output_file(folder, capsys, made, computed):
    np.save("x.npy", X.astype(made))
    assert main(["run", "m.ir.json", "--input", "x.npy", "--dtype", computed]) == 0
    output = np.load("m.output.npy")
    assert output.dtype == computed
    np.testing.assert_allclose(output, expected(X), rtol=1e-6 if computed == "float32" else 1e-14)
    captured = capsys.readouterr()
    assert captured.out.startswith(f"output [2, 4] {computed} on ")
    assert f"min {output.astype(np.float64).min():.6g}, max" in captured.out
    assert "wrote m.output.npy" in captured.err


def test_random_input_depends_on_the_seed_only(folder):
    outputs = []
    for seed in ("1", "1", "2"):
        assert main(["run", "m.ir.json", "--input", "random", "--seed", seed, "-o", "o.npy", "-q"]) == 0
        outputs.append(np.load("o.npy").tolist())
    assert outputs[0] == outputs[1] != outputs[2]


def test_output_on_stdout_is_the_bytes_alone(folder):
    command = [sys.executable, "-m", "torchlean_core", "run", "m.ir.json", "--input", "random", "-o", "-"]
    done = subprocess.run(command, capture_output=True, check=True, env=dict(os.environ))
    assert np.load(io.BytesIO(done.stdout)).shape == (2, 4)
    assert done.stderr.startswith(b"output [2, 4] float32")
    assert not (folder / "m.output.npy").exists()


def test_output_that_is_not_finite_is_said(folder, capsys):
    np.save("x.npy", np.full((2, 3), np.inf))
    assert main(["run", "m.ir.json", "--input", "x.npy"]) == 0
    assert "of 8 not finite" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (X.T, "the input has shape [3, 2], expected [2, 3]"),
        (X.astype(np.int64), "the input is int64, expected float32"),
        (X > 1, "the input is bool, expected float32"),
    ],
)
def test_input_that_does_not_fit(folder, capsys, array, message):
    np.save("x.npy", array)
    assert main(["run", "m.ir.json", "--input", "x.npy"]) == 1
    assert message in capsys.readouterr().err
    assert not (folder / "m.output.npy").exists()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--input", "absent.npy"], "absent.npy: No such file"),
        (["--input", "m.ir.json"], "not a .npy file of numbers"),
        (["--input", "x.npz"], "an archive of arrays"),
        (["--input", "empty.npy"], "not a .npy file of numbers"),
        (["--input", "random", "--device", "tpu"], "unknown device"),
        (["--input", "random", "--seed", "-1"], "--seed must be an unsigned"),
        (["--input", "m.ir.json", "--seed", "1"], "--seed has a meaning with"),
        (["--input", "random", "--params", "absent.safetensors"], "absent.safetensors"),
        (["--input", "random", "-o", "no/folder.npy"], "no/folder.npy"),
    ],
)
def test_usage_errors(folder, capsys, argv, message):
    np.savez("x.npz", X)
    (folder / "empty.npy").write_bytes(b"")
    assert main(["run", "m.ir.json", *argv]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert "pickle" not in captured.err


def test_missing_parameter_file_says_how_to_make_one(folder, capsys):
    (folder / "m.params.safetensors").unlink()
    assert main(["run", "m.ir.json", "--input", "random"]) == 2
    assert "`torchlean init m.ir.json` makes it" in capsys.readouterr().err


def test_parameters_of_another_version_are_a_warning(folder, capsys):
    text = (folder / "m.ir.json").read_text()
    (folder / "m.ir.json").write_text(text.replace('"kind": "linear"', '"scale": 2, "kind": "linear"'))
    assert main(["run", "m.ir.json", "--input", "random"]) == 0
    assert "warning: m.params.safetensors: TL503" in capsys.readouterr().err


def test_missing_extra_is_a_message(folder, capsys, monkeypatch):
    find_spec = __import__("importlib.util").util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "torch" else find_spec(name))
    for command in (["run", "m.ir.json", "--input", "random"], ["init", "m.ir.json"], ["train", "m.ir.json"]):
        assert main(command) == 2
        assert "pip install 'torchlean-ls[torch]' (missing: torch)" in capsys.readouterr().err


def test_the_order_of_bytes_does_not_matter(folder, capsys):
    outputs = []
    for name, dtype in (("a", "<f4"), ("b", ">f4"), ("c", ">f8")):
        np.save("x.npy", X.astype(dtype))
        assert main(["run", "m.ir.json", "--input", "x.npy", "-o", f"{name}.npy"]) == 0
        outputs.append(np.load(f"{name}.npy").tolist())
    assert outputs[0] == outputs[1] == outputs[2]


@pytest.mark.filterwarnings("error")
def test_values_that_become_infinite_are_refused(folder, capsys):
    np.save("x.npy", X * 1e300)
    assert main(["run", "m.ir.json", "--input", "x.npy"]) == 1
    assert "the input holds values that are too large for float32" in capsys.readouterr().err


def test_a_header_that_asks_for_too_much_memory_is_refused(folder, capsys):
    with Path("x.npy").open("wb") as file:
        described = {"descr": "<f4", "fortran_order": False, "shape": (1 << 50,)}
        np.lib.format.write_array_header_1_0(file, described)
    assert main(["run", "m.ir.json", "--input", "x.npy"]) == 2
    assert "x.npy: Unable to allocate 4.00 PiB" in capsys.readouterr().err
