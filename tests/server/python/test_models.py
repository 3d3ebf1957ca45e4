"""Lenses, hovers, links and actions on models, without running anything."""

from __future__ import annotations

import json

import pytest
from lsprotocol import types

from tests.server.conftest import PROFILES
from tests.server.python.models import (
    NET,
    capture,
    hover,
    lenses,
    open_net,
    replace_text,
    stored,
    write,
)
from torchlean_core.artifact.hashing import seal_of

pytestmark = [pytest.mark.asyncio, pytest.mark.parametrize("client", PROFILES[:1], indirect=True)]


async def actions(editor, uri, place, *kinds):
    return await editor.fixes(uri, types.Range(place, place), *kinds)


async def titles_and_kinds(editor, uri, place):
    where = {"line": place.line, "character": place.character}
    params = {
        "textDocument": {"uri": uri},
        "range": {"start": where, "end": where},
        "context": {"diagnostics": []},
    }
    found = await editor.request("textDocument/codeAction", params)
    return [(one["title"], one["kind"]) for one in found]


def edited(text: str, edit: types.WorkspaceEdit, uri: str) -> str:
    """A text after an action's edit of one document."""
    changes = (edit.changes or {}).get(uri) or [
        change
        for one in edit.document_changes or ()
        if isinstance(one, types.TextDocumentEdit) and one.text_document.uri == uri
        for change in one.edits
    ]
    lines = text.split("\n")
    for change in sorted(changes, key=lambda one: one.range.start.line, reverse=True):
        start, end = change.range.start, change.range.end
        assert start.line == end.line
        line = lines[start.line]
        lines[start.line] = line[: start.character] + change.new_text + line[end.character :]
    return "\n".join(lines)


# -- lenses -------------------------------------------------------------------------------------------------------


async def test_a_model_without_an_artifact_can_be_captured(editor):
    uri = await open_net(editor, artifact=False)
    commands = await lenses(editor, uri)
    assert [one["title"] for one in commands] == ["Capture (1,4)", "no artifact"]
    assert commands[0]["arguments"] == [{"uri": uri, "name": "Net", "exampleShape": "1,4"}]


async def test_a_model_with_an_artifact_tells_its_state_and_opens_it(editor):
    uri = await open_net(editor)
    commands = await lenses(editor, uri)
    assert [one["title"] for one in commands] == ["Capture again (1,4)", "fresh", "Open net.ir.json", "Emit"]
    artifact = (editor.folder / "net.ir.json").as_uri()
    assert [one["command"] for one in commands[2:]] == ["torchlean.openFile", "torchlean.emit"]
    assert all(one["arguments"] == [{"uri": artifact}] for one in commands[2:])


@pytest.mark.parametrize(
    ("text", "state"), [("{broken", "cannot be read"), ("edited", "edited by hand")], ids=["broken", "edited"]
)
async def test_an_artifact_that_a_person_changed_is_told_and_can_be_opened(editor, text, state):
    root = json.loads(stored(NET.text))
    root["captured_from"]["artifact_sha256"] = seal_of(root)
    root["nodes"][1]["kind"] = "relu"
    write(editor, "net.ir.json", json.dumps(root) if text == "edited" else text)
    uri = await open_net(editor, artifact=False)
    titles = [one["title"] for one in await lenses(editor, uri)]
    assert titles == ["Capture again (1,4)", state, "Open net.ir.json", "Emit"]


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ({"write": "no"}, "`write` is true or false, found 'no'"),
        ({"force": 1}, "`force` is true or false, found 1"),
        ({"name": "Nope", "exampleShape": None}, "net.py has no `Nope`"),
        ({"out": "net.py"}, "is the model file itself"),
        ({"out": "nowhere/net.ir.json"}, "its folder does not exist"),
    ],
)
async def test_a_capture_with_a_wrong_argument_is_refused_in_words(editor, argument, said):
    uri = await open_net(editor, artifact=False)
    asked = {"uri": uri, "name": "Net", "exampleShape": "1,4", **argument}
    with pytest.raises(Exception) as caught:  # pygls raises what the answer's error becomes
        await editor.run("torchlean.capture", {k: value for k, value in asked.items() if value is not None})
    assert said in str(caught.value)


