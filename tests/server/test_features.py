"""Every feature on artifacts, in a session with the real process, for both client profiles."""

from __future__ import annotations

import json

import pytest
from lsprotocol import types

from tests.server.conftest import BROKEN, GOOD, INPUT, RELU, Failed, artifact
from torchlean_ls.capabilities import TOKEN_TYPES
from torchlean_ls.documents import BIG

pytestmark = pytest.mark.asyncio

ADD = {"id": 2, "kind": "add", "parents": [0, 1], "shape": [1, 4], "debug_target": "aten.add.Tensor"}
LINES = (
    '{"format": "torchlean.ir.v1", "input_id": 0, "output_id": 2, "nodes": [\n'
    '{"id": 0, "kind": "input", "parents": [], "shape": [1, 4]},\n'
    '{"id": 1, "kind": "relu", "parents": [0], "shape": [1, 4]},\n'
    '{"id": 2, "kind": "add", "parents": [0, 1], "shape": [1, 4]}\n'
    "]}\n"
)


def at(text: str, where: dict) -> str:
    """The text of a range on one line."""
    line = text.split("\n")[where["start"]["line"]]
    assert where["start"]["line"] == where["end"]["line"]
    return line[where["start"]["character"] : where["end"]["character"]]


def edited(text: str, edits: list[dict]) -> str:
    """The text after edits."""
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)

    def offset(position: dict) -> int:
        return min(starts[position["line"]] + position["character"], len(text))

    for edit in sorted(edits, key=lambda one: offset(one["range"]["start"]), reverse=True):
        start, end = offset(edit["range"]["start"]), offset(edit["range"]["end"])
        text = text[:start] + edit["newText"] + text[end:]
    return text


async def test_definition_goes_from_an_id_to_its_node(editor):
    uri, position = await editor.open_marked("m.ir.json", LINES.replace("[0, 1]", "[0, ▮1]"))
    [found] = await editor.ask("textDocument/definition", uri, position)
    assert found["uri"] == uri and found["range"]["start"] == {"line": 2, "character": 0}
    column = LINES.index('"output_id": 2') + 13
    [found] = await editor.ask("textDocument/definition", uri, types.Position(0, column))
    assert found["range"]["start"]["line"] == 3
    assert await editor.ask("textDocument/definition", uri, types.Position(1, 40)) is None


async def test_definition_goes_from_a_node_to_the_line_of_its_model(editor):
    (editor.folder / "model.py").write_text("from torch import nn\n\n\nclass M(nn.Module):\n    pass\n")
    text = artifact(
        INPUT,
        {**RELU, "source": {"line": 5}},
        captured_from={"file": "model.py", "class": "M"},
        format="torchlean.ir.v1",
    )
    uri, position = await editor.open_marked("m.ir.json", text.replace('"relu"', '"re▮lu"'))
    [found] = await editor.ask("textDocument/definition", uri, position)
    assert found["uri"].endswith("/model.py") and found["range"]["start"]["line"] == 4
    before = text[: text.index('"model.py"')].split("\n")
    where = types.Position(len(before) - 1, len(before[-1]) + 2)
    [found] = await editor.ask("textDocument/definition", uri, where)
    assert found["range"]["start"]["line"] == 3  # the class
    [link] = await editor.request("textDocument/documentLink", {"textDocument": {"uri": uri}})
    assert link["target"].endswith("/model.py") and at(text, link["range"]) == '"model.py"'


async def test_a_program_of_torch_export_is_no_text_to_go_to(editor):
    (editor.folder / "m.pt2").write_bytes(b"PK\x03\x04\xff")
    (editor.folder / "net.py").write_text("\n" * 9)
    text = artifact(
        INPUT,
        {**RELU, "source": {"line": 5, "file": "net.py", "module": "act"}},
        captured_from={"file": "m.pt2", "format": "pt2", "sha256": "0" * 64},
        format="torchlean.ir.v1",
    )
    uri, position = await editor.open_marked("m.ir.json", text.replace('"relu"', '"re▮lu"'))
    assert await editor.ask("textDocument/definition", uri, position) is None
    assert await editor.request("textDocument/documentLink", {"textDocument": {"uri": uri}}) == []
    found = await editor.ask("textDocument/hover", uri, position)
    assert "in the model: `act`, line 5 of `net.py`" in found["contents"]["value"]
    where = types.Position(0, text.split("\n")[0].find("captured_from") + 2)
    await editor.ask("textDocument/hover", uri, where)
    actions = {
        "textDocument": {"uri": uri},
        "range": {"start": position, "end": position},
        "context": {"diagnostics": []},
    }
    await editor.request("textDocument/codeAction", actions)


