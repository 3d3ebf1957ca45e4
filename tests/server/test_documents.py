"""Diagnostics, hover and quick fixes of open artifacts, in a session with the real process."""

from __future__ import annotations

import asyncio

import pytest
from lsprotocol import types

from tests.server.conftest import BROKEN, GOOD, INPUT, RELU, artifact

pytestmark = pytest.mark.asyncio


def marked(text: str, where: types.Range) -> str:
    lines = text.split("\n")
    if where.start.line == where.end.line:
        return lines[where.start.line][where.start.character : where.end.character]
    middle = lines[where.start.line + 1 : where.end.line]
    return "\n".join(
        [
            lines[where.start.line][where.start.character :],
            *middle,
            lines[where.end.line][: where.end.character],
        ]
    )


async def test_a_wrong_shape_has_a_diagnostic_at_the_shape(editor):
    uri = await editor.open("m.ir.json", BROKEN)
    [diagnostic] = await editor.diagnostics(uri)
    assert diagnostic.code == "TL201" and diagnostic.source == "torchlean"
    assert diagnostic.severity == types.DiagnosticSeverity.Error
    assert marked(BROKEN, diagnostic.range).replace("\n", "").replace(" ", "") == "[1,3]"
    assert diagnostic.code_description.href.endswith("TL201.md")
    assert diagnostic.related_information[0].location.uri == uri


async def test_the_quick_fix_sets_the_inferred_shape_and_the_diagnostic_goes(editor):
    uri = await editor.open("m.ir.json", BROKEN)
    [diagnostic] = await editor.diagnostics(uri)
    actions = await editor.fixes(uri, diagnostic.range)
    [fix] = [action for action in actions if action.kind == "quickfix"]
    assert fix.title == "Set shape to inferred [1, 4]" and fix.is_preferred
    edits = fix.edit.changes[uri] if fix.edit.changes else fix.edit.document_changes[0].edits
    editor.change(uri, types.TextDocumentContentChangePartial(edits[0].range, edits[0].new_text))
    assert await editor.diagnostics(uri) == []


async def test_diagnostics_come_one_way_only(editor):
    uri = await editor.open("m.ir.json", BROKEN)
    assert await editor.diagnostics(uri)
    assert bool(editor.published) is not editor.pulls


async def test_diagnostics_follow_typing(editor):
    uri = await editor.open("m.ir.json", GOOD)
    assert await editor.diagnostics(uri) == []
    line = next(i for i, text in enumerate(GOOD.split("\n")) if '"relu"' in text)
    column = GOOD.split("\n")[line].index('relu"')
    where = types.Range(types.Position(line, column), types.Position(line, column + 4))
    editor.change(uri, types.TextDocumentContentChangePartial(where, "rel"))
    assert [d.code for d in await editor.diagnostics(uri)] == ["TL014"]
    where = types.Range(types.Position(line, column), types.Position(line, column + 3))
    editor.change(uri, types.TextDocumentContentChangePartial(where, "tanh"))
    assert await editor.diagnostics(uri) == []


async def test_several_changes_in_one_notification_apply_in_order(editor):
    uri = await editor.open("m.ir.json", GOOD)
    start = types.Range(types.Position(0, 0), types.Position(0, 0))
    editor.change(
        uri,
        types.TextDocumentContentChangeWholeDocument(""),
        types.TextDocumentContentChangePartial(start, BROKEN),
    )
    assert [d.code for d in await editor.diagnostics(uri)] == ["TL201"]


async def test_positions_out_of_range_are_clamped(editor):
    uri = await editor.open("m.ir.json", GOOD)
    far = types.Range(types.Position(10_000, 7), types.Position(20_000, 0))
    editor.change(uri, types.TextDocumentContentChangePartial(far, "\n\n"))
    assert await editor.diagnostics(uri) == []
    hover = await editor.client.text_document_hover_async(
        types.HoverParams(types.TextDocumentIdentifier(uri), types.Position(99_999, 99_999))
    )
    assert hover is None


async def test_json_that_is_no_artifact_is_left_alone(editor):
    uri = await editor.open("package.json", '{"name": "x", "nodes": 3,}')
    other = await editor.open("m.ir.json", BROKEN)
    assert await editor.diagnostics(other)
    if editor.pulls:
        assert await editor.diagnostics(uri) == []
    assert uri not in editor.published


async def test_a_marker_makes_any_json_file_an_artifact(editor):
    uri = await editor.open("plain.json", BROKEN)
    assert [d.code for d in await editor.diagnostics(uri)] == ["TL201"]


async def test_pushed_diagnostics_are_cleared_on_close(editor):
    uri = await editor.open("m.ir.json", BROKEN)
    assert await editor.diagnostics(uri)
    editor.client.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(uri)))
    if editor.pulls:
        assert await editor.diagnostics(uri) == []
    else:
        while editor.published[uri].diagnostics:
            await editor.client.wait_for_notification(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)


async def test_an_unsaved_untitled_artifact_is_checked(editor):
    uri = "untitled:Untitled-1"
    item = types.TextDocumentItem(uri, "torchlean-ir", 1, BROKEN)
    editor.versions[uri] = 1
    editor.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
    assert [d.code for d in await editor.diagnostics(uri)] == ["TL201"]


