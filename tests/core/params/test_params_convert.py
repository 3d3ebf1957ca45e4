"""Conversion between parameter files, TorchLean's JSON weights and PyTorch checkpoints."""

import json

import numpy as np
import pytest
import torch

from tests.core.emit.support import artifact_text, load_module, random_tensors, write
from tests.core.emit.test_emit_values import ATTENTION
from torchlean_core.artifact import artifact_hash, load_graph, parse_graph
from torchlean_core.cli.main import main
from torchlean_core.emit import emit_file
from torchlean_core.graph import lower
from torchlean_core.params import ParameterStore, write_store
from torchlean_core.params.files import read_tensors
from torchlean_core.params.weights import read_weights, write_weights

MLP = artifact_text(
    {"kind": "input", "shape": [1, 4]},
    {"kind": "linear", "parents": [0], "shape": [1, 3]},
    {"kind": "const", "shape": [1, 3]},
    {"kind": "add", "parents": [1, 2], "shape": [1, 3]},
)
NAMES = ["const_2", "linear_1_W", "linear_1_b"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, MLP)
    return tmp_path


def convert(*arguments):
    return main(["params", "convert", *map(str, arguments)])


def fails(capsys, code, message, *arguments):
    assert convert(*arguments) == code
    shown = capsys.readouterr().err
    assert message in shown, shown
    assert "Traceback" not in shown


def same(one, other):
    a, b = read_tensors(one).arrays, read_tensors(other).arrays
    assert sorted(a) == sorted(b)
    for name in a:
        assert a[name].dtype == b[name].dtype and a[name].shape == b[name].shape
        assert a[name].tobytes() == b[name].tobytes()


@pytest.mark.parametrize("artifact", [(), ("--artifact", "m.ir.json")])
@pytest.mark.parametrize("way", ["p.json", "p.pt", "p.pth", "p.safetensors"])
def test_there_and_back_gives_the_same_tensors(folder, way, artifact):
    assert convert("m.params.safetensors", "-o", way, *artifact) == 0
    assert convert(way, "-o", "back.safetensors", *artifact) == 0
    same(folder / "m.params.safetensors", folder / "back.safetensors")


def test_json_weights_are_the_same_bytes_every_time_in_both_layouts(folder):
    convert("m.params.safetensors", "-o", "a.json")
    convert("m.params.safetensors", "-o", "a_plain.json", "--plain")
    convert("a_plain.json", "-o", "b.json")
    convert("b.json", "-o", "b_plain.json", "--plain")
    convert("b.json", "-o", "c.safetensors")
    convert("c.safetensors", "-o", "c.json")
    assert (folder / "a.json").read_bytes() == (folder / "b.json").read_bytes()
    assert (folder / "a.json").read_bytes() == (folder / "c.json").read_bytes()
    assert (folder / "a_plain.json").read_bytes() == (folder / "b_plain.json").read_bytes()


def test_json_weights_have_the_layout_of_torchlean(folder):
    convert("m.params.safetensors", "-o", "p.json")
    root = json.loads((folder / "p.json").read_text())
    store = ParameterStore.load(folder / "m.params.safetensors")
    assert list(root) == ["params", "meta"] and list(root["params"]) == NAMES
    assert root["meta"]["linear_1_W"] == {"shape": [3, 4], "dtype": "torch.float32"}
    assert root["params"]["linear_1_W"] == store.numpy("linear_1_W").tolist()
    convert("p.json", "-o", "q.json", "--plain")
    assert json.loads((folder / "q.json").read_text()) == root["params"]


