"""The server as a process: malformed messages, odd positions and orders, many documents, the end of a session."""

from __future__ import annotations

import itertools
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.server.conftest import BROKEN, GOOD
from tests.server.raw import SERVER, Raw

URI = "file:///m.ir.json"
AT_A_PLACE = (
    "hover",
    "completion",
    "definition",
    "documentHighlight",
    "prepareRename",
    "prepareCallHierarchy",
)
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"capabilities": {}, "processId": None, "rootUri": None},
}
MANY = 6_000  # their fixes take 10 s
HERE = {"textDocument": {"uri": URI}, "position": {"line": 6, "character": 4}}


@pytest.fixture
def raw():
    client = Raw()
    yield client
    client.close()


def still_serves(raw: Raw) -> None:
    raw.open(URI, GOOD)
    assert "node 0" in raw.ask("textDocument/hover", HERE, 500)["contents"]["value"]


MALFORMED = [
    ("textDocument/hover", None),
    ("textDocument/hover", {}),
    ("textDocument/hover", 3),
    ("textDocument/hover", {"textDocument": {"uri": URI}, "position": {"line": "x", "character": 0}}),
    ("textDocument/hover", {"textDocument": {"uri": URI}, "position": {"line": -1, "character": 0}}),
    ("textDocument/completion", {"textDocument": {}}),
    ("textDocument/rename", {"textDocument": {"uri": URI}, "position": {"line": 0, "character": 0}}),
    ("workspace/executeCommand", {}),
    ("textDocument/codeAction", {"textDocument": {"uri": URI}, "range": None}),
]


def test_a_request_with_malformed_params_is_answered_with_what_is_wrong(raw):
    raw.initialize()
    for number, (method, params) in enumerate(MALFORMED, 2):
        raw.send(method, params, number)
        error = raw.answer(number)["error"]
        assert error["code"] == -32602 and method in error["message"], (method, params)
    still_serves(raw)


def test_a_change_or_a_pull_with_malformed_params_costs_nothing_else(raw):
    refresh = {"diagnostics": {"refreshSupport": True}}
    raw.initialize(capabilities={"textDocument": {"diagnostic": {}}, "workspace": refresh})
    raw.send("textDocument/diagnostic", {"textDocument": {}}, 2)
    error = raw.answer(2)["error"]
    assert error["code"] == -32602 and "`uri`" in error["message"]
    item = {"uri": URI, "languageId": "json", "version": 1, "text": '{"format": "torchlean.ir.v1"}'}
    raw.send("textDocument/didOpen", {"textDocument": item})
    start = {"line": 0, "character": 0}
    for range_ in (3, {"start": start}, {"start": {"line": -1, "character": 0}, "end": start}):
        changes = [{"range": range_, "text": "x"}]
        raw.send(
            "textDocument/didChange", {"textDocument": {"uri": URI, "version": 2}, "contentChanges": changes}
        )
    raw.send("textDocument/diagnostic", {"textDocument": {"uri": URI}}, 3)
    codes = [one["code"] for one in raw.answer(3)["result"]["items"]]
    assert codes == ["TL010"] * 3, "the text is as it was opened"


def test_bytes_that_are_no_message_are_answered_and_the_next_message_is_read(raw):
    raw.initialize()
    for content, code in (
        (b"{nonsense", -32700),
        (b"", -32700),
        (b"\xff\xfe", -32700),
        (b"[" * 100_000, -32700),
        (b'[{"jsonrpc": "2.0", "id": 1, "method": "shutdown"}]', -32600),
        (b"3", -32600),
        (b'{"id": 4, "method": "shutdown"}', -32600),
        (b'{"jsonrpc": "2.0", "id": 4, "method": 7}', -32600),
        (b'{"jsonrpc": "2.0", "id": {}, "method": "shutdown"}', -32600),
    ):
        raw.send_bytes(content)
        while "method" in (answer := raw.read()):
            pass
        assert answer["error"]["code"] == code, content[:40]
    still_serves(raw)


def test_wrong_headers_are_skipped(raw):
    raw.initialize()
    for header in (
        b"Content-Length: x\r\n\r\n",
        b"Content-Length: -5\r\n\r\n",
        b"Content-Length: 99999999999999999999\r\n\r\n",
        b"Content-Type: text\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"Content-Length: 2\r\n\r\n{} and more than it said",
        b"x" * 40_000,
    ):
        raw.write(header)
        still_serves(raw)