async def test_a_model_that_changed_is_stale(editor):
    uri = await open_net(editor)
    changed = NET.text.replace("nn.Linear(4, 8)", "nn.Linear(4, 9)")
    write(editor, "net.py", changed)
    event = types.FileEvent(uri, types.FileChangeType.Changed)
    editor.client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams([event]))
    assert "stale" in [one["title"] for one in await lenses(editor, uri)]
    assert "changed since Net was captured" in await hover(editor, uri, NET.place("Net"))


async def test_a_model_without_a_shape_is_asked_for_one(editor):
    text = NET.text.replace("# torchlean: example-shape=1,4\n", "")
    uri = write(editor, "net.py", text)
    await editor.open("net.py", text, "python")
    [first, _] = await lenses(editor, uri)
    assert first["title"] == "Capture…" and first["arguments"] == [{"uri": uri, "name": "Net", "ask": True}]
    asked = []

    @editor.client.feature(types.WINDOW_SHOW_MESSAGE_REQUEST)
    def answer(params: types.ShowMessageRequestParams) -> None:
        asked.append(params)

    with pytest.raises(Exception, match="was not captured"):
        await editor.run("torchlean.capture", *first["arguments"])
    assert "(1,4), after nn.Linear(4, 8)" in asked[0].message
    assert [one.title for one in asked[0].actions] == ["Capture (1,4)"]


async def test_a_function_that_the_settings_name_has_lenses(editor):
    (editor.folder / "torchlean.toml").write_text('[capture."net.py:make"]\nexample-shape = [1, 4]\n')
    text = NET.text + "\n\ndef make():\n    return Net()\n\n\ndef other():\n    pass\n"
    uri = write(editor, "net.py", text)
    await editor.open("net.py", text, "python")
    found = [one for one in await lenses(editor, uri) if one["command"] == "torchlean.capture"]
    assert [one["arguments"][0]["name"] for one in found] == ["Net", "make"]
    assert found[1]["arguments"][0]["exampleShape"] == "1,4"


async def test_models_stay_found_while_the_text_does_not_parse(editor):
    uri = await open_net(editor)
    editor.change(uri, replace_text(types.Position(0, 0), types.Position(0, 0), "x = (\n\n"))
    found = await editor.request("textDocument/codeLens", {"textDocument": {"uri": uri}})
    assert {one["range"]["start"]["line"] for one in found} == {NET.line("class Net") + 1}


async def test_a_file_is_opened_by_the_editor(editor):
    uri = await open_net(editor)
    await editor.run("torchlean.openFile", {"uri": uri})
    assert [one.uri for one in editor.client.shown_documents] == [uri]


# -- hovers -------------------------------------------------------------------------------------------------------


async def test_a_call_tells_its_shape_and_the_node_that_it_became(editor):
    uri = await open_net(editor)
    text = await hover(editor, uri, NET.place("self.hidden(x)", 6))
    link = f"{(editor.folder / 'net.ir.json').as_uri()}#L"
    assert text.startswith("`self.hidden(x)`: `[1, 8]` float32")
    assert f"became [node 1]({link}" in text and "`linear`" in text


async def test_nothing_is_told_where_nothing_is_known(editor):
    uri = await open_net(editor)
    assert await hover(editor, uri, NET.place("import torch")) is None


async def test_a_directive_is_explained_and_completed(editor):
    uri = await open_net(editor)
    place = NET.place("example-shape", 3)
    assert "Shape of the model's input" in await hover(editor, uri, place)
    value = NET.place("1,4", 3)
    found = await editor.ask("textDocument/completion", uri, value)
    assert [one["label"] for one in found["items"]] == ["1,4"]
    assert await editor.ask("textDocument/completion", uri, NET.place("super")) is None


async def test_a_wrong_directive_is_marked(editor):
    text = NET.text.replace("example-shape=1,4", "exampel-shape=1,4")
    uri = write(editor, "net.py", text)
    await editor.open("net.py", text, "python")
    [found] = await editor.diagnostics(uri)
    assert found.code == "TL604" and "did you mean `example-shape`?" in found.message


# -- definition and references ------------------------------------------------------------------------------------


