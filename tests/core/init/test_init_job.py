"""`torchlean init`: files, --force, checkpoints, and what it refuses."""

import hashlib
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.core.init.init_graphs import EVERYTHING, MLP, artifact
from torchlean_core.artifact import artifact_hash, parse_graph
from torchlean_core.cli.main import main
from torchlean_core.errors import UsageError
from torchlean_core.graph import lower
from torchlean_core.init.job import run
from torchlean_core.params import ParameterStore, write_store


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "m.ir.json"
    path.write_text(MLP)
    return path


@pytest.fixture
def everything(tmp_path):
    path = tmp_path / "e.ir.json"
    path.write_text(EVERYTHING)
    return path


def store_of(path):
    return ParameterStore.load(path.with_name(path.name.replace(".ir.json", ".params.safetensors")))


def fails(capsys, code, message, *argv):
    assert main(["init", *map(str, argv)]) == code
    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err


def test_writes_a_store_that_fits(model, capsys):
    assert main(["init", str(model)]) == 0
    store = store_of(model)
    program = lower(parse_graph(MLP))
    assert store.validate(program) == []
    assert store.metadata["source"] == "default plan, seed 0"
    assert store.metadata["artifact"] == artifact_hash(program.graph)
    assert "4 tensors, 40 scalars" in capsys.readouterr().err


def test_quiet_says_nothing(model, capsys):
    assert main(["init", "-q", str(model)]) == 0
    assert capsys.readouterr() == ("", "")


def test_equal_seeds_give_equal_files(model, tmp_path):
    digests = []
    for name, seed in (("a", "5"), ("b", "5"), ("c", "6")):
        out = tmp_path / name
        assert main(["init", str(model), "-o", str(out), "--seed", seed, "-q"]) == 0
        digests.append(hashlib.sha256(out.read_bytes()).hexdigest())
    assert digests[0] == digests[1] != digests[2]


def test_existing_file_needs_force(model, capsys):
    assert main(["init", str(model), "-q"]) == 0
    before = store_of(model).path.read_bytes()
    fails(capsys, 2, "exists; --force replaces it", model, "--seed", "1")
    assert store_of(model).path.read_bytes() == before
    assert main(["init", str(model), "--seed", "1", "--force", "-q"]) == 0
    assert store_of(model).path.read_bytes() != before


def test_force_keeps_what_is_marked_not_trainable(everything, tmp_path):
    assert main(["init", str(everything), "-q"]) == 0
    program = lower(parse_graph(EVERYTHING))
    store = store_of(everything)
    values = {name: np.array(store.numpy(name)) for name in store.names}
    mask = np.array([0.0, -np.inf, 2.5], dtype=np.float32)
    values |= {"const_5": mask, "const_4": np.ones((1, 2, 4), dtype=np.float32)}
    write_store(store.path, values, artifact_hash(program.graph), "captured")
    assert main(["init", str(everything), "--force", "-q"]) == 0
    np.testing.assert_array_equal(store_of(everything).numpy("const_5"), mask)
    assert not store_of(everything).numpy("const_4").any()
    other = tmp_path / "other.safetensors"
    assert main(["init", str(everything), "-o", str(other), "-q"]) == 0
    np.testing.assert_array_equal(ParameterStore.load(other).numpy("const_5"), mask)


def test_unknown_values_of_fixed_consts_are_zero_and_said(everything, capsys):
    assert main(["init", str(everything)]) == 0
    assert "warning: marked not trainable, but no file has their values; set to zero: const_5" in (
        capsys.readouterr().err
    )
    assert not store_of(everything).numpy("const_5").any()


def test_scheme_and_its_arguments(model):
    assert main(["init", str(model), "--scheme", "uniform", "--lo", "2", "--hi", "3", "-q"]) == 0
    weights = store_of(model).numpy("linear_1_W")
    assert weights.min() >= 2
    assert weights.max() <= 3
    assert weights.reshape(-1)[0] == np.float32(2 + 0.30117025575600564)
    assert not store_of(model).numpy("linear_1_b").any()