def test_headers_may_be_spelled_and_ordered_as_they_like(raw):
    content = json.dumps(
        {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "initialize",
            "params": {"capabilities": {}, "processId": None, "rootUri": None},
        }
    ).encode()
    raw.write(
        b"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\ncontent-length:%d\r\n\r\n%s"
        % (len(content), content)
    )
    assert raw.answer(1)["result"]["capabilities"]["hoverProvider"]


def test_a_message_may_come_byte_by_byte(raw):
    content = json.dumps(INITIALIZE).encode()
    for byte in b"Content-Length: %d\r\n\r\n%s" % (len(content), content):
        raw.write(bytes([byte]))
    assert raw.answer(1)["result"]["serverInfo"]["name"] == "torchlean-ls"
    raw.send("initialized", {})
    still_serves(raw)


def test_requests_before_initialize_and_a_second_one_are_refused(raw):
    raw.send("textDocument/hover", HERE, 1)
    assert raw.answer(1)["error"]["code"] == -32002
    raw.send("initialize", {"capabilities": 3}, 2)
    assert raw.answer(2)["error"]["code"] == -32602
    raw.initialize()
    raw.send("initialize", {"processId": None, "rootUri": None, "capabilities": {}}, 3)
    assert raw.answer(3)["error"]["code"] == -32600
    still_serves(raw)


def test_requests_during_shutdown_are_refused(raw):
    raw.initialize()
    raw.send("shutdown", None, 2)
    raw.send("textDocument/hover", HERE, 3)
    assert raw.answer(2)["result"] is None
    assert raw.answer(3)["error"]["code"] == -32600
    raw.send("exit", None)
    assert raw.process.wait(20) == 0


def test_odd_capabilities_are_read_as_far_as_they_go(raw):
    odd = {
        "textDocument": {"completion": 5, "codeAction": [], "diagnostic": "yes"},
        "workspace": None,
        "general": {"positionEncodings": "utf-8"},
    }
    assert raw.initialize(capabilities=odd)["result"]["capabilities"]["positionEncoding"] == "utf-16"
    still_serves(raw)


def test_a_key_jsonrpc_in_the_arguments_of_a_command_is_no_message(raw):
    raw.initialize()
    raw.open(URI, GOOD)
    argument = {"uri": URI, "extra": {"jsonrpc": "2.0", "id": 5, "method": "exit"}}
    answer = raw.ask("workspace/executeCommand", {"command": "torchlean.check", "arguments": [argument]}, 2)
    assert answer["errors"] == 0


def test_positions_out_of_range_are_answered_by_every_feature(raw):
    raw.initialize()
    raw.open(URI, BROKEN.replace("]}", "", 1))
    numbers = itertools.count(2)
    for line, character in itertools.product((0, 3, 10**6, 2**31 - 1), repeat=2):
        where = {"line": line, "character": character}
        place = {"textDocument": {"uri": URI}, "position": where}
        stretch = {
            "textDocument": {"uri": URI},
            "range": {"start": where, "end": {"line": 0, "character": 0}},
        }
        for method, params in (
            *((f"textDocument/{name}", place) for name in AT_A_PLACE),
            ("textDocument/references", {**place, "context": {"includeDeclaration": True}}),
            ("textDocument/selectionRange", {"textDocument": {"uri": URI}, "positions": [where]}),
            ("textDocument/inlayHint", stretch),
            ("textDocument/semanticTokens/range", stretch),
            ("textDocument/codeAction", {**stretch, "context": {"diagnostics": []}}),
            ("textDocument/rangeFormatting", {**stretch, "options": {"tabSize": 2, "insertSpaces": True}}),
        ):
            number = next(numbers)
            raw.send(method, params, number)
            assert "error" not in raw.answer(number), (method, where)