async def test_a_model_in_a_folder_above_has_the_uri_that_an_editor_gives_it(editor):
    model = editor.folder / "model.py"
    model.write_text("from torch import nn\n\n\nclass M(nn.Module):\n    pass\n")
    (editor.folder / "out").mkdir()
    text = artifact(
        INPUT, RELU, captured_from={"file": "../model.py", "class": "M"}, format="torchlean.ir.v1"
    )
    uri, position = await editor.open_marked("out/m.ir.json", text.replace('"relu"', '"re▮lu"'))
    [found] = await editor.ask("textDocument/definition", uri, position)
    [link] = await editor.request("textDocument/documentLink", {"textDocument": {"uri": uri}})
    assert found["uri"] == link["target"] == model.as_uri()


async def test_references_and_highlights_are_all_places_that_name_a_node(editor):
    uri, position = await editor.open_marked("m.ir.json", LINES.replace('"id": 0', '"id": ▮0'))
    for include, count in ((True, 4), (False, 3)):
        found = await editor.ask(
            "textDocument/references", uri, position, context={"includeDeclaration": include}
        )
        assert [at(LINES, one["range"]) for one in found] == ["0"] * count
    kinds = [one["kind"] for one in await editor.ask("textDocument/documentHighlight", uri, position)]
    assert sorted(kinds) == [2, 2, 2, 3]


async def test_rename_changes_an_id_everywhere_and_refuses_what_breaks_the_order(editor):
    uri, position = await editor.open_marked("m.ir.json", LINES.replace('"id": 2', '"id": ▮2'))
    prepared = await editor.ask("textDocument/prepareRename", uri, position)
    assert at(LINES, prepared["range"]) == "2" and prepared["placeholder"] == "2"
    edit = await editor.ask("textDocument/rename", uri, position, newName="7")
    edits = edit["changes"][uri] if "changes" in edit else edit["documentChanges"][0]["edits"]
    root = json.loads(edited(LINES, edits))
    assert root["output_id"] == 7 and root["nodes"][2]["id"] == 7
    for name, why in (("1", "belongs to another node"), ("relu", "natural number")):
        with pytest.raises(Failed, match=why):
            await editor.ask("textDocument/rename", uri, position, newName=name)
    assert await editor.ask("textDocument/prepareRename", uri, types.Position(2, 15)) is None
    with pytest.raises(Failed, match="no node id stands here"):
        await editor.ask("textDocument/rename", uri, types.Position(2, 15), newName="7")


async def test_rename_in_a_big_file_holds_for_the_version_that_it_was_asked_for(editor):
    last = 4_000
    nodes = [INPUT, *({**RELU, "id": i, "parents": [i - 1]} for i in range(1, last + 1))]
    content = {"format": "torchlean.ir.v1", "input_id": 0, "output_id": last, "nodes": nodes}
    text = json.dumps(content, indent=1)
    assert len(text) > BIG
    uri = await editor.open("big.ir.json", text)
    lines = text.split("\n")
    line = next(number for number, found in enumerate(lines) if found.strip().startswith(f'"id": {last}'))
    position = types.Position(line, lines[line].index(str(last)))
    edit = await editor.ask("textDocument/rename", uri, position, newName="9999")
    edits = edit["changes"][uri] if "changes" in edit else edit["documentChanges"][0]["edits"]
    assert json.loads(edited(text, edits))["output_id"] == 9999
    with pytest.raises(Failed, match="belongs to another node"):
        await editor.ask("textDocument/rename", uri, position, newName="5")


async def test_completion_works_in_the_text_that_is_broken_by_typing(editor):
    text = LINES.replace(
        '"kind": "add", "parents": [0, 1], "shape": [1, 4]}\n]}\n', '"parents": [0, 1], "kind": "▮'
    )
    uri, position = await editor.open_marked("m.ir.json", text)
    answer = await editor.ask("textDocument/completion", uri, position)
    first = min(answer["items"], key=lambda item: item["sortText"])
    assert first["label"] == "add" and first["textEdit"]["newText"] == '"add"'
    resolved = await editor.request("completionItem/resolve", first)
    assert "a + b" in resolved["documentation"]["value"]
    assert answer["isIncomplete"] is False


