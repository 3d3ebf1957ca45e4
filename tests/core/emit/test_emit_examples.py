"""The generated files that are kept under examples/: fresh, of the models as they are, and right."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.core.emit.support import load_module
from torchlean_core.artifact import load_graph
from torchlean_core.check import check_bytes
from torchlean_core.companions import artifact_findings
from torchlean_core.emit import State, emit_file, module_state
from torchlean_core.graph import lower
from torchlean_core.interp import Interpreter
from torchlean_core.params import ParameterStore
from torchlean_core.params.tensors import load_tensors

EXAMPLES = Path(__file__).parents[3] / "examples"
GENERATED = EXAMPLES / "generated"
ARTIFACTS = sorted(GENERATED.glob("*.ir.json"))
MODULES = [
    ("tiny_mlp", "tiny_mlp.py"),
    ("tiny_mlp", "tiny_mlp_sequential.py"),
    ("tiny_cnn", "tiny_cnn.py"),
    ("attention_block", "attention_block.py"),
]


def test_an_mlp_a_cnn_and_an_attention_block_are_kept():
    assert {path.name for path in ARTIFACTS} == {f"{stem}.ir.json" for stem, _ in MODULES}
    assert {path.name for path in GENERATED.glob("*.py")} == {name for _, name in MODULES}


@pytest.mark.parametrize("artifact", ARTIFACTS, ids=lambda path: path.name)
def test_the_artifact_is_of_the_model_as_it_is(artifact):
    root = json.loads(artifact.read_text())
    model = GENERATED / root["captured_from"]["file"]
    assert hashlib.sha256(model.read_bytes()).hexdigest() == root["captured_from"]["sha256"]
    assert artifact_findings(artifact, check_bytes(artifact.read_bytes())) == []


@pytest.mark.parametrize(("stem", "name"), MODULES)
def test_the_module_is_fresh_and_emitting_it_again_gives_its_bytes(tmp_path, stem, name):
    artifact, module = GENERATED / f"{stem}.ir.json", GENERATED / name
    assert module_state(artifact, module) is State.FRESH
    for path in GENERATED.glob(f"{stem}.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / name).write_text(module.read_text().partition("\n\n")[0] + "\n\nchanged = True\n")
    again = emit_file(tmp_path / artifact.name, tmp_path / name, force=True)
    assert again.output.read_bytes() == module.read_bytes()


@pytest.mark.parametrize(("stem", "name"), MODULES)
def test_the_module_gives_what_the_interpreter_gives(stem, name):
    program = lower(load_graph(GENERATED / f"{stem}.ir.json"))
    tensors = load_tensors(ParameterStore.load(GENERATED / f"{stem}.params.safetensors"), program)
    reference = Interpreter(program, tensors)
    x = torch.randn(reference.input_shape, generator=torch.Generator().manual_seed(0))
    expected = reference.run(x)
    captured = program.graph.extra["captured_from"]
    with torch.no_grad():
        model = getattr(load_module(GENERATED / name), captured["class"])()
        assert ((model(x) - expected).abs().max() / expected.abs().max()).item() <= 1e-6


@pytest.mark.parametrize("command", [["format", "--check"], ["check"]])
def test_they_are_clean_for_ruff_at_its_defaults(command):
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *command, "--isolated", GENERATED], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout.decode()


@pytest.mark.parametrize("name", ["tiny_mlp_sequential.py", "attention_block.py"])
def test_they_run_alone(name):
    done = subprocess.run(
        [sys.executable, "-I", GENERATED / name], capture_output=True, text=True, check=False, cwd="/"
    )
    assert done.returncode == 0, done.stderr
    losses = [float(line.split()[-1]) for line in done.stdout.splitlines() if line.startswith("step")]
    assert len(losses) == 3 and losses[2] < losses[0]
