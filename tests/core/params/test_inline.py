"""Parameters that stand in the artifact: read, moved, initialized, trained from, emitted."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.core.convert.graphs import general_root
from torchlean_core.artifact import artifact_hash, load_graph
from torchlean_core.cli.main import main
from torchlean_core.graph import lower
from torchlean_core.params import ParameterStore
from torchlean_core.params.resolve import resolve

WEIGHT, BIAS = [[1.0, 2.0], [3.0, 0.1]], [0.5, -0.25]


def root(**payload):
    linear = {"id": 1, "kind": "linear", "parents": [0], "shape": [2], **payload}
    affine = {"id": 2, "kind": "layernorm", "parents": [1], "shape": [2], "axis": 0}
    nodes = [{"id": 0, "kind": "input", "parents": [], "shape": [2]}, linear, affine]
    return {"format": "torchlean.ir.v1", "input_id": 0, "output_ids": [2], "nodes": nodes}


INLINE = {"out_dim": 2, "in_dim": 2, "weight": WEIGHT, "bias": BIAS}


@pytest.fixture
def artifact(tmp_path):
    path = tmp_path / "m.ir.json"
    path.write_text(json.dumps(root(**INLINE), indent=1))
    return path


def run(path, *more):
    x, y = path.with_name("x.npy"), path.with_name("y.npy")
    np.save(x, np.array([1.0, 2.0], np.float32))
    assert main(["run", str(path), "--input", str(x), "-o", str(y), *more]) == 0
    return np.load(y)


def test_what_stands_in_the_artifact_is_computed_with(artifact):
    z = np.array(WEIGHT) @ [1.0, 2.0] + BIAS
    expected = (z - z.mean()) / np.sqrt(z.var() + 1e-5)
    np.testing.assert_allclose(run(artifact), expected, rtol=1e-5)


def test_a_move_there_and_back_changes_no_value(artifact, capsys):
    before, text = run(artifact), artifact.read_text()
    assert main(["params", "extract", str(artifact)]) == 0
    assert "weight" not in json.loads(artifact.read_text())["nodes"][1]
    store = ParameterStore.load(artifact.with_name("m.params.safetensors"))
    assert store.metadata["artifact"] == artifact_hash(load_graph(artifact))
    np.testing.assert_array_equal(store.numpy("linear_1_W"), np.array(WEIGHT, np.float32))
    assert main(["check", str(artifact)]) == 0 and "TL50" not in capsys.readouterr().out
    np.testing.assert_array_equal(run(artifact), before)
    assert main(["params", "inline", str(artifact)]) == 0
    assert json.loads(artifact.read_text()) == json.loads(text)
    store = ParameterStore.load(store.path)
    assert store.metadata["artifact"] == artifact_hash(load_graph(artifact))
    assert main(["check", str(artifact)]) == 0 and "TL50" not in capsys.readouterr().out
    np.testing.assert_array_equal(run(artifact), before)


def test_a_layernorms_payload_moves_with_the_others(tmp_path):
    path = tmp_path / "m.ir.json"
    value = root(**INLINE)
    value["nodes"][2].update(gamma=[2.0, 3.0], beta=[0.5, 1.0], eps=0.125)
    path.write_text(json.dumps(value))
    before = run(path)
    assert main(["params", "extract", str(path)]) == 0
    store = ParameterStore.load(tmp_path / "m.params.safetensors")
    assert {"layernorm_2_gamma", "layernorm_2_beta"} <= set(store.names)
    np.testing.assert_array_equal(run(path), before)
    assert main(["params", "inline", str(path)]) == 0
    assert json.loads(path.read_text())["nodes"][2]["gamma"] == [2.0, 3.0]
    np.testing.assert_array_equal(run(path), before)


def test_the_artifact_counts_before_the_file_beside_it_and_that_is_told(artifact, capsys):
    before = run(artifact)
    other = artifact.with_name("o.ir.json")
    other.write_text(json.dumps(root()))
    assert main(["init", str(other)]) == 0
    store = artifact.with_name("m.params.safetensors")
    store.write_bytes(artifact.with_name("o.params.safetensors").read_bytes())
    capsys.readouterr()
    np.testing.assert_array_equal(run(artifact), before)
    assert "TL502 node 1 (linear): linear_1_W" in capsys.readouterr().err
    assert main(["check", str(artifact)]) == 1
    assert "TL502" in capsys.readouterr().out
    # A file that is named counts alone.
    assert not np.array_equal(run(artifact, "--params", str(store)), before)
    assert main(["params", "extract", str(artifact)]) == 1
    assert main(["params", "inline", str(artifact), "--params", str(store)]) == 0
    assert main(["check", str(artifact)]) == 0


def test_init_writes_where_the_parameters_are_and_keeps_what_was_there(artifact, capsys):
    text = artifact.read_text()
    assert main(["init", str(artifact)]) == 1
    assert "--force" in capsys.readouterr().err and artifact.read_text() == text
    assert main(["init", str(artifact), "--force", "--seed", "3"]) == 0
    assert artifact.with_name("m.ir.json.orig").read_text() == text
    assert not artifact.with_name("m.params.safetensors").exists()
    node = json.loads(artifact.read_text())["nodes"][1]
    assert node["weight"] != WEIGHT and node["bias"] == [0.0, 0.0]
    assert main(["init", str(artifact), "-o", str(artifact.with_name("p.safetensors")), "--seed", "3"]) == 0
    drawn = ParameterStore.load(artifact.with_name("p.safetensors")).numpy("linear_1_W")
    np.testing.assert_array_equal(np.array(node["weight"], np.float32), drawn)


def test_training_starts_from_the_artifact_and_leaves_it_alone(artifact):
    text = artifact.read_text()
    assert main(["train", str(artifact), "--steps", "2", "-q"]) == 0
    assert artifact.read_text() == text
    trained = artifact.with_name("m.trained.safetensors")
    assert main(["params", "inline", str(artifact), "--params", str(trained)]) == 0
    store = ParameterStore.load(trained)
    node = json.loads(artifact.read_text())["nodes"][1]
    np.testing.assert_array_equal(np.array(node["weight"], np.float32), store.numpy("linear_1_W"))


def test_a_large_artifact_emits_a_file_of_weights_which_is_part_of_the_module(tmp_path, capsys):
    path = tmp_path / "m.ir.json"
    path.write_text(json.dumps(root(**INLINE)))
    assert main(["emit", str(path), "--literal-limit", "0"]) == 0
    weights = tmp_path / "m.weights.safetensors"
    assert weights.exists() and "m.weights.safetensors" in (tmp_path / "m.py").read_text()
    assert main(["emit", str(path), "--check"]) == 0
    weights.unlink()
    assert main(["emit", str(path), "--check"]) == 1
    assert main(["emit", str(path)]) == 0 and weights.exists()
    weights.write_bytes(b"mine")
    path.write_text(json.dumps(root(**{**INLINE, "bias": [0.0, 0.0]})))
    assert main(["emit", str(path)]) != 0 and weights.read_bytes() == b"mine"


def test_missing_parameters_are_told_where_they_are_asked_for(tmp_path, capsys):
    path = tmp_path / "m.ir.json"
    path.write_text(json.dumps(root()))
    assert main(["check", str(path)]) == 0
    assert main(["run", str(path), "--input", "random"]) != 0
    assert main(["emit", str(path)]) == 1
    assert "TL501" in capsys.readouterr().err


def test_copies_of_one_tensor_must_agree(tmp_path):
    path = tmp_path / "m.ir.json"
    value = root(**INLINE, parameters={"weight": {"name": "w"}})
    again = {**value["nodes"][1], "id": 3, "parents": [2], "weight": [[1.0, 2.0], [3.0, 0.2]]}
    value["nodes"].append(again)
    path.write_text(json.dumps(value))
    assert main(["check", str(path)]) == 1
    again["weight"] = WEIGHT
    path.write_text(json.dumps(value))
    program, store, _ = resolve(load_graph(path), path)
    assert store is not None and [p.name for p in program.parameters()] == [
        "linear_1_W", "linear_1_b", "linear_3_b",
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(30))
def test_moves_of_random_artifacts_change_no_value(tmp_path, seed):
    path = tmp_path / "m.ir.json"
    path.write_text(json.dumps(general_root(seed, inline=True)))
    program, before, _ = resolve(load_graph(path), path)
    if before is None:
        return
    assert main(["params", "extract", str(path), "-q"]) == 0
    assert main(["check", str(path), "-q"]) == 0
    assert not any(use.inline for use in lower(load_graph(path)).uses())
    _, between, _ = resolve(load_graph(path), path)
    moved = {parameter.name: between.numpy(parameter.name).tobytes() for parameter in program.parameters()}
    assert main(["params", "inline", str(path), "-q"]) == 0
    path.with_name("m.params.safetensors").unlink()
    _, after, _ = resolve(load_graph(path), path)
    for parameter in program.parameters():
        name = parameter.name
        assert before.numpy(name).tobytes() == moved[name] == after.numpy(name).tobytes(), name


def test_what_lies_off_the_blocks_of_a_grouped_kernel_is_never_read(tmp_path):
    path = tmp_path / "m.ir.json"
    one = {"spatial_rank": 0, "kernel": [], "stride": [], "padding": [], "padding_after": [], "dilation": []}
    conv = {
        "id": 1, "kind": "conv", "parents": [0], "shape": [2], **one, "groups": 2, "channel_axis": 0, "in_channels": 2,
        "out_channels": 2, "input_spatial": [], "weight": [[2.0, 7.0], [9.0, 3.0]], "bias": [0.0, 0.0],
    }  # fmt: skip
    nodes = [{"id": 0, "kind": "input", "parents": [], "shape": [2]}, conv]
    value = {"format": "torchlean.ir.v1", "input_id": 0, "output_ids": [1], "nodes": nodes}
    for parameters in ({}, {"weight": {"name": "w", "view": [{"blocks": 2}], "shape": [2, 1]}}):
        conv["parameters"] = parameters
        path.write_text(json.dumps(value))
        np.testing.assert_array_equal(run(path), [2.0, 6.0])


def test_the_hash_counts_values_whoever_read_them(tmp_path):
    path = tmp_path / "m.ir.json"
    hashes = set()
    for weight in ("[[1.0, 2], [3, 0.1]]", "[[1, 2.0], [3e0, 1e-1]]", "[[1.0,2.0],[30e-1,0.1]]"):
        for head in ('"in_dim": 2', '"in_dim": 2.0'):  # the latter is read by the exact parser
            text = json.dumps(root(**INLINE)).replace(json.dumps(WEIGHT), weight).replace('"in_dim": 2', head)
            path.write_text(text.replace('"input_id": 0', '"input_id": 0.0') if "2.0" in head else text)
            hashes.add(artifact_hash(load_graph(path)))
    assert len(hashes) == 1
