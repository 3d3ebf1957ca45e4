"""`torchlean train` from end to end."""

import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tests.core.train.train_graphs import (
    CNN_NODES,
    LOG_NODES,
    MLP_NODES,
    artifact,
    data_x,
    data_y,
    linear,
)
from torchlean_core.artifact import parse_graph
from torchlean_core.cli.main import main
from torchlean_core.errors import UsageError
from torchlean_core.graph import lower
from torchlean_core.init import default_plan, materialize
from torchlean_core.params import ParameterStore
from torchlean_core.train.job import run


@pytest.fixture
def folder(folder):
    (folder / "cnn.ir.json").write_text(artifact(*CNN_NODES))
    (folder / "log.ir.json").write_text(artifact(*LOG_NODES))
    return folder


def train(**request):
    return run({"artifact": "m.ir.json", "device": "cpu", **request}, lambda event: None)


def metrics(name="m"):
    return [json.loads(line) for line in Path(f"{name}.metrics.jsonl").read_text().splitlines()]


def fails(capsys, code, message, *argv):
    assert main(["train", *argv]) == code
    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err


@pytest.mark.parametrize("name", ["m", "cnn"])
@pytest.mark.parametrize("loss", ["mse", "l1", "huber", "cross_entropy", "bce_with_logits"])
def test_loss_goes_down_on_synthetic_data(folder, name, loss):
    result = train(artifact=f"{name}.ir.json", loss=loss, steps=60, lr=0.02, batch_size=64, log_every=1)
    losses = [entry["loss"] for entry in metrics(name)]
    assert len(losses) == 60
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])
    assert (result["first_loss"], result["last_loss"]) == (losses[0], losses[-1])


def test_files_beside_the_artifact(folder, capsys):
    assert main(["train", "m.ir.json", "--steps", "5"]) == 0
    captured = capsys.readouterr()
    assert "trained 4 tensors (67 scalars) on" in captured.out
    assert "no parameter file; starting from the default plan, seed 0" in captured.err
    assert "step 5/5 · loss" in captured.err
    store = ParameterStore.load(folder / "m.trained.safetensors")
    assert store.validate(lower(parse_graph(artifact(*MLP_NODES)))) == []
    assert store.metadata["source"].startswith("trained, 5 steps of adam, lr 0.001")
    assert [entry["step"] for entry in metrics()] == [1, 2, 3, 4, 5]
    assert not (folder / "m.params.safetensors").exists()


def test_quiet_prints_the_result_only(folder, capsys):
    assert main(["train", "m.ir.json", "--steps", "2", "-q"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert len(captured.out.splitlines()) == 1


def test_equal_seeds_give_equal_files(folder):
    contents = []
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        train(steps=10, seed=seed, out=f"{name}.safetensors", val_split=0.25)
        contents.append((folder / f"{name}.safetensors").read_bytes())
    # The source text names the seed, so compare values.
    values = [ParameterStore.load(folder / f"{name}.safetensors").sha256 for name in "abc"]
    assert contents[0] == contents[1]
    assert values[0] == values[1] != values[2]
    assert metrics("a") == metrics("b")


def hand_written(optimizer, steps, clip=None, schedule=None, **options):
    """The same run as a loop over plain tensors."""
    program = lower(parse_graph(artifact(*MLP_NODES)))
    w1, b1, w2, b2 = (t.requires_grad_() for t in materialize(program, default_plan(program, 0)).values())
    leaves = [w1, b1, w2, b2]
    x, y = torch.from_numpy(data_x()), torch.from_numpy(data_y())
    optimizer = optimizer(leaves, **options)
    scheduler = schedule(optimizer) if schedule else None
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.mse_loss(F.linear(torch.relu(F.linear(x, w1, b1)), w2, b2), y)
        loss.backward()
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(leaves, clip)
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
    return dict(zip(["linear_1_W", "linear_1_b", "linear_3_W", "linear_3_b"], leaves, strict=True))


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"optimizer": "sgd", "lr": 0.1}, lambda: hand_written(torch.optim.SGD, 8, lr=0.1)),
        (
            {"optimizer": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 0.1},
            lambda: hand_written(torch.optim.SGD, 8, lr=0.1, momentum=0.9, weight_decay=0.1),
        ),
        ({"optimizer": "adam", "lr": 0.1}, lambda: hand_written(torch.optim.Adam, 8, lr=0.1)),
        (
            {"optimizer": "adamw", "weight_decay": 0.3},
            lambda: hand_written(torch.optim.AdamW, 8, lr=0.001, weight_decay=0.3),
        ),
        ({"optimizer": "sgd", "clip": 0.05}, lambda: hand_written(torch.optim.SGD, 8, clip=0.05, lr=0.01)),
        (
            {"optimizer": "sgd", "lr": 0.1, "schedule": "linear"},
            lambda: hand_written(
                torch.optim.SGD,
                8,
                schedule=lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda step: 1 - step / 8),
                lr=0.1,
            ),
        ),
        (
            {"optimizer": "sgd", "lr": 0.1, "schedule": "cosine"},
            lambda: hand_written(
                torch.optim.SGD,
                8,
                schedule=lambda o: torch.optim.lr_scheduler.LambdaLR(
                    o, lambda step: (1 + math.cos(math.pi * step / 8)) / 2
                ),
                lr=0.1,
            ),
        ),
    ],
)
def test_training_is_what_a_hand_written_loop_does(folder, request_, expected):
    np.savez("d.npz", x=data_x(), y=data_y())
    train(data="d.npz", steps=8, batch_size=16, **request_)
    store = ParameterStore.load(folder / "m.trained.safetensors")
    for name, tensor in expected().items():
        torch.testing.assert_close(torch.from_numpy(np.array(store.numpy(name))), tensor.detach())


