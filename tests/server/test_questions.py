"""What is asked before a capture or a training, and that nothing is left where nobody answers."""

from __future__ import annotations

import json

import pytest

from tests.server.conftest import artifact
from tests.server.test_confirm import Asked

MODELS = '''import torch
from torch import nn


class Plain(nn.Module):
    """Adds one."""

    def forward(self, x):
        return x + 1


# torchlean: example-shape=2,4
class Known(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 3)

    def forward(self, x):
        return self.fc(x)


class Guessed(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(5, 3)

    def forward(self, x):
        return self.fc(x)


class Needy(nn.Module):
    def __init__(self, width):
        super().__init__()
'''
ASKS_BY_ITSELF = {"initializationOptions": {"confirms": True, "forms": True, "training": True}}
LINEAR = artifact(
    {"id": 0, "kind": "input", "parents": [], "shape": [1, 4]},
    {"id": 1, "kind": "linear", "parents": [0], "shape": [1, 3]},
)


@pytest.fixture
def asked():
    client = Asked()
    yield client
    client.close()


def opened(asked, path, text, language="python", **how):
    path.write_text(text)
    asked.initialize(**how)
    asked.open(path.as_uri(), text, language)
    return path


def test_the_models_of_a_file_are_told_with_their_shapes(asked, tmp_path):
    path = opened(asked, tmp_path / "m.py", MODELS)
    found = asked.command("models", path)["result"]["models"]
    assert [one["name"] for one in found] == ["Plain", "Known", "Guessed", "Needy"]
    plain, known, guessed, needy = found
    assert (plain["shape"], plain["guess"], plain["doc"], plain["line"]) == (None, None, "Adds one.", 4)
    assert (known["shape"], known["guess"], known["state"]) == ([2, 4], None, "no artifact")
    assert guessed["guess"] == {"shape": [1, 5], "why": "nn.Linear(5, 3) in line 25"}
    assert "takes width to be made" in needy["needs"] and known["needs"] is None


def test_a_capture_asks_which_model_and_leaves_nothing_without_an_answer(asked, tmp_path):
    path = opened(asked, tmp_path / "m.py", MODELS, **ASKS_BY_ITSELF)
    error = asked.command("capture", path, ask=True)["error"]
    choices = error["data"]["choices"]
    assert choices["question"] == "Which model of m.py?" and choices["argument"] == "name"
    assert [(one["value"], one["detail"]) for one in choices["choices"]] == [
        ("Plain", "shape not given · no artifact"),
        ("Known", "(2,4) · no artifact"),
        ("Guessed", "shape not given, perhaps (1,5) · no artifact"),
    ]
    assert choices["choices"][1]["line"] == 12
    asks = asked.command("capture", path, ask=True, name="Guessed")["error"]["data"]["input"]
    assert asks["value"] == "1,5"
    assert asks["write"] == {
        "command": "torchlean.writeShape",
        "argument": {"uri": path.as_uri(), "name": "Guessed"},
    }
    assert [one.name for one in tmp_path.iterdir()] == ["m.py"]


def test_one_model_with_a_known_shape_is_captured_at_once(asked, tmp_path):
    only = (
        MODELS[: MODELS.index("class Plain")]
        + MODELS[MODELS.index("# torch") : MODELS.index("class Guessed")]
    )
    path = opened(asked, tmp_path / "m.py", only, **ASKS_BY_ITSELF)
    result = asked.command("capture", path, ask=True)["result"]
    assert (tmp_path / "known.ir.json").exists() and result["uri"].endswith("known.ir.json")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\n", "m.py has no model: a class below torch.nn.Module, at the top of the file"),
        (
            MODELS[: MODELS.index("class Plain")] + MODELS[MODELS.index("class Needy") :],
            "Needy takes width to be made",
        ),
    ],
)
def test_where_there_is_none_to_choose_it_is_said_why(asked, tmp_path, text, said):
    path = opened(asked, tmp_path / "m.py", text, **ASKS_BY_ITSELF)
    assert said in asked.command("capture", path, ask=True)["error"]["message"]


def test_a_client_that_shows_messages_is_asked_there(asked, tmp_path):
    path = opened(asked, tmp_path / "m.py", MODELS, capabilities={"window": {"showMessage": {}}})
    asked.choose = 1
    asked.command("capture", path, ask=True)
    assert [one["message"] for one in asked.questions] == ["Which model of m.py?"]
    assert [one["title"] for one in asked.questions[0]["actions"]] == ["Plain", "Known", "Guessed"]
    assert (tmp_path / "known.ir.json").exists()


