"""Settings, folders, files that change on disk, and diagnostics of artifacts that are not open."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from tests.server.conftest import BROKEN, GOOD
from tests.server.raw import Raw
from torchlean_core.check import Finding, Severity
from torchlean_ls.folders import Folders
from torchlean_ls.uris import file_uri

EXAMPLES = Path(__file__).parents[2] / "examples"
PULLS = {"textDocument": {"diagnostic": {}}, "workspace": {"diagnostics": {"refreshSupport": True}}}
DYNAMIC = {"workspace": {"didChangeWatchedFiles": {"dynamicRegistration": True}, "configuration": True}}


@pytest.fixture
def raw():
    client = Raw()
    yield client
    client.close()


def begin(raw: Raw, *folders: Path, capabilities: dict[str, Any] | None = None, **options: Any) -> None:
    listed = [{"uri": folder.as_uri(), "name": folder.name} for folder in folders]
    raw.initialize(capabilities=capabilities or {}, workspaceFolders=listed, initializationOptions=options)


def published(raw: Raw, uri: str) -> list[str]:
    """The codes that are pushed next of a file."""
    while (params := raw.notified("textDocument/publishDiagnostics"))["uri"] != uri:
        pass
    return [one["code"] for one in params["diagnostics"]]


def settings(raw: Raw, **values: Any) -> None:
    raw.send("workspace/didChangeConfiguration", {"settings": {"torchlean": values}})


def saved(raw: Raw, uri: str) -> None:
    raw.send("textDocument/didSave", {"textDocument": {"uri": uri}})


# -- settings -------------------------------------------------------------------------------------------------


def test_the_settings_file_decides_what_is_shown_and_a_change_of_it_applies_at_once(raw, tmp_path):
    config = tmp_path / "torchlean.toml"
    config.write_text('ignore = ["TL201"]\n')
    (tmp_path / "old").mkdir()
    begin(raw, tmp_path)
    uri = (tmp_path / "old" / "m.ir.json").as_uri()
    raw.open(uri, BROKEN)
    assert published(raw, uri) == []
    for text, codes in (
        ('select = ["TL2"]\n', ["TL201"]),
        ('[per-file-ignores]\n"old/*" = ["TL2"]\n', []),
        ("nonsense = 3\n", ["TL201"]),
    ):
        config.write_text(text)
        raw.send("workspace/didChangeWatchedFiles", {"changes": [{"uri": config.as_uri(), "type": 2}]})
        assert published(raw, uri) == codes, text


def test_a_broken_settings_file_is_told_once_and_again_when_it_is_broken_otherwise(raw, tmp_path):
    config = tmp_path / "torchlean.toml"
    config.write_text("ignore = 3\n")
    begin(raw, tmp_path)
    raw.open((tmp_path / "m.ir.json").as_uri(), BROKEN)
    shown = raw.notified("window/showMessage")
    assert (
        shown["type"] == 2 and "torchlean.toml" in shown["message"] and "ignore: expected" in shown["message"]
    )
    raw.open((tmp_path / "n.ir.json").as_uri(), BROKEN)
    config.write_text("select = 3\n")
    raw.send("workspace/didChangeWatchedFiles", {"changes": [{"uri": config.as_uri(), "type": 2}]})
    assert "select: expected" in raw.notified("window/showMessage")["message"], (
        "the first one is not told twice"
    )


def test_settings_that_are_none_are_named_with_what_was_expected(raw, tmp_path):
    begin(raw, tmp_path, settings={"validate": "always"})
    shown = raw.notified("window/showMessage")
    assert shown["message"] == 'torchlean.validate: expected onType, onSave or off, found "always"'
    settings(raw, validate="always", device=5, artifacts="x", dialect="new", timeLimit=None, memoryLimit=0)
    messages = [raw.notified("window/showMessage")["message"] for _ in range(3)]
    assert messages == [
        'torchlean.artifacts: expected a list of patterns, found "x"',
        "torchlean.device: expected auto, cpu, cuda or cuda:N, found 5",
        'torchlean.dialect: expected auto, classic or generalized, found "new"',
    ]


def test_the_editors_settings_apply_without_a_restart(raw, tmp_path):
    begin(raw, tmp_path)
    uri = (tmp_path / "m.ir.json").as_uri()
    raw.open(uri, BROKEN)
    assert published(raw, uri) == ["TL201"]
    settings(raw, enable=False)
    assert published(raw, uri) == []
    settings(raw, enable=True)
    assert published(raw, uri) == ["TL201"]
    settings(raw, validate="off")
    assert published(raw, uri) == []


def test_findings_wait_for_the_next_save_where_the_setting_says_so(raw, tmp_path):
    begin(raw, tmp_path, settings={"validate": "onSave"})
    uri = (tmp_path / "m.ir.json").as_uri()
    raw.open(uri, BROKEN)
    assert published(raw, uri) == ["TL201"]
    raw.change(uri, 2, {"text": GOOD})
    assert raw.ask("textDocument/documentSymbol", {"textDocument": {"uri": uri}}, 2)
    saved(raw, uri)
    assert published(raw, uri) == []


def test_a_pulling_client_gets_the_last_saved_findings_until_the_next_save(raw, tmp_path):
    begin(raw, tmp_path, capabilities=PULLS, settings={"validate": "onSave"})
    uri = (tmp_path / "m.ir.json").as_uri()
    raw.open(uri, BROKEN)
    document = {"textDocument": {"uri": uri}}
    first = raw.ask("textDocument/diagnostic", document, 2)
    assert [one["code"] for one in first["items"]] == ["TL201"]
    raw.change(uri, 2, {"text": GOOD})
    again = {**document, "previousResultId": first["resultId"]}
    assert raw.ask("textDocument/diagnostic", again, 3)["kind"] == "unchanged"
    saved(raw, uri)
    assert raw.ask("textDocument/diagnostic", again, 4)["items"] == []


def test_a_pattern_makes_files_artifacts_whatever_they_are_called(raw, tmp_path):
    begin(raw, tmp_path)
    uri = (tmp_path / "graphs" / "m.json").as_uri()
    raw.open(uri, '{"nodes": []}')
    assert raw.ask("textDocument/codeLens", {"textDocument": {"uri": uri}}, 2) is None
    settings(raw, artifacts=["graphs/*.json"])
    assert set(published(raw, uri)) >= {"TL106", "TL010"}


def test_files_are_watched_where_the_client_registers_that(raw, tmp_path):
    begin(raw, tmp_path, capabilities=DYNAMIC)
    asked = {}
    while len(asked) < 2:
        message = raw.read()
        if "id" in message and "method" in message:
            asked[message["method"]] = message["params"]
            result = [{"enable": True}] if message["method"] == "workspace/configuration" else None
            raw.send_bytes(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}).encode())
    [registration] = asked["client/registerCapability"]["registrations"]
    patterns = {watcher["globPattern"] for watcher in registration["registerOptions"]["watchers"]}
    assert {"**/*.ir.json", "**/*.safetensors", "**/*.py", "**/torchlean.toml"} <= patterns
    assert asked["workspace/configuration"]["items"][0]["section"] == "torchlean"
    # Other patterns in the settings are other files to watch.
    settings(raw, artifacts=["graphs/*.json"])
    for method in ("client/unregisterCapability", "client/registerCapability"):
        while "method" not in (message := raw.read()) or "id" not in message:
            pass
        assert message["method"] == method
        raw.send_bytes(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": None}).encode())
    [registration] = message["params"]["registrations"]
    patterns |= {"graphs/*.json"}
    assert {one["globPattern"] for one in registration["registerOptions"]["watchers"]} == patterns


def test_each_folder_is_asked_for_its_own_settings(raw, tmp_path):
    folders = [{"uri": (tmp_path / name).as_uri(), "name": name} for name in ("one", "two")]
    raw.initialize(capabilities={"workspace": {"configuration": True}}, workspaceFolders=folders)

    def asked():
        while (message := raw.read()).get("method") != "workspace/configuration":
            pass
        result = [{} for _ in message["params"]["items"]]
        raw.send_bytes(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}).encode())
        return [item.get("scopeUri") for item in message["params"]["items"]]

    assert asked() == [None, *(folder["uri"] for folder in folders)]
    settings(raw, device="cpu")  # told for the window: the folders' own are asked for
    assert asked() == [None, *(folder["uri"] for folder in folders)]
    raw.send("workspace/didChangeWorkspaceFolders", {"event": {"added": [], "removed": [folders[0]]}})
    assert asked() == [None, folders[1]["uri"]]


def test_capture_on_save_is_refused_where_the_workspace_is_not_trusted(raw, tmp_path):
    shutil.copy(EXAMPLES / "tiny_mlp.py", tmp_path / "m.py")
    begin(raw, tmp_path, trusted=False, settings={"captureOnSave": True})
    uri = (tmp_path / "m.py").as_uri()
    raw.open(uri, (tmp_path / "m.py").read_text(), "python")
    saved(raw, uri)
    assert "not trusted" in raw.notified("window/logMessage")["message"]
    assert [path.name for path in tmp_path.iterdir()] == ["m.py"]


def test_capture_on_type_does_nothing_where_the_workspace_is_not_trusted(raw, tmp_path):
    shutil.copy(EXAMPLES / "tiny_mlp.py", tmp_path / "m.py")
    progress = {"window": {"workDoneProgress": True}}
    begin(raw, tmp_path, capabilities=progress, trusted=False, settings={"captureOnType": True})
    uri = (tmp_path / "m.py").as_uri()
    text = (tmp_path / "m.py").read_text()
    raw.open(uri, text, "python")
    raw.change(uri, 2, {"text": text + "# more\n"})
    started = []
    end = time.monotonic() + 2  # a text rests after 0.6 s; what does not happen is seen in time only
    number = 100
    while time.monotonic() < end:
        number += 1
        raw.send("textDocument/codeLens", {"textDocument": {"uri": uri}}, number)
        while (message := raw.read()).get("id") != number or "method" in message:
            started.append(message.get("method"))
        titles = [lens["command"]["title"] for lens in message["result"]]
        assert titles == ["no artifact"]
    assert not {"window/workDoneProgress/create", "$/progress"} & set(started)
    assert [path.name for path in tmp_path.iterdir()] == ["m.py"]


def test_capture_on_save_writes_the_artifact_again(raw, tmp_path):
    shutil.copy(EXAMPLES / "tiny_mlp.py", tmp_path / "m.py")
    progress = {"window": {"workDoneProgress": True}}
    begin(raw, tmp_path, capabilities=progress, settings={"captureOnSave": True})
    uri = (tmp_path / "m.py").as_uri()
    raw.open(uri, (tmp_path / "m.py").read_text(), "python")
    saved(raw, uri)
    while True:
        message = raw.read()
        if message.get("method") == "window/workDoneProgress/create":
            raw.send_bytes(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": None}).encode())
        if message.get("method") == "$/progress" and message["params"]["value"]["kind"] == "end":
            break
    assert (tmp_path / "tiny_mlp.ir.json").is_file()


# -- files and folders ----------------------------------------------------------------------------------------


def test_pushed_findings_go_when_the_file_is_closed_deleted_or_renamed(raw, tmp_path):
    renames = {"workspace": {"fileOperations": {"didRename": True, "didDelete": True}}}
    begin(raw, tmp_path, capabilities=renames)
    uri, other = (tmp_path / "m.ir.json").as_uri(), (tmp_path / "n.ir.json").as_uri()
    raw.open(uri, BROKEN)
    assert published(raw, uri) == ["TL201"]
    raw.send("workspace/didChangeWatchedFiles", {"changes": [{"uri": uri, "type": 3}]})
    assert published(raw, uri) == []
    raw.send("workspace/didRenameFiles", {"files": [{"oldUri": uri, "newUri": other}]})
    assert published(raw, uri) == []
    raw.send("textDocument/didClose", {"textDocument": {"uri": uri}})
    assert published(raw, uri) == []


def reports(answer: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for report in answer["items"]:
        name = report["uri"].rsplit("/", 1)[-1]
        found[name] = (
            "unchanged" if report["kind"] == "unchanged" else [one["code"] for one in report["items"]]
        )
    return found


def test_artifacts_that_are_not_open_are_checked_and_told_once(raw, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
    (one / "bad.ir.json").write_text(BROKEN)
    (one / "marked.json").write_text(BROKEN)
    (one / "other.json").write_text("{}")
    (one / "ignored.ir.json").write_text(BROKEN)
    (one / ".gitignore").write_text("ignored*\n")
    (two / "good.ir.json").write_text(GOOD)
    (two / "open.ir.json").write_text(BROKEN)
    begin(raw, one, two, capabilities=PULLS)
    raw.open((two / "open.ir.json").as_uri(), BROKEN)
    first = raw.ask("workspace/diagnostic", {"previousResultIds": []}, 2)
    assert reports(first) == {"bad.ir.json": ["TL201"], "marked.json": ["TL201"], "good.ir.json": []}
    known = [{"uri": one["uri"], "value": one["resultId"]} for one in first["items"]]
    (two / "good.ir.json").write_text(BROKEN + " ")
    (one / "bad.ir.json").unlink()
    changed = [{"uri": (one / "bad.ir.json").as_uri(), "type": 3}]
    raw.send("workspace/didChangeWatchedFiles", {"changes": changed})
    second = raw.ask("workspace/diagnostic", {"previousResultIds": known}, 3)
    assert reports(second) == {"bad.ir.json": [], "marked.json": "unchanged", "good.ir.json": ["TL201"]}
    raw.send(
        "workspace/didChangeWorkspaceFolders",
        {"event": {"added": [], "removed": [{"uri": two.as_uri(), "name": "two"}]}},
    )
    third = raw.ask("workspace/diagnostic", {"previousResultIds": []}, 4)
    assert reports(third) == {"marked.json": ["TL201"], "good.ir.json": []}  # one that was told of goes


def test_unopened_files_that_a_pattern_names_are_checked_and_searched(raw, tmp_path):
    (tmp_path / "graphs").mkdir()
    (tmp_path / "graphs" / "m.json").write_text('{"nodes": [{"id": 0, "kind": "input"}]}')
    (tmp_path / "other.json").write_text('{"nodes": [{"id": 0, "kind": "input"}]}')
    begin(raw, tmp_path, capabilities=PULLS, settings={"artifacts": ["graphs/*.json"]})
    [report] = raw.ask("workspace/diagnostic", {"previousResultIds": []}, 2)["items"]
    assert report["uri"].endswith("/graphs/m.json") and "TL010" in [one["code"] for one in report["items"]]
    assert symbols(raw, "input", 3) == [("m.json", "0 input")]
    settings(raw, artifacts=[])
    assert symbols(raw, "input", 4) == []


def test_a_long_answer_comes_in_parts_and_others_are_served_meanwhile(raw, tmp_path):
    from benchmarks.artifacts import make_artifact

    text = make_artifact(2_000)
    for number in range(30):
        (tmp_path / f"{number}.ir.json").write_text(text)
    begin(raw, tmp_path, capabilities=PULLS)
    raw.send("workspace/diagnostic", {"previousResultIds": [], "partialResultToken": "part"}, 2)
    uri = (tmp_path / "0.ir.json").as_uri()
    raw.open(uri, GOOD)
    raw.send("textDocument/hover", {"textDocument": {"uri": uri}, "position": {"line": 6, "character": 4}}, 3)
    order, told = [], set()
    while 2 not in order:
        message = raw.read()
        if message.get("method") == "$/progress":
            assert message["params"]["token"] == "part"
            told |= {report["uri"] for report in message["params"]["value"]["items"]}
        elif "method" not in message:
            order.append(message["id"])
    assert order == [3, 2] and len(told | {uri}) == 30
    raw.send("workspace/diagnostic", {"previousResultIds": []}, 4)
    raw.send("$/cancelRequest", {"id": 4})
    answer = raw.answer(4)
    assert "result" in answer or answer["error"]["code"] == -32800


def test_a_client_that_cannot_pull_is_not_offered_it(raw, tmp_path):
    begin(raw, tmp_path)
    raw.send("workspace/diagnostic", {"previousResultIds": []}, 2)
    assert raw.answer(2)["error"]["code"] == -32601


# -- searching ----------------------------------------------------------------------------------------------------


def symbols(raw: Raw, query: str, number: int) -> list[tuple[str, str]]:
    found = raw.ask("workspace/symbol", {"query": query}, number)
    return [(one["containerName"], one["name"]) for one in found]


def test_a_search_covers_the_artifacts_that_are_not_open_as_they_are_now(raw, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
        (folder / "m #1.ir.json").write_text(GOOD)
    (one / "ignored.ir.json").write_text(GOOD)
    (one / ".gitignore").write_text("ignored*\n")
    (two / "marked.json").write_text(GOOD)
    (two / "other.json").write_text("{}")
    begin(raw, one, two)
    opened = (two / "m #1.ir.json").as_uri().replace("m", "%6D")  # as some editors write it
    raw.open(opened, GOOD.replace('"relu"', '"sqrt"'), "torchlean-ir")
    assert symbols(raw, "RL", 2) == [("m #1.ir.json", "1 relu"), ("marked.json", "1 relu")]
    assert symbols(raw, "sqrt", 3) == [("m #1.ir.json", "1 sqrt")]
    # A file is read again when it changed, and one that is gone is not searched any more.
    (one / "m #1.ir.json").write_text(GOOD.replace('"relu"', '"tanh"'))
    (two / "marked.json").unlink()
    raw.send(
        "workspace/didChangeWatchedFiles",
        {"changes": [{"uri": (two / "marked.json").as_uri(), "type": 3}]},
    )
    assert symbols(raw, "relu", 4) == []
    assert symbols(raw, "tanh", 5) == [("m #1.ir.json", "1 tanh")]
    # So is one that is closed: it is as it is on disk then.
    raw.send("textDocument/didClose", {"textDocument": {"uri": opened}})
    [found] = raw.ask("workspace/symbol", {"query": "relu"}, 6)
    lines = GOOD.split("\n")
    where = found["location"]["range"]
    assert lines[where["start"]["line"]][where["start"]["character"]] == "{"
    assert lines[where["end"]["line"]][where["end"]["character"] - 1] == "}"
    assert found["location"]["uri"] == (two / "m #1.ir.json").as_uri()
    assert raw.end() == 0


def test_a_long_search_says_what_it_left_out(raw, tmp_path):
    from benchmarks.artifacts import make_artifact

    text = make_artifact(150)
    for number in range(4):
        (tmp_path / f"{number}.ir.json").write_text(text)
    begin(raw, tmp_path)
    raw.send("workspace/symbol", {"query": ""}, 2)
    said = raw.notified("window/logMessage")["message"]
    assert (
        said
        == "100 more nodes match '' and are not shown; 2 artifacts that are not open were not searched for ''"
    )
    assert len(raw.answer(2)["result"]) == 200


def test_a_search_through_many_files_lets_others_come_first_and_can_be_cancelled(raw, tmp_path):
    from benchmarks.artifacts import make_artifact

    text = make_artifact(2_000)
    for number in range(40):
        (tmp_path / f"{number}.ir.json").write_text(text)
    begin(raw, tmp_path)
    uri = (tmp_path / "0.ir.json").as_uri()
    raw.open(uri, GOOD)
    raw.send("workspace/symbol", {"query": "nothing is called so"}, 2)
    raw.send("$/cancelRequest", {"id": 2})
    assert raw.answer(2)["error"]["code"] == -32800
    raw.send("workspace/symbol", {"query": "nothing is called so"}, 3)
    raw.send("textDocument/hover", {"textDocument": {"uri": uri}, "position": {"line": 6, "character": 4}}, 4)
    answers = []
    while len(answers) < 2:
        message = raw.read()
        if "method" not in message:
            answers.append(message["id"])
    assert answers == [4, 3]


def test_files_beyond_what_is_kept_are_searched_all_the_same(tmp_path, monkeypatch):
    from torchlean_core.text import Encoding
    from torchlean_ls import symbol_index

    monkeypatch.setattr(symbol_index, "MAX_NODES", 3)
    paths = [tmp_path / f"{number}.ir.json" for number in range(3)]
    for path in paths:
        path.write_text(GOOD)
    index = symbol_index.SymbolIndex()
    first = {path: index.of(path, Encoding.UTF16) for path in paths}
    again = {path: index.of(path, Encoding.UTF16) for path in paths}
    for found in (*first.values(), *again.values()):
        assert [one.name for one in found.matching("")] == ["0 input", "1 relu"]
    assert [first[path] is again[path] for path in paths] == [True, False, False]
    index.keep_only(paths[1:])
    assert index.of(paths[1], Encoding.UTF16) is index.of(paths[1], Encoding.UTF16)
    monkeypatch.setattr(symbol_index, "MAX_BYTES", 5)
    assert index.of(paths[2], Encoding.UTF16) is None
    assert index.of(tmp_path, Encoding.UTF16) is None and index.of(tmp_path / "gone", Encoding.UTF16) is None


def test_settings_forgotten_while_a_thread_reads_them_are_read_anew(tmp_path, monkeypatch):
    folders = Folders()
    (tmp_path / "torchlean.toml").write_text('ignore = ["TL404"]\n')
    uri = file_uri(tmp_path / "m.ir.json")
    read = folders.settings_of

    def changed_meanwhile(asked):
        found = read(asked)
        (tmp_path / "torchlean.toml").write_text('ignore = ["TL201"]\n')
        folders.forget_settings()
        return found

    wrong = Finding("TL201", Severity.ERROR, "wrong")
    with monkeypatch.context() as patch:
        patch.setattr(folders, "settings_of", changed_meanwhile)
        assert folders.wanted(uri, [wrong]) == [wrong]
    assert folders.wanted(uri, [wrong]) == []


@pytest.mark.parametrize("odd", ["loop", "name", "settings", "device", "pipe", "ignores"])
def test_one_odd_entry_does_not_blind_the_folder(raw, tmp_path, odd):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.ir.json").write_text(BROKEN)
    if odd == "loop":
        (tmp_path / "l.ir.json").symlink_to("l.ir.json")
    elif odd == "name":
        (tmp_path / os.fsdecode(b"n\xff.ir.json")).write_text(BROKEN)
    elif odd == "settings":
        (tmp_path / "torchlean.toml").write_text("x=" + "[" * 20_000 + "]" * 20_000)
    elif odd == "device":
        (tmp_path / "torchlean.toml").symlink_to("/dev/zero")
    elif odd == "pipe":
        os.mkfifo(tmp_path / "pyproject.toml")
    else:
        os.mkfifo(tmp_path / ".gitignore")
    begin(raw, tmp_path, capabilities=PULLS)
    uri = file_uri(tmp_path / "sub" / "b.ir.json")
    answer = raw.ask("workspace/diagnostic", {"previousResultIds": []}, 2)
    assert [one["code"] for report in answer["items"] if report["uri"] == uri for one in report["items"]] == [
        "TL201"
    ]
    found = raw.ask("workspace/symbol", {"query": "relu"}, 3)
    assert {one["location"]["uri"] for one in found} == {uri}