def test_starts_from_the_parameter_file(folder):
    assert main(["init", "m.ir.json", "--seed", "9", "-q"]) == 0
    result = train(steps=1, lr=1e-30, optimizer="sgd")
    assert result["notes"][0] == "starting from m.params.safetensors"
    started, ended = (
        ParameterStore.load(folder / f"m.{which}.safetensors") for which in ("params", "trained")
    )
    for name in started.names:
        np.testing.assert_allclose(ended.numpy(name), started.numpy(name), rtol=0, atol=1e-20)


def test_structural_zeros_stay_zero(folder):
    assert train(artifact="cnn.ir.json", steps=20, lr=0.1, weight_decay=0.1)["steps"] == 20
    kernel = ParameterStore.load(folder / "cnn.trained.safetensors").numpy("conv2d_1_kernel")
    same_group = np.arange(4)[:, None] // 2 == np.arange(4)[None, :] // 2
    taps = np.array([True, False, True])
    allowed = same_group[:, :, None, None] & taps[:, None] & taps
    assert np.array_equal(kernel != 0, allowed)


def test_what_is_not_trainable_stays(folder):
    norm = {"kind": "batch_norm2d_nchw_eval", "parents": [0], "shape": [1, 2, 2, 2], "channels": 2}
    const = {"kind": "const", "shape": [1, 2, 2, 2]}
    add = {"kind": "add", "shape": [1, 2, 2, 2]}
    nodes = [
        {"kind": "input", "shape": [1, 2, 2, 2]},
        norm,
        {**const, "trainable": False},
        const,
        {**add, "parents": [1, 2]},
        {**add, "parents": [4, 3]},
    ]
    (folder / "b.ir.json").write_text(artifact(*nodes))
    assert main(["init", "b.ir.json", "-q"]) == 0
    train(artifact="b.ir.json", steps=5, lr=0.1)
    before, after = (
        ParameterStore.load(folder / f"b.{which}.safetensors") for which in ("params", "trained")
    )
    changed = {name for name in before.names if not np.array_equal(before.numpy(name), after.numpy(name))}
    assert changed == {"batchnorm_1_gamma", "batchnorm_1_beta", "const_3"}


def test_own_loss(folder, capsys):
    nodes = [
        {"kind": "input", "shape": [4]},
        linear(0, 4),
        {"kind": "mse_loss", "parents": [1, 0], "shape": []},
    ]
    (folder / "own.ir.json").write_text(artifact(*nodes))
    result = train(artifact="own.ir.json", steps=80, lr=0.05)
    assert result["last_loss"] < 0.3 * result["first_loss"]
    fails(capsys, 2, "--loss has no meaning here", "own.ir.json", "--loss", "l1")


def test_epochs_and_validation(folder):
    np.savez("d.npz", x=data_x(), y=data_y())
    result = train(data="d.npz", epochs=3, batch_size=5, val_split=0.25)
    assert result["steps"] == 3 * 3
    assert all(math.isfinite(entry["val_loss"]) for entry in metrics())


def test_loss_that_is_not_finite_names_step_and_node_and_writes_nothing(folder, capsys):
    np.savez("d.npz", x=np.array([[1.0, 0.0]]), y=np.array([[1.0]]))
    before = sorted(folder.iterdir())
    fails(
        capsys,
        1,
        "step 1: the loss is inf; the first node that gives inf is node 2 (log)",
        *("log.ir.json", "--data", "d.npz"),
    )
    assert sorted(folder.iterdir()) == before


def test_divergence_names_the_step(folder, capsys):
    fails(capsys, 1, "step 2: the loss is", "m.ir.json", "--optimizer", "sgd", "--lr", "1e25", "--steps", "9")
    np.savez("d.npz", x=data_x() * 1000, y=data_y())
    last = ["--optimizer", "sgd", "--lr", "1e38", "--steps", "1", "--data", "d.npz"]
    fails(capsys, 1, "step 1 made linear_1_W not finite; try a smaller --lr", "m.ir.json", *last)
    assert not (folder / "m.trained.safetensors").exists()