async def test_a_node_leads_to_its_expression_and_back(editor):
    uri = await open_net(editor)
    text = stored(NET.text)
    artifact = await editor.open("net.ir.json", text)
    [found] = await editor.ask(
        "textDocument/definition", artifact, types.Position(0, text.index('"linear"') + 2)
    )
    place = NET.place("self.hidden(x)")
    assert found["uri"] == uri
    assert found["range"]["start"] == {"line": place.line, "character": place.character}
    assert found["range"]["end"]["character"] == place.character + len("self.hidden(x)")
    [back] = await editor.ask("textDocument/references", uri, place, context={"includeDeclaration": True})
    assert back["uri"] == artifact
    where = back["range"]
    node = json.loads(text[where["start"]["character"] : where["end"]["character"]])
    assert node["id"] == 1


async def test_a_class_leads_to_its_artifact(editor):
    uri = await open_net(editor)
    [found] = await editor.ask("textDocument/definition", uri, NET.place("Net"))
    assert found["uri"].endswith("/net.ir.json")
    assert await editor.ask("textDocument/definition", uri, NET.place("hidden")) is None


# -- actions ------------------------------------------------------------------------------------------------------


async def test_capturing_is_offered_plainly_on_the_head_of_a_class_and_below_as_a_source_action(editor):
    uri = await open_net(editor, artifact=False)
    head = await titles_and_kinds(editor, uri, NET.place("Net"))
    assert head == [
        ("Capture Net (1,4)", "refactor.torchlean.capture"),
        ("Capture Net (1,4) and emit", "refactor.torchlean.captureAndEmit"),
    ]
    inside = await titles_and_kinds(editor, uri, NET.place("torch.relu"))
    assert [kind for _, kind in inside] == ["source.torchlean.capture", "source.torchlean.captureAndEmit"]
    assert await titles_and_kinds(editor, uri, NET.place("import torch")) == []


async def test_the_example_shape_is_written_over_the_class(editor):
    text = NET.text.replace("# torchlean: example-shape=1,4\n", "")
    uri = write(editor, "net.py", text)
    await editor.open("net.py", text, "python")
    with pytest.raises(Exception, match="example shape"):
        await capture(editor, uri, "Net")
    [finding] = await editor.diagnostics(uri)
    found = await actions(editor, uri, finding.range.start, "quickfix")
    assert [one.title for one in found] == ["Write the example shape 1,4 (nn.Linear(4, 8) in line 10)"]
    assert edited(text, found[0].edit, uri) == NET.text


# -- with a capture -----------------------------------------------------------------------------------------------


async def test_an_operator_without_an_exact_form_can_be_replaced_or_allowed(editor):
    text = NET.text.replace("torch.relu(self.hidden(x))", "nn.functional.gelu(self.hidden(x))")
    uri = write(editor, "net.py", text)
    await editor.open("net.py", text, "python")
    with pytest.raises(Exception, match="gelu"):
        await capture(editor, uri, "Net")
    [finding] = await editor.diagnostics(uri)
    assert text.split("\n")[finding.range.start.line][finding.range.start.character :].startswith(
        "nn.functional.gelu("
    )
    assert "failing: 1 finding" in [one["title"] for one in await lenses(editor, uri)]
    exact, replace, allow = await actions(editor, uri, finding.range.start, "quickfix")
    assert exact.title == "Allow gelu=erf for Net (in torchlean.toml)"
    assert "changes numbers" in replace.title
    assert 'gelu(self.hidden(x), approximate="tanh")' in edited(text, replace.edit, uri)
    settings = (editor.folder / "torchlean.toml").as_uri()
    assert edited("", exact.edit, settings) == '[capture."net.py:Net"]\napproximate = ["gelu=erf"]\n'
    assert edited("", allow.edit, settings) == '[capture."net.py:Net"]\napproximate = ["gelu=tanh"]\n'


async def test_a_class_tells_what_its_capture_measured_and_is_emitted(editor):
    uri = await open_net(editor, artifact=False)
    answer = await editor.run("torchlean.captureAndEmit", {"uri": uri, "name": "Net"})
    assert answer["output"].endswith("net_module.py")
    text = await hover(editor, uri, NET.place("Net"))
    assert "**Net**: fresh, example shape `[1, 4]`" in text
    assert "40 parameters, 3 nodes, verified: relative error" in text and "captured in" in text
    assert "net.ir.json" in text and "net_module.py" in text
    assert "`x`: `[1, 4]` float32" in await hover(editor, uri, NET.place("hidden(x)", 7))
