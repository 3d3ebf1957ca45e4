"""What an editor that draws trainings hears of them, and what it can do when one was stopped."""

from __future__ import annotations

import time

import pytest

from tests.server.test_questions import ASKS_BY_ITSELF, LINEAR, Asked, form_of, opened
from torchlean_core.params import ParameterStore
from torchlean_core.runs import MAX_ENTRIES
from torchlean_ls.training import Run

TRAINING = "torchlean/training"


@pytest.fixture
def asked():
    client = Asked()
    yield client
    client.close()


def heard(asked, number):
    """What is told of trainings until a request is answered, and the answer."""
    told = []
    while True:
        message = asked.read()
        if message.get("method") == TRAINING:
            told.append(message["params"])
        elif "method" not in message and message.get("id") == number:
            return told, message


def send(asked, number, command, path, **more):
    arguments = [{"uri": path.as_uri(), **more}]
    asked.send(
        "workspace/executeCommand", {"command": f"torchlean.{command}", "arguments": arguments}, number
    )


def test_a_training_is_told_from_begin_to_end_and_its_parameters_are_used(asked, tmp_path):
    path = opened(asked, tmp_path / "m.ir.json", LINEAR, "json", **ASKS_BY_ITSELF)
    send(asked, 60, "train", path, steps=40, val_split=0.2, device="cpu")
    told, answer = heard(asked, 60)
    begin, end = told[0], told[-1]
    assert (begin["kind"], end["kind"]) == ("begin", "end")
    assert {one["kind"] for one in told[1:-1]} <= {"points"}, "a short run leaves no checkpoint"
    assert len({one["run"] for one in told}) == 1 and {one["uri"] for one in told} == {path.as_uri()}
    assert (begin["name"], begin["running"], begin["steps"], begin["device"]) == (
        "m.ir.json",
        True,
        40,
        "cpu",
    )
    assert begin["previous"] == [] and begin["asked"]["val_split"] == 0.2
    points = end["points"]
    assert [one["step"] for one in points] == [1, *range(2, 41, 2)]
    assert {"step", "loss", "lr", "val_loss", "mae", "val_mae"} <= set(points[0]) and "message" not in points[
        0
    ]
    assert (end["how"], end["resume"], end["running"]) == ("done", None, False)
    assert end["trained"]["name"] == "m.trained.safetensors"
    assert answer["result"]["message"].startswith("trained 40 steps, loss ")

    asked.send(
        "workspace/executeCommand",
        {"command": "torchlean.training", "arguments": [{"uri": path.as_uri()}]},
        61,
    )
    _, state = heard(asked, 61)
    assert state["result"]["points"] == points and state["result"]["how"] == "done"

    trained = ParameterStore.load(tmp_path / "m.trained.safetensors").sha256
    send(asked, 62, "useParams", path)
    _, used = heard(asked, 62)
    assert used["result"]["message"] == "m.ir.json uses the parameters of m.trained.safetensors now"
    assert ParameterStore.load(tmp_path / "m.params.safetensors").sha256 == trained

    send(asked, 63, "train", path, steps=10)
    told, _ = heard(asked, 63)
    assert told[0]["previous"] == points, "the run before is there to compare with"


def test_a_stopped_run_is_told_as_one_that_can_go_on_also_in_another_session(asked, tmp_path):
    path = opened(asked, tmp_path / "m.ir.json", LINEAR, "json", **ASKS_BY_ITSELF)
    send(asked, 60, "train", path, steps=10_000_000, checkpoint_seconds=0.2, device="cpu", lr=0.01)
    told = []
    while not told or told[-1]["kind"] != "checkpoint":
        message = asked.read()
        assert message.get("id") != 60, message
        if message.get("method") == TRAINING:
            told.append(message["params"])
    assert told[-1]["checkpoint"]["name"] == "m.checkpoint.safetensors"
    asked.send(
        "workspace/executeCommand", {"command": "torchlean.stop", "arguments": [{"uri": path.as_uri()}]}, 61
    )
    told, answer = heard(asked, 60)
    assert "error" in answer
    end = told[-1]
    assert (end["how"], end["running"]) == ("stopped", False)
    assert end["resume"]["steps"] == 10_000_000 and end["resume"]["argument"] == {"resume": True}
    asked.close()

    other = Asked()
    try:
        other.initialize(**ASKS_BY_ITSELF)
        other.open(path.as_uri(), LINEAR)
        state = other.command("training", path)["result"]
        assert (state["how"], state["run"], state["running"]) == ("stopped", None, False)
        assert state["asked"]["lr"] == 0.01 and state["steps"] == 10_000_000
        assert state["points"] and state["resume"]["argument"] == {"resume": True}
        assert form_of(other, path)["resume"]["label"].startswith("Resume the run that stopped at step ")
        at = state["resume"]["step"]
        send(other, 70, "train", path, resume=True, steps=at + 5)
        told, answer = heard(other, 70)
        assert "result" in answer and told[-1]["how"] == "done"
        assert told[0]["previous"] == [] and told[-1]["points"][-1]["step"] == at + 5
        assert not (tmp_path / "m.checkpoint.safetensors").exists()
    finally:
        other.close()


def test_a_training_that_does_not_begin_opens_no_view(asked, tmp_path):
    path = opened(asked, tmp_path / "m.ir.json", LINEAR, "json", **ASKS_BY_ITSELF)
    send(asked, 60, "train", path, data="none.csv")
    told, answer = heard(asked, 60)
    assert told == [] and "error" in answer


# -- throttled -----------------------------------------------------------------------------------------------------


class Told:
    """A server that keeps what it would send."""

    shows_training = True

    def __init__(self):
        self.sent = []
        self.protocol = self

    def notify(self, method, params):
        assert method == TRAINING
        self.sent.append(params)


def test_many_points_are_gathered_and_thinned(tmp_path):
    path = tmp_path / "m.ir.json"
    path.write_text(LINEAR)
    server = Told()
    run = Run(server, path.as_uri(), path, {"artifact": str(path)})
    began = time.monotonic()
    for step in range(1, 20_001):
        run.event({"kind": "progress", "message": "…", "step": step, "loss": 1 / step, "steps": 20_000})
    seconds = time.monotonic() - began
    run.end("done", "done")
    kinds = [one["kind"] for one in server.sent]
    assert kinds[0] == "begin" and kinds[-1] == "end"
    assert len(kinds) <= 4 + seconds * 10
    assert all(len(one["points"]) <= 200 for one in server.sent[1:-1])
    assert len(server.sent[-1]["points"]) <= MAX_ENTRIES and server.sent[-1]["points"][-1]["step"] == 20_000
