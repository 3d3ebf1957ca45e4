"""The server as a process: what it imports, how it ends, what it does with odd input."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from benchmarks.artifacts import make_artifact

from tests.server.conftest import BROKEN, GOOD
from tests.server.raw import SERVER, Raw


@pytest.fixture
def raw():
    client = Raw()
    yield client
    client.close()


def test_torch_is_not_imported_after_opening_checking_and_hovering():
    client = Raw(sys.executable, "-X", "importtime", *SERVER[1:])
    client.initialize()
    client.open("file:///m.ir.json", BROKEN)
    assert client.read()["params"]["diagnostics"][0]["code"] == "TL201"
    position = {"textDocument": {"uri": "file:///m.ir.json"}, "position": {"line": 6, "character": 4}}
    client.send("textDocument/hover", position, 2)
    assert "node 0" in client.answer(2)["result"]["contents"]["value"]
    where = {"start": {"line": 0, "character": 0}, "end": {"line": 99, "character": 0}}
    params = {"textDocument": position["textDocument"], "range": where, "context": {"diagnostics": []}}
    client.send("textDocument/codeAction", params, 3)
    client.answer(3)
    assert client.end() == 0
    assert client.process.stderr is not None
    imported = {line.rpartition(b"|")[2].strip() for line in client.process.stderr.read().split(b"\n")}
    assert b"torchlean_core.check" in imported
    assert not imported & {b"torch", b"numpy", b"safetensors"}


def test_exit_without_shutdown_ends_with_exit_code_1(raw):
    raw.initialize()
    raw.send("exit", None)
    assert raw.process.wait(20) == 1


def test_a_request_that_is_cancelled_after_its_answer_is_no_fault(raw):
    raw.initialize()
    raw.open("file:///m.ir.json", GOOD)
    place = {"textDocument": {"uri": "file:///m.ir.json"}, "position": {"line": 6, "character": 4}}
    assert raw.ask("textDocument/hover", place, 2)
    raw.send("$/cancelRequest", {"id": 2})
    raw.send("$/cancelRequest", {"id": 99})
    assert raw.end() == 0
    assert raw.process.stderr is not None
    assert raw.process.stderr.read() == b""


def test_the_server_ends_when_nobody_reads_what_it_pushes(raw):
    raw.initialize()
    assert raw.process.stdout is not None and raw.process.stderr is not None
    raw.process.stdout.close()
    raw.open("file:///m.ir.json", BROKEN)
    assert raw.process.wait(20) == 1
    said = raw.process.stderr.read()
    assert b"the connection to the client is lost" in said and b"Traceback" not in said


def test_a_big_file_does_not_delay_a_small_one(raw):
    raw.initialize()
    raw.open("file:///big.ir.json", make_artifact(60_000, layout="lines").replace('"relu"', '"rleu"'))
    raw.open("file:///small.ir.json", GOOD)
    position = {"textDocument": {"uri": "file:///small.ir.json"}, "position": {"line": 6, "character": 4}}
    raw.send("textDocument/hover", position, 2)
    seen = []
    while len(seen) < 3:
        message = raw.read()
        seen.append(message.get("id") or message["params"]["uri"])
    assert set(seen[:2]) == {2, "file:///small.ir.json"} and seen[2] == "file:///big.ir.json"


def test_a_big_file_that_is_edited_while_it_is_checked_ends_in_its_last_state(raw):
    text = make_artifact(30_000, layout="lines")
    uri = "file:///big.ir.json"
    raw.initialize()
    raw.open(uri, text)
    line = next(number for number, content in enumerate(text.split("\n")) if '"relu"' in content)
    column = text.split("\n")[line].index("relu")
    for version in range(2, 12):
        where = {"start": {"line": line, "character": column}, "end": {"line": line, "character": column + 4}}
        change = {"range": where, "text": "rela" if version % 2 == 0 else "tanh"}
        raw.send(
            "textDocument/didChange",
            {"textDocument": {"uri": uri, "version": version}, "contentChanges": [change]},
        )
    while True:
        params = raw.read()["params"]
        if params.get("version") == 11:
            break
    assert params["diagnostics"] == []


def test_a_session_ends_with_exit_code_0(raw):
    raw.initialize()
    assert raw.end() == 0
    assert b"Traceback" not in raw.process.stderr.read()


def test_the_server_ends_when_its_input_ends(raw):
    raw.initialize()
    raw.process.stdin.close()
    assert raw.process.wait(20) in (0, 1)


def test_the_server_ends_with_the_client_process():
    parent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    client = Raw()
    client.initialize(processId=parent.pid)
    parent.kill()
    parent.wait()
    assert client.process.wait(20) == 1
    client.process.communicate()


def test_the_capabilities_name_the_commands(raw):
    capabilities = raw.initialize()["result"]["capabilities"]
    assert set(capabilities["executeCommandProvider"]["commands"]) >= {
        f"torchlean.{name}" for name in ("emit", "capture", "init", "train", "stop")
    }
    assert capabilities["hoverProvider"]
    assert "diagnosticProvider" not in capabilities  # this client cannot pull


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_position_encodings_are_negotiated(raw, encoding):
    capabilities = raw.initialize(capabilities={"general": {"positionEncodings": [encoding]}})["result"][
        "capabilities"
    ]
    assert capabilities["positionEncoding"] == encoding
    text = BROKEN.replace("\n", "").replace('"id": 1', '"note": "𝔸", "id": 1')
    raw.open("file:///m.ir.json", text)
    start = raw.read()["params"]["diagnostics"][0]["range"]["start"]["character"]
    column = text.rindex('"shape":') + len('"shape": ')
    assert start == column + {"utf-8": 3, "utf-16": 1, "utf-32": 0}[encoding]


@pytest.mark.parametrize(
    "uri",
    [
        "untitled:Untitled-1",
        "git:/m.ir.json?ref=HEAD",
        "file:///c%3A/a%20b/m.ir.json",
        "file:///C:/m.ir.json",
        "odd",
    ],
)
def test_unusual_uris_are_served(raw, uri):
    raw.initialize()
    item = {"uri": uri, "languageId": "torchlean-ir", "version": 1, "text": BROKEN}
    raw.send("textDocument/didOpen", {"textDocument": item})
    answer = raw.read()["params"]
    assert answer["uri"] == uri and [d["code"] for d in answer["diagnostics"]] == ["TL201"]


def test_odd_messages_do_not_end_the_server(raw):
    raw.initialize()
    raw.send_bytes(b'{"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": {"textDocument": 3}}')
    raw.send(
        "textDocument/didChange", {"textDocument": {"uri": "file:///no", "version": 2}, "contentChanges": []}
    )
    raw.send("textDocument/didClose", {"textDocument": {"uri": "file:///no"}})
    raw.send("no/such/method", {}, 5)
    assert raw.answer(5)["error"]["code"] == -32601
    raw.open("file:///m.ir.json", GOOD)
    raw.send(
        "textDocument/hover",
        {"textDocument": {"uri": "file:///m.ir.json"}, "position": {"line": 6, "character": 4}},
        6,
    )
    assert "node 0" in raw.answer(6)["result"]["contents"]["value"]


@pytest.mark.parametrize(
    ("command", "arguments", "message"),
    [
        ("torchlean.emit", [], "takes one object"),
        ("torchlean.emit", ["x"], "takes one object"),
        ("torchlean.emit", [{}], "`uri` must be"),
        ("torchlean.emit", [{"uri": "untitled:1"}], "`uri` must be"),
        ("torchlean.emit", [{"uri": "file:///no/such/m.ir.json"}], "save it first"),
        ("torchlean.nonsense", [{}], "unknown command"),
    ],
)
def test_wrong_command_arguments_are_refused_with_a_message(raw, command, arguments, message):
    raw.initialize()
    raw.send("workspace/executeCommand", {"command": command, "arguments": arguments}, 7)
    assert message in raw.answer(7)["error"]["message"]


def test_initialize_is_answered_without_much_ado():
    """A coarse bound against accidents; the measured figure is in benchmarks/."""
    start = time.perf_counter()
    client = Raw()
    client.initialize()
    assert time.perf_counter() - start < 10
    assert client.end() == 0


def test_capture_is_refused_where_the_workspace_is_not_trusted(raw, tmp_path):
    model = tmp_path / "m.py"
    model.write_text("raise SystemExit('ran')\n")
    raw.initialize(initializationOptions={"trusted": False})
    argument = {"uri": model.as_uri(), "name": "M", "exampleShape": "1"}
    raw.send("workspace/executeCommand", {"command": "torchlean.capture", "arguments": [argument]}, 8)
    error = raw.answer(8)["error"]
    assert "not trusted" in error["message"] and error["data"]["trust"] is True


def test_of_an_onnx_file_nothing_is_read_where_the_workspace_is_not_trusted(raw, tmp_path):
    (tmp_path / "net.onnx").write_bytes(b"\x00")
    (tmp_path / "new.ir.json").write_text("")
    raw.initialize(initializationOptions={"trusted": False})
    argument = {"uri": (tmp_path / "net.onnx").as_uri()}
    raw.send("workspace/executeCommand", {"command": "torchlean.capture", "arguments": [argument]}, 8)
    error = raw.answer(8)["error"]
    assert "not trusted" in error["message"] and error["data"]["trust"] is True
    uri = (tmp_path / "new.ir.json").as_uri()
    raw.open(uri, "")
    where = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}}
    asked = {"textDocument": {"uri": uri}, "range": where, "context": {"diagnostics": []}}
    raw.send("textDocument/codeAction", asked, 9)
    assert not any("net.onnx" in one["title"] for one in raw.answer(9)["result"] or [])


def test_data_functions_are_refused_where_the_workspace_is_not_trusted(raw, tmp_path):
    artifact = tmp_path / "m.ir.json"
    artifact.write_text("{}")
    raw.initialize(initializationOptions={"trusted": False})
    argument = {"uri": artifact.as_uri(), "data": "data.py:make"}
    raw.send("workspace/executeCommand", {"command": "torchlean.train", "arguments": [argument]}, 8)
    assert "from a function of the project" in raw.answer(8)["error"]["message"]


@pytest.mark.parametrize("work", ["reading", "asking", "capture", "training"])
def test_exit_without_shutdown_ends_at_once_whatever_runs(tmp_path, work):
    model = tmp_path / "net.py"
    model.write_text(
        "import torch\nfrom torch import nn\n\n\n# torchlean: example-shape=1,4\nclass Net(nn.Module):\n"
        "    def forward(self, x):\n        while True: pass\n"
    )
    artifact = tmp_path / "m.ir.json"
    artifact.write_text(GOOD)
    raw = Raw()
    try:
        raw.initialize()
        if work in ("reading", "asking"):
            raw.open(artifact.as_uri(), make_artifact(40_000))
            if work == "asking":
                where = {"textDocument": {"uri": artifact.as_uri()}, "position": {"line": 9, "character": 9}}
                for number in range(2, 9):
                    raw.send("textDocument/hover", where, number)
            time.sleep(0.3)
        else:
            file, name, more = (
                (model, "capture", {"name": "Net"})
                if work == "capture"
                else (artifact, "train", {"steps": 10**9})
            )
            raw.open(file.as_uri(), file.read_text(), "python" if work == "capture" else "json")
            argument = {"uri": file.as_uri(), **more}
            raw.send("workspace/executeCommand", {"command": f"torchlean.{name}", "arguments": [argument]}, 7)
            time.sleep(3)
        raw.send("exit", None)
        began = time.monotonic()
        assert raw.process.wait(30) == 1
        assert time.monotonic() - began < 4  # 0.2 s on a machine that does nothing else
        assert raw.process.stderr.read() == b""
    finally:
        raw.close()