@pytest.mark.parametrize(
    ("name", "place", "text"),
    [
        ("Plain", (4, 0), "# torchlean: example-shape=7,4\n"),
        ("Known", (11, 27), "7,4"),
    ],
)
def test_a_shape_is_written_by_an_edit_of_the_editor(asked, tmp_path, name, place, text):
    path = opened(asked, tmp_path / "m.py", MODELS)
    argument = {"uri": path.as_uri(), "name": name, "exampleShape": "7, 4"}
    asked.send("workspace/executeCommand", {"command": "torchlean.writeShape", "arguments": [argument]}, 50)
    while (message := asked.read()).get("method") != "workspace/applyEdit":
        assert message.get("id") != 50, message
    [edit] = message["params"]["edit"]["changes"][path.as_uri()]
    assert edit["newText"] == text
    assert (edit["range"]["start"]["line"], edit["range"]["start"]["character"]) == place
    asked.send_bytes(
        json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": {"applied": False}}).encode()
    )
    assert "did not write the shape" in asked.answer(50)["error"]["message"]
    assert path.read_text() == MODELS, "the file is the editor's"


def test_a_shape_that_is_none_is_not_written(asked, tmp_path):
    path = opened(asked, tmp_path / "m.py", MODELS)
    assert "error" in asked.command("writeShape", path, name="Plain", exampleShape="1,x")
    assert (
        "has no model Other"
        in asked.command("writeShape", path, name="Other", exampleShape="1")["error"]["message"]
    )


# -- training ------------------------------------------------------------------------------------------------------


def form_of(asked, path, **more):
    return asked.command("train", path, ask=True, **more)["error"]["data"]["form"]


def test_a_training_asks_for_data_loss_amount_rate_and_device(asked, tmp_path):
    (tmp_path / "s.npz").write_bytes(b"")
    (tmp_path / "m.params.safetensors").write_bytes(b"")
    path = opened(asked, tmp_path / "m.ir.json", LINEAR, "json", **ASKS_BY_ITSELF)
    form = form_of(asked, path)
    fields = {field["label"]: field for field in form["fields"]}
    assert list(fields) == ["Data", "Loss", "Amount", "Learning rate", "Validation", "Device"]
    assert form["resume"] is None and form["title"] == "Train m.ir.json"
    synthetic, near, file = fields["Data"]["choices"]
    assert synthetic["answer"] == {} and "trains nothing of use" in synthetic["detail"]
    assert near["answer"] == {"data": "s.npz"} and file["ask"]["endings"] == ["npz", "safetensors", "csv"]
    losses = [one["answer"]["loss"] for one in fields["Loss"]["choices"]]
    assert losses == ["mse", "l1", "huber", "cross_entropy", "bce_with_logits"]
    assert fields["Amount"]["names"] == ["steps", "epochs"]
    assert {"auto", "cpu"} <= {one["label"] for one in fields["Device"]["choices"]}
    assert {one.name for one in tmp_path.iterdir()} == {"s.npz", "m.params.safetensors", "m.ir.json"}
    assert "Loss" not in {one["label"] for one in form_of(asked, path, loss="l1")["fields"]}, "it was said"


@pytest.mark.parametrize(
    ("nodes", "losses"),
    [
        (
            [{"id": 1, "kind": "linear", "parents": [0], "shape": [1, 1]}],
            ["mse", "l1", "huber", "bce_with_logits"],
        ),
        ([{"id": 1, "kind": "mse_loss", "parents": [0, 0], "shape": []}], None),
    ],
)
def test_only_losses_that_apply_are_offered(asked, tmp_path, nodes, losses):
    text = artifact({"id": 0, "kind": "input", "parents": [], "shape": [1, 4]}, *nodes)
    path = opened(asked, tmp_path / "m.ir.json", text, "json", **ASKS_BY_ITSELF)
    found = [field for field in form_of(asked, path)["fields"] if field["label"] == "Loss"]
    assert [[one["answer"]["loss"] for one in field["choices"]] for field in found] == (
        [losses] if losses else []
    )


def test_an_artifact_with_errors_is_not_asked_about(asked, tmp_path):
    text = LINEAR.replace('"kind": "linear"', '"kind": "linaer"')
    path = opened(asked, tmp_path / "m.ir.json", text, "json", **ASKS_BY_ITSELF)
    error = asked.command("train", path, ask=True)["error"]
    assert error["data"]["problems"] is True and "form" not in error["data"]
    assert error["message"].startswith("m.ir.json has an error; line ")


def test_what_was_answered_is_validated(asked, tmp_path):
    path = opened(asked, tmp_path / "m.ir.json", LINEAR, "json", **ASKS_BY_ITSELF)
    for wrong, said in (
        ({"lr": -1.0}, "learning rate must be greater than 0, found -1.0"),
        ({"steps": 1.5}, "steps must be a whole number"),
        ({"data": "none.npz"}, "none.npz"),
        ({"loss": "best"}, "unknown loss 'best'"),
        ({"steps": 1, "epochs": 1}, "steps and epochs exclude each other"),
        ({"resume": True}, "m.checkpoint.safetensors"),
    ):
        message = asked.command("train", path, **wrong)["error"]["message"]
        assert said in message and "--" not in message and str(tmp_path) not in message, message


def test_a_client_that_does_not_ask_trains_with_the_defaults(asked, tmp_path):
    path = opened(asked, tmp_path / "m.ir.json", LINEAR, "json")
    result = asked.command("train", path, ask=True)["result"]
    assert result["message"].startswith("trained 200 steps, loss ") and "scalars" in result["detail"]
