"""Captures on save and of a text that rests."""

from __future__ import annotations

import asyncio

import pytest
from lsprotocol import types

from tests.server.conftest import PROFILES
from tests.server.python.models import NET, hints, lenses, replace_text, stored, write

pytestmark = [pytest.mark.asyncio, pytest.mark.parametrize("client", PROFILES[1:], indirect=True)]


def configure(editor, **settings) -> None:
    editor.client.workspace_did_change_configuration(
        types.DidChangeConfigurationParams({"torchlean": settings})
    )


def save(editor, uri: str) -> None:
    editor.client.text_document_did_save(types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(uri)))


async def captures(editor, count: int) -> list[str]:
    """Titles of the captures that ended, once there are so many."""
    while True:
        ended = [
            reports[0].title
            for reports in editor.client.progress_reports.values()
            if isinstance(reports[-1], types.WorkDoneProgressEnd)
        ]
        if len(ended) >= count:
            return ended
        await editor.client.wait_for_notification(types.PROGRESS)


async def test_a_burst_of_saves_captures_once(editor):
    configure(editor, captureOnSave=True)
    uri = write(editor, "net.py", NET.text)
    await editor.open("net.py", NET.text, "python")
    for _ in range(5):
        save(editor, uri)
    assert await captures(editor, 1) == ["Capturing net.py"]
    assert (await hints(editor, uri))[NET.line("self.hidden(x)")] == "[1, 8]"
    assert (editor.folder / "net.ir.json").exists()
    assert len(editor.client.progress_reports) == 1


async def test_the_model_with_the_cursor_is_captured_first(editor):
    configure(editor, captureOnSave=True)
    other = NET.text[NET.text.index("# torchlean") :].replace("Net", "Other")
    text = NET.text + "\n\n" + other
    uri = write(editor, "net.py", text)
    await editor.open("net.py", text, "python")
    end = types.Position(text.count("\n") - 1, 0)
    editor.change(uri, replace_text(end, end, ""))
    save(editor, uri)
    written = []
    for count in (1, 2):
        await captures(editor, count)
        written.append({path.name for path in editor.folder.glob("*.ir.json")})
    assert written[0] == {"other.ir.json"} and written[1] == {"other.ir.json", "net.ir.json"}


async def test_a_text_that_rests_is_captured_and_nothing_is_written(editor):
    configure(editor, captureOnType=True)
    uri = write(editor, "net.py", NET.text)
    await editor.open("net.py", NET.text, "python")
    place = NET.place("4, 8")
    change = replace_text(place, types.Position(place.line, place.character + 4), "4, 9")
    editor.change(uri, change)
    line = NET.line("self.hidden(x)")
    async with asyncio.timeout(60):
        while (await hints(editor, uri)).get(line) is None:
            pass  # each question is a round trip; nothing is said to a client that shows no hints yet
    assert (await hints(editor, uri))[line] == "[1, 9]"
    assert [path.name for path in editor.folder.iterdir()] == ["net.py"]
    assert "shapes only" in [one["title"] for one in await lenses(editor, uri)]


async def test_a_stale_artifact_beside_a_text_that_was_only_looked_at_says_both(editor):
    configure(editor, captureOnType=True)
    uri = write(editor, "net.py", NET.text)
    (editor.folder / "net.ir.json").write_text(stored(NET.text))
    before = (editor.folder / "net.ir.json").read_bytes()
    await editor.open("net.py", NET.text, "python")
    place = NET.place("4, 8")
    editor.change(uri, replace_text(place, types.Position(place.line, place.character + 4), "4, 9"))
    async with asyncio.timeout(60):
        while (await lenses(editor, uri))[1]["title"] != "stale (shapes only)":
            pass  # each question is a round trip
    assert (await hints(editor, uri))[NET.line("self.hidden(x)")] == "[1, 9]"
    assert (editor.folder / "net.ir.json").read_bytes() == before


async def test_an_artifact_with_unsaved_changes_is_not_written_and_shapes_are_renewed(editor):
    uri = write(editor, "net.py", NET.text)
    artifact = write(editor, "net.ir.json", stored(NET.text))
    await editor.open("net.py", NET.text, "python")
    await editor.open("net.ir.json", stored(NET.text) + "\n", "json")
    text = NET.text.replace("nn.Linear(4, 8)", "nn.Linear(4, 9)")
    editor.change(uri, types.TextDocumentContentChangeWholeDocument(text))
    write(editor, "net.py", text)
    configure(editor, captureOnSave=True)
    save(editor, uri)
    assert await captures(editor, 1) == ["Capturing net.py"]
    assert (await hints(editor, uri))[NET.line("self.hidden(x)")] == "[1, 9]"
    assert "stale (shapes only)" in [one["title"] for one in await lenses(editor, uri)]
    assert (editor.folder / "net.ir.json").read_text() == stored(NET.text) and artifact
