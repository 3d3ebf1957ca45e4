"""The files beside an artifact: their findings come and go with them and with the text, opened or not."""

from __future__ import annotations

import json

import pytest

from tests.server.conftest import artifact
from tests.server.raw import Raw

TEXT = artifact(
    {"id": 0, "kind": "input", "parents": [], "shape": [4]},
    {"id": 1, "kind": "linear", "parents": [0], "shape": [3]},
    {"id": 2, "kind": "relu", "parents": [1], "shape": [3]},
)


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
    literals = {
        "textDocument": {"codeAction": {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": []}}}}
    }
    raw.initialize(capabilities=literals)
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
    raw.initialize(capabilities={"textDocument": {"diagnostic": {}}}, workspaceFolders=folders)
    [report] = raw.ask("workspace/diagnostic", {"previousResultIds": []}, 2)["items"]
    assert [one["code"] for one in report["items"]] == ["TL502"]
    known = [{"uri": report["uri"], "value": report["resultId"]}]
    [again] = raw.ask("workspace/diagnostic", {"previousResultIds": known}, 3)["items"]
    assert again["kind"] == "unchanged"
    (tmp_path / "m.params.safetensors").unlink()
    [mended] = raw.ask("workspace/diagnostic", {"previousResultIds": known}, 4)["items"]
    assert mended["items"] == [] and json.dumps(mended["resultId"]) != json.dumps(report["resultId"])