async def test_completion_of_a_node_is_a_snippet_where_the_client_fills_it_in(editor):
    text = LINES.replace("\n]}", ",\n▮]}")
    uri, position = await editor.open_marked("m.ir.json", text)
    answer = await editor.ask("textDocument/completion", uri, position)
    [softmax] = [item for item in answer["items"] if item["label"] == "softmax"]
    assert softmax["insertTextFormat"] == 2 and '"axis": ${3:1}' in softmax["textEdit"]["newText"]


async def test_completion_offers_the_missing_fields(editor):
    uri, position = await editor.open_marked(
        "m.ir.json", LINES.replace('"kind": "add"', '"kind": "softmax", ▮')
    )
    answer = await editor.ask("textDocument/completion", uri, position)
    assert [item["label"] for item in answer["items"]] == ["axis"]


async def test_inlay_hints_are_shown_in_the_range_and_switched_off_by_the_settings(editor):
    uri = await editor.open("m.ir.json", LINES)
    params = {
        "textDocument": {"uri": uri},
        "range": {"start": {"line": 2, "character": 0}, "end": {"line": 4, "character": 0}},
    }
    found = await editor.request("textDocument/inlayHint", params)
    assert [hint["label"] for hint in found] == [
        "/* input [1, 4] */",
        "/* input [1, 4] */",
        "/* relu [1, 4] */",
    ]
    assert LINES.split("\n")[2][: found[0]["position"]["character"]].endswith('"parents": [0')
    settings = {"torchlean": {"inlayHints": {"parents": False}}}
    editor.client.workspace_did_change_configuration(types.DidChangeConfigurationParams(settings))
    assert await editor.request("textDocument/inlayHint", params) == []


async def test_code_lenses_tell_the_size_and_offer_what_can_be_done(editor):
    (editor.folder / "m.py").write_text("")
    text = artifact(INPUT, {"id": 1, "kind": "linear", "parents": [0], "shape": [1, 8]})
    uri = await editor.open("m.ir.json", text)
    lenses = await editor.request("textDocument/codeLens", {"textDocument": {"uri": uri}})
    shown = [await editor.request("codeLens/resolve", lens) for lens in lenses]
    assert [lens["command"]["title"] for lens in shown] == [
        "2 nodes · 40 parameters · 1 note", "Emit nn.Module", "Initialize parameters", "Train…", "Show graph",
    ]  # fmt: skip
    assert {lens["command"]["command"] for lens in shown} <= {
        f"torchlean.{name}" for name in ("check", "emit", "init", "train", "showGraph")
    }
    assert all(lens["command"]["arguments"][0]["uri"] == uri for lens in shown)
    broken = await editor.open("bad.ir.json", BROKEN)
    lenses = await editor.request("textDocument/codeLens", {"textDocument": {"uri": broken}})
    assert (await editor.request("codeLens/resolve", lenses[0]))["command"]["title"].endswith("1 error")


async def test_the_outline_and_the_search_have_every_node(editor):
    uri = await editor.open("m.ir.json", LINES)
    found = await editor.request("textDocument/documentSymbol", {"textDocument": {"uri": uri}})
    assert [one["name"] for one in found] == ["0 input", "1 relu", "2 add"]
    assert found[2]["detail"] == "[1, 4] ← 0, 1" and found[2]["selectionRange"]["start"]["line"] == 3
    [one] = await editor.request("workspace/symbol", {"query": "rel"})
    assert one["name"] == "1 relu" and one["location"]["range"]["start"]["line"] == 2
    assert await editor.request("workspace/symbol", {"query": "zzz"}) == []


async def test_what_is_long_can_be_folded_and_selected_step_by_step(editor):
    text = artifact(INPUT, RELU)
    uri = await editor.open("m.ir.json", text)
    found = await editor.request("textDocument/foldingRange", {"textDocument": {"uri": uri}})
    lines = text.split("\n")
    assert [lines[one["startLine"]].strip() for one in found][:3] == ['"nodes": [', "{", "{"]
    assert all(lines[one["endLine"] + 1].strip()[0] in "]}" for one in found)
    where = next(number for number, line in enumerate(lines) if '"relu"' in line)
    position = {"line": where, "character": lines[where].index("relu")}
    [selection] = await editor.request(
        "textDocument/selectionRange", {"textDocument": {"uri": uri}, "positions": [position]}
    )
    seen = []
    while selection is not None:
        seen.append(edited(text, [{**selection, "newText": "▮"}]))
        selection = selection.get("parent")
    assert ": ▮," in seen[0] and len(seen) >= 5 and seen[-1] == "▮"
    assert [len(one) for one in seen] == sorted((len(one) for one in seen), reverse=True)


