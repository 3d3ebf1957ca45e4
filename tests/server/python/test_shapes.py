"""Shapes at the ends of lines of a Python model: from a capture, and from an artifact that fits the file."""

from __future__ import annotations

import json

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from tests.server.conftest import PROFILES
from tests.server.python.models import (
    NET,
    Source,
    capture,
    hints,
    hover,
    lenses,
    replace_text,
    stored,
    write,
)
from torchlean_core.capture.meaning import meaning_of

pytestmark = [pytest.mark.asyncio, pytest.mark.parametrize("client", PROFILES[1:], indirect=True)]


async def test_an_artifact_whose_source_is_the_file_gives_its_shapes(editor):
    uri = write(editor, "net.py", NET.text)
    (editor.folder / "net.ir.json").write_text(stored(NET.text))
    await editor.open("net.py", NET.text, "python")
    assert await hints(editor, uri) == {NET.line("self.hidden(x)"): "[1, 8]"}


async def test_an_artifact_of_another_text_gives_none(editor):
    uri = write(editor, "net.py", NET.text)
    (editor.folder / "net.ir.json").write_text(stored(NET.text + "# later\n"))
    await editor.open("net.py", NET.text, "python")
    assert await hints(editor, uri) == {}


async def test_shapes_move_with_edits_and_go_with_their_line(editor):
    uri = write(editor, "net.py", NET.text)
    (editor.folder / "net.ir.json").write_text(stored(NET.text))
    await editor.open("net.py", NET.text, "python")
    editor.change(uri, replace_text(types.Position(0, 0), types.Position(0, 0), "# first\n"))
    line = NET.line("self.hidden(x)") + 1
    assert await hints(editor, uri) == {line: "[1, 8]"}
    editor.change(uri, replace_text(types.Position(line - 1, 12), types.Position(line - 1, 12), "1 * "))
    assert await hints(editor, uri) == {}
    editor.change(uri, replace_text(types.Position(line - 1, 12), types.Position(line - 1, 16), ""))
    assert await hints(editor, uri) == {line: "[1, 8]"}


async def test_an_artifact_that_comes_from_outside_gives_its_shapes(editor):
    uri = write(editor, "net.py", NET.text)
    await editor.open("net.py", NET.text, "python")
    assert await hints(editor, uri) == {}
    artifact = editor.folder / "net.ir.json"
    artifact.write_text(stored(NET.text))
    change = types.FileEvent(artifact.as_uri(), types.FileChangeType.Created)
    editor.client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams([change]))
    assert await hints(editor, uri) == {NET.line("self.hidden(x)"): "[1, 8]"}


async def test_the_setting_turns_shapes_off(editor):
    uri = write(editor, "net.py", NET.text)
    (editor.folder / "net.ir.json").write_text(stored(NET.text))
    await editor.open("net.py", NET.text, "python")
    settings = {"torchlean": {"inlayHints": {"shapes": False}}}
    editor.client.workspace_did_change_configuration(types.DidChangeConfigurationParams(settings))
    assert await hints(editor, uri) == {}


async def test_a_capture_by_command_gives_shapes(editor):
    uri = write(editor, "net.py", NET.text)
    await editor.open("net.py", NET.text, "python")
    await capture(editor, uri, "Net")
    found = await hints(editor, uri)
    assert found[NET.line("self.hidden(x)")] == "[1, 8]"


@pytest.mark.parametrize(
    ("now", "instead"),
    [("return x", "return torch.relu(x"), ("import torch\n", "import torch, nothing_of_that_name\n")],
)
async def test_a_capture_that_comes_to_no_line_leaves_the_shapes_that_are_known(editor, now, instead):
    uri = write(editor, "net.py", NET.text)
    await editor.open("net.py", NET.text, "python")
    await capture(editor, uri, "Net")
    text = "# first\n" + NET.text.replace(now, instead)
    write(editor, "net.py", text)
    editor.change(uri, types.TextDocumentContentChangeWholeDocument(text))
    for _ in range(2):
        with pytest.raises(JsonRpcException):
            await capture(editor, uri, "Net", exampleShape="1,4")
        assert (await hints(editor, uri))[NET.line("self.hidden(x)") + 1] == "[1, 8]"
        shown = await hover(editor, uri, Source(text).place("x = torch"))
        assert shown is not None and "[1, 8]" in shown
        while not (found := await editor.diagnostics(uri)):
            await editor.client.wait_for_notification(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        assert [one.code for one in found] == ["TL602"]
        assert "failing: 1 finding" in [one["title"] for one in await lenses(editor, uri)]
    text = text.replace("self.hidden(x)", "self.hidden(1 * x)")
    editor.change(uri, types.TextDocumentContentChangeWholeDocument(text))
    assert Source(text).line("self.hidden(1") not in await hints(editor, uri)


async def test_an_artifact_gives_the_shapes_of_other_files_that_are_as_they_were(editor):
    block = NET.text.replace("class Net", "class Block").replace("# torchlean: example-shape=1,4\n", "")
    text = "from block import Block\n\n\nclass Net(Block):\n    pass\n"
    other, uri = write(editor, "block.py", block), write(editor, "net.py", text)
    meaning = meaning_of(editor.folder / "net.py", "Net")
    assert meaning is not None
    root = json.loads(stored(text))
    root["captured_from"]["meaning"] = meaning.recorded(editor.folder)
    line = Source(block).line("self.hidden(x)")
    for node in root["nodes"][1:]:
        node["source"] |= {"file": "block.py", "line": line, "span": [line, 12, line, 38]}
    (editor.folder / "net.ir.json").write_text(json.dumps(root))
    await editor.open("block.py", "# first\n" + block, "python")
    await editor.open("net.py", text, "python")
    assert await hints(editor, uri) == {}
    assert await hints(editor, other) == {line + 1: "[1, 8]"}
    write(editor, "block.py", block + "# later\n")
    editor.change(other, replace_text(types.Position(0, 0), types.Position(0, 0), "# more\n"))
    identifier = types.TextDocumentIdentifier(other)
    editor.client.text_document_did_save(types.DidSaveTextDocumentParams(identifier))
    event = types.FileEvent(uri, types.FileChangeType.Changed)
    editor.client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams([event]))
    await hints(editor, uri)
    assert await hints(editor, other) == {}