async def test_hover_tells_kind_formula_operands_and_users(editor):
    text = artifact(INPUT, RELU, {"id": 2, "kind": "linear", "parents": [1], "shape": [1, 3]})
    uri = await editor.open("m.ir.json", text)
    line = next(i for i, content in enumerate(text.split("\n")) if '"linear"' in content)
    hover = await editor.client.text_document_hover_async(
        types.HoverParams(types.TextDocumentIdentifier(uri), types.Position(line, 8))
    )
    for part in (
        "**node 2** · `linear` · `[1, 3]`",
        "x Wᵀ + b",
        "operand 1 (`relu`) `[1, 4]`",
        "`linear_2_W` `[3, 4]`",
    ):
        assert part in hover.contents.value
    line = next(i for i, content in enumerate(text.split("\n")) if '"relu"' in content)
    hover = await editor.client.text_document_hover_async(
        types.HoverParams(types.TextDocumentIdentifier(uri), types.Position(line, 8))
    )
    assert "used by 2 (`linear`)" in hover.contents.value


async def test_twenty_thousand_findings_are_capped_with_a_note(editor):
    nodes = [INPUT, *({"id": i, "kind": "rlu", "parents": [0], "shape": [1, 4]} for i in range(1, 20_001))]
    uri = await editor.open("m.ir.json", artifact(*nodes))
    found = await editor.diagnostics(uri)
    assert len(found) == 1_000
    assert "more findings are not shown" in found[-1].message


async def test_source_actions_are_offered_on_a_clean_artifact_only(editor):
    good, broken = await editor.open("good.ir.json", GOOD), await editor.open("bad.ir.json", BROKEN)
    where = types.Range(types.Position(0, 0), types.Position(0, 0))
    titles = {action.title for action in await editor.fixes(good, where, "source")}
    assert titles == {
        "Emit nn.Module",
        "Emit nn.Sequential",
        "Initialize parameters",
        "Train…",
        "Show the graph",
    }
    assert [action.kind for action in await editor.fixes(broken, where, "source")] == [
        "source.fixAll.torchlean"
    ]
    assert await editor.fixes(broken, where, "source.torchlean") == []
    [emit] = await editor.fixes(good, where, "source.torchlean.emit")
    assert emit.command.command == "torchlean.emit" and emit.command.arguments == [{"uri": good}]


async def test_a_burst_of_changes_ends_in_the_last_state(editor):
    uri = await editor.open("m.ir.json", GOOD)
    for number in range(200):
        editor.change(uri, types.TextDocumentContentChangeWholeDocument(BROKEN if number % 2 == 0 else GOOD))
    assert await asyncio.wait_for(editor.diagnostics(uri), 20) == []


async def test_fix_all_is_one_edit_of_the_version_with_the_safe_fixes(editor):
    chain = [{**RELU, "id": place, "parents": [place - 1], "shape": [1, 3]} for place in (1, 2, 3)]
    text = artifact(INPUT, *chain, {**RELU, "id": 4, "kind": "rlu", "parents": [3]})
    uri = await editor.open("m.ir.json", text)
    start = types.Range(types.Position(0, 0), types.Position(0, 0))
    [action] = await editor.fixes(uri, start, "source.fixAll.torchlean")
    assert action.kind == "source.fixAll.torchlean"
    if action.edit.document_changes:
        [change] = action.edit.document_changes
        assert change.text_document.version == 1
        edits = change.edits
    else:
        edits = action.edit.changes[uri]
    assert [edit.new_text for edit in edits] == ["4", "4", "4"]
    for edit in reversed(edits):
        editor.change(uri, types.TextDocumentContentChangePartial(edit.range, edit.new_text))
    assert [d.code for d in await editor.diagnostics(uri)] == ["TL014"]
    assert await editor.fixes(uri, start, "source.fixAll") == []


async def test_a_shape_can_be_set_on_everything_that_depends_on_it(editor):
    wrong = [{**RELU, "id": place, "parents": [place - 1], "shape": [1, 3]} for place in (1, 2)]
    uri = await editor.open("m.ir.json", artifact(INPUT, *wrong))
    [diagnostic] = await editor.diagnostics(uri)
    titles = [action.title for action in await editor.fixes(uri, diagnostic.range, "quickfix")]
    assert titles == [
        "Set shape to inferred [1, 4]",
        "Set shape to inferred [1, 4] and propagate to 1 node that depends on it",
    ]


async def test_a_document_opened_again_at_the_same_version_is_pulled_anew(editor):
    if not editor.pulls:
        return
    uri = await editor.open("m.ir.json", BROKEN)
    identifier = types.TextDocumentIdentifier(uri)
    first = await editor.client.text_document_diagnostic_async(types.DocumentDiagnosticParams(identifier))
    editor.client.text_document_did_close(types.DidCloseTextDocumentParams(identifier))
    await editor.open("m.ir.json", GOOD)
    params = types.DocumentDiagnosticParams(identifier, previous_result_id=first.result_id)
    answer = await editor.client.text_document_diagnostic_async(params)
    assert list(answer.items) == []


async def test_an_epsilon_of_any_size_is_told_and_not_a_crash(editor):
    text = artifact(
        INPUT, {"id": 1, "kind": "layernorm", "parents": [0], "shape": [1, 4], "axis": 1, "eps": 10**400}
    )
    uri = await editor.open("m.ir.json", text)
    assert [d.code for d in await editor.diagnostics(uri)] == ["TL402"]
