"""Whoever made something is asked before it is replaced; nobody is asked about what a command wrote itself."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.core.jobs.bare import bare_interpreter
from tests.server.raw import Raw

EXAMPLE = Path(__file__).parents[2] / "examples" / "tiny_mlp.py"
ASKS = {"window": {"showMessage": {"messageActionItem": {}}}}
QUESTION = "This would replace weights captured from TinyMLP (tiny_mlp.params.safetensors)."
EDITED = "This would replace an artifact that was edited by hand since it was captured (tiny_mlp.ir.json)."


class Asked(Raw):
    """A client that answers questions with a button's title, or None for none."""

    def __init__(self) -> None:
        super().__init__()
        self.questions: list[dict] = []
        self.choose = None
        self._numbers = iter(range(100, 10_000))

    def command(self, name: str, path: Path, /, **more) -> dict:
        """The whole answer to a command."""
        number = next(self._numbers)
        arguments = [{"uri": path.as_uri(), **more}]
        self.send(
            "workspace/executeCommand", {"command": f"torchlean.{name}", "arguments": arguments}, number
        )
        while True:
            message = self.read()
            if message.get("method") == "window/showMessageRequest":
                self.questions.append(message["params"])
                titles = [item["title"] for item in message["params"]["actions"]]
                result = None if self.choose is None else {"title": titles[self.choose]}
                reply = {"jsonrpc": "2.0", "id": message["id"], "result": result}
                self.send_bytes(json.dumps(reply).encode())
            elif "method" not in message and message.get("id") == number:
                return message

    def title_of(self, path: Path, lens: str) -> dict:
        """The command of a lens over an artifact that is opened anew."""
        self.open(path.as_uri(), path.read_text())
        lenses = self.ask(
            "textDocument/codeLens", {"textDocument": {"uri": path.as_uri()}}, next(self._numbers)
        )
        [found] = [one for one in lenses if one["data"]["lens"] == lens]
        resolved = self.ask("codeLens/resolve", found, next(self._numbers))["command"]
        self.send("textDocument/didClose", {"textDocument": {"uri": path.as_uri()}})
        return resolved


@pytest.fixture
def asked():
    client = Asked()
    yield client
    client.close()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The README's example, captured by the server beside its model."""
    folder = tmp_path_factory.mktemp("made")
    shutil.copy(EXAMPLE, folder)
    client = Asked()
    client.initialize()
    answer = client.command("capture", folder / "tiny_mlp.py", name="TinyMLP", exampleShape="1,4")
    client.close()
    assert answer["result"]["kept"] == []
    return folder


@pytest.fixture
def folder(made, tmp_path):
    shutil.copytree(made, tmp_path / "w")
    return tmp_path / "w"


def test_the_lens_over_captured_weights_asks_and_keeps_them(asked, folder):
    artifact, params = folder / "tiny_mlp.ir.json", folder / "tiny_mlp.params.safetensors"
    captured = params.read_bytes()
    asked.initialize(capabilities=ASKS)
    lens = asked.title_of(artifact, "init")
    assert lens["title"] == "Initialize again" and lens["arguments"] == [{"uri": artifact.as_uri()}]
    error = asked.command("init", artifact)["error"]  # nothing was chosen
    assert error["code"] == -32802 and params.read_bytes() == captured
    asked.choose = 1
    assert "error" in asked.command("init", artifact)
    asked.choose = 0
    assert asked.command("init", artifact)["result"]["kept"].endswith("tiny_mlp.params.safetensors.orig")
    [first, *_] = asked.questions
    assert first["message"] == QUESTION
    titles = [item["title"] for item in first["actions"]]
    assert titles == ["Replace (keeps tiny_mlp.params.safetensors.orig)", "Keep"]
    assert len(asked.questions) == 3
    assert (folder / "tiny_mlp.params.safetensors.orig").read_bytes() == captured
    assert "result" in asked.command("init", artifact, seed=5)  # over its own output: nothing to ask
    assert len(asked.questions) == 3


