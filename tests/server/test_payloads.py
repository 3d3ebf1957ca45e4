"""Weights in nodes are one thing to every feature, in a session with the real process."""

from __future__ import annotations

import json

import pytest
from lsprotocol import types

from tests.server.conftest import INPUT, artifact

pytestmark = pytest.mark.asyncio

WEIGHT = [[0.25, -1.5e-3, 3, 4]] * 100
LINEAR = {
    "id": 1,
    "kind": "linear",
    "parents": [0],
    "weight": WEIGHT,
    "shape": [1, 100],
    "debug_target": "fc",
}
RELU = {"id": 2, "kind": "relu", "parents": [1], "shape": [1, 100]}


def document(uri: str) -> dict:
    return {"textDocument": {"uri": uri}}


def place(text: str, part: str, inside: int = 0) -> dict[str, int]:
    at = text.index(part) + inside
    return {"line": text.count("\n", 0, at), "character": at - text.rfind("\n", 0, at) - 1}


def change(start: dict[str, int], end: dict[str, int], text: str) -> types.TextDocumentContentChangePartial:
    return types.TextDocumentContentChangePartial(
        types.Range(types.Position(**start), types.Position(**end)), text
    )


def piece(text: str, where: dict) -> str:
    lines = text.split("\n")
    first, last = where["start"], where["end"]
    if first["line"] == last["line"]:
        return lines[first["line"]][first["character"] : last["character"]]
    inner = lines[first["line"] + 1 : last["line"]]
    return "\n".join(
        [lines[first["line"]][first["character"] :], *inner, lines[last["line"]][: last["character"]]]
    )


async def test_weights_fold_as_one_and_are_selected_as_one(editor):
    text = artifact(INPUT, LINEAR, RELU)  # a line for every number
    uri = await editor.open("m.ir.json", text)
    assert [one.code for one in await editor.diagnostics(uri)] == ["TL404"]
    folds = await editor.request("textDocument/foldingRange", document(uri))
    lines = text.split("\n")
    first = next(i for i, line in enumerate(lines) if '"weight": [' in line)
    inside = [one for one in folds if first <= one["startLine"] < first + 600]
    assert len(inside) == 1 and lines[inside[0]["endLine"] + 1].strip() == "],"
    where = place(text, "0.25")
    [selection] = await editor.request("textDocument/selectionRange", {**document(uri), "positions": [where]})
    assert json.loads(piece(text, selection["range"])) == WEIGHT
    assert piece(text, selection["parent"]["range"]).startswith('"weight": [')


async def test_the_node_is_told_wherever_in_its_weights_one_points(editor):
    text = artifact(INPUT, LINEAR, RELU)
    uri = await editor.open("m.ir.json", text)
    hover = await editor.request("textDocument/hover", {**document(uri), "position": place(text, "-0.0015")})
    assert "**node 1** · `linear`" in hover["contents"]["value"]
    found = await editor.request(
        "textDocument/completion", {**document(uri), "position": place(text, "-0.0015", 3)}
    )
    assert not (found["items"] if isinstance(found, dict) else found)


async def test_there_are_no_tokens_and_no_hints_in_weights(editor):
    text = artifact(INPUT, LINEAR, RELU)
    uri = await editor.open("m.ir.json", text)
    first, last = place(text, '"weight"')["line"], place(text, '"relu"')["line"] - 10
    whole = {"start": {"line": 0, "character": 0}, "end": {"line": text.count("\n"), "character": 0}}
    hints = await editor.request("textDocument/inlayHint", {**document(uri), "range": whole})
    assert hints and not [one for one in hints if first <= one["position"]["line"] < last]
    data = (await editor.request("textDocument/semanticTokens/full", document(uri)))["data"]
    line, lines = 0, []
    for step in data[::5]:
        line += step
        lines.append(line)
    assert lines and not [line for line in lines if first <= line < last]


async def test_formatting_puts_weights_on_the_line_of_their_node(editor):
    text = artifact(INPUT, LINEAR, RELU)
    uri = await editor.open("m.ir.json", text)
    options = {"tabSize": 2, "insertSpaces": True}
    edits = await editor.request("textDocument/formatting", {**document(uri), "options": options})
    [edit] = edits
    assert f'"weight": {json.dumps(WEIGHT)}' in edit["newText"]


async def test_typing_in_weights_is_followed(editor):
    text = artifact(INPUT, LINEAR, RELU)
    uri = await editor.open("m.ir.json", text)
    where = place(text, "-0.0015", 7)
    editor.change(uri, change(where, where, "x"))
    one, advice = await editor.diagnostics(uri)
    assert (one.code, advice.code) == ("TL001", "TL404") and one.range.start.line == where["line"]
    behind = {"line": where["line"], "character": where["character"] + 1}
    editor.change(uri, change(where, behind, ""))
    assert [one.code for one in await editor.diagnostics(uri)] == ["TL404"]
