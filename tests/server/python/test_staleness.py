"""Whether an artifact is up to date: told alike on the artifact and on the class, and of texts that are not saved."""

from __future__ import annotations

import json

import pytest
from lsprotocol import types

from tests.server.conftest import PROFILES
from tests.server.python.models import NET, hover, lenses, open_net, replace_text, stored, write
from torchlean_core.capture.meaning import meaning_of

pytestmark = [pytest.mark.asyncio, pytest.mark.parametrize("client", PROFILES[1:], indirect=True)]

USING = NET.text.replace("from torch import nn\n", "from torch import nn\nfrom sizes import WIDTH\n").replace(
    "nn.Linear(4, 8)", "nn.Linear(4, WIDTH)"
)
SIZES = "WIDTH = 8\n"
END = types.Position(100, 0)
START = types.Position(0, 0)


async def both_become(editor, uri: str, artifact: str, wanted: str) -> None:
    """Wait until class and artifact say that they are stale, or fresh: each answer is that of the moment."""
    codes = ["TL521"] if wanted == "stale" else []
    while [one.code for one in await editor.diagnostics(artifact) if one.code == "TL521"] != codes:
        pass
    while (await lenses(editor, uri))[1]["title"] != wanted:
        pass


async def open_using(editor) -> tuple[str, str, str]:
    """A model, the file that it imports, and its artifact: all open; their URIs."""
    write(editor, "sizes.py", SIZES)
    uri = write(editor, "net.py", USING)
    meaning = meaning_of(editor.folder / "net.py", "Net")
    assert meaning is not None
    root = json.loads(stored(USING))
    root["captured_from"]["meaning"] = meaning.recorded(editor.folder)
    text = json.dumps(root)
    (editor.folder / "net.ir.json").write_text(text)
    artifact = await editor.open("net.ir.json", text)
    sizes = await editor.open("sizes.py", SIZES, "python")
    await editor.open("net.py", USING, "python")
    return uri, sizes, artifact


async def test_an_edit_that_is_not_saved_makes_both_stale_and_undoing_it_fresh(editor):
    uri, _, artifact = await open_using(editor)
    await both_become(editor, uri, artifact, "fresh")
    editor.change(uri, replace_text(START, END, USING.replace("torch.relu(", "torch.tanh(")))
    await both_become(editor, uri, artifact, "stale")
    told = await hover(editor, uri, types.Position(6, 6))
    assert "- net.py (not saved) changed since Net was captured from it\n" in f"{told}\n"
    editor.change(uri, replace_text(START, END, USING))
    await both_become(editor, uri, artifact, "fresh")


async def test_an_edit_of_an_imported_file_makes_both_stale_and_is_named(editor):
    uri, sizes, artifact = await open_using(editor)
    editor.change(sizes, replace_text(START, END, "WIDTH = 9\n"))
    await both_become(editor, uri, artifact, "stale")
    assert "what net.py uses of sizes.py (not saved) changed" in await hover(
        editor, uri, types.Position(6, 6)
    )
    identifier = types.TextDocumentIdentifier(sizes)
    editor.client.text_document_did_close(types.DidCloseTextDocumentParams(identifier))
    await both_become(editor, uri, artifact, "fresh")


async def test_a_file_that_changes_below_an_open_text_that_nobody_edited_counts(editor):
    uri, sizes, artifact = await open_using(editor)
    write(editor, "sizes.py", "WIDTH = 10\n")
    event = types.FileEvent(sizes, types.FileChangeType.Changed)
    editor.client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams([event]))
    await both_become(editor, uri, artifact, "stale")


async def test_a_file_that_is_created_where_an_import_finds_it_counts(editor):
    uri, _, artifact = await open_using(editor)
    (editor.folder / "sizes").mkdir()
    created = editor.folder / "sizes" / "__init__.py"
    created.write_text("WIDTH = 11\n")
    event = types.FileEvent(created.as_uri(), types.FileChangeType.Created)
    editor.client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams([event]))
    await both_become(editor, uri, artifact, "stale")


async def test_a_comment_makes_nothing_stale(editor):
    uri = await open_net(editor)
    meaning = meaning_of(editor.folder / "net.py", "Net")
    assert meaning is not None
    root = json.loads(stored(NET.text))
    root["captured_from"]["meaning"] = meaning.recorded(editor.folder)
    (editor.folder / "net.ir.json").write_text(json.dumps(root))
    write(editor, "net.py", "# A comment\n" + NET.text)
    artifact = (editor.folder / "net.ir.json").as_uri()
    events = [types.FileEvent(one, types.FileChangeType.Changed) for one in (uri, artifact)]
    editor.client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams(events))
    assert (await lenses(editor, uri))[1]["title"] == "fresh"


async def test_an_artifact_that_is_not_open_is_stale_when_a_file_that_its_model_imports_changes(editor):
    _, sizes, artifact = await open_using(editor)
    for uri in (sizes, artifact):
        identifier = types.TextDocumentIdentifier(uri)
        editor.client.text_document_did_close(types.DidCloseTextDocumentParams(identifier))

    async def told(previous: list[dict[str, str]]) -> list[tuple[str | None, list[str]]]:
        answer = await editor.request("workspace/diagnostic", {"previousResultIds": previous})
        return [
            (one.get("resultId"), [item["code"] for item in one.get("items", ()) if item["code"] == "TL521"])
            for one in answer["items"]
            if one["uri"] == artifact
        ]

    [(result, codes)] = await told([])
    assert codes == [] and result is not None
    write(editor, "sizes.py", "WIDTH = 12\n")
    event = types.FileEvent(sizes, types.FileChangeType.Changed)
    editor.client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams([event]))
    [(_, codes)] = await told([{"uri": artifact, "value": result}])
    assert codes == ["TL521"]