def test_a_checkpoint_that_is_written_is_a_plain_state_dict(folder):
    convert("m.params.safetensors", "-o", "p.pt")
    state = torch.load("p.pt", weights_only=True)
    assert list(state) == NAMES
    model = load_module(emit_file(folder / "m.ir.json").output).ExportedIRModel()
    model.load_state_dict(state)
    torch.save(model.state_dict(), "again.pt")
    assert convert("again.pt", "-o", "again.safetensors", "--artifact", "m.ir.json") == 0
    same(folder / "again.safetensors", folder / "m.params.safetensors")


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"model_state_dict": state, "optimizer": {}},
        lambda state: {f"module.{name}": tensor for name, tensor in state.items()},
        lambda state: {"state_dict": {f"module.{name}": tensor for name, tensor in state.items()}},
    ],
)
def test_checkpoints_of_every_wrapping(folder, wrap):
    convert("m.params.safetensors", "-o", "p.pt")
    torch.save(wrap(torch.load("p.pt", weights_only=True)), "wrapped.ckpt")
    assert convert("wrapped.ckpt", "-o", "back.safetensors", "--artifact", "m.ir.json") == 0
    same(folder / "back.safetensors", folder / "m.params.safetensors")


def test_half_precision_becomes_float32_and_step_counters_are_left_out(folder, capsys):
    state = {
        "bn.weight": torch.tensor([1.5], dtype=torch.bfloat16),
        "bn.bias": torch.tensor([0.1], dtype=torch.float16),
        "bn.num_batches_tracked": torch.tensor(7),
    }
    torch.save(state, "bn.pt")
    assert convert("bn.pt", "-o", "bn.json") == 0
    assert "left out: bn.num_batches_tracked" in capsys.readouterr().err
    arrays = read_weights(folder / "bn.json")
    assert {name: array.tolist() for name, array in arrays.items()} == {
        "bn.weight": [1.5],
        "bn.bias": [float(np.float32(np.float16(0.1)))],
    }


def test_metadata_say_where_the_tensors_come_from(folder):
    convert("m.params.safetensors", "-o", "p.json")
    convert("p.json", "-o", "q.safetensors")
    assert ParameterStore.load(folder / "q.safetensors").metadata.get("artifact") is None
    convert("p.json", "-o", "q.safetensors", "--artifact", "m.ir.json")
    metadata = ParameterStore.load(folder / "q.safetensors").metadata
    assert metadata["artifact"] == artifact_hash(load_graph(folder / "m.ir.json"))
    assert metadata["source"] == "converted from p.json"
    convert("q.safetensors", "-o", "r.safetensors")
    assert ParameterStore.load(folder / "r.safetensors").metadata == metadata


def test_attention_scales_that_are_left_out_are_filled_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    program = lower(parse_graph(ATTENTION))
    tensors = {name: t for name, t in random_tensors(program).items() if not name.endswith("scale")}
    write(tmp_path, ATTENTION)
    torch.save(tensors, "p.pt")
    assert convert("p.pt", "-o", "p.safetensors", "--artifact", "m.ir.json") == 0
    scale = ParameterStore.load(tmp_path / "p.safetensors").numpy("mha_1_scale")
    assert scale.shape == (2, 3, 3) and (scale == 0.5).all()


