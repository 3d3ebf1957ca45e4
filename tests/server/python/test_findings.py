"""What captures find, shown in the Python files until it is mended."""

from __future__ import annotations

import ast

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from tests.server.conftest import PROFILES
from tests.server.python.models import GELU, capture, lenses, replace_text, write

pytestmark = pytest.mark.asyncio


async def failed(editor, uri, name="Net", **more):
    with pytest.raises(Exception) as caught:
        await capture(editor, uri, name, **more)
    return str(caught.value)


async def test_an_operator_without_an_exact_form_is_marked_where_it_stands(editor):
    uri = write(editor, "net.py", GELU.text)
    await editor.open("net.py", GELU.text, "python")
    await failed(editor, uri)
    [found] = await editor.diagnostics(uri)
    assert found.code == "TL601" and found.severity is types.DiagnosticSeverity.Error
    assert found.range.start.line == GELU.line("F.gelu(h)") - 1
    assert "gelu" in found.message and found.code_description.href.endswith("TL601.md")


async def test_the_answer_to_a_capture_that_failed_counts_what_was_found(editor):
    uri = write(editor, "net.py", GELU.text)
    await editor.open("net.py", GELU.text, "python")
    with pytest.raises(JsonRpcException) as caught:
        await capture(editor, uri, "Net")
    data = caught.value.data
    assert (data["findings"] if isinstance(data, dict) else data.findings) == 1


async def test_a_finding_moves_with_edits_and_goes_with_its_line(editor):
    uri = write(editor, "net.py", GELU.text)
    await editor.open("net.py", GELU.text, "python")
    await failed(editor, uri)
    editor.change(uri, replace_text(types.Position(0, 0), types.Position(0, 0), "# first\n\n"))
    [found] = await editor.diagnostics(uri)
    assert found.range.start.line == GELU.line("F.gelu(h)") + 1
    line = found.range.start.line
    editor.change(uri, replace_text(types.Position(line, 17), types.Position(line, 21), "relu"))
    assert await editor.diagnostics(uri) == []


async def test_the_next_capture_clears_what_the_last_one_found(editor):
    uri = write(editor, "net.py", GELU.text)
    await editor.open("net.py", GELU.text, "python")
    await failed(editor, uri)
    assert [one.code for one in await editor.diagnostics(uri)] == ["TL601"]
    text = GELU.text.replace("F.gelu(h)", "F.relu(h)")
    write(editor, "net.py", text)
    editor.change(uri, types.TextDocumentContentChangeWholeDocument(text))
    await capture(editor, uri, "Net")
    assert await editor.diagnostics(uri) == []


async def test_a_model_that_fails_is_marked_at_its_line(editor):
    text = GELU.text.replace("F.gelu(h)", "h @ h")
    uri = write(editor, "net.py", text)
    await editor.open("net.py", text, "python")
    await failed(editor, uri)
    [found] = await editor.diagnostics(uri)
    assert found.code == "TL603" and found.range.start.line == GELU.line("F.gelu(h)") - 1


async def test_a_capture_that_takes_too_long_is_told_on_the_class(editor):
    text = GELU.text.replace("super().__init__()", "super().__init__()\n        while True: pass")
    uri = write(editor, "net.py", text)
    await editor.open("net.py", text, "python")
    settings = {"torchlean": {"timeLimit": 2}}
    editor.client.workspace_did_change_configuration(types.DidChangeConfigurationParams(settings))
    await failed(editor, uri)
    [found] = await editor.diagnostics(uri)
    assert found.code == "TL605" and found.range.start == GELU.place("Net")


async def test_a_model_without_an_example_shape_is_told_so_once_it_was_to_be_captured(editor):
    text = GELU.text.replace("# torchlean: example-shape=1,4\n", "")
    uri = write(editor, "net.py", text)
    await editor.open("net.py", text, "python")
    await failed(editor, uri)
    [found] = await editor.diagnostics(uri)
    assert found.code == "TL604" and found.severity is types.DiagnosticSeverity.Information


@pytest.mark.parametrize("client", PROFILES[1:], indirect=True)
async def test_settings_files_choose_what_is_shown(editor):
    (editor.folder / "torchlean.toml").write_text('ignore = ["TL601"]\n')
    uri = write(editor, "net.py", GELU.text)
    await editor.open("net.py", GELU.text, "python")
    await failed(editor, uri)
    assert await editor.diagnostics(uri) == []