def test_mask_of_minus_infinity_is_not_blamed(folder, capsys):
    nodes = [
        {"kind": "input", "shape": [2]},
        {"kind": "const", "shape": [2], "trainable": False},
        {"kind": "min_elem", "parents": [0, 1], "shape": [2]},
        {"kind": "exp", "parents": [2], "shape": [2]},
        linear(3, 2),
        {"kind": "log", "parents": [4], "shape": [2]},
    ]
    (folder / "k.ir.json").write_text(artifact(*nodes))
    from torchlean_core.artifact import artifact_hash
    from torchlean_core.params import write_store

    values = {
        "const_1": np.array([0.0, -np.inf], dtype=np.float32),
        "linear_4_W": -np.ones((2, 2), np.float32),
    }
    values["linear_4_b"] = np.zeros(2, np.float32)
    graph = parse_graph(artifact(*nodes))
    write_store(folder / "k.params.safetensors", values, artifact_hash(graph), "test")
    np.savez("d.npz", x=np.ones((1, 2)), y=np.ones((1, 2)))
    fails(capsys, 1, "the first node that gives nan is node 5 (log)", "k.ir.json", "--data", "d.npz")


def test_what_was_trained_is_kept_where_its_picture_cannot_be_written(folder, capsys, monkeypatch):
    def full(path, entries, title):
        raise UsageError(f"{path}: No space left on device")

    monkeypatch.setattr("torchlean_core.train.job.write_curve", full)
    fails(capsys, 2, "m.loss.svg: No space left on device", "m.ir.json", "--steps", "2")
    assert (folder / "m.trained.safetensors").exists()
    assert len(metrics()) == 2


def test_without_room_for_the_parameters_nothing_is_left(folder, capsys, monkeypatch):
    def full(*arguments):
        raise UsageError("m.trained.safetensors: No space left on device")

    before = sorted(folder.iterdir())
    monkeypatch.setattr("torchlean_core.train.job.save_tensors", full)
    fails(capsys, 2, "m.trained.safetensors: No space left on device", "m.ir.json", "--steps", "2")
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--steps", "0"], "--steps must be greater than 0, found 0"),
        (["--epochs", "-1"], "--epochs must be greater than 0"),
        (["--batch-size", "0"], "--batch-size must be greater than 0"),
        (["--lr", "nan"], "--lr must be greater than 0, found nan"),
        (["--lr", "inf"], "--lr must be at most 3.4e+38, found inf"),
        (["--clip", "0"], "--clip must be greater than 0"),
        (["--log-every", "0"], "--log-every must be greater than 0"),
        (["--weight-decay", "-1"], "--weight-decay must be 0 or greater"),
        (["--momentum", "0.9"], "--momentum belongs to --optimizer sgd, not to adam"),
        (["--val-split", "1"], "--val-split must be at least 0 and less than 1"),
        (["--seed", "-3"], "--seed must be an unsigned 64-bit integer"),
        (["--device", "tpu"], "unknown device"),
        (["--data", "absent.npz"], "absent.npz"),
        (["--params", "absent.safetensors"], "absent.safetensors"),
        (["-o", "no/folder/out"], "there is no folder"),
        (["-o", "out.json"], "out.json: parameter files are safetensors"),
    ],
)
def test_usage_errors(folder, capsys, argv, message):
    before = sorted(folder.iterdir())
    fails(capsys, 2, message, "m.ir.json", *argv)
    assert sorted(folder.iterdir()) == before


def test_steps_and_epochs_exclude_each_other(folder, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["train", "m.ir.json", "--steps", "1", "--epochs", "1"])
    assert caught.value.code == 2
    assert "not allowed with" in capsys.readouterr().err


def test_nothing_to_train(folder, capsys):
    (folder / "r.ir.json").write_text(
        artifact(MLP_NODES[0], {"kind": "relu", "parents": [0], "shape": [1, 4]})
    )
    fails(capsys, 1, "nothing to train", "r.ir.json")


def test_parameters_of_another_artifact(folder, capsys):
    assert main(["init", "cnn.ir.json", "-q"]) == 0
    fails(capsys, 1, "TL501 node 1 (linear): linear_1_W", "m.ir.json", "--params", "cnn.params.safetensors")


def test_job_takes_and_gives_json(folder):
    events = []
    result = run({"artifact": "m.ir.json", "steps": 40, "device": "cpu"}, events.append)
    json.dumps([result, events])
    progress = [event for event in events if event["kind"] == "progress"]
    assert progress[-1]["percentage"] == 100
    assert progress[-1]["message"].startswith("step 40/40 · loss ")
    assert progress[-1]["loss"] == result["last_loss"]


def test_interrupt_leaves_nothing_half_written(folder):
    command = [sys.executable, "-m", "torchlean_core", "train", "m.ir.json", "--steps", "100000000"]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, "NO_COLOR": "1"}
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("step 1/"):
            break
    process.send_signal(signal.SIGINT)
    rest = process.stderr.read()
    assert process.wait(timeout=60) == 130
    assert rest.endswith("torchlean: interrupted\n")
    assert sorted(path.name for path in folder.iterdir()) == ["cnn.ir.json", "log.ir.json", "m.ir.json"]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_gpu_trains_as_the_cpu_does(folder):
    on_cpu = train(steps=30, lr=0.02)
    on_gpu = train(steps=30, lr=0.02, device="cuda", out="gpu.safetensors")
    assert on_gpu["device"].startswith("cuda")
    assert on_gpu["last_loss"] == pytest.approx(on_cpu["last_loss"], rel=1e-3)