async def test_selections_of_what_is_nested_deep_are_the_innermost_and_the_outermost(editor):
    text = '{"nodes":' + "[" * 1_000 + "]" * 1_000 + "}"
    uri = await editor.open("m.ir.json", text)
    [selection] = await editor.request(
        "textDocument/selectionRange",
        {"textDocument": {"uri": uri}, "positions": [{"line": 0, "character": 1_009}]},
    )
    seen = []
    while selection is not None:
        ends = selection["range"]
        seen.append((ends["start"]["character"], ends["end"]["character"]))
        selection = selection.get("parent")
    assert len(seen) == 100 and seen[-1] == (0, len(text))
    assert seen[0] == (1_008, 1_010) and seen[1] == (1_007, 1_011)


async def test_kinds_and_ids_have_semantic_tokens(editor):
    uri = await editor.open("m.ir.json", LINES)
    answer = await editor.request("textDocument/semanticTokens/full", {"textDocument": {"uri": uri}})
    line = column = 0
    seen = []
    for start in range(0, len(answer["data"]), 5):
        down, right, length, kind, _ = answer["data"][start : start + 5]
        line, column = line + down, right if down else column + right
        seen.append((LINES.split("\n")[line][column : column + length], TOKEN_TYPES[kind]))
    assert ('"relu"', "function") in seen and ("1", "variable") in seen
    part = {
        "textDocument": {"uri": uri},
        "range": {"start": {"line": 1, "character": 0}, "end": {"line": 2, "character": 0}},
    }
    ranged = await editor.request("textDocument/semanticTokens/range", part)
    assert 0 < len(ranged["data"]) < len(answer["data"])


async def test_what_changed_in_the_semantic_tokens_is_all_that_is_sent(editor):
    document = {"textDocument": {"uri": await editor.open("m.ir.json", LINES)}}
    uri = document["textDocument"]["uri"]
    known = await editor.request("textDocument/semanticTokens/full", document)
    assert (await editor.request("textDocument/semanticTokens/full", document)) == known
    text = LINES
    for old, new in (
        ('"relu"', '"tanh"'),  # nothing a token says changed
        ('"tanh"', '"softplus"'),  # longer
        ('"kind"', '\n "kind"'),  # further down
        ('"kind"', '"axis": 1, "kind"'),
        (LINES.split("\n")[3] + "\n", ""),  # a whole node
        ("", "{"),
        ("{", ""),
    ):
        start = text.index(old)
        text = text.replace(old, new, 1)
        before = text[:start]
        line, column = before.count("\n"), start - before.rfind("\n") - 1
        end = types.Position(line + old.count("\n"), 0 if "\n" in old else column + len(old))
        where = types.Range(types.Position(line, column), end)
        editor.change(uri, types.TextDocumentContentChangePartial(where, new))
        params = {**document, "previousResultId": known["resultId"]}
        answer = await editor.request("textDocument/semanticTokens/full/delta", params)
        data = list(known["data"])
        for edit in answer["edits"]:
            assert edit["start"] % 5 == 0 and edit["deleteCount"] % 5 == 0
            data[edit["start"] : edit["start"] + edit["deleteCount"]] = edit["data"]
        fresh = {"textDocument": {"uri": await editor.open(f"{hash(new)}.ir.json", text)}}
        assert data == (await editor.request("textDocument/semanticTokens/full", fresh))["data"], new
        assert sum(len(edit["data"]) for edit in answer["edits"]) < len(data) / 2
        known = {"resultId": answer["resultId"], "data": data}
    params = {**document, "previousResultId": known["resultId"]}
    assert (await editor.request("textDocument/semanticTokens/full/delta", params))["edits"] == []
    # An id that is not the last one, or from before the document was closed, gets the whole.
    params["previousResultId"] = "0"
    assert (await editor.request("textDocument/semanticTokens/full/delta", params))["data"] == known["data"]
    identifier = types.TextDocumentIdentifier(uri)
    editor.client.text_document_did_close(types.DidCloseTextDocumentParams(identifier))
    await editor.open("m.ir.json", text)
    params["previousResultId"] = known["resultId"]
    assert (await editor.request("textDocument/semanticTokens/full/delta", params))["data"] == known["data"]