def test_capturing_again_asks_only_where_something_was_edited(asked, folder):
    model, artifact = folder / "tiny_mlp.py", folder / "tiny_mlp.ir.json"
    again = {"name": "TinyMLP", "exampleShape": "1,4"}
    asked.initialize(capabilities=ASKS)
    asked.choose = 0
    assert asked.command("capture", model, **again)["result"]["kept"] == []
    assert asked.questions == []
    edited = artifact.read_text().replace('"relu"', '"tanh"')
    artifact.write_text(edited)
    result = asked.command("capture", model, **again)["result"]
    assert [question["message"] for question in asked.questions] == [EDITED]
    assert (folder / "tiny_mlp.ir.json.orig").read_text() == edited
    assert "kept as tiny_mlp.ir.json.orig" in result["message"]


@pytest.mark.parametrize("how", [{}, {"capabilities": ASKS, "initializationOptions": {"confirms": True}}])
def test_who_asks_by_itself_gets_an_error_with_the_question(asked, folder, how):
    artifact = folder / "tiny_mlp.ir.json"
    asked.initialize(**how)
    error = asked.command("init", artifact)["error"]
    confirm = error["data"]["confirm"]
    assert (error["message"], confirm["question"]) == (QUESTION, QUESTION)
    assert confirm["what"] == ["tiny_mlp.params.safetensors: weights captured from TinyMLP"]
    assert "--force" not in json.dumps(error)
    assert "result" in asked.command("init", artifact, **confirm["argument"])
    assert asked.questions == []


def test_an_edited_module_a_foreign_file_and_trained_parameters_are_asked_about(asked, folder):
    artifact = folder / "tiny_mlp.ir.json"
    asked.initialize()
    module = Path(asked.command("emit", artifact)["result"]["output"])
    module.write_text(module.read_text() + "# mine\n")
    for command, more, what in (
        ("refresh", {}, "tiny_mlp_module.py: a generated module that was edited by hand"),
        ("emit", {"out": "tiny_mlp.py"}, "tiny_mlp.py: a file that was not generated"),
    ):
        assert asked.command(command, artifact, **more)["error"]["data"]["confirm"]["what"] == [what]
    assert "result" in asked.command("refresh", artifact, force=True)
    assert (folder / "tiny_mlp_module.py.orig").read_text().endswith("# mine\n")
    assert "result" in asked.command("train", artifact, steps=2, device="cpu")
    confirm = asked.command("train", artifact, steps=2, device="cpu")["error"]["data"]["confirm"]
    assert confirm["what"] == ["tiny_mlp.trained.safetensors: parameters trained for 2 steps of adam"]


def test_parameters_of_another_version_are_asked_about_before_a_module_is_made_of_them(asked, folder):
    artifact = folder / "tiny_mlp.ir.json"
    artifact.write_text(artifact.read_text().replace('"relu"', '"tanh"'))
    asked.initialize()
    confirm = asked.command("emit", artifact)["error"]["data"]["confirm"]
    assert confirm["what"] == ["tiny_mlp.params.safetensors was made for another version of tiny_mlp.ir.json"]
    assert not (folder / "tiny_mlp_module.py").exists()
    assert asked.command("emit", artifact, **confirm["argument"])["result"]["written"]


def test_a_model_beside_its_artifact_is_never_taken_for_the_generated_module(asked, folder):
    artifact, model = folder / "tiny_mlp.ir.json", folder / "tiny_mlp.py"
    source = model.read_text()
    asked.initialize()
    lens = asked.title_of(artifact, "emit")
    assert (lens["title"], lens["command"]) == ("Emit nn.Module", "torchlean.emit")
    links = {"textDocument": {"uri": artifact.as_uri()}}
    asked.open(artifact.as_uri(), artifact.read_text())
    targets = {
        link["target"]: link.get("tooltip") for link in asked.ask("textDocument/documentLink", links, 7)
    }
    assert not any("module" in (tooltip or "") for tooltip in targets.values())
    assert "emit it first" in asked.command("refresh", artifact)["error"]["message"]
    assert asked.command("emit", artifact)["result"]["output"].endswith("tiny_mlp_module.py")
    assert asked.title_of(artifact, "emit")["title"] == "Refresh tiny_mlp_module.py"
    assert model.read_text() == source


