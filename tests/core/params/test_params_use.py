"""Trained parameters that take the place of the artifact's."""

import json
import shutil
from pathlib import Path

import pytest

from torchlean_core.artifact import load_graph
from torchlean_core.cli.main import main
from torchlean_core.errors import UsageError, UserError
from torchlean_core.init.job import run as initialize
from torchlean_core.params import ParameterStore
from torchlean_core.params.inline_file import inline_parameters
from torchlean_core.params.resolve import resolve
from torchlean_core.params.use import use_parameters

NODES = [
    {"id": 0, "kind": "input", "parents": [], "shape": [1, 4]},
    {"id": 1, "kind": "linear", "parents": [0], "shape": [1, 3]},
]
GENERAL = [NODES[0], {**NODES[1], "out_dim": 3, "in_dim": 4}]


def made(folder: Path, **root) -> Path:
    path = folder / "m.ir.json"
    content = {"format": "torchlean.ir.v1", "input_id": 0, "output_id": 1, "nodes": NODES, **root}
    path.write_text(json.dumps({name: value for name, value in content.items() if value is not None}))
    for out, seed in (("m.params.safetensors", 1), ("m.trained.safetensors", 2)):
        initialize({"artifact": str(path), "out": str(folder / out), "seed": seed}, lambda event: None)
    return path


def test_the_trained_file_takes_the_place_of_the_one_that_is_kept(tmp_path):
    artifact = made(tmp_path)
    before = (tmp_path / "m.params.safetensors").read_bytes()
    trained = (tmp_path / "m.trained.safetensors").read_bytes()
    result = use_parameters(artifact)
    assert (tmp_path / "m.params.safetensors").read_bytes() == trained
    assert (tmp_path / "m.params.safetensors.orig").read_bytes() == before
    assert not (tmp_path / "m.trained.safetensors").exists()
    assert result["message"] == (
        "m.ir.json uses the parameters of m.trained.safetensors now; what it had is kept as m.params.safetensors.orig"
    )


def test_another_file_stays_where_it_is(tmp_path, capsys):
    artifact = made(tmp_path)
    (tmp_path / "m.params.safetensors").unlink()
    (tmp_path / "m.trained.safetensors").rename(tmp_path / "mine.safetensors")
    assert main(["params", "use", str(artifact), "--params", str(tmp_path / "mine.safetensors")]) == 0
    assert "kept" not in capsys.readouterr().err
    assert (tmp_path / "mine.safetensors").exists() and (tmp_path / "m.params.safetensors").exists()
    with pytest.raises(UsageError, match="uses already"):
        use_parameters(artifact, tmp_path / "m.params.safetensors")


def test_where_they_stand_in_the_artifact_they_go_into_it(tmp_path):
    artifact = made(tmp_path, output_id=None, output_ids=[1], nodes=GENERAL)
    inline_parameters(artifact)
    before = artifact.read_bytes()
    wanted = ParameterStore.load(tmp_path / "m.trained.safetensors")
    result = use_parameters(artifact)
    assert Path(result["kept"]).read_bytes() == before
    held = resolve(load_graph(artifact), artifact).store
    assert all((held.numpy(name) == wanted.numpy(name)).all() for name in wanted.names)


def test_parameters_of_something_else_are_refused_and_nothing_changes(tmp_path):
    artifact = made(tmp_path)
    (tmp_path / "other").mkdir()
    wide = [NODES[0], {**NODES[1], "shape": [1, 5]}]
    other = made(tmp_path / "other", nodes=wide)
    shutil.copy(other.with_name("m.trained.safetensors"), tmp_path / "m.trained.safetensors")
    before = (tmp_path / "m.params.safetensors").read_bytes()
    with pytest.raises(UserError, match="TL502"):
        use_parameters(artifact)
    (tmp_path / "m.trained.safetensors").unlink()
    with pytest.raises(UsageError, match="no such file"):
        use_parameters(artifact)
    assert (tmp_path / "m.params.safetensors").read_bytes() == before
    assert not list(tmp_path.glob("*.orig"))
