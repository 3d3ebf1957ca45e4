"""The files beside an artifact: their findings come and go with them and with the text, opened or not."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest

from tests.server.conftest import INPUT, RELU, artifact
from tests.server.raw import Raw
from torchlean_core.artifact.hashing import SEAL, seal_of

TEXT = artifact(
    {"id": 0, "kind": "input", "parents": [], "shape": [4]},
    {"id": 1, "kind": "linear", "parents": [0], "shape": [3]},
    {"id": 2, "kind": "relu", "parents": [1], "shape": [3]},
)

PULLS = {"textDocument": {"diagnostic": {}}, "workspace": {"diagnostics": {"refreshSupport": True}}}
LITERALS = {
    "textDocument": {"codeAction": {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": []}}}}
}


@pytest.fixture
def raw():
    client = Raw()
    yield client
    client.close()


def codes_until(raw: Raw, uri: str, wanted: set[str]) -> list[dict]:
    """Read what is pushed of a file until it has just these codes."""
    while True:
        params = raw.notified("textDocument/publishDiagnostics")
        if params["uri"] == uri and {one["code"] for one in params["diagnostics"]} == wanted:
            return params["diagnostics"]


def run(raw: Raw, number: int, command: str, **argument) -> dict:
    raw.send("workspace/executeCommand", {"command": command, "arguments": [argument]}, number)
    answer = raw.answer(number)
    assert "error" not in answer, answer
    return answer["result"]


def changed(raw: Raw, uri: str, kind: int = 2) -> None:
    raw.send("workspace/didChangeWatchedFiles", {"changes": [{"uri": uri, "type": kind}]})


def test_companions_are_judged_as_they_and_the_text_change(raw, tmp_path):
    path = tmp_path / "m.ir.json"
    path.write_text(TEXT)
    uri, module = path.as_uri(), (tmp_path / "m.py").as_uri()
    raw.initialize(capabilities=LITERALS)
    raw.open(uri, TEXT)
    codes_until(raw, uri, set())
    run(raw, 2, "torchlean.init", uri=uri)
    run(raw, 3, "torchlean.emit", uri=uri)
    only = {"diagnostics": [], "only": ["source.torchlean.emitSequential"]}
    top = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}}
    [action] = raw.ask(
        "textDocument/codeAction", {"textDocument": {"uri": uri}, "range": top, "context": only}, 30
    )
    run(raw, 31, action["command"]["command"], **action["command"]["arguments"][0])
    assert "nn.Sequential" in (tmp_path / "m_sequential.py").read_text()
    # The text is another one: the parameters were made for another version, and the module is stale.
    raw.change(uri, 2, {"text": TEXT.replace('"relu"', '"tanh"')})
    found = codes_until(raw, uri, {"TL503", "TL511"})
    stale = next(one for one in found if one["code"] == "TL511")
    params = {
        "textDocument": {"uri": uri},
        "range": stale["range"],
        "context": {"diagnostics": [], "only": ["quickfix"]},
    }
    [fix] = raw.ask("textDocument/codeAction", params, 4)
    assert fix["title"] == "Refresh m.py" and fix["command"]["command"] == "torchlean.refresh"
    assert fix["command"]["arguments"] == [{"uri": uri, "out": "m.py"}]
    lenses = raw.ask("textDocument/codeLens", {"textDocument": {"uri": uri}}, 5)
    assert raw.ask("codeLens/resolve", lenses[1], 6)["command"]["title"] == "Refresh m.py (stale)"
    raw.change(uri, 3, {"text": TEXT})
    codes_until(raw, uri, set())
    # The module is edited by hand, and opened: both files say so.
    generated = (tmp_path / "m.py").read_text()
    (tmp_path / "m.py").write_text(generated + "print('debug')\n")
    changed(raw, module)
    codes_until(raw, uri, {"TL512"})
    raw.open(module, generated + "print('debug')\n", "python")
    [edited] = codes_until(raw, module, {"TL512"})
    assert edited["range"]["start"]["line"] < 5
    raw.send("textDocument/didClose", {"textDocument": {"uri": module}})
    codes_until(raw, module, set())
    # What is gone is not spoken of.
    (tmp_path / "m.py").unlink()
    changed(raw, module, 3)
    codes_until(raw, uri, set())
    (tmp_path / "m.params.safetensors").write_bytes(b"rubbish")
    changed(raw, (tmp_path / "m.params.safetensors").as_uri())
    codes_until(raw, uri, {"TL502"})
    assert raw.end() == 0


def test_companions_of_artifacts_that_are_not_open_are_judged_too(raw, tmp_path):
    (tmp_path / "m.ir.json").write_text(TEXT)
    (tmp_path / "m.params.safetensors").write_bytes(b"rubbish")
    folders = [{"uri": tmp_path.as_uri(), "name": "work"}]
    raw.initialize(capabilities=PULLS, workspaceFolders=folders)
    [report] = raw.ask("workspace/diagnostic", {"previousResultIds": []}, 2)["items"]
    assert [one["code"] for one in report["items"]] == ["TL502"]
    known = [{"uri": report["uri"], "value": report["resultId"]}]
    [again] = raw.ask("workspace/diagnostic", {"previousResultIds": known}, 3)["items"]
    assert again["kind"] == "unchanged"
    (tmp_path / "m.params.safetensors").unlink()
    [mended] = raw.ask("workspace/diagnostic", {"previousResultIds": known}, 4)["items"]
    assert mended["items"] == [] and json.dumps(mended["resultId"]) != json.dumps(report["resultId"])


# -- the model an artifact was captured from --------------------------------------------------------------------

SOURCE = "from torch import nn\n\n\nclass Net(nn.ReLU):\n    pass\n"


def captured_text(file: str) -> str:
    """An artifact as a capture would have written it."""
    captured = {"file": file, "class": "Net", "example_shape": [1, 4]}
    captured["sha256"] = sha256(SOURCE.encode()).hexdigest()
    seal = seal_of(json.loads(artifact(INPUT, RELU, captured_from=captured)))
    return artifact(INPUT, RELU, captured_from={**captured, SEAL: seal})


def quick_fixes(raw: Raw, uri: str, where: dict, number: int) -> list[dict]:
    context = {"diagnostics": [], "only": ["quickfix"]}
    params = {"textDocument": {"uri": uri}, "range": where, "context": context}
    return raw.ask("textDocument/codeAction", params, number)


def test_an_artifact_is_stale_from_the_moment_its_model_changes(raw, tmp_path):
    (tmp_path / "out").mkdir()
    model, path = tmp_path / "net.py", tmp_path / "out" / "m.ir.json"
    model.write_text(SOURCE)
    text = captured_text("../net.py")
    path.write_text(text)
    uri = path.as_uri()
    raw.initialize(capabilities=LITERALS)
    raw.open(uri, text)
    codes_until(raw, uri, set())
    model.write_text(SOURCE + "# changed\n")
    changed(raw, model.as_uri())
    [stale] = codes_until(raw, uri, {"TL521"})
    assert "../net.py changed since Net was captured from it" in stale["message"]
    assert stale["codeDescription"]["href"].endswith("/TL521.md")
    # A saved document says so as well: not every client watches files.
    model.write_text(SOURCE)
    raw.open(model.as_uri(), SOURCE, "python")
    raw.send("textDocument/didSave", {"textDocument": {"uri": model.as_uri()}})
    codes_until(raw, uri, set())
    # The recorded hash is edited.
    raw.change(uri, 2, {"text": text.replace(sha256(SOURCE.encode()).hexdigest(), "0" * 64)})
    [stale] = codes_until(raw, uri, {"TL521"})
    [fix] = quick_fixes(raw, uri, stale["range"], 5)
    assert fix["title"] == "Capture Net again" and not fix.get("isPreferred")
    argument = {"uri": model.as_uri(), "name": "Net", "out": str(path), "exampleShape": "1,4"}
    assert fix["command"]["arguments"] == [argument]
    raw.change(uri, 3, {"text": text})
    codes_until(raw, uri, set())
    # A model that is gone is not compared.
    model.unlink()
    changed(raw, model.as_uri(), 3)
    raw.change(uri, 4, {"text": text.replace('"relu"', '"rely"')})
    codes_until(raw, uri, {"TL014"})
    assert raw.end() == 0


def test_the_quick_fix_captures_again_and_the_finding_goes(raw, tmp_path):
    model, path = tmp_path / "net.py", tmp_path / "m.ir.json"
    model.write_text(SOURCE.replace("ReLU", "Tanh"))
    path.write_text(captured_text("net.py"))
    uri = path.as_uri()
    raw.initialize(capabilities=LITERALS)
    raw.open(uri, path.read_text())
    [stale] = codes_until(raw, uri, {"TL521"})
    [fix] = quick_fixes(raw, uri, stale["range"], 2)
    run(raw, 3, fix["command"]["command"], **fix["command"]["arguments"][0])
    raw.change(uri, 2, {"text": path.read_text()})
    assert '"tanh"' in path.read_text()
    codes_until(raw, uri, set())


def test_capturing_again_is_not_offered_where_the_workspace_is_not_trusted(raw, tmp_path):
    (tmp_path / "net.py").write_text("changed\n")
    path = tmp_path / "m.ir.json"
    path.write_text(captured_text("net.py"))
    raw.initialize(capabilities=LITERALS, initializationOptions={"trusted": False})
    raw.open(path.as_uri(), path.read_text())
    [stale] = codes_until(raw, path.as_uri(), {"TL521"})
    assert quick_fixes(raw, path.as_uri(), stale["range"], 2) == []


def test_unopened_artifacts_are_judged_again_when_their_model_changes(raw, tmp_path):
    model, path = tmp_path / "net.py", tmp_path / "m.ir.json"
    model.write_text(SOURCE)
    path.write_text(captured_text("net.py"))
    folders = [{"uri": tmp_path.as_uri(), "name": "work"}]
    raw.initialize(capabilities=PULLS, workspaceFolders=folders)
    [fresh] = raw.ask("workspace/diagnostic", {"previousResultIds": []}, 2)["items"]
    assert fresh["items"] == []
    model.write_text("changed\n")
    known = [{"uri": fresh["uri"], "value": fresh["resultId"]}]
    [stale] = raw.ask("workspace/diagnostic", {"previousResultIds": known}, 3)["items"]
    assert [one["code"] for one in stale["items"]] == ["TL521"]
    known = [{"uri": stale["uri"], "value": stale["resultId"]}]
    [again] = raw.ask("workspace/diagnostic", {"previousResultIds": known}, 4)["items"]
    assert again["kind"] == "unchanged"
    # A client that watches no files says only that the model was saved; it is asked to ask again.
    raw.open(model.as_uri(), "changed\n", "python")
    raw.send("textDocument/didSave", {"textDocument": {"uri": model.as_uri()}})
    assert raw.notified("workspace/diagnostic/refresh") is None


# -- what else tells of them ------------------------------------------------------------------------------------


def test_the_check_command_and_the_code_lens_count_what_is_wrong_beside_an_artifact(raw, tmp_path):
    (tmp_path / "net.py").write_text("changed\n")
    (tmp_path / "torchlean.toml").write_text('ignore = ["TL404"]\n')
    text = captured_text("net.py")
    for name in ("open.ir.json", "not open.ir.json"):
        (tmp_path / name).write_text(text)
    folders = [{"uri": tmp_path.as_uri(), "name": "work"}]
    raw.initialize(workspaceFolders=folders)
    uri = (tmp_path / "open.ir.json").as_uri()
    raw.open(uri, text)
    codes_until(raw, uri, {"TL521"})
    for number, name in enumerate(("open.ir.json", "not open.ir.json")):
        result = run(raw, 10 + number, "torchlean.check", uri=(tmp_path / name).as_uri())
        assert [one["code"] for one in result["findings"]] == ["TL521"], name
        assert (result["message"], result["warnings"]) == (f"{name}: 1 warning", 1)
    lenses = raw.ask("textDocument/codeLens", {"textDocument": {"uri": uri}}, 2)
    title = raw.ask("codeLens/resolve", lenses[0], 3)["command"]["title"]
    assert title == "2 nodes · 0 parameters · 1 warning"
    # A settings file decides what counts here, too.
    (tmp_path / "torchlean.toml").write_text('ignore = ["TL4", "TL521"]\n')
    changed(raw, (tmp_path / "torchlean.toml").as_uri())
    assert run(raw, 20, "torchlean.check", uri=uri)["message"] == "open.ir.json: all clean"
    assert raw.ask("codeLens/resolve", lenses[0], 4)["command"]["title"].endswith(" · clean")


def test_what_is_being_edited_is_not_written_over(raw, tmp_path):
    (tmp_path / "net.py").write_text(SOURCE)
    path = tmp_path / "m.ir.json"
    path.write_text(captured_text("net.py"))
    raw.initialize()
    raw.open(path.as_uri(), path.read_text() + " ")
    argument = {"uri": (tmp_path / "net.py").as_uri(), "name": "Net", "out": str(path), "exampleShape": "1,4"}
    raw.send("workspace/executeCommand", {"command": "torchlean.capture", "arguments": [argument]}, 2)
    assert "m.ir.json has unsaved changes" in raw.answer(2)["error"]["message"]
    (tmp_path / "mine.py").write_text("saved = 1\n")
    raw.open((tmp_path / "mine.py").as_uri(), "saved = 2\n", "python")
    raw.change(path.as_uri(), 2, {"text": path.read_text()})
    argument = {"uri": path.as_uri(), "out": "mine.py", "force": True}
    raw.send("workspace/executeCommand", {"command": "torchlean.emit", "arguments": [argument]}, 3)
    assert "mine.py has unsaved changes" in raw.answer(3)["error"]["message"]
    assert (tmp_path / "mine.py").read_text() == "saved = 1\n"


def test_parameters_that_are_there_are_initialized_again_on_request(raw, tmp_path):
    path = tmp_path / "m.ir.json"
    path.write_text(TEXT)
    raw.initialize(capabilities=LITERALS)
    raw.open(path.as_uri(), TEXT)
    for number, title in ((10, "Initialize parameters"), (20, "Initialize parameters again")):
        context = {"diagnostics": [], "only": ["source.torchlean.init"]}
        top = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}}
        params = {"textDocument": {"uri": path.as_uri()}, "range": top, "context": context}
        [action] = raw.ask("textDocument/codeAction", params, number)
        assert action["title"] == title
        run(raw, number + 1, action["command"]["command"], **action["command"]["arguments"][0])
    assert (tmp_path / "m.params.safetensors").is_file()


def test_who_cannot_be_asked_to_pull_anew_is_told_what_changes_until_it_pulls(raw, tmp_path):
    path = tmp_path / "m.ir.json"
    path.write_text(TEXT)
    (tmp_path / "m.params.safetensors").write_bytes(b"rubbish")
    answer = raw.initialize(capabilities={"textDocument": {"diagnostic": {}}})
    assert "diagnosticProvider" in answer["result"]["capabilities"]
    raw.open(path.as_uri(), TEXT)
    codes_until(raw, path.as_uri(), {"TL502"})
    raw.send("textDocument/diagnostic", {"textDocument": {"uri": path.as_uri()}}, 7)
    codes_until(raw, path.as_uri(), set())  # what was told is in the answer, and would be shown twice
    assert "TL502" in {item["code"] for item in raw.answer(7)["result"]["items"]}
