"""Hostile and unusual models, captured from an editor: what a person is told, while the server goes on answering."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_lsp
from lsprotocol import types
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities

from tests import hostile
from tests.server.conftest import GOOD, Editor, Failed, answer_requests
from tests.server.python.models import Source, hints, hover, lenses

pytestmark = pytest.mark.asyncio(loop_scope="module")

DIRECTIVE = "# torchlean: example-shape=1,4"
QUICK = {"timeLimit": 1, "memoryLimit": 4096}
PATIENT = {"timeLimit": 60}


@pytest_lsp.fixture(
    scope="module",
    config=ClientServerConfig(server_command=[sys.executable, "-m", "torchlean_core", "server", "--stdio"]),
)
async def client(lsp_client: LanguageClient, tmp_path_factory: pytest.TempPathFactory):
    """One server for all tests: what a model does must not reach the next one anyway. It counts in UTF-16."""
    root = tmp_path_factory.mktemp("work")
    lsp_client.root = root  # type: ignore[attr-defined]
    params = types.InitializeParams(
        capabilities=client_capabilities("visual_studio_code"),
        workspace_folders=[types.WorkspaceFolder(root.as_uri(), "work")],
    )
    assert params.capabilities.text_document is not None
    params.capabilities.text_document.diagnostic = types.DiagnosticClientCapabilities()
    assert params.capabilities.workspace is not None
    params.capabilities.workspace.diagnostics = types.DiagnosticWorkspaceClientCapabilities(
        refresh_support=True
    )
    answer_requests(lsp_client)
    result = await lsp_client.initialize_session(params)
    assert result.capabilities.position_encoding in (None, types.PositionEncodingKind.Utf16)
    lsp_client.editor = editor = Editor(lsp_client, root)  # type: ignore[attr-defined]
    uri = await open_model(editor, directed(hostile.model()))
    await begin(editor, uri)  # from here on torch is loaded
    yield
    await lsp_client.shutdown_session()


@pytest.fixture
def editor(client: LanguageClient, request: pytest.FixtureRequest) -> Editor:
    """An editor in a folder of its own in the workspace."""
    found: Editor = client.editor  # type: ignore[attr-defined]
    found.folder = client.root / f"t{len(list(client.root.iterdir()))}"  # type: ignore[attr-defined]
    found.folder.mkdir()
    return found


class Seen(NamedTuple):
    """What a person gets of a capture.

    Attributes:
        error: The error of the command, None where it did its work.
        diagnostics: Code, text that is underlined, and message of each diagnostic.
        state: What the lens says of the model.
        hints: Shapes by line.
        log: What went to the log.
    """

    error: str | None
    diagnostics: list[tuple[Any, str, str]]
    state: str
    hints: dict[int, str]
    log: str


def directed(text: str) -> str:
    """A model file with the example shape over the class."""
    newline = "\r\n" if "\r\n" in text else "\n"
    head = "@dataclass" if "@dataclass" in text else "class Net"
    return text.replace(head, DIRECTIVE + newline + head, 1)


def configure(editor: Editor, **settings: Any) -> None:
    editor.client.workspace_did_change_configuration(
        types.DidChangeConfigurationParams({"torchlean": settings})
    )


async def open_model(editor: Editor, text: str, *, name: str = "net.py", encoding: str = "utf-8") -> str:
    file = editor.folder / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(text.encode(encoding))
    return await editor.open(name, text, "python")


def begin(editor: Editor, uri: str, **more: Any) -> asyncio.Task[Any]:
    """Begin a capture of `Net`."""
    argument = {"uri": uri, "name": "Net", "exampleShape": "1,4", **more}
    params = {"command": "torchlean.capture", "arguments": [argument]}
    return asyncio.ensure_future(editor.request("workspace/executeCommand", params))


def underlined(text: str, where: types.Range) -> str:
    """The text of a range whose columns count UTF-16 units."""
    lines = text.replace("\r\n", "\n").split("\n")[where.start.line : where.end.line + 1]
    units = [line.encode("utf-16-le") for line in lines]
    units[-1] = units[-1][: 2 * where.end.character]
    units[0] = units[0][2 * where.start.character :]
    return "\n".join(one.decode("utf-16-le") for one in units)


async def see(editor: Editor, uri: str, text: str, capture: asyncio.Task[Any]) -> Seen:
    """What is there once a capture has ended."""
    try:
        await capture
        error = None
    except Failed as failed:
        error = failed.args[1]
    found = [
        (one.code, underlined(text, one.range), one.message)
        for one in await editor.diagnostics(uri)
        if one.source is None or "torchlean" in one.source
    ]
    titles = [one["title"] for one in await lenses(editor, uri)]
    log = "\n".join(one.message for one in editor.client.log_messages)
    return Seen(error, found, titles[1] if len(titles) > 1 else "", await hints(editor, uri), log)


async def captured(editor: Editor, text: str, *, encoding: str = "utf-8", **settings: Any) -> Seen:
    """Open a model, capture it, and see what there is."""
    configure(editor, **(settings or PATIENT))
    uri = await open_model(editor, text, encoding=encoding)
    return await see(editor, uri, text, begin(editor, uri))


# -- what ends in a message -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "where"),
    [
        ("import", "line 1 of net.py"),
        ("constructor", "line 12 of net.py, in Net.__init__"),
        ("forward", "line 15 of net.py, in Net.forward"),
    ],
)
async def test_a_loop_without_end_is_told_on_the_class_with_the_line_that_it_was_at(editor, place, where):
    # On a busy machine a worker needs seconds before it comes to the file; ended before, it can name no line.
    seen = await captured(editor, directed(hostile.ENDLESS[place]), **{**QUICK, "timeLimit": 6})
    message = (
        f"capture ran past its time limit of 6 s and was ended; it was at {where}. "
        "The setting `torchlean.timeLimit` changes the limit"
    )
    assert seen.error == message
    assert seen.diagnostics == [("TL605", "Net", message)]
    assert seen.state == "failing: 1 finding"


async def test_a_capture_that_runs_out_of_time_tells_the_lines_that_ran(editor):
    text = directed(hostile.model()).replace(
        "return self.layer(x)", "h = self.layer(x)\n        while True: pass"
    )
    seen = await captured(editor, text, timeLimit=3)
    assert [code for code, _, _ in seen.diagnostics] == ["TL605"]
    assert seen.hints[Source(text).line("h = self.layer(x)")] == "[1, 2]"


async def test_the_server_answers_while_a_model_loops(editor):
    configure(editor, **QUICK)
    artifact = await editor.open("other.ir.json", GOOD)
    uri = await open_model(editor, directed(hostile.ENDLESS["forward"]))
    capture = begin(editor, uri)
    place = types.Position(
        GOOD[: GOOD.index('"relu"')].count("\n"), GOOD.split('"relu"')[0][::-1].index("\n") + 2
    )
    assert "relu" in await hover(editor, artifact, place)
    assert [one["title"] for one in await lenses(editor, uri)] == ["Capture (1,4)", "no artifact"]
    assert not capture.done()
    with pytest.raises(Failed, match="time limit"):
        await capture


@pytest.mark.parametrize(
    ("constructor", "marked", "message"),
    [
        ("raise ValueError('no luck')", "raise ValueError('no luck')", "ValueError: no luck"),
        ("sys.exit(4)", "sys.exit(4)", "sys.exit(4) was called"),
        ("raise KeyboardInterrupt", "raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("input()", "input()", "EOFError: EOF when reading a line"),
        (
            "breakpoint()",
            "Net",
            "it stopped in a debugger, and a capture has no terminal; take the breakpoint out",
        ),
        (
            "self.layer(torch.zeros(1, 5))",
            "self.layer(torch.zeros(1, 5))",
            "RuntimeError: mat1 and mat2 shapes cannot be multiplied (1x5 and 4x2); "
            "self.layer is Linear(in_features=4, out_features=2, bias=True)",
        ),
        (
            "self.kept = [torch.empty(1 << 28) for _ in iter(int, 1)]",
            "torch.empty(1 << 28)",
            "the capture needs more than its memory limit of 4,096 MiB (for a tensor of 1,024 MiB); "
            "an editor's setting `torchlean.memoryLimit` changes it",
        ),
        (
            "self.kept = [bytearray(1 << 30) for _ in iter(int, 1)]",
            "bytearray(1 << 30)",
            "the capture needs more than its memory limit of 4,096 MiB; "
            "an editor's setting `torchlean.memoryLimit` changes it",
        ),
    ],
)
async def test_a_constructor_that_fails_is_marked_where_it_does(editor, constructor, marked, message):
    text = directed(hostile.model(constructor))
    seen = await captured(editor, text, **{**QUICK, "timeLimit": 20})
    assert seen.diagnostics == [("TL602", marked, message)]
    line = Source(text).line(marked)
    assert seen.error == f"net.py:{line}: {message}"
    assert seen.state == "failing: 1 finding"
    assert not (editor.folder / "net.ir.json").exists()


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (
            "os._exit(4)",
            "capture: the code being run ended the worker process itself (exit code 4, as `os._exit` does) "
            "before the work was done",
        ),
        (
            "os.kill(os.getpid(), 11)",
            "capture: the worker process was ended by SIGSEGV: a crash in native code, "
            "or the code being run sent the signal itself",
        ),
        (
            "os.closerange(3, 100)",
            "capture: the code being run closed the channel of the worker process "
            "(file descriptors that it did not open, as `os.closerange` does)",
        ),
    ],
)
@pytest.mark.parametrize("place", ["constructor", "forward"])
async def test_a_model_that_ends_its_process_is_told_on_the_class(editor, place, statement, message):
    text = hostile.model(statement if place == "constructor" else "pass")
    if place == "forward":
        text = text.replace("return self", f"{statement}\n        return self")
    seen = await captured(editor, directed(text))
    assert seen.error == message
    assert seen.diagnostics == [("TL602" if place == "constructor" else "TL603", "Net", message)]
    assert seen.state == "failing: 1 finding"


async def test_a_null_byte_is_marked_on_its_line(editor):
    seen = await captured(editor, directed(hostile.model()).replace("import os", "import os  # \0"))
    [(code, marked, message)] = seen.diagnostics
    assert code == "TL602" and marked.startswith("import os") and "null bytes" in message


async def test_a_missing_module_names_the_interpreter_and_the_setting_for_another(editor):
    seen = await captured(editor, directed(hostile.MISSING_IMPORT))
    message = (
        f"ModuleNotFoundError: No module named 'not_there_at_all' (with the interpreter {sys.executable}; "
        "an editor's setting `torchlean.python.interpreter` selects another)"
    )
    assert seen.diagnostics == [("TL602", "import not_there_at_all", message)]
    assert seen.error == f"net.py:1: {message.replace(sys.executable, Path(sys.executable).name)}"


async def test_a_long_import_is_ended_by_cancelling_its_progress(editor):
    configure(editor, **PATIENT)
    uri = await open_model(editor, directed(hostile.SLOW_IMPORT))
    reports = editor.client.progress_reports
    known = set(reports)
    capture = begin(editor, uri)
    while not (new := [token for token in reports if token not in known and len(reports[token]) > 1]):
        await editor.client.wait_for_notification(types.PROGRESS)
    editor.client.window_work_done_progress_cancel(types.WorkDoneProgressCancelParams(new[0]))
    with pytest.raises(Failed, match=r"Capturing net\.py was stopped"):
        await capture
    assert isinstance(reports[new[0]][-1], types.WorkDoneProgressEnd)
    assert await editor.diagnostics(uri) == []
    assert [one["title"] for one in await lenses(editor, uri)] == ["Capture (1,4)", "no artifact"]


async def test_torchscript_inside_is_refused_in_words(editor):
    seen = await captured(editor, directed(hostile.model("self.layer = torch.jit.script(self.layer)")))
    [(code, _, message)] = seen.diagnostics
    assert code == "TL603" and message.startswith(
        "`layer` is TorchScript (torch.jit.script or torch.jit.trace)"
    )


# -- what is captured all the same ----------------------------------------------------------------------------


@pytest.mark.parametrize("what", [name for name in hostile.UNUSUAL if name not in hostile.TRACES])
async def test_unusual_files_are_captured_and_have_shapes(editor, what):
    source = hostile.UNUSUAL[what]
    encoding = "latin-1" if what == "latin-1" else "utf-8"
    text = source.decode(encoding) if isinstance(source, bytes) else source
    if what == "is made by exec":
        text += f"\n\n{DIRECTIVE}\nNet = Net\n"
    else:
        text = directed(text)
    seen = await captured(editor, text, encoding=encoding)
    assert seen.error is None
    assert json.loads((editor.folder / "net.ir.json").read_text())["output_id"] == 1
    if what == "is made by exec":
        assert seen.hints == {}  # there is no line of a file
    else:
        assert seen.diagnostics == [] and seen.state == "fresh"
        line = Source(text.replace("\r\n", "\n")).line("return self.layer(x)")
        assert seen.hints[line] == "[1, 2]"


@pytest.mark.parametrize("what", hostile.TRACES)
async def test_where_a_model_traces_itself_shapes_of_operators_are_left(editor, what):
    text = directed(hostile.TRACES[what])
    seen = await captured(editor, text)
    assert seen.error is None and seen.state == "fresh"
    line = Source(text).line("return self.layer(x)")
    assert seen.hints == {line: "[1, 2]"}
    uri = (editor.folder / "net.py").as_uri()
    assert "`self.layer(x)`: `[1, 2]` float32" in await hover(
        editor, uri, Source(text).place("self.layer(x)", 7)
    )
    told = await hover(editor, uri, Source(text).place("Net(nn"))
    assert "installed a tracer of its own (`sys.settrace`)" in told


GELU = "gelu(self.layer(x))"


@pytest.mark.parametrize("indent", ["    ", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("before", ["s = '😀é∀'", "s = '''\n😀'''"])
async def test_findings_and_shapes_have_the_columns_of_the_editor(editor, indent, newline, before):
    text = hostile.model().replace("import os\n", "import os\nfrom torch.nn.functional import gelu\n")
    text = text.replace("return self.layer(x)", f"{before}; y = {GELU}; return y")
    text = directed(text.replace("    ", indent).replace("\n", newline))
    seen = await captured(editor, text)
    [(code, marked, message)] = seen.diagnostics
    assert (code, marked) == ("TL601", GELU)
    assert "--" not in message and "--" not in str(seen.error)
    line = Source(text.replace("\r\n", "\n")).line(GELU)
    assert seen.hints[line].startswith("y: [1, 2]") or seen.hints[line] == "[1, 2]"


async def test_a_file_with_a_byte_order_mark_is_captured(editor):
    seen = await captured(editor, directed(hostile.model()), encoding="utf-8-sig")
    assert seen.error is None and seen.state == "fresh"


async def test_form_feeds_do_not_shift_shapes(editor):
    text = directed(hostile.model())
    text = text.replace("import sys\n", "import sys\n\f\nA = '\x1c\u2028'\n")
    seen = await captured(editor, text)
    line = next(i for i, one in enumerate(text.split("\n"), 1) if "return self.layer" in one)
    assert seen.error is None and seen.hints[line] == "[1, 2]"


async def test_a_decorated_forward_has_shapes_inside_and_in_its_decorator(editor):
    body = "        y = f(self, x)\n        return y + y\n"
    decorator = f"def twice(f):\n    def both(self, x):\n{body}    return both\n\n\n"
    text = hostile.model().replace("class Net", f"{decorator}class Net", 1)
    text = directed(text.replace("    def forward", "    @twice\n    def forward"))
    seen = await captured(editor, text)
    source = Source(text)
    assert seen.hints[source.line("y = f(self, x)")] == "[1, 2]"
    assert seen.hints[source.line("return self.layer(x)")] == "[1, 2]"


# -- what a model does to the world ---------------------------------------------------------------------------


async def test_what_a_model_prints_goes_to_the_log_and_not_into_the_protocol(editor):
    seen = await captured(editor, directed(hostile.PRINTS))
    assert seen.error is None
    assert {"printed", "one", "two", "three"} <= set(seen.log.split())


async def test_processes_and_threads_of_a_model_are_gone_after_its_capture(editor):
    seen = await captured(editor, directed(hostile.STARTS_PROCESSES))
    assert seen.error is None
    pids = [int(word) for word in seen.log.split() if word.isdecimal()]
    assert pids and not any(is_running(pid) for pid in pids)


def is_running(pid: int) -> bool:
    """Whether there is such a process that does something still."""
    try:
        status = Path("/proc", str(pid), "stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] not in "ZX"


async def test_a_sibling_that_was_edited_is_imported_anew(editor):
    text = directed("import sibling\n" + hostile.model("self.layer = nn.Linear(4, sibling.WIDTH)"))
    line = Source(text).line("return self.layer(x)")
    for width in (2, 3):
        (editor.folder / "sibling.py").write_text(f"WIDTH = {width}\n")
        os.utime(editor.folder / "sibling.py", (1e9, 1e9))  # in the same second, of the same size
        seen = await captured(editor, text)
        assert seen.hints[line] == f"[1, {width}]"


async def test_a_finding_in_a_sibling_moves_with_its_edits(editor):
    helper = "from torch import nn\n\n\ndef act(x):\n    return nn.functional.gelu(x)\n"
    sibling = await open_model(editor, helper, name="sibling.py")
    text = directed("import sibling\n" + hostile.model()).replace(
        "return self.layer(x)", "return sibling.act(self.layer(x))"
    )
    seen = await captured(editor, text)
    assert seen.error is not None and "sibling.py:5: aten.gelu" in seen.error
    editor.change(sibling, types.TextDocumentContentChangeWholeDocument("# first\n" + helper))
    [found] = await editor.diagnostics(sibling)
    assert (found.code, found.range.start.line) == ("TL601", 5)
    edited = helper.replace("gelu", "relu")
    (editor.folder / "sibling.py").write_text(edited)
    editor.change(sibling, types.TextDocumentContentChangeWholeDocument(edited))
    assert await editor.diagnostics(sibling) == []
    uri = (editor.folder / "net.py").as_uri()
    await begin(editor, uri)  # the new code is what runs
    assert await editor.diagnostics(sibling) == []


async def test_a_module_of_a_package_imports_relatively(editor):
    text = directed(hostile.RELATIVE)
    (editor.folder / "pkg").mkdir()
    (editor.folder / "pkg" / "__init__.py").touch()
    (editor.folder / "pkg" / "layers.py").write_text(hostile.LAYERS)
    uri = await open_model(editor, text, name="pkg/net.py")
    seen = await see(editor, uri, text, begin(editor, uri))
    assert seen.error is None and seen.state == "fresh"
    assert seen.hints[Source(text).line("return self.layer(x)")] == "[1, 2]"


async def test_a_relative_import_of_what_is_not_there_says_what_is_missing(editor):
    seen = await captured(editor, directed(hostile.RELATIVE))
    [(code, marked, message)] = seen.diagnostics
    assert (code, marked) == ("TL602", "from .layers import LAYER")
    assert re.match(r"ModuleNotFoundError: No module named '\w+\.layers' \(with the interpreter ", message)
    assert "it lies in" not in message


async def test_each_of_several_models_has_its_own_state(editor):
    other = "\n\n" + hostile.CLASS.replace("class Net", f"{DIRECTIVE}\nclass Other").format(
        "raise ValueError('no')"
    )
    text = directed(hostile.model()) + other
    configure(editor, **PATIENT)
    uri = await open_model(editor, text)
    await begin(editor, uri)
    with pytest.raises(Failed, match="ValueError: no"):
        await begin(editor, uri, name="Other")
    titles = [one["title"] for one in await lenses(editor, uri)]
    assert "fresh" in titles and "failing: 1 finding" in titles
