"""Features on artifacts of the generalized dialect, and on those that speak two, in a session with the real process."""

from __future__ import annotations

import json

import pytest
from lsprotocol import types

from tests.server.conftest import Failed
from tests.server.test_features import at, edited
from torchlean_ls.capabilities import TOKEN_TYPES

pytestmark = pytest.mark.asyncio

WEIGHTS = '"out_dim": 2, "in_dim": 4, "weight": [[1, 2, 3, 4], [5, 6, 7, 8]], "bias": [0, 0.5]'
LINES = (
    '{"format": "torchlean.ir.v1", "input_id": 0, "output_ids": [2, 1], "nodes": [\n'
    '{"id": 0, "kind": "input", "parents": [], "shape": [1, 4]},\n'
    '{"id": 1, "kind": "softplus", "parents": [0], "shape": [1, 4]},\n'
    f'{{"id": 2, "kind": "linear", "parents": [1], "shape": [1, 2], {WEIGHTS}}}\n'
    "]}\n"
)
MIXED = LINES.replace('"kind": "linear", "parents": [1], "shape": [1, 2], ' + WEIGHTS, '"kind": "swap_first_two", '
                      '"parents": [1], "shape": [4, 1]')  # fmt: skip


async def test_outputs_are_followed_highlighted_and_renamed(editor):
    uri, position = await editor.open_marked(
        "m.ir.json", LINES.replace('[2, 1], "nodes"', '[2, ▮1], "nodes"')
    )
    [found] = await editor.ask("textDocument/definition", uri, position)
    assert found["range"]["start"]["line"] == 2
    found = await editor.ask("textDocument/references", uri, position, context={"includeDeclaration": False})
    assert [one["range"]["start"]["line"] for one in found] == [0, 3]
    assert len(await editor.ask("textDocument/documentHighlight", uri, position)) == 3
    uri, position = await editor.open_marked(
        "n.ir.json", LINES.replace('[2, 1], "nodes"', '[▮2, 1], "nodes"')
    )
    edit = await editor.ask("textDocument/rename", uri, position, newName="5")
    edits = edit["changes"][uri] if "changes" in edit else edit["documentChanges"][0]["edits"]
    root = json.loads(edited(LINES, edits))
    assert root["output_ids"] == [5, 1] and root["nodes"][2]["id"] == 5
    with pytest.raises(Failed, match="belongs to another node"):
        await editor.ask("textDocument/rename", uri, position, newName="1")


async def test_the_lens_says_that_parameters_are_inline(editor):
    uri = await editor.open("m.ir.json", LINES)
    lenses = await editor.request("textDocument/codeLens", {"textDocument": {"uri": uri}})
    shown = await editor.request("codeLens/resolve", lenses[0])
    assert shown["command"]["title"] == "3 nodes · 10 parameters (inline) · clean"


async def test_completion_and_its_documentation_are_the_dialects(editor):
    text = LINES.replace('"kind": "softplus"', '"kind": "▮')
    uri, position = await editor.open_marked("m.ir.json", text)
    answer = await editor.ask("textDocument/completion", uri, position)
    items = {item["label"]: item for item in answer["items"]}
    assert {"conv", "transpose", "softplus"} <= set(items) and "conv2d" not in items
    resolved = await editor.request("completionItem/resolve", items["reduce_mean"])
    assert "Mean over axes." in resolved["documentation"]["value"]


async def test_hover_in_weights_is_about_all_of_them(editor):
    uri, position = await editor.open_marked("m.ir.json", LINES.replace("5, 6", "5▮, 6"))
    found = await editor.ask("textDocument/hover", uri, position)
    value = found["contents"]["value"]
    assert "weight" in value and "[2, 4]" in value and "8 numbers" in value


