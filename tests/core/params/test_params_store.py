"""Parameter files: bytes, reading, and every way in which one does not fit its artifact."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import save_file

from torchlean_core.artifact import artifact_hash, parse_graph
from torchlean_core.errors import UsageError, UserError
from torchlean_core.graph import lower
from torchlean_core.params import ParameterStore, write_store
from torchlean_core.params.tensors import load_tensors, require_parameters, save_tensors


def program_of(*nodes, **root):
    nodes = [{"id": i, "parents": [], **node} for i, node in enumerate(nodes)]
    text = {"format": "torchlean.ir.v1", "input_id": 0, "output_id": len(nodes) - 1, "nodes": nodes}
    return lower(parse_graph(json.dumps({**text, **root})))


INPUT = {"kind": "input", "shape": [2, 3]}
MASK = {"kind": "const", "shape": [], "trainable": False}
SCALAR = {"kind": "const", "shape": []}
LINEAR = {"kind": "linear", "parents": [0], "shape": [2, 4]}
PROGRAM = program_of(INPUT, MASK, SCALAR, LINEAR)
HASH = artifact_hash(PROGRAM.graph)


def arrays(**changes):
    values = {
        "const_1": np.array(-1.5, dtype=np.float32),
        "const_2": np.array(2.5, dtype=np.float32),
        "linear_3_W": np.arange(12, dtype=np.float32).reshape(4, 3),
        "linear_3_b": np.array([1, 2, 3, 4], dtype=np.float64),
    }
    values.update(changes)
    return {name: np.asarray(value) for name, value in values.items() if value is not None}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "m.params.safetensors"


def issues(path, **changes):
    save_file(arrays(**changes), path)
    return [(i.code, i.node, i.name, i.message) for i in ParameterStore.load(path).validate(PROGRAM)]


def test_what_is_written_is_read_back(path):
    write_store(path, arrays(), HASH, "default plan, seed 0")
    store = ParameterStore.load(path)
    assert store.names == sorted(arrays())
    for name, array in arrays().items():
        assert store.numpy(name).dtype == array.dtype
        assert store.numpy(name).shape == array.shape
        np.testing.assert_array_equal(store.numpy(name), array)
    assert store.metadata["format"] == "torchlean.params.v1"
    assert store.metadata["source"] == "default plan, seed 0"
    assert store.metadata["artifact"] == HASH
    assert store.validate(PROGRAM) == []
    store.require(PROGRAM)


def test_safetensors_library_reads_it(path):
    write_store(path, arrays(), HASH, "test")
    with safe_open(path, framework="numpy") as file:
        assert file.metadata()["artifact"] == HASH
        np.testing.assert_array_equal(file.get_tensor("linear_3_W"), arrays()["linear_3_W"])


def test_equal_content_gives_equal_bytes_whatever_the_order(path, tmp_path):
    other = tmp_path / "other.safetensors"
    write_store(path, arrays(), HASH, "test")
    write_store(other, dict(reversed(arrays().items())), HASH, "test")
    assert path.read_bytes() == other.read_bytes()


def test_hash_is_of_the_content_and_in_the_metadata(path, tmp_path):
    digest = write_store(path, arrays(), HASH, "one source")
    assert ParameterStore.load(path).metadata["sha256"] == digest
    assert write_store(path, arrays(), "another artifact", "another source") == digest
    assert write_store(path, arrays(const_1=np.float32(-1.0)), HASH, "one source") != digest
    foreign = tmp_path / "foreign.safetensors"
    save_file(arrays(), foreign)
    assert ParameterStore.load(foreign).sha256 == digest


def test_empty_and_transposed_tensors_are_written(path):
    values = {"a": np.zeros((0, 3), dtype=np.float32), "b": np.arange(6, dtype=np.float32).reshape(2, 3).T}
    write_store(path, values, HASH, "test")
    store = ParameterStore.load(path)
    assert store.numpy("a").shape == (0, 3)
    np.testing.assert_array_equal(store.numpy("b"), values["b"])


def test_no_tensors_at_all(path):
    write_store(path, {}, HASH, "test")
    assert ParameterStore.load(path).names == []


def test_integers_are_not_written(path):
    with pytest.raises(ValueError, match="a is int64"):
        write_store(path, {"a": np.zeros(2, dtype=np.int64)}, HASH, "test")
    assert not path.exists()


def test_values_cannot_be_changed_through_the_store(path):
    write_store(path, arrays(), HASH, "test")
    with pytest.raises(ValueError, match="read-only"):
        ParameterStore.load(path).numpy("linear_3_b")[0] = 7


def test_missing_tensor(path):
    (found,) = issues(path, linear_3_W=None)
    assert found[:3] == ("TL501", 3, "linear_3_W")
    assert found[3] == "node 3 (linear): linear_3_W [4, 3] is missing"


def test_wrong_shape(path):
    (found,) = issues(path, linear_3_W=np.zeros((3, 4), dtype=np.float32))
    assert found[:3] == ("TL502", 3, "linear_3_W")
    assert "has shape [3, 4], expected [4, 3]" in found[3]


@pytest.mark.parametrize("dtype", [np.int64, np.float16, np.bool_])
def test_wrong_type(path, dtype):
    (found,) = issues(path, linear_3_b=np.zeros(4, dtype=dtype))
    assert found[:3] == ("TL502", 3, "linear_3_b")
    assert f"is {np.dtype(dtype).name}, expected float32" in found[3]


@pytest.mark.parametrize(("name", "node"), [("linear_2_W", 2), ("linear_9_W", None), ("weight", None)])
def test_extra_tensor(path, name, node):
    (found,) = issues(path, **{name: np.zeros(1, dtype=np.float32)})
    assert found[:3] == ("TL502", node, name)
    assert "it is extra" in found[3]


def test_other_version_of_the_artifact_is_a_warning(path):
    write_store(path, arrays(), "0" * 64, "test")
    store = ParameterStore.load(path)
    (issue,) = store.validate(PROGRAM)
    assert (issue.code, issue.is_error) == ("TL503", False)
    store.require(PROGRAM)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_value_that_is_not_finite_is_a_warning_with_its_place(path, value):
    weights = np.zeros((4, 3), dtype=np.float32)
    weights[2, 1] = value
    (found,) = issues(path, linear_3_W=weights)
    assert found[:3] == ("TL504", 3, "linear_3_W")
    assert found[3].endswith(f"holds {value} at [2, 1]")


def test_minus_infinity_in_a_const_that_is_not_trainable_is_fine(path):
    assert issues(path, const_1=np.float32(-np.inf)) == []
    assert [found[0] for found in issues(path, const_2=np.float32(-np.inf))] == ["TL504"]
    assert [found[0] for found in issues(path, const_1=np.float32(np.nan))] == ["TL504"]


def test_values_are_not_read_unless_asked_for(path):
    save_file(arrays(const_2=np.float32(np.nan)), path)
    assert ParameterStore.load(path).validate(PROGRAM, values=False) == []


def test_require_names_everything(path):
    save_file(arrays(linear_3_W=None, linear_3_b=np.zeros(5, dtype=np.float32)), path)
    with pytest.raises(UserError) as caught:
        ParameterStore.load(path).require(PROGRAM)
    assert "linear_3_W [4, 3] is missing" in str(caught.value)
    assert "linear_3_b has shape [5], expected [4]" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x80\x04N.", (1 << 40).to_bytes(8, "little") + b"{}"])
def test_file_that_is_no_safetensors_file(path, content):
    path.write_bytes(content)
    with pytest.raises(UserError, match="not a safetensors file"):
        ParameterStore.load(path)


def test_file_that_cannot_be_read(tmp_path):
    with pytest.raises(UsageError, match="absent"):
        ParameterStore.load(tmp_path / "absent")
    with pytest.raises(UsageError, match="is a folder"):
        ParameterStore.load(tmp_path)


def test_truncated_file_is_refused(path):
    write_store(path, arrays(), HASH, "test")
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(UserError, match="not a safetensors file"):
        ParameterStore.load(path)


def test_interrupted_write_leaves_the_old_file(path, monkeypatch):
    write_store(path, arrays(), HASH, "test")
    before = path.read_bytes()

    def fail(temporary, target):
        assert temporary.stat().st_size > 0 and target == path
        raise KeyboardInterrupt

    monkeypatch.setattr("pathlib.Path.replace", fail)
    with pytest.raises(KeyboardInterrupt):
        write_store(path, arrays(const_1=np.float32(-1.0)), HASH, "test")
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_torch_tensors_own_their_memory(path):
    tensors = {name: torch.from_numpy(array.copy()) for name, array in arrays().items()}
    save_tensors(path, tensors, PROGRAM.graph, "test")
    loaded = load_tensors(ParameterStore.load(path), PROGRAM)
    assert {tensor.dtype for tensor in loaded.values()} == {torch.float32}
    loaded["linear_3_W"].zero_()
    again = load_tensors(ParameterStore.load(path), PROGRAM, dtype=torch.float64)
    assert torch.equal(again["linear_3_W"], tensors["linear_3_W"].to(torch.float64))


def test_absent_file_says_how_to_make_one(tmp_path):
    artifact = tmp_path / "m.ir.json"
    with pytest.raises(UsageError, match="`torchlean init"):
        require_parameters(PROGRAM.graph, artifact)
    assert require_parameters(program_of(INPUT).graph, artifact).store is None


def test_attention_parameters_follow_the_bias_field():
    attention = {
        "kind": "multihead_attention",
        "parents": [0, 0, 0],
        "value_kind": "tuple",
        "tuple_shapes": [[1, 2, 4], [1, 2, 2]],
        "embed_dim": 4,
        "num_heads": 1,
        "batch_first": True,
        "dropout_zero": True,
    }
    item = {"kind": "tuple_getitem", "parents": [1], "shape": [1, 2, 4], "index": 0}
    names = {}
    for bias in (True, False):
        program = program_of({"kind": "input", "shape": [1, 2, 4]}, {**attention, "bias": bias}, item)
        names[bias] = [p.name for p in program.parameters()]
    weights = [f"mha_1_{role}_W" for role in ("q", "k", "v")]
    assert names[False] == [*weights, "mha_1_scale", "mha_1_out_W"]
    assert set(names[True]) - set(names[False]) == {f"mha_1_{role}_b" for role in ("q", "k", "v", "out")}


def test_the_package_does_not_import_torch():
    code = "import sys, torchlean_core.params; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