@pytest.mark.parametrize("client", PROFILES[1:], indirect=True)
async def test_an_approximation_that_was_allowed_is_a_note_with_its_error(editor):
    (editor.folder / "torchlean.toml").write_text('[capture."net.py:Net"]\napproximate = ["gelu=tanh"]\n')
    uri = write(editor, "net.py", GELU.text)
    await editor.open("net.py", GELU.text, "python")
    await capture(editor, uri, "Net")
    [found] = await editor.diagnostics(uri)
    assert found.code == "TL405" and found.severity is types.DiagnosticSeverity.Information
    assert found.range.start.line == GELU.line("F.gelu(h)") - 1
    assert "the tanh form stands in for the exact gelu" in found.message


@pytest.mark.parametrize("client", PROFILES[1:], indirect=True)
async def test_a_convolution_that_became_a_matrix_is_a_note(editor):
    text = GELU.text.replace("1,4", "3,6,6").replace(
        "nn.Linear(4, 8)", "nn.Conv2d(3, 3, 3, padding=1, groups=3)"
    )
    text = text.replace("F.gelu(h)", "F.relu(h)")
    uri = write(editor, "net.py", text)
    await editor.open("net.py", text, "python")
    await capture(editor, uri, "Net")
    found = await editor.diagnostics(uri)
    assert [(one.code, one.severity) for one in found] == [("TL606", types.DiagnosticSeverity.Information)]
    assert found[0].range.start.line == GELU.line("self.hidden(x)") - 1


@pytest.mark.parametrize("client", PROFILES[1:], indirect=True)
async def test_a_model_that_does_not_construct_is_marked_where_that_fails(editor):
    text = GELU.text.replace("nn.Linear(4, 8)", "nn.Linear(4, width)")
    uri = write(editor, "net.py", text)
    await editor.open("net.py", text, "python")
    await failed(editor, uri)
    [found] = await editor.diagnostics(uri)
    assert found.code == "TL602" and found.severity is types.DiagnosticSeverity.Error
    assert found.range.start.line == text[: text.index("width")].count("\n")
    assert "width" in found.message


HELPER = "import torch.nn.functional as F\n\n\ndef act(x):\n    return F.gelu(x)\n"


async def test_a_finding_in_another_file_is_shown_there_with_the_way_from_forward(editor):
    text = GELU.text.replace("import torch.nn.functional as F", "import layers").replace(
        "F.gelu", "layers.act"
    )
    helper = write(editor, "layers.py", HELPER)
    uri = write(editor, "net.py", text)
    await editor.open("net.py", text, "python")
    await failed(editor, uri)
    if editor.pulls:
        assert await editor.diagnostics(uri) == []
        params = types.WorkspaceDiagnosticParams([])
        report = await editor.client.workspace_diagnostic_async(params)
        [items] = [one.items for one in report.items if one.uri == helper]
    else:
        while helper not in editor.published:
            await editor.client.wait_for_notification(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        items = editor.published[helper].diagnostics
    [found] = items
    assert found.code == "TL601" and found.range.start == types.Position(4, 11)
    [call] = found.related_information
    assert call.location.uri == uri and call.message == "called by Net.forward"
    assert call.location.range.start == types.Position(GELU.line("F.gelu(h)") - 1, 15)


async def test_findings_go_with_the_file_of_their_model(editor):
    text = GELU.text.replace("import torch.nn.functional as F", "import layers").replace(
        "F.gelu", "layers.act"
    )
    helper = write(editor, "layers.py", HELPER)
    uri = write(editor, "net.py", text)
    await editor.open("layers.py", HELPER, "python")
    await failed(editor, uri)
    assert [one.code for one in await editor.diagnostics(helper)] == ["TL601"]
    (editor.folder / "net.py").unlink()
    event = types.FileEvent(uri, types.FileChangeType.Deleted)
    editor.client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams([event]))
    await lenses(editor, helper)  # answered after that
    assert await editor.diagnostics(helper) == []


async def test_several_outputs_are_captured_in_the_dialect_that_has_them_by_one_action(editor, tmp_path):
    text = GELU.text.replace("F.gelu(h)", "F.relu(h)")
    at = text.index("return ")
    end = text.index("\n", at)
    text = f"{text[:at]}return h, {text[at + 7 : end]}{text[end:]}"
    uri = write(editor, "net.py", text)
    await editor.open("net.py", text, "python")
    await failed(editor, uri)
    [found] = await editor.diagnostics(uri)
    assert found.code == "TL603" and "--dialect" not in found.message
    context = types.CodeActionContext([found], only=[types.CodeActionKind.QuickFix])
    params = types.CodeActionParams(types.TextDocumentIdentifier(uri), found.range, context)
    actions = await editor.client.text_document_code_action_async(params)
    [action] = [one for one in actions if one.title == "Capture Net in the generalized dialect"]
    command = ast.literal_eval(action.command)  # lsprotocol takes every action for a command
    await editor.client.workspace_execute_command_async(
        types.ExecuteCommandParams(command["command"], command["arguments"])
    )
    assert await editor.diagnostics(uri) == []