async def test_formatting_gives_the_canonical_form_and_nothing_the_second_time(editor):
    text = artifact(INPUT, {**RELU, "shape": [1, 4]}).replace("4", "4.0")
    uri = await editor.open("m.ir.json", text)
    params = {"textDocument": {"uri": uri}, "options": {"tabSize": 2, "insertSpaces": True}}
    after = edited(text, await editor.request("textDocument/formatting", params))
    assert json.loads(after) == json.loads(text) and "[1, 4.0]" in after
    assert after.split("\n")[5] == '    {"id": 0, "kind": "input", "parents": [], "shape": [1, 4.0]},'
    again = {**params, "textDocument": {"uri": await editor.open("n.ir.json", after)}}
    assert await editor.request("textDocument/formatting", again) == []
    broken = {**params, "textDocument": {"uri": await editor.open("b.ir.json", text[:-3])}}
    assert await editor.request("textDocument/formatting", broken) is None
    first = next(number for number, line in enumerate(text.split("\n")) if '"relu"' in line)
    part = {
        **params,
        "range": {"start": {"line": first, "character": 0}, "end": {"line": first, "character": 1}},
    }
    after = edited(text, await editor.request("textDocument/rangeFormatting", part))
    assert '{"id": 1, "kind": "relu", "parents": [0], "shape": [1, 4.0]}' in after and '"id": 0,\n' in after


async def test_the_call_hierarchy_has_producers_and_consumers(editor):
    uri, position = await editor.open_marked("m.ir.json", LINES.replace('"relu"', '"re▮lu"'))
    [item] = await editor.ask("textDocument/prepareCallHierarchy", uri, position)
    assert item["name"] == "1 relu"
    [consumer] = await editor.request("callHierarchy/incomingCalls", {"item": item})
    assert consumer["from"]["name"] == "2 add" and [at(LINES, one) for one in consumer["fromRanges"]] == ["1"]
    [producer] = await editor.request("callHierarchy/outgoingCalls", {"item": item})
    assert producer["to"]["name"] == "0 input" and [at(LINES, one) for one in producer["fromRanges"]] == ["0"]


async def test_check_and_show_graph_answer_with_what_they_found(editor):
    uri = await editor.open("m.ir.json", BROKEN)
    answer = await editor.run("torchlean.check", {"uri": uri})
    assert answer["errors"] == 1 and answer["message"] == "m.ir.json: 1 error"
    (editor.folder / "n.ir.json").write_text(GOOD)
    answer = await editor.run("torchlean.check", {"uri": (editor.folder / "n.ir.json").as_uri()})
    assert answer["message"] == "n.ir.json: all clean"
    for form, begin in (("svg", "<svg"), ("dot", "digraph"), ("mermaid", "flowchart"), ("text", "●")):
        answer = await editor.run("torchlean.showGraph", {"uri": uri, "format": form})
        assert answer["content"].startswith(begin)
    with pytest.raises(Exception, match="one of"):
        await editor.run("torchlean.showGraph", {"uri": uri, "format": "png"})


async def test_the_fix_of_everything_is_made_when_it_is_asked_for(editor):
    uri = await editor.open("m.ir.json", BROKEN)
    where = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}}
    params = {"textDocument": {"uri": uri}, "range": where, "context": {"diagnostics": [], "triggerKind": 1}}
    found = await editor.request("textDocument/codeAction", params)
    [fix] = [one for one in found if one.get("kind") == "source.fixAll.torchlean"]
    assert "edit" not in fix and "data" in fix
    resolved = await editor.request("codeAction/resolve", fix)
    edit = resolved["edit"]
    edits = edit["changes"][uri] if "changes" in edit else edit["documentChanges"][0]["edits"]
    assert json.loads(edited(BROKEN, edits))["nodes"][1]["shape"] == [1, 4]
    editor.change(uri, types.TextDocumentContentChangeWholeDocument(GOOD))
    with pytest.raises(Failed, match="edited meanwhile"):
        await editor.request("codeAction/resolve", fix)


async def test_other_json_is_left_alone(editor):
    uri = await editor.open("package.json", '{"name": "x"}')
    for method in ("hover", "completion", "definition", "prepareRename", "documentHighlight"):
        assert await editor.ask(f"textDocument/{method}", uri, types.Position(0, 2)) is None
    for method in ("documentSymbol", "foldingRange", "codeLens", "documentLink", "formatting"):
        params = {"textDocument": {"uri": uri}, "options": {"tabSize": 2, "insertSpaces": True}}
        assert await editor.request(f"textDocument/{method}", params) is None