def test_plan_file(model, tmp_path):
    plan = tmp_path / "plan.json"
    flat = {"scheme": "flat", "values": [[1, 2], [3, 4]]}
    plan.write_text(json.dumps({"plan": [{"scheme": "ones"}, flat, {"scheme": "xavier_uniform"}, flat]}))
    assert main(["init", str(model), "--plan", str(plan), "-q"]) == 0
    assert store_of(model).numpy("linear_1_b").tolist() == [1, 2, 3, 4]
    assert store_of(model).numpy("linear_1_W").min() == 1


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--lo", "1"], "--lo needs --scheme uniform"),
        (["--scheme", "zeros", "--std", "1"], "--std needs --scheme normal"),
        (["--scheme", "normal", "--std", "-1"], "--std must be >= 0"),
        (["--scheme", "normal", "--mean", "nan"], "--mean must be a finite number"),
        (["--seed", "-1"], "--seed must be an unsigned 64-bit integer"),
        (["--seed", str(2**64)], "--seed must be an unsigned 64-bit integer"),
        (["--plan", "p.json", "--from", "c.pt"], "--plan and --from exclude each other"),
        (["--plan", "p.json", "--seed", "3"], "--seed has no meaning with --plan"),
        (["--from", "absent.pt"], "absent.pt"),
        (["--plan", "absent.json"], "absent.json"),
        (["--device", "tpu"], "unknown device 'tpu'"),
        (["-o", "no/such/folder/p"], "no/such/folder/p"),
    ],
)
def test_usage_errors(model, capsys, argv, message):
    fails(capsys, 2, message, model, *argv)
    assert list(model.parent.iterdir()) == [model]


def state(**changes):
    tensors = {
        "linear_1_W": torch.arange(16.0).reshape(4, 4),
        "linear_1_b": torch.ones(4, dtype=torch.float16),
        "linear_3_W": torch.eye(4, dtype=torch.float64),
        "linear_3_b": torch.zeros(4),
    }
    tensors.update(changes)
    return {name: tensor for name, tensor in tensors.items() if tensor is not None}


@pytest.mark.parametrize(
    "wrap",
    [
        lambda tensors: tensors,
        lambda tensors: {"state_dict": tensors, "epoch": 3},
        lambda tensors: {"model_state_dict": tensors, "optimizer": {"lr": 0.1}},
        lambda tensors: {f"module.{name}": tensor for name, tensor in tensors.items()},
    ],
)
def test_checkpoint(model, tmp_path, wrap):
    torch.save(wrap(state()), tmp_path / "c.pt")
    assert main(["init", str(model), "--from", str(tmp_path / "c.pt"), "-q"]) == 0
    store = store_of(model)
    for name, tensor in state().items():
        np.testing.assert_array_equal(store.numpy(name), tensor.to(torch.float32).numpy())
    assert store.metadata["source"] == "checkpoint c.pt"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"linear_3_b": None}, "node 3 (linear): linear_3_b [4] is missing"),
        ({"fc.weight": torch.ones(1)}, "no node has parameter 'fc.weight': it is extra"),
        ({"linear_1_W": torch.ones(4, 5)}, "linear_1_W has shape [4, 5], expected [4, 4]"),
        ({"linear_1_W": torch.ones(4, 4, dtype=torch.int64)}, "linear_1_W is int64, expected float32"),
    ],
)
def test_checkpoint_that_does_not_fit(model, tmp_path, capsys, changes, message):
    torch.save(state(**changes), tmp_path / "c.pt")
    fails(capsys, 1, message, model, "--from", tmp_path / "c.pt")


class Evil:
    def __reduce__(self):
        return (print, ("executed",))


@pytest.mark.parametrize("content", [{"linear_1_W": Evil()}, [1, 2], {"epoch": 3}])
def test_checkpoint_of_anything_else_is_refused_and_not_executed(model, tmp_path, capsys, content):
    torch.save(content, tmp_path / "c.pt")
    assert main(["init", str(model), "--from", str(tmp_path / "c.pt")]) == 1
    captured = capsys.readouterr()
    assert "executed" not in captured.out
    assert "c.pt" in captured.err


def test_plain_pickle_and_garbage_are_refused(model, tmp_path, capsys):
    (tmp_path / "p.pt").write_bytes(pickle.dumps(Evil(), protocol=2))
    message = "not a checkpoint of plain tensors (it names print, which is not loaded)"
    fails(capsys, 1, message, model, "--from", tmp_path / "p.pt")
    for content in (b"garbage", b"", b"\x80\x02]a.", b"PK\x03\x04"):
        (tmp_path / "g.pt").write_bytes(content)
        assert main(["init", str(model), "--from", str(tmp_path / "g.pt")]) == 1
        message = capsys.readouterr().err
        assert message == f"torchlean: {tmp_path / 'g.pt'}: not a checkpoint of plain tensors\n"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [float("nan"), 1e300])
def test_values_that_are_not_finite_are_told(model, tmp_path, capsys, value):
    torch.save(state(linear_1_b=torch.full((4,), value, dtype=torch.float64)), tmp_path / "c.pt")
    assert main(["init", str(model), "--from", str(tmp_path / "c.pt")]) == 0
    assert "m.params.safetensors: TL504 " in (captured := capsys.readouterr().err)
    assert "linear_1_b" in captured


