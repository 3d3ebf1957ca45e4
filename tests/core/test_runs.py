"""What a training left, read without torch; and checkpoints by time."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.core.train.train_graphs import MLP_NODES, artifact
from torchlean_core.runs import MAX_ENTRIES, kept_run, paths_of, read_metrics, thinned
from torchlean_core.train.job import run


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.ir.json").write_text(artifact(*MLP_NODES))
    return tmp_path


def train(listen=lambda event: None, **request):
    return run({"artifact": "m.ir.json", "device": "cpu", **request}, listen)


def interrupted(event):
    if event.get("kind") == "checkpoint" and event["step"] == 20:
        raise KeyboardInterrupt


def interrupted_at_once(event):
    if event.get("kind") == "checkpoint":
        raise KeyboardInterrupt


def test_an_interrupted_run_is_found_and_one_that_ended_is_not(folder):
    path = folder / "m.ir.json"
    checkpoint = paths_of(path).checkpoint
    assert kept_run(path, checkpoint) is None
    with pytest.raises(KeyboardInterrupt):
        train(interrupted, steps=40, checkpoint_every=10, lr=0.25)
    kept = kept_run(path, checkpoint)
    assert kept is not None and (kept.step, kept.steps) == (20, 40)
    assert kept.options["lr"] == 0.25 and kept.options["optimizer"] == "adam"
    assert "clip" not in kept.options
    assert [entry["step"] for entry in read_metrics(paths_of(path).metrics)] == [1, *range(2, 21, 2)]
    path.write_text(path.read_text().replace("relu", "tanh"))
    assert kept_run(path, checkpoint) is None, "the artifact is another one"
    path.write_text(path.read_text().replace("tanh", "relu"))
    train(resume=True)
    assert kept_run(path, checkpoint) is None, "nothing is left to do"


def test_what_is_no_checkpoint_is_none(folder):
    path = folder / "m.ir.json"
    train(steps=3)
    assert kept_run(path, paths_of(path).params) is None
    (folder / "m.checkpoint.safetensors").write_bytes(b"x")
    assert kept_run(path, paths_of(path).checkpoint) is None


def test_metrics_are_read_as_far_as_they_are_ones(folder):
    lines = [{"step": 1, "loss": 2.0, "lr": 0.1}, {"step": "2", "loss": 1.0}, {"loss": 1.0}, 7]
    (folder / "a.jsonl").write_text("\n".join([*map(json.dumps, lines), '{"step": 3, "lo']))
    assert read_metrics(folder / "a.jsonl") == [lines[0]]
    assert read_metrics(folder / "none.jsonl") == []


def test_many_entries_are_spread_evenly_and_the_last_is_among_them():
    found = thinned(list(range(10_000)), MAX_ENTRIES)
    assert len(found) == MAX_ENTRIES and found[-1] == 9_999 and found[:2] == [4, 9]
    assert thinned([1, 2], 2) == [1, 2]


def test_a_run_keeps_itself_by_time_and_a_short_one_leaves_nothing(folder):
    kept = []

    def listen(event):
        if event.get("kind") == "checkpoint":
            kept.append(event["step"])

    train(listen, steps=20, checkpoint_seconds=3600.0)
    assert kept == [] and not (folder / "m.checkpoint.safetensors").exists()
    train(listen, steps=20, checkpoint_seconds=1e-9)
    assert kept[0] == 1 and kept[-1] < 20 and not (folder / "m.checkpoint.safetensors").exists()


def test_a_run_by_time_that_is_interrupted_goes_on_by_time(folder):
    with pytest.raises(KeyboardInterrupt):
        train(interrupted_at_once, steps=40, checkpoint_seconds=1e-9)
    path = folder / "m.ir.json"
    kept = kept_run(path, paths_of(path).checkpoint)
    assert kept is not None and kept.step == 1
    assert train(resume=True, checkpoint_seconds=1e-9)["steps"] == 40
    assert not kept.path.exists()


def test_none_of_it_needs_torch():
    code = "import sys, torchlean_core.runs, torchlean_core.options.choices; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=Path.cwd(), check=True
    )
    assert done.stdout.strip() == "False"