def test_float64_stays_float64(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_store(tmp_path / "p.safetensors", {"a": np.array([0.1, 1e300])}, None, "test")
    for name in ("p.json", "p.pt"):
        assert convert("p.safetensors", "-o", name) == 0
        assert convert(name, "-o", "q.safetensors") == 0
        same(tmp_path / "p.safetensors", tmp_path / "q.safetensors")


def test_tensors_that_do_not_fit_the_artifact_are_all_named(folder, capsys):
    write_weights(folder / "p.json", {"linear_1_W": np.zeros((4, 3), "f4"), "x\x1b": np.zeros(1, "f4")})
    assert convert("p.json", "-o", "q.safetensors", "--artifact", "m.ir.json") == 1
    shown = capsys.readouterr().err
    assert "TL502 node 1 (linear): linear_1_W has shape [4, 3], expected [3, 4]" in shown
    assert "TL501 node 1 (linear): linear_1_b [3] is missing" in shown
    assert "TL501 node 2 (const): const_2 [1, 3] is missing" in shown
    assert "TL502 no node has parameter 'x\\x1b': it is extra" in shown
    assert not (folder / "q.safetensors").exists()


JSON = {
    '{"a": [1, [2]]}': "'a' is ragged: at [1] expected a number, found a list of 1",
    '{"a": [[1, 2], [3]]}': "'a' is ragged: at [1] expected a list of 2, found a list of 1",
    '{"a": [[1], 2]}': "'a' is ragged: at [1] expected a list of 1, found a number",
    '{"a": [[[1], []]]}': "'a' is ragged: at [0, 1] expected a list of 1, found a list of 0",
    '{"a": [1, 1e400]}': "'a' holds a number at [1] that is too large for float32",
    '{"a": [1e39]}': "'a' holds a number at [0] that is too large for float32",
    '{"a": [%s]}' % ("9" * 400): "'a' holds a number at [0] that is too large",
    '{"a": [%s]}' % ("9" * 5000): "a number of 5,000 digits is too large",
    '{"a": [NaN]}': "NaN is no JSON number",
    '{"a": [-Infinity]}': "-Infinity is no JSON number",
    '{"a": [null]}': "'a' holds null at [0], expected a number",
    '{"a": [true]}': "'a' holds true at [0], expected a number",
    '{"a": ["1"]}': "'a' holds the text '1' at [0], expected a number",
    '{"a": [{}]}': "'a' holds an object at [0], expected a number",
    '{"a": ' + "[" * 65 + "1" + "]" * 65 + "}": "nested too deep for a tensor",
    '{"a": ' + "[" * 100_000 + "1" + "]" * 100_000 + "}": "nested too deep for a tensor",
    '{"a": [1], "a": [2]}': "the key 'a' is there twice",
    '{"a": [1]': "not valid JSON",
    "[1, 2]": "expected an object of nested lists by name",
    '{"params": {"a": [1]}, "meta": 3}': "`meta` must be an object",
    '{"params": {"a": [1]}, "meta": {"b": {}}}': "`meta` has 'b', which `params` has not",
    '{"params": {"a": [1]}, "meta": {"a": {}}}': "the meta of 'a' needs shape and dtype",
    '{"params": {"a": [1]}, "meta": {"a": {"shape": [2], "dtype": "torch.float32"}}}': "but its meta says [2]",
    '{"params": {"a": [1]}, "meta": {"a": {"shape": [1], "dtype": "torch.int8"}}}': "expected torch.float32",
    '{"params": {"a": [1]}, "meta": {"a": {"shape": [1], "dtype": []}}}': "expected torch.float32",
    '{"params": {"a": [1]}, "meta": {"a": {"shape": [-1], "dtype": "torch.float32"}}}': "array of natural",
    '{"params": {"a": [1]}, "extra": 1}': "found 'extra' too",
    '{"nodes": [], "input_id": 0}': "an artifact, not its weights",
}


@pytest.mark.parametrize("text", JSON, ids=range(len(JSON)))
def test_hostile_json_weights(folder, capsys, text):
    (folder / "h.json").write_text(text)
    fails(capsys, 1, JSON[text], "h.json", "-o", "q.safetensors")
    assert not (folder / "q.safetensors").exists()


def test_json_weights_that_are_not_utf8(folder, capsys):
    (folder / "h.json").write_bytes(b'{"a\xff": [1]}')
    fails(capsys, 1, "not UTF-8", "h.json", "-o", "q.safetensors")


def test_empty_tensors_and_scalars_in_json(folder):
    arrays = {"e": np.zeros((0, 3), "f4"), "f": np.zeros((2, 0), "f4"), "s": np.array(-0.0, "f4")}
    write_weights(folder / "p.json", arrays)
    found = read_weights(folder / "p.json")
    assert {name: array.shape for name, array in found.items()} == {"e": (0, 3), "f": (2, 0), "s": ()}
    assert np.signbit(found["s"])


def test_every_float32_goes_through_json_unchanged(folder):
    bits = np.random.default_rng(1).integers(0, 2**32, 20_000, dtype=np.uint32).view(np.float32)
    values = np.concatenate([bits[np.isfinite(bits)], np.array([1e-45, -0.0, 3.4028235e38], "f4")])
    write_weights(folder / "p.json", {"a": values})
    assert read_weights(folder / "p.json")["a"].tobytes() == values.tobytes()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["m.params.safetensors", "-o", "x.txt"], 2, "must end in .safetensors, .json, .pt"),
        (["m.params.safetensors", "-o", "x"], 2, "must end in"),
        (["m.params.safetensors", "-o", "x.pt", "--plain"], 2, "--plain: only .json"),
        (["m.params.safetensors", "-o", "m.params.safetensors"], 2, "the output is the input"),
        (["p.json", "-o", "m.ir.json", "--artifact", "m.ir.json"], 2, "the output is the input m.ir.json"),
        (["absent.pt", "-o", "x.json"], 2, "absent.pt: No such file"),
        ([".", "-o", "x.json"], 2, "is a folder"),
        (["m.ir.json", "-o", "x.pt"], 1, "m.ir.json: an artifact, not its weights"),
        (["noise.bin", "-o", "x.json"], 1, "noise.bin: not a checkpoint of plain tensors"),
        (["noise", "-o", "x.json"], 1, "neither safetensors, nor TorchLean's JSON weights, nor a PyTorch checkpoint"),
        (["ints.pt", "-o", "x.json"], 1, "'a' is int64, expected float32 or float64"),
        (["sparse.pt", "-o", "x.json"], 1, "'a' is no plain tensor"),
        (["inf.safetensors", "-o", "x.json"], 1, "'a' holds -inf at [1], which JSON has no number for"),
        (["half.safetensors", "-o", "x.json"], 1, "'a' is float16, expected float32 or float64"),
        (["m.params.safetensors", "-o", "no/x.json"], 2, "no/x.json"),
        (["m.params.safetensors", "-o", "x.json", "--artifact", "absent.ir.json"], 2, "absent.ir.json"),
    ],
)  # fmt: skip
def test_what_cannot_be_converted(folder, capsys, arguments, code, message):
    from safetensors.numpy import save_file

    convert("m.params.safetensors", "-o", "p.json", "-q")
    (folder / "noise.bin").write_bytes(b"garbage")
    (folder / "noise").write_bytes(b"garbage")
    torch.save({"a": torch.tensor([1])}, "ints.pt")
    torch.save({"a": torch.eye(2).to_sparse()}, "sparse.pt")
    write_store(folder / "inf.safetensors", {"a": np.array([1, -np.inf], "f4")}, None, "test")
    save_file({"a": np.zeros(2, np.float16)}, folder / "half.safetensors")
    capsys.readouterr()
    before = sorted(path.name for path in folder.iterdir())
    fails(capsys, code, message, *arguments)
    assert sorted(path.name for path in folder.iterdir()) == before


def test_init_takes_values_from_every_format(folder):
    for name in ("p.json", "p.pt", "p.safetensors"):
        convert("m.params.safetensors", "-o", name)
        assert main(["init", "m.ir.json", "--from", name, "-o", f"{name}.out", "-q"]) == 0
        same(folder / f"{name}.out", folder / "m.params.safetensors")


@pytest.mark.filterwarnings("ignore:.*torch.jit.* is deprecated")
@pytest.mark.parametrize("made", ["script", "trace"])
def test_a_torchscript_file_is_told_in_one_line(made, tmp_path, capsys):
    layer = torch.nn.Linear(4, 3)
    program = torch.jit.script(layer) if made == "script" else torch.jit.trace(layer, torch.ones(1, 4))
    torch.jit.save(program, tmp_path / "program.pt")
    assert convert(tmp_path / "program.pt", "-o", tmp_path / "out.safetensors") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "program.pt: is a TorchScript program (torch.jit.save)" in line and "state_dict()" in line
