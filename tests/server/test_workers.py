"""The warm worker of the server: when it runs, and that it ends."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from torchlean_core.jobs import WarmWorker
from torchlean_ls.server import Server, create_server
from torchlean_ls.settings import Settings

MODEL = "import torch\n\n\nclass Net(torch.nn.Module):\n    pass\n"
CAPTURED = '{"captured_from": {"file": "m.py"}, "nodes": []}'


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was done with worker processes: nothing really is."""
    seen: list[str] = []
    monkeypatch.setattr(WarmWorker, "start", lambda self: seen.append(f"start {self.python}"))
    monkeypatch.setattr(WarmWorker, "close", lambda self: seen.append(f"close {self.python}"))
    return seen


def opened(server: Server, name: str, text: str) -> None:
    language = "python" if name.endswith(".py") else "json"
    item = types.TextDocumentItem(f"file:///work/{name}", language, 1, text)
    server.did_open(types.DidOpenTextDocumentParams(item))


def change(server: Server, **values: Any) -> None:
    server.use(replace(server.settings, **values))


@pytest.mark.parametrize(("name", "text"), [("m.py", MODEL), ("m.ir.json", CAPTURED)])
def test_it_is_started_for_a_model_and_for_what_was_captured_from_one(
    seen: list[str], name: str, text: str
) -> None:
    server = create_server()
    assert server.workers.warm(None) is None
    opened(server, name, text)
    assert seen == ["start None"]
    assert server.workers.warm(None) is not None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("m.py", "import torch\n"),
        ("m.py", "import torch\nclass Net(torch.nn.Module:"),
        ("m.py", "class Net(Module): pass\n"),
        ("m.ir.json", '{"nodes": []}'),
        ("m.json", "[]"),
    ],
)
def test_it_is_not_started_for_other_files(seen: list[str], name: str, text: str) -> None:
    opened(create_server(), name, text)
    assert seen == []


def test_it_is_not_started_in_a_workspace_that_is_not_trusted(seen: list[str]) -> None:
    server = create_server()
    server.trusted = False
    opened(server, "m.py", MODEL)
    assert seen == []


def test_it_is_not_started_where_a_setting_says_so(seen: list[str]) -> None:
    server = create_server()
    server.settings = Settings.read({"warmWorker": False})
    opened(server, "m.py", MODEL)
    assert seen == []


def test_another_interpreter_replaces_it(seen: list[str]) -> None:
    server = create_server()
    opened(server, "m.py", MODEL)
    change(server, python="/usr/bin/python3")
    assert seen == ["start None", "close None", "start /usr/bin/python3"]
    change(server, device="cpu")
    assert len(seen) == 3


@pytest.mark.parametrize(
    ("setting", "program"),
    [
        ("", None),
        ("  ", None),
        ("python3.12", "python3.12"),
        (" /usr/bin/python3 ", "/usr/bin/python3"),
        (".venv/bin/python", "/work/.venv/bin/python"),
        ("${workspaceFolder}/.venv/bin/python", "/work/.venv/bin/python"),
    ],
)
def test_an_interpreter_is_found_from_the_folder(setting: str, program: str | None) -> None:
    server = create_server()
    server.folders.roots["file:///work"] = Path("/work")
    change(server, python=setting)
    assert server.interpreters.of("") == program
    server.trusted = False
    assert server.interpreters.of("") is None


def test_each_folder_has_its_interpreter_and_its_worker(seen: list[str]) -> None:
    server = create_server()
    for name in ("one", "two", "two/inner"):
        server.folders.roots[f"file:///work/{name}"] = Path(f"/work/{name}")
    window = replace(server.settings, python="/usr/bin/python3")
    told = {
        "file:///work/one": replace(window, python="${workspaceFolder}/.venv/bin/python"),
        "file:///work/two": replace(window, python="/opt/python"),
    }
    server.use(window, told)
    of = server.interpreters.of
    assert of("file:///work/one/m.py") == "/work/one/.venv/bin/python"
    assert of("file:///work/two/sub/m.py") == "/opt/python"
    assert of("file:///work/two/inner/m.py") == of("file:///elsewhere.py") == "/usr/bin/python3"
    opened(server, "one/m.py", MODEL)
    opened(server, "two/m.py", MODEL)
    assert seen == ["start /work/one/.venv/bin/python", "start /opt/python"]
    assert server.workers.warm("/opt/python") is not server.workers.warm("/work/one/.venv/bin/python")
    # Only the one whose folder chose anew is replaced.
    server.use(window, told | {"file:///work/two": replace(window, python="/opt/other")})
    assert seen[2:] == ["close /opt/python", "start /work/one/.venv/bin/python", "start /opt/other"]
    server.trusted = False
    assert of("file:///work/one/m.py") is None


def test_switching_it_off_ends_it(seen: list[str]) -> None:
    server = create_server()
    opened(server, "m.py", MODEL)
    change(server, warm_worker=False)
    assert seen == ["start None", "close None"]
    assert server.workers.warm(None) is None


def test_it_ends_with_the_server(seen: list[str]) -> None:
    server = create_server()
    opened(server, "m.py", MODEL)
    server.shut_down()
    assert seen == ["start None", "close None"]


def test_why_it_does_not_work_is_told_once(seen: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    server = create_server()
    notes: list[str] = []
    monkeypatch.setattr(server, "note", notes.append)
    opened(server, "m.py", MODEL)
    warm = server.workers.warm(None)
    assert warm is not None
    warm.problem = "no torch"
    assert [server.workers.warm(None), server.workers.warm(None)] == [warm, warm]
    assert notes == ["no torch"]
