"""Checkpoints: what is kept of an interrupted run, and going on with it exactly."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from tests.core.train.train_graphs import LOG_NODES, artifact, data_x, data_y
from torchlean_core.cli.main import main
from torchlean_core.errors import UsageError, UserError
from torchlean_core.params import ParameterStore, write_tensors
from torchlean_core.train.job import run

CHECKPOINT = "m.checkpoint.safetensors"


def train(**request):
    return run({"artifact": "m.ir.json", "device": "cpu", **request}, lambda event: None)


def train_until(step, **request):
    """A run that is interrupted right after the checkpoint of a step was written."""

    def interrupt(event):
        if event["kind"] == "checkpoint" and event["step"] == step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run({"artifact": "m.ir.json", "device": "cpu", **request}, interrupt)


def outcome():
    return [Path(f"m.{name}").read_bytes() for name in ("trained.safetensors", "metrics.jsonl", "loss.svg")]


RUNS = {
    "sgd": {"optimizer": "sgd", "momentum": 0.9, "weight_decay": 0.01},
    "adam": {"optimizer": "adam", "clip": 0.5},
    "adamw": {"optimizer": "adamw", "loss": "huber"},
    "cosine": {"schedule": "cosine"},
    "linear": {"schedule": "linear"},
    "exponential": {"schedule": "exponential"},
    "step": {"schedule": "step"},
    "onecycle": {"schedule": "onecycle"},
    "plateau": {"schedule": "plateau", "lr": 0.3},
    "warmup": {"warmup": 25},
    "warmup before cosine": {"schedule": "cosine", "warmup": 7},
    "warmup before linear": {"schedule": "linear", "warmup": 22},
    "warmup before plateau": {"schedule": "plateau", "warmup": 5, "lr": 0.3},
    "best": {"best": True, "lr": 0.3},
    "patience": {"patience": 4, "lr": 0.5, "best": True},
    "classes": {"loss": "cross_entropy", "class_axis": 1, "class_weights": "1,2,3", "label_smoothing": 0.1},
    "epochs": {"epochs": 6, "steps": None},
    "whole batches": {"batch_size": 256, "lr": 0.1},
}


@pytest.mark.parametrize("name", RUNS)
def test_a_resumed_run_ends_as_an_uninterrupted_one_bit_for_bit(folder, name):
    options = {"steps": 33, "seed": 5, "val_split": 0.2, "batch_size": 30, "log_every": 3, **RUNS[name]}
    options = {key: value for key, value in options.items() if value is not None}
    train(**options)
    expected = outcome()
    train_until(20, **options, checkpoint_every=10)
    train(**options, resume=True)
    assert outcome() == expected


def test_a_resumed_run_takes_its_options_from_the_checkpoint(folder, capsys):
    options = ["--optimizer", "sgd", "--lr", "0.2", "--batch-size", "7", "--seed", "9", "--steps", "12"]
    assert main(["train", "m.ir.json", *options]) == 0
    expected = outcome()
    train_until(8, optimizer="sgd", lr=0.2, batch_size=7, seed=9, steps=12, checkpoint_every=4)
    capsys.readouterr()
    assert main(["train", "m.ir.json", "--resume"]) == 0
    assert f"resuming {CHECKPOINT} at step 8 of 12" in capsys.readouterr().err
    assert outcome() == expected


def test_defaults_that_are_spelled_out_are_the_same(folder):
    train_until(2, steps=4, checkpoint_every=2, optimizer="sgd")
    assert train(resume=True, loss="mse", lr=0.01, momentum=0, weight_decay=0, batch_size=32)["steps"] == 4


def test_the_class_axis_that_the_targets_said_is_the_same_when_it_is_named(folder):
    np.savez("d.npz", x=data_x(), y=data_y().argmax(1))
    train_until(2, steps=4, checkpoint_every=2, data="d.npz", loss="cross_entropy")
    assert train(resume=True, class_axis=1)["steps"] == 4
    with pytest.raises(UsageError, match="was made with --class-axis 1, not 0"):
        train(resume=True, class_axis=0)


HABITS = {"data": "d.npz", "log_every": 3, "checkpoint_every": 4}


def test_a_resumed_run_goes_on_with_data_and_intervals(folder):
    np.savez("d.npz", x=data_x(), y=data_y())
    train(**HABITS, steps=15, batch_size=4)
    expected = outcome()
    Path(CHECKPOINT).unlink()
    train_until(4, **HABITS, steps=15, batch_size=4)
    steps = []
    run({"artifact": "m.ir.json", "resume": True}, lambda event: steps.append(event.get("step")))
    assert outcome() == expected
    assert {8, 12} <= set(steps)


def test_data_is_found_from_another_folder(folder, monkeypatch):
    np.savez("d.npz", x=data_x(), y=data_y())
    train_until(4, **HABITS, steps=6)
    (folder / "sub").mkdir()
    monkeypatch.chdir("sub")
    assert main(["train", "-q", "../m.ir.json", "--resume"]) == 0


def test_habits_may_be_changed(folder):
    np.savez("d.npz", x=data_x(), y=data_y())
    np.savez("copy.npz", x=data_x(), y=data_y())
    train_until(4, **HABITS, steps=8)
    Path("d.npz").unlink()
    train(resume=True, data="copy.npz", log_every=8)
    assert [json.loads(line)["step"] for line in Path("m.metrics.jsonl").read_text().splitlines()] == [1, 8]
    Path("copy.npz").unlink()
    with pytest.raises(UsageError, match=r"copy\.npz: No such file"):
        train(resume=True, steps=9)


def test_a_function_runs_only_when_it_is_named(folder, monkeypatch):
    (folder / "given.py").write_text(f"def make(): return {data_x().tolist()}, {data_y().tolist()}")
    train_until(4, data="given.py:make", steps=8, checkpoint_every=4)
    with pytest.raises(UsageError, match=r"came from a function; name it again: --data given\.py:make"):
        train(resume=True)
    assert train(resume=True, data="given.py:make")["steps"] == 8


def test_a_checkpoint_that_is_read_is_not_written_over(folder):
    train_until(4, steps=8, checkpoint_every=4)
    Path(CHECKPOINT).rename("c.safetensors")
    with pytest.raises(UsageError, match=r"c\.safetensors: the output is the input"):
        train(resume="c.safetensors", out="c.safetensors")
    assert train(resume="c.safetensors", out="d.safetensors")["steps"] == 8


def test_a_run_that_was_stopped_is_kept_when_another_one_begins(folder):
    train_until(4, steps=8, checkpoint_every=4)
    stopped = Path(CHECKPOINT).read_bytes()
    train(
        steps=2, checkpoint_seconds=1000.0
    )  # it writes no checkpoint, and there is none of its own to remove
    assert Path(CHECKPOINT).read_bytes() == stopped
    result = train(steps=2, checkpoint_every=1)
    kept = f"{CHECKPOINT}.orig"
    assert Path(kept).read_bytes() == stopped
    assert f"the run that was kept in {CHECKPOINT} is kept as {kept}" in result["notes"]
    train(steps=2, checkpoint_every=1)  # what is there now came to its end
    assert not Path(f"{CHECKPOINT}.orig2").exists()
    assert train(resume=kept)["steps"] == 8


def test_a_run_that_goes_on_writes_in_its_own_checkpoint(folder):
    train_until(4, steps=8, checkpoint_every=2)
    train(resume=True)
    assert not Path(f"{CHECKPOINT}.orig").exists()


def test_more_steps_go_on_from_the_end(folder):
    train(steps=30, log_every=5)
    expected = outcome()
    train(steps=20, checkpoint_every=100, log_every=5)
    train(steps=30, log_every=5, resume=CHECKPOINT)
    assert outcome() == expected


def test_resume_may_stand_before_the_artifact(folder):
    train_until(2, steps=4, checkpoint_every=2)
    assert main(["train", "-q", "--resume", "m.ir.json"]) == 0
    assert main(["train", "-q", "m.ir.json", "--steps", "6", "--resume", CHECKPOINT]) == 0


def test_a_checkpoint_is_safetensors_with_json(folder):
    train_until(6, steps=9, checkpoint_every=3)
    with safe_open(CHECKPOINT, framework="numpy") as file:
        names = set(file.keys())
        metadata = file.metadata()
    assert {"parameter/linear_1_W", "optimizer/linear_1_W.exp_avg", "optimizer/linear_1_W.step"} <= names
    assert metadata["format"] == "torchlean.checkpoint.v1"
    assert json.loads(metadata["progress"])["step"] == 6
    assert sorted(path.name for path in folder.iterdir()) == [CHECKPOINT, "m.ir.json", "m.metrics.jsonl"]


def interrupted(*argv, until, by=signal.SIGINT):
    """Run the command until a line of its stderr, send it a signal; returns (code, the rest of stderr)."""
    command = [sys.executable, "-m", "torchlean_core", "train", "m.ir.json", *argv]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, "NO_COLOR": "1"}
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(until):
            break
    process.send_signal(by)
    rest = process.stderr.read()
    return process.wait(timeout=60), rest


def test_an_interruption_keeps_the_last_checkpoint_and_whole_files(folder):
    options = ("--steps", "100000000", "--checkpoint-every", "50", "--log-every", "50")
    code, rest = interrupted(*options, until="step 150/")
    assert code == 130
    assert f"{CHECKPOINT} has the run at step " in rest
    assert rest.endswith("torchlean: interrupted\n")
    assert sorted(path.name for path in folder.iterdir()) == [CHECKPOINT, "m.ir.json", "m.metrics.jsonl"]
    steps = [json.loads(line)["step"] for line in Path("m.metrics.jsonl").read_text().splitlines()]
    assert steps[:4] == [1, 50, 100, 150]
    result = train(resume=True, steps=max(steps) + 50)
    assert result["steps"] == max(steps) + 50


def test_an_interruption_without_a_checkpoint_puts_older_metrics_back(folder):
    train(steps=3)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    code, _ = interrupted("--steps", "100000000", "--log-every", "1", until="step 5/")
    assert code == 130
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_termination_is_an_interruption(folder):
    train(steps=3)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    code, rest = interrupted("--steps", "100000000", "--log-every", "1", until="step 5/", by=signal.SIGTERM)
    assert code == 143
    assert rest.endswith("torchlean: terminated\n")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_termination_tells_what_is_left(folder):
    options = ("--steps", "100000000", "--checkpoint-every", "50", "--log-every", "50")
    code, rest = interrupted(*options, until="step 150/", by=signal.SIGTERM)
    assert code == 143
    assert f"{CHECKPOINT} has the run at step " in rest
    assert sorted(path.name for path in folder.iterdir()) == [CHECKPOINT, "m.ir.json", "m.metrics.jsonl"]


def test_divergence_keeps_the_last_good_checkpoint(folder):
    np.savez("d.npz", x=data_x(), y=data_y() * 1e6)
    options = {"data": "d.npz", "optimizer": "sgd", "lr": 30.0, "steps": 60, "batch_size": 16}
    with pytest.raises(UserError, match=r"step [0-9]+: the loss is"):
        train(**options, checkpoint_every=1)
    with safe_open(CHECKPOINT, framework="numpy") as file:
        assert all(np.isfinite(file.get_tensor(name)).all() for name in file.keys())  # noqa: SIM118


@pytest.mark.parametrize(
    ("request_", "error", "message"),
    [
        ({"lr": 0.5}, UsageError, "was made with --lr 0.001, not 0.5; a resumed run keeps it"),
        ({"clip": 1.0}, UsageError, "was made with --clip none, not 1.0"),
        ({"seed": 1}, UsageError, "was made with --seed 0, not 1"),
        ({"optimizer": "sgd"}, UsageError, "was made with --optimizer adam, not sgd"),
        ({"steps": 4}, UsageError, "is of step 4 of 4: nothing is left to do; --steps asks for more"),
        ({"steps": 9}, UsageError, "the schedule cosine was laid out for 8 steps, not for 9"),
        ({"data": "d.npz"}, UserError, "the run was on other data"),
        ({"params": "p.safetensors"}, UsageError, "--params has no meaning with --resume"),
        ({"resume": "absent"}, UsageError, "absent"),
        ({"resume": "m.ir.json"}, UserError, "m.ir.json: not a safetensors file"),
        ({"resume": "p.safetensors"}, UserError, "not a checkpoint .*; --params takes parameter files"),
        ({"artifact": "o.ir.json", "resume": CHECKPOINT}, UserError, "for another version of this artifact"),
    ],
)
def test_what_cannot_be_continued_is_refused(folder, request_, error, message):
    np.savez("d.npz", x=data_x(), y=data_y())
    (folder / "o.ir.json").write_text(artifact(*LOG_NODES))
    assert main(["init", "m.ir.json", "-o", "p.safetensors", "-q"]) == 0
    schedule = "constant" if request_.get("steps") == 4 else "cosine"
    train_until(4, steps=8, checkpoint_every=4, schedule=schedule)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(error, match=message):
        train(**{"resume": True, **request_})
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_damaged_checkpoint_is_refused(folder):
    train_until(4, steps=8, checkpoint_every=4)
    content = bytearray(Path(CHECKPOINT).read_bytes())
    content[-5] ^= 1
    Path(CHECKPOINT).write_bytes(content)
    with pytest.raises(UserError, match="the checkpoint is damaged"):
        train(resume=True)
    Path(CHECKPOINT).write_bytes(content[:-9])
    with pytest.raises(UserError, match="not a safetensors file"):
        train(resume=True)


def rewritten(change, **tensors):
    """The checkpoint with another account of its progress, and hashes that fit."""
    store = ParameterStore.load(Path(CHECKPOINT))
    progress = json.loads(store.metadata["progress"])
    text = change(progress) or json.dumps(progress)
    metadata = {**store.metadata, "progress": text}
    metadata["progress_sha256"] = hashlib.sha256(text.encode()).hexdigest()
    arrays = {name: np.array(store.numpy(name)) for name in store.names} | tensors
    write_tensors(Path(CHECKPOINT), {name: a for name, a in arrays.items() if a is not None}, metadata)


def set_(field, value, part=None):
    return lambda progress: (progress if part is None else progress[part]).update({field: value})


CHANGES = {
    "text": set_("step", "4"),
    "fraction": set_("step", 4.5),
    "negative": set_("step", -4),
    "endless": lambda progress: progress.update(step=10**30, steps=10**31),
    "behind": set_("step", 9),
    "options": set_("options", []),
    "no options": set_("options", {}),
    "output": set_("out", "m.ir.json", "options"),
    "rate": set_("lr", "x", "options"),
    "optimizer": set_("optimizer", "lion", "options"),
    "habit": set_("logdir", "elsewhere", "habits"),
    "data": set_("data", 3, "habits"),
    "metrics": set_("metrics", "x"),
    "no metrics": set_("metrics", []),
    "numbers": set_("metrics", [1]),
    "no loss": set_("metrics", [{"step": 1, "lr": 1.0}]),
    "loss": set_("metrics", [{"step": 1, "lr": 1.0, "loss": "a"}]),
    "nan": lambda progress: json.dumps(progress).replace('"loss": 1', '"loss": NaN, "l": 1'),
    "no schedule": set_("schedule", None),
    "schedule": set_("schedule", "x"),
    "empty": set_("schedule", {}),
    "rates": set_("_last_lr", [0.1, 0.2], "schedule"),
    "method": set_("step", "x", "schedule"),
    "processes": set_("processes", "2"),
    "list": lambda progress: "[1]",
    "deep": lambda progress: "[" * 100_000,
    "missing": lambda progress: progress.pop("data") and None,
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_checkpoint_that_makes_no_sense_is_refused(folder, capsys, name):
    train_until(4, steps=8, checkpoint_every=4, schedule="cosine")
    rewritten(CHANGES[name])
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert main(["train", "m.ir.json", "--resume"]) in (1, 2)
    message = capsys.readouterr().err
    assert "Traceback" not in message and "internal error" not in message
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_state_of_the_optimizer_with_holes_is_refused(folder):
    train_until(4, steps=8, checkpoint_every=4)
    rewritten(lambda progress: None, **{"optimizer/linear_1_b.exp_avg": None})
    with pytest.raises(UserError, match="the optimizer's state of linear_1_b is exp_avg_sq, step; adam"):
        train(resume=True)


def test_a_changed_digit_of_the_progress_is_damage(folder):
    train_until(4, steps=8, checkpoint_every=4)
    content = Path(CHECKPOINT).read_bytes()
    Path(CHECKPOINT).write_bytes(content.replace(b'{\\"step\\": 4,', b'{\\"step\\": 3,'))
    assert Path(CHECKPOINT).read_bytes() != content
    with pytest.raises(UserError, match="the checkpoint is damaged"):
        train(resume=True)