async def test_hints_tokens_and_hierarchy_know_all_outputs(editor):
    uri = await editor.open("m.ir.json", LINES)
    document = {"textDocument": {"uri": uri}}
    whole = {"start": {"line": 0, "character": 0}, "end": {"line": 5, "character": 0}}
    found = await editor.request("textDocument/inlayHint", {**document, "range": whole})
    assert [one["label"] for one in found if one["position"]["line"] == 0] == [
        "/* input [1, 4] */",
        "/* linear [1, 2] */",
        "/* softplus [1, 4] */",
    ]
    assert (
        len([one for one in found if one["position"]["line"] == 3]) == 1
    )  # the parent, and nothing in the weights
    answer = await editor.request("textDocument/semanticTokens/full", document)
    line = column = 0
    seen = []
    for start in range(0, len(answer["data"]), 5):
        down, right, length, kind, _ = answer["data"][start : start + 5]
        line, column = line + down, right if down else column + right
        seen.append((line, LINES.split("\n")[line][column : column + length], TOKEN_TYPES[kind]))
    assert [one[1] for one in seen if one[0] == 0] == ["0", "2", "1"]
    assert (2, '"softplus"', "function") in seen
    assert [one[1] for one in seen if one[0] == 3] == ["2", '"linear"', "1"]
    item = (
        await editor.ask(
            "textDocument/prepareCallHierarchy", uri, types.Position(0, LINES.index("[2, 1]") + 1)
        )
    )[0]
    assert item["name"] == "2 linear"
    [call] = await editor.request("callHierarchy/outgoingCalls", {"item": item})
    assert call["to"]["name"] == "1 softplus"


async def test_a_file_of_two_dialects_is_told_and_converted_on_request(editor):
    uri = await editor.open("m.ir.json", MIXED)
    found = await editor.diagnostics(uri)
    assert {one.code for one in found} == {"TL014", "TL017"}
    [mixed] = [one for one in found if one.code == "TL017"]
    actions = await editor.fixes(uri, mixed.range, "quickfix")
    by_title = {one.title: one for one in actions}
    assert "Convert this node to generalized: `transpose`" in by_title
    assert "Convert the file to the generalized dialect" in by_title
    edit = by_title["Convert this node to generalized: `transpose`"].edit
    changes = edit.changes[uri] if edit.changes else edit.document_changes[0].edits
    plain = [
        {
            "range": {
                "start": {"line": one.range.start.line, "character": one.range.start.character},
                "end": {"line": one.range.end.line, "character": one.range.end.character},
            },
            "newText": one.new_text,
        }
        for one in changes
    ]
    node = json.loads(edited(MIXED, plain))["nodes"][2]
    assert node["kind"] == "transpose" and (node["axis1"], node["axis2"]) == (0, 1)
    fix_all = await editor.fixes(uri, mixed.range, "source.fixAll.torchlean")
    assert fix_all == [] or all(one.edit is None for one in fix_all)


async def test_the_field_that_is_ignored_is_removed_by_fix_all(editor):
    text = LINES.replace('"input_id": 0', '"input_id": 0, "output_id": 2')
    uri = await editor.open("m.ir.json", text)
    [finding] = await editor.diagnostics(uri)
    assert finding.code == "TL017"
    where = {
        "start": {"line": finding.range.start.line, "character": finding.range.start.character},
        "end": {"line": finding.range.end.line, "character": finding.range.end.character},
    }
    assert at(text, where) == '"output_id"'
    [action] = await editor.fixes(uri, finding.range, "source.fixAll.torchlean")
    assert action.title


async def test_an_edit_that_decides_the_dialect_is_followed(editor):
    uri = await editor.open("m.ir.json", LINES)
    assert await editor.diagnostics(uri) == []
    column = LINES.index("output_ids")
    where = types.Range(types.Position(0, column), types.Position(0, column + len("output_ids")))
    editor.change(uri, types.TextDocumentContentChangePartial(where, "outputs"))
    found = [(one.code, one.range.start.line) for one in await editor.diagnostics(uri)]
    assert ("TL010", 0) in found and all(code != "TL014" for code, _ in found)
    where = types.Range(types.Position(0, column), types.Position(0, column + len("outputs")))
    editor.change(uri, types.TextDocumentContentChangePartial(where, "output_ids"))
    assert await editor.diagnostics(uri) == []
