"""The start of a session: what is answered before all of the server is there, and in which order the rest is."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.server.conftest import BROKEN, GOOD
from tests.server.raw import Raw

URI = "file:///m.ir.json"
HERE = {"textDocument": {"uri": URI}, "position": {"line": 6, "character": 4}}
PULLS = {"textDocument": {"diagnostic": {}}, "workspace": {"diagnostics": {"refreshSupport": True}}}


def frame(method: str, params, number: int | None = None) -> bytes:
    message = {"jsonrpc": "2.0", "method": method, "params": params}
    body = json.dumps(message if number is None else {**message, "id": number}).encode()
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


def begin(**capabilities) -> bytes:
    params = {"processId": None, "rootUri": None, "capabilities": capabilities}
    return frame("initialize", params, 1) + frame("initialized", {})


def opened(text: str, uri: str = URI, language: str = "json") -> bytes:
    item = {"uri": uri, "languageId": language, "version": 1, "text": text}
    return frame("textDocument/didOpen", {"textDocument": item})


def changed(text: str) -> bytes:
    params = {"textDocument": {"uri": URI, "version": 2}, "contentChanges": [{"text": text}]}
    return frame("textDocument/didChange", params)


@pytest.fixture
def raw():
    client = Raw()
    yield client
    client.close()


def numbers_of(raw: Raw, *wanted: int) -> dict[int, dict]:
    """The answers to requests, in the order in which they came."""
    found: dict[int, dict] = {}
    while not found.keys() >= set(wanted):
        message = raw.read()
        if "method" not in message:
            found[message["id"]] = message
    return found


def test_diagnostics_overtake_requests_that_need_more_of_the_server(raw):
    pull = frame("textDocument/diagnostic", {"textDocument": {"uri": URI}}, 3)
    symbols = frame("textDocument/documentSymbol", {"textDocument": {"uri": URI}}, 4)
    raw.write(begin(**PULLS) + opened(BROKEN) + frame("textDocument/hover", HERE, 2) + pull + symbols)
    found = numbers_of(raw, 1, 2, 3, 4)
    assert list(found) == [1, 3, 2, 4]
    assert found[3]["result"]["items"] and "node 0" in found[2]["result"]["contents"]["value"]
    assert len(found[4]["result"]) == 2
    assert raw.end() == 0


def test_nothing_overtakes_a_change(raw):
    pull = frame("textDocument/diagnostic", {"textDocument": {"uri": URI}}, 3)
    cancel = frame("$/cancelRequest", {"id": 2})
    raw.write(
        begin(**PULLS) + opened(BROKEN) + frame("textDocument/hover", HERE, 2) + changed(GOOD) + pull + cancel
    )
    found = numbers_of(raw, 1, 2, 3)
    assert list(found) == [1, 2, 3]
    assert found[3]["result"]["items"] == [], "they are those of the changed text"
    assert raw.end() == 0


def test_a_whole_session_may_be_sent_at_once(raw):
    raw.write(begin() + opened(GOOD) + frame("textDocument/hover", HERE, 2) + frame("shutdown", None, 3))
    raw.write(frame("textDocument/hover", HERE, 4) + frame("exit", None))
    found = numbers_of(raw, 1, 2, 3, 4)
    assert "node 0" in found[2]["result"]["contents"]["value"] and found[3]["result"] is None
    assert found[4]["error"]["code"] == -32600
    assert raw.process.wait(20) == 0


def test_exit_at_once_ends_without_a_word(raw):
    raw.write(begin() + opened(GOOD) + frame("textDocument/hover", HERE, 2) + frame("exit", None))
    assert raw.process.wait(20) == 1
    assert raw.process.stderr is not None and raw.process.stderr.read() == b""


def test_a_request_before_initialize_is_refused_though_others_wait(raw):
    raw.write(
        frame("textDocument/hover", HERE, 7) + begin() + opened(GOOD) + frame("textDocument/hover", HERE, 2)
    )
    found = numbers_of(raw, 7, 1, 2)
    assert found[7]["error"]["code"] == -32002 and list(found) == [7, 1, 2]


def test_a_python_file_that_is_opened_first_is_served_as_one_that_is_opened_later(raw, tmp_path):
    source = "import torch\n\n\n# torchlean: example-shap=1\nclass M(torch.nn.Module):\n    pass\n"
    (tmp_path / "m.py").write_text(source)
    (tmp_path / "n.py").write_text(source)
    uris = [(tmp_path / name).as_uri() for name in ("m.py", "n.py")]
    raw.initialize(initializationOptions={"trusted": False})
    told, lenses = {}, {}
    for number, uri in enumerate(uris):
        raw.open(uri, source, "python")
        raw.send("textDocument/codeLens", {"textDocument": {"uri": uri}}, 10 + number)
    while len(told) < 2 or len(lenses) < 2:
        message = raw.read()
        if message.get("method") == "textDocument/publishDiagnostics":
            params = message["params"]
            told[params["uri"]] = [one["message"] for one in params["diagnostics"]]
        elif "result" in message:
            lenses[message["id"]] = message["result"]
    assert told[uris[0]] and told[uris[0]] == told[uris[1]]
    assert lenses[10] and lenses[10] == lenses[11]
    assert raw.end() == 0


def test_a_feature_that_cannot_be_imported_is_left_out():
    script = (
        "import sys; sys.modules['torchlean_ls.features.rename'] = None\n"
        "sys.argv = ['torchlean', 'server']\n"
        "from torchlean_core.cli.main import main; sys.exit(main())\n"
    )
    raw = Raw(sys.executable, "-c", script)
    try:
        raw.write(begin() + opened(GOOD) + frame("textDocument/rename", {**HERE, "newName": "7"}, 2))
        raw.write(frame("textDocument/hover", HERE, 3))
        found = numbers_of(raw, 1, 2, 3)
        assert found[2]["error"]["code"] == -32601 and found[3]["result"]["contents"]
        assert raw.end() == 0
        assert raw.process.stderr is not None and b"Rename cannot be made" in raw.process.stderr.read()
    finally:
        raw.close()


def test_what_is_imported_for_the_first_diagnostics_is_little():
    script = (
        "import sys; from torchlean_ls.server import Server; server = Server(); print(*sys.modules)\n"
        "server.features.make_all(); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    first, all_ = (set(line.split()) for line in done.stdout.splitlines())
    assert {"torchlean_ls.features.diagnostics", "torchlean_core.check"} <= first
    assert (
        not {"torchlean_ls.features.code_actions", "torchlean_core.check.fixes", "torchlean_ls.python.live"}
        & first
    )
    assert {"torchlean_ls.features.code_actions", "torchlean_ls.python.live"} <= all_
    assert not {"pygls", "lsprotocol", "attrs", "cattrs", "torch", "numpy"} & all_