@pytest.mark.parametrize(
    "uri",
    [
        "untitled:Untitled-1",
        "git:/m.ir.json?ref=HEAD",
        "file:///c%3A/a%20b/m.ir.json",
        "odd",
        "",
        "file:///%00.ir.json",
        "http://[bad/m.ir.json",
    ],
)
def test_features_serve_unusual_uris(raw, uri):
    raw.initialize()
    raw.open(uri, GOOD.replace('"format"', '"captured_from": {"file": "m.py"}, "format"'), "torchlean-ir")
    document = {"textDocument": {"uri": uri}}
    where = {**document, "position": HERE["position"]}
    everything = {"start": {"line": 0, "character": 0}, "end": {"line": 99, "character": 0}}
    for number, (method, params) in enumerate(
        [
            ("textDocument/hover", where),
            ("textDocument/definition", where),
            ("textDocument/documentLink", document),
            ("textDocument/codeLens", document),
            ("textDocument/documentSymbol", document),
            ("textDocument/codeAction", {**document, "range": everything, "context": {"diagnostics": []}}),
        ],
        2,
    ):
        raw.send(method, params, number)
        answer = raw.answer(number)
        assert answer.get("error") is None, (method, answer)
        assert method != "textDocument/hover" or "node 0" in answer["result"]["contents"]["value"]


def test_edits_of_unknown_documents_and_odd_versions_change_nothing_else(raw):
    raw.initialize()
    raw.change("file:///never.ir.json", 2, {"text": BROKEN})
    raw.open(URI, GOOD)
    raw.change(URI, 9, {"text": BROKEN})
    raw.change(
        URI,
        3,
        {"range": {"start": {"line": 5, "character": 0}, "end": {"line": 1, "character": 0}}, "text": ""},
    )
    raw.change(URI, 4, {"text": GOOD})
    raw.send("textDocument/didClose", {"textDocument": {"uri": "file:///never.ir.json"}})
    raw.send("textDocument/didSave", {"textDocument": {"uri": "file:///never.ir.json"}})
    assert "node 0" in raw.ask("textDocument/hover", HERE, 2)["contents"]["value"]


def test_closing_while_a_big_file_is_checked_leaves_nothing_behind(raw):
    from benchmarks.artifacts import make_artifact

    raw.initialize()
    raw.open("file:///big.ir.json", make_artifact(40_000, layout="lines").replace('"relu"', '"rleu"'))
    raw.send("textDocument/hover", {**HERE, "textDocument": {"uri": "file:///big.ir.json"}}, 2)
    raw.send("textDocument/didClose", {"textDocument": {"uri": "file:///big.ir.json"}})
    raw.open(URI, BROKEN)
    raw.send("textDocument/didClose", {"textDocument": {"uri": URI}})
    seen = {}
    while seen.get(URI) != [] or 2 not in seen:
        message = raw.read()
        if "method" in message:
            seen[message["params"]["uri"]] = message["params"]["diagnostics"]
        else:
            seen[message["id"]] = message["result"]
    assert seen["file:///big.ir.json"] == [] and seen[2] is None
    assert raw.end() == 0


def test_two_hundred_open_documents_are_all_served(raw):
    raw.initialize()
    for number in range(200):
        raw.open(f"file:///{number}.ir.json", BROKEN if number % 2 else GOOD)
    found = {}
    while len(found) < 200:
        params = raw.notified("textDocument/publishDiagnostics")
        found[params["uri"]] = len(params["diagnostics"])
    assert sum(found.values()) == 100
    assert len(raw.ask("workspace/symbol", {"query": "relu"}, 2)) == 200
    for number in range(200):
        raw.send("textDocument/didClose", {"textDocument": {"uri": f"file:///{number}.ir.json"}})
    assert raw.end() == 0


def test_half_of_a_surrogate_pair_does_not_end_the_server(raw):
    raw.initialize()
    text = '{"nodes": [{"id": 0, "kind": "' + chr(0xD800) + '"}]}'
    raw.open(URI, text)  # `json.dumps` escapes it
    assert raw.notified("textDocument/publishDiagnostics")["diagnostics"]
    assert raw.ask("textDocument/documentSymbol", {"textDocument": {"uri": URI}}, 2)[0]["name"].startswith(
        "0 "
    )