def test_a_capture_on_save_writes_nothing_over_an_edit_and_says_so(asked, folder):
    model, artifact = folder / "tiny_mlp.py", folder / "tiny_mlp.ir.json"
    edited = artifact.read_text().replace('"relu"', '"tanh"')
    artifact.write_text(edited)
    asked.initialize(capabilities=ASKS, initializationOptions={"settings": {"captureOnSave": True}})
    asked.open(model.as_uri(), model.read_text(), "python")
    asked.send("textDocument/didSave", {"textDocument": {"uri": model.as_uri()}})
    while "nothing was written" not in (said := asked.notified("window/logMessage")["message"]):
        pass
    assert "tiny_mlp.ir.json: an artifact that was edited by hand" in said
    assert artifact.read_text() == edited and not list(folder.glob("*.orig"))


# -- interpreters ----------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="the interpreter is a shell script")
def test_work_is_done_in_an_interpreter_that_has_torch_and_nothing_of_this_package(asked, folder, tmp_path):
    python = str(bare_interpreter(tmp_path / "bare"))
    artifact = folder / "tiny_mlp.ir.json"
    asked.initialize(initializationOptions={"settings": {"python": {"interpreter": python}}})
    again = asked.command("capture", folder / "tiny_mlp.py", name="TinyMLP", exampleShape="1,4")
    assert again["result"]["nodes"] == 4
    assert asked.command("emit", artifact)["result"]["written"]


@pytest.mark.skipif(sys.platform == "win32", reason="the interpreter is a shell script")
def test_an_interpreter_without_torch_or_none_at_all_is_told_in_words(asked, folder, tmp_path):
    artifact = folder / "tiny_mlp.ir.json"
    python = str(bare_interpreter(tmp_path / "bare", "torch"))
    missing = str(tmp_path / "none")
    asked.initialize(initializationOptions={"settings": {"python": {"interpreter": python}}})
    error = asked.command("init", artifact)["error"]
    assert error["message"] == "the interpreter python has no torch: select another one, or install it there"
    assert error["data"]["interpreter"]["install"] == [python, "-m", "pip", "install", "torch"]
    settings = {"torchlean": {"python": {"interpreter": missing}}}
    asked.send("workspace/didChangeConfiguration", {"settings": settings})
    error = asked.command("init", artifact)["error"]
    assert error["message"] == "the interpreter none does not exist; select another one"
    assert error["data"]["interpreter"]["missing"] == []


# -- "clean" ---------------------------------------------------------------------------------------------------


def test_clean_is_said_of_what_was_checked_only_and_notes_are_counted_apart(asked, folder):
    artifact = folder / "tiny_mlp.ir.json"
    asked.initialize(initializationOptions={"settings": {"validate": "off"}})
    assert asked.title_of(artifact, "summary")["title"] == "4 nodes · 67 parameters · not checked"
    asked.send("workspace/didChangeConfiguration", {"settings": {"torchlean": {}}})
    assert asked.title_of(artifact, "summary")["title"] == "4 nodes · 67 parameters · 2 notes"


def test_training_once_more_asks_and_then_does_it(asked, folder):
    artifact = folder / "tiny_mlp.ir.json"
    asked.initialize(capabilities=ASKS)
    assert "result" in asked.command("train", artifact, steps=2)
    asked.choose = 0
    assert "result" in asked.command("train", artifact, steps=2)
    assert [one["message"] for one in asked.questions] == [
        "This would replace parameters trained for 2 steps of adam (tiny_mlp.trained.safetensors)."
    ]


def test_values_that_stand_in_an_artifact_are_not_replaced_without_a_question(asked, folder):
    artifact = folder / "g.ir.json"
    asked.initialize(capabilities=ASKS)
    more = {"name": "TinyMLP", "exampleShape": "1,4", "out": "g.ir.json", "dialect": "generalized"}
    assert "result" in asked.command("capture", folder / "tiny_mlp.py", **more)
    text = artifact.read_text()
    lens = asked.title_of(artifact, "init")
    assert lens["title"] == "Initialize again"
    assert "error" in asked.command("init", artifact) and artifact.read_text() == text
    assert "parameters, which stand in the artifact (g.ir.json)" in asked.questions[0]["message"]
    asked.choose = 0
    assert "result" in asked.command("init", artifact) and artifact.read_text() != text
    assert (folder / "g.ir.json.orig").read_text() == text