def test_numbers_that_float32_does_not_hold_are_refused(model, capsys):
    options = ["--scheme", "normal", "--std"]
    fails(capsys, 2, "--std must be a finite number that float32 holds, found 1e+39", model, *options, "1e39")
    with pytest.raises(UsageError, match="--mean must be a finite number"):
        run({"artifact": str(model), "scheme": "normal", "mean": 10**400}, print)


@pytest.mark.parametrize("lo", ["-1e-3", "-1.5E+0", "-.5e0", "-0.001"])
def test_a_negative_number_with_an_exponent_is_no_option(model, lo):
    assert main(["init", str(model), "--scheme", "uniform", "--lo", lo, "--hi", "-1e-4", "-q"]) == 0
    values = store_of(model).numpy("linear_1_W")
    assert np.float32(float(lo)) <= values.min() < values.max() <= -np.float32(1e-4)


@pytest.mark.parametrize("value", ["-inf", "-nan"])
def test_infinite_bounds_are_told_as_numbers(model, capsys, value):
    fails(capsys, 2, "--lo must be a finite number", model, "--scheme", "uniform", "--lo", value)


@pytest.mark.parametrize("name", ["p.json", "p.pt"])
def test_a_name_that_says_another_format_is_refused(model, tmp_path, capsys, name):
    fails(capsys, 2, f"{name}: parameter files are safetensors", model, "-o", tmp_path / name)
    assert not (tmp_path / name).exists()


def test_row_of_a_compressed_constant_is_repeated(tmp_path):
    path = tmp_path / "c.ir.json"
    path.write_text(
        artifact(
            {"kind": "input", "shape": [2, 3]},
            {"kind": "const", "shape": [2, 3]},
            {"kind": "add", "parents": [0, 1], "shape": [2, 3]},
        )
    )
    torch.save({"const_1": torch.tensor([1.0, 2.0, 3.0])}, tmp_path / "c.pt")
    assert main(["init", str(path), "--from", str(tmp_path / "c.pt"), "-q"]) == 0
    assert store_of(path).numpy("const_1").tolist() == [[1, 2, 3], [1, 2, 3]]


def test_attention_scale_may_be_left_out_of_a_checkpoint(everything, tmp_path):
    program = lower(parse_graph(EVERYTHING))
    tensors = {p.name: torch.rand(p.shape) for p in program.parameters() if p.name != "mha_2_scale"}
    torch.save(tensors, tmp_path / "c.pt")
    assert main(["init", str(everything), "--from", str(tmp_path / "c.pt"), "-q"]) == 0
    assert store_of(everything).numpy("mha_2_scale").tolist() == [[[0.5, 0.5], [0.5, 0.5]]]


def test_job_takes_and_gives_json(model):
    events = []
    result = run({"artifact": str(model), "seed": 4, "device": "cpu"}, events.append)
    json.dumps([result, events])
    assert result["output"] == str(store_of(model).path)
    assert result["sha256"] == store_of(model).sha256
    assert {event["kind"] for event in events} == {"progress"}
    assert events[-1]["percentage"] == 100


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({}, "needs the path of an artifact"),
        ({"artifact": 3}, "artifact must be text, found 3"),
        ({"artifact": "m", "sed": 1}, "init knows no sed"),
        ({"artifact": "m", "seed": "1"}, "seed must be a whole number"),
        ({"artifact": "m", "force": 1}, "force must be true or false"),
        ({"artifact": "m", "seed": True}, "seed must be a whole number"),
    ],
)
def test_job_refuses_impossible_requests(request_, message):
    with pytest.raises(UsageError, match=message):
        run(request_, print)


def test_broken_artifact_is_named(tmp_path, capsys):
    path = tmp_path / "m.ir.json"
    path.write_text(MLP.replace('"relu"', '"rellu"'))
    fails(capsys, 1, "TL014", path)
    fails(capsys, 2, "absent.ir.json", tmp_path / "absent.ir.json")


def test_force_replaces_a_damaged_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("m.ir.json").write_text(
        '{"format": "torchlean.ir.v1", "input_id": 0, "output_id": 1, "nodes": ['
        '{"id": 0, "kind": "input", "parents": [], "shape": [1, 2]},'
        '{"id": 1, "kind": "linear", "parents": [0], "shape": [1, 3]}]}'
    )
    Path("m.params.safetensors").write_bytes(b"damaged")
    assert main(["init", "m.ir.json", "--force", "-q"]) == 0
    assert ParameterStore.load(Path("m.params.safetensors")).names == ["linear_1_W", "linear_1_b"]