def test_a_feature_that_fails_is_answered_with_an_error_and_the_others_serve():
    script = (
        "import sys; sys.argv = ['torchlean', 'server']\n"
        "from torchlean_ls.features import hover\n"
        "def broken(*args): raise RuntimeError('out of order')\n"
        "hover.explain = broken\n"
        "from torchlean_core.cli.main import main; sys.exit(main())\n"
    )
    raw = Raw(sys.executable, "-c", script)
    try:
        raw.initialize()
        raw.open(URI, GOOD)
        raw.send("textDocument/hover", HERE, 2)
        assert raw.answer(2)["error"]["code"] == -32603
        assert len(raw.ask("textDocument/documentSymbol", {"textDocument": {"uri": URI}}, 3)) == 2
        assert raw.end() == 0
    finally:
        raw.close()


@pytest.mark.skipif(sys.platform == "win32", reason="process groups")
def test_no_child_is_left_behind_when_the_client_goes(raw, tmp_path):
    (tmp_path / "m.py").write_text(
        "import subprocess, sys, pathlib\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)'])\n"
        "pathlib.Path('child.pid').write_text(str(child.pid))\n"
        "print('started', flush=True)\nimport time\ntime.sleep(300)\n"
    )
    raw.initialize()
    argument = {"uri": (tmp_path / "m.py").as_uri(), "name": "M", "exampleShape": "1"}
    raw.send("workspace/executeCommand", {"command": "torchlean.capture", "arguments": [argument]}, 2)
    while "started" not in raw.notified("window/logMessage")["message"]:
        pass
    child = int((tmp_path / "child.pid").read_text())
    raw.process.stdin.close()
    raw.process.wait(20)
    raw.process.stdout.read()  # ends when nobody holds the other end any more
    with pytest.raises(ProcessLookupError):
        while True:  # gone, or about to be taken off the list of processes
            os.kill(child, 0)
            if Path(f"/proc/{child}/stat").read_text().split(") ")[1].startswith("Z"):
                raise ProcessLookupError


def test_a_client_on_a_tcp_connection_is_served_and_the_process_ends_with_it():
    process = subprocess.Popen([*SERVER[:-1], "--tcp", "0"], stderr=subprocess.PIPE)
    try:
        assert process.stderr is not None
        port = int(process.stderr.readline().split()[-1])
        with (
            socket.create_connection(("127.0.0.1", port)) as connection,
            connection.makefile("rwb") as stream,
        ):
            content = json.dumps(INITIALIZE).encode()
            stream.write(b"Content-Length: %d\r\n\r\n%s" % (len(content), content))
            stream.flush()
            length = int(stream.readline().split(b":")[1])
            while stream.readline().strip():
                pass
            assert json.loads(stream.read(length))["result"]["serverInfo"]["name"] == "torchlean-ls"
        assert process.wait(20) == 1  # no `exit` was said
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_a_change_of_nothing_is_a_version_too(raw):
    raw.initialize()
    raw.open(URI, BROKEN)
    assert raw.notified("textDocument/publishDiagnostics")["version"] == 1
    raw.change(URI, 2)
    pushed = raw.notified("textDocument/publishDiagnostics")
    assert pushed["version"] == 2 and pushed["diagnostics"]


def test_thousands_of_fixes_at_once_keep_nobody_waiting(raw):
    literals = {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["source"]}}}
    raw.initialize(capabilities={"textDocument": {"codeAction": literals}})
    nodes = [{"id": 0, "kind": "input", "parents": [], "shape": [4]}]
    nodes += [{"id": i, "kind": "relu", "parents": [i - 1], "shape": [5 + i]} for i in range(1, MANY)]
    many = "file:///many.ir.json"
    text = json.dumps({"format": "torchlean.ir.v1", "input_id": 0, "output_id": MANY - 1, "nodes": nodes})
    raw.open(many, text)
    raw.open(URI, GOOD)
    everywhere = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": len(text)}}
    context = {"diagnostics": [], "only": ["source.fixAll"]}
    params = {"textDocument": {"uri": many}, "range": everywhere, "context": context}
    raw.send("textDocument/codeAction", params, 7)
    for number in range(
        8, 12
    ):  # the fixes have begun before the last, and take far longer than a pause of this process
        raw.send("textDocument/hover", HERE, number)
        first = next(one for one in iter(raw.read, None) if "id" in one)
        assert first["id"] == number
