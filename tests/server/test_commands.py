"""The commands of the server: real workers, progress, refusals, and work that stops when told to."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from lsprotocol import types

from tests.core.lean.lake_projects import project, torchlean_sources
from tests.server.conftest import BROKEN, PROFILES, artifact
from torchlean_core.dialect_around import spoken
from torchlean_core.kinds.dialects import CLASSIC, GENERALIZED

# What a command does is the same for every client, and its workers take their time: one of them is enough.
pytestmark = [pytest.mark.asyncio, pytest.mark.parametrize("client", PROFILES[:1], indirect=True)]
EXAMPLES = Path(__file__).parents[2] / "examples"


async def captured(editor) -> Path:
    """TinyMLP captured by the server into the folder of the test."""
    shutil.copy(EXAMPLES / "tiny_mlp.py", editor.folder)
    uri = (editor.folder / "tiny_mlp.py").as_uri()
    answer = await editor.run("torchlean.capture", {"uri": uri, "name": "TinyMLP", "exampleShape": "1,4"})
    return Path(answer["output"])


async def failure(editor, command, argument) -> str:
    with pytest.raises(Exception) as caught:  # pygls raises what the answer's error becomes
        await editor.run(command, argument)
    return str(caught.value)


async def test_the_whole_loop(editor):
    artifact = await captured(editor)
    assert artifact.name == "tiny_mlp.ir.json" and artifact.exists()
    uri = artifact.as_uri()
    emitted = await editor.run("torchlean.emit", {"uri": uri})
    # tiny_mlp.py is the model itself, so the generated module has another name.
    assert Path(emitted["output"]).name == "tiny_mlp_module.py"
    assert emitted["uri"] == Path(emitted["output"]).as_uri()
    initialized = await editor.run("torchlean.init", {"uri": uri, "seed": 3, "force": True})
    assert initialized["scalars"] == 67
    asked = {"uri": uri, "steps": 20, "seed": 1, "curve": "drawn.svg"}
    trained = await editor.run("torchlean.train", asked)
    assert trained["steps"] == 20 and Path(trained["output"]).exists()
    assert artifact.with_name("drawn.svg").exists()
    again = await editor.run("torchlean.emit", {"uri": uri})
    assert again["state"] == "stale" and again["written"]


async def test_capture_needs_no_name_where_there_is_one_model_with_a_shape(editor):
    shutil.copy(EXAMPLES / "tiny_mlp.py", editor.folder / "model.py")
    answer = await editor.run("torchlean.capture", {"uri": (editor.folder / "model.py").as_uri()})
    assert answer["nodes"] == 4 and answer["parameters"] == 67


async def test_progress_is_shown_from_begin_to_end(editor):
    artifact = await captured(editor)
    await editor.run("torchlean.train", {"uri": artifact.as_uri(), "steps": 30})
    kinds = {}
    for reports in editor.client.progress_reports.values():
        names = [type(report).__name__.removeprefix("WorkDoneProgress") for report in reports]
        assert names[0] == "Begin" and names[-1] == "End"
        kinds[reports[0].title] = reports
    training = kinds["Training tiny_mlp.ir.json"]
    assert training[0].cancellable
    assert any("loss" in (report.message or "") for report in training[1:-1])
    percentages = [report.percentage for report in training[1:-1]]
    assert percentages == sorted(percentages)


@pytest.mark.parametrize("way", ["request", "progress", "command"])
async def test_a_cancelled_training_stops_and_writes_nothing(editor, way):
    artifact = await captured(editor)
    uri = artifact.as_uri()
    before = set(editor.folder.iterdir())
    params = types.ExecuteCommandParams(
        "torchlean.train", [{"uri": uri, "steps": 10_000_000, "checkpoint_seconds": 3600}]
    )
    running = asyncio.ensure_future(
        editor.client.protocol.send_request_async(types.WORKSPACE_EXECUTE_COMMAND, params, msg_id="long")
    )

    def training_token():
        for token, reports in editor.client.progress_reports.items():
            if reports[0].title.startswith("Training") and len(reports) > 1:
                return token
        return None

    while training_token() is None:
        await editor.client.wait_for_notification(types.PROGRESS)
    if way == "request":
        editor.client.cancel_request(types.CancelParams("long"))
    elif way == "progress":
        editor.client.window_work_done_progress_cancel(types.WorkDoneProgressCancelParams(training_token()))
    else:
        assert await editor.run("torchlean.stop", {"uri": uri}) == {"stopped": 1}
    with pytest.raises(Exception, match=r"(?i)cancel|stopped"):
        await asyncio.wait_for(running, 30)
    while type(editor.client.progress_reports[training_token()][-1]) is not types.WorkDoneProgressEnd:
        await editor.client.wait_for_notification(types.PROGRESS)
    assert await editor.run("torchlean.stop") == {"stopped": 0}
    assert set(editor.folder.iterdir()) == before


async def test_an_artifact_with_errors_is_refused_with_its_first_error(editor):
    (editor.folder / "m.ir.json").write_text(BROKEN)
    message = await failure(editor, "torchlean.emit", {"uri": (editor.folder / "m.ir.json").as_uri()})
    assert "TL201" in message and "m.ir.json" in message
    assert not (editor.folder / "m.py").exists()


async def test_unsaved_changes_are_refused(editor):
    artifact = await captured(editor)
    uri = await editor.open(artifact.name, artifact.read_text() + "\n")
    assert "unsaved changes" in await failure(editor, "torchlean.emit", {"uri": uri})


async def test_a_model_that_prints_and_reads_breaks_nothing(editor):
    source = (EXAMPLES / "tiny_mlp.py").read_text()
    noisy = "import sys\nprint('Content-Length: 5\\r\\n\\r\\nhello', flush=True)\nsys.stdin.read()\n" + source
    (editor.folder / "noisy.py").write_text(noisy)
    answer = await editor.run("torchlean.capture", {"uri": (editor.folder / "noisy.py").as_uri()})
    assert answer["nodes"] == 4


async def test_a_model_that_fails_is_reported_with_its_line(editor):
    (editor.folder / "bad.py").write_text("from torch import nn\n\nclass Bad(nn.Module):\n    x = 1 / 0\n")
    argument = {"uri": (editor.folder / "bad.py").as_uri(), "name": "Bad", "exampleShape": "1,4"}
    message = await failure(editor, "torchlean.capture", argument)
    assert "bad.py:4" in message and "ZeroDivisionError" in message
    assert "Traceback" not in message


async def test_a_missing_example_shape_is_asked_for(editor):
    (editor.folder / "m.py").write_text("from torch import nn\n\nclass M(nn.Module):\n    pass\n")
    message = await failure(editor, "torchlean.capture", {"uri": (editor.folder / "m.py").as_uri()})
    assert "example-shape" in message


async def test_capture_is_offered_over_the_class(editor):
    text = (EXAMPLES / "tiny_mlp.py").read_text()
    (editor.folder / "m.py").write_text(text)
    uri = await editor.open("m.py", text, "python")
    line = next(i for i, content in enumerate(text.split("\n")) if content.startswith("class"))
    where = types.Range(types.Position(line, 0), types.Position(line, 0))
    action, _and_emit = await editor.fixes(uri, where)
    assert action.title == "Capture TinyMLP (1,4)"
    assert action.command.arguments == [{"uri": uri, "name": "TinyMLP", "exampleShape": "1,4"}]


async def test_capture_takes_the_approximations_that_are_allowed(editor):
    model = editor.folder / "net.py"
    model.write_text("from torch import nn\n\n\nclass Net(nn.GELU):\n    pass\n")
    argument = {"uri": model.as_uri(), "name": "Net", "exampleShape": "1,4"}
    for wrong, said in (("gelu=tanh", "is a list"), ([3], "is a list"), (["relu=tanh"], "expected one of")):
        assert said in await failure(editor, "torchlean.capture", {**argument, "approximate": wrong})
    answer = await editor.run("torchlean.capture", {**argument, "approximate": ["gelu=tanh"]})
    assert [note["code"] for note in answer["notes"]] == ["TL405"]


async def test_a_capture_follows_argument_settings_and_the_projects_torchlean(editor):
    project(editor.folder, GENERALIZED)
    shutil.copy(EXAMPLES / "tiny_mlp.py", editor.folder)
    argument = {"uri": (editor.folder / "tiny_mlp.py").as_uri(), "name": "TinyMLP", "write": False}
    assert (await editor.run("torchlean.capture", argument))["dialect"] == "generalized"
    told = types.DidChangeConfigurationParams({"torchlean": {"dialect": "classic"}})
    editor.client.workspace_did_change_configuration(told)
    assert (await editor.run("torchlean.capture", argument))["dialect"] == "classic"
    (editor.folder / "torchlean.toml").write_text('dialect = "generalized"\n')
    assert (await editor.run("torchlean.capture", argument))["dialect"] == "generalized"
    assert (await editor.run("torchlean.capture", {**argument, "dialect": "classic"}))["dialect"] == "classic"
    said = await failure(editor, "torchlean.capture", {**argument, "dialect": "new"})
    assert "`dialect` is one of auto, classic, generalized, found 'new'" in said


async def test_capturing_again_keeps_the_dialect(editor):
    artifact = await captured(editor)
    assert spoken(artifact) is CLASSIC
    project(editor.folder, GENERALIZED)
    await captured(editor)
    assert spoken(artifact) is CLASSIC
    artifact.unlink()
    await captured(editor)
    assert spoken(artifact) is GENERALIZED


async def test_an_artifact_is_converted_beside_it_there_and_back(editor):
    artifact = await captured(editor)
    converted = await editor.run("torchlean.convert", {"uri": artifact.as_uri()})
    there = artifact.with_name("tiny_mlp.generalized.ir.json")
    assert Path(converted["output"]) == there and converted["uri"] == there.as_uri()
    assert spoken(there) is GENERALIZED and converted["dialect"] == "generalized"
    assert converted["message"] == "wrote tiny_mlp.generalized.ir.json (4 nodes, generalized)"
    back = editor.folder / "back.ir.json"
    for out in ("back.ir.json", back.as_uri()):
        argument = {"uri": there.as_uri(), "dialect": "classic", "out": out, "force": True}
        assert Path((await editor.run("torchlean.convert", argument))["output"]) == back
    assert spoken(back) is CLASSIC and back.with_name("back.params.safetensors").exists()


async def test_a_conversion_replaces_no_file_unless_it_is_told_to(editor):
    artifact = await captured(editor)
    there = artifact.with_name("tiny_mlp.generalized.ir.json")
    there.write_text("mine")
    asked = []

    @editor.client.feature(types.WINDOW_SHOW_MESSAGE_REQUEST)
    def keep(params: types.ShowMessageRequestParams) -> types.MessageActionItem:
        asked.append(params.message)
        return params.actions[-1]

    said = await failure(editor, "torchlean.convert", {"uri": artifact.as_uri()})
    assert "nothing was replaced" in said
    assert asked == ["This would replace the file that is there (tiny_mlp.generalized.ir.json)."]
    assert there.read_text() == "mine"
    converted = await editor.run("torchlean.convert", {"uri": artifact.as_uri(), "force": True})
    assert spoken(there) is GENERALIZED
    assert [Path(one).read_text() for one in converted["kept"]] == ["mine"]


async def test_a_conversion_that_is_not_exact_or_makes_no_sense_is_refused(editor):
    artifact = await captured(editor)
    uri = artifact.as_uri()
    before = set(editor.folder.iterdir())
    for more, said in (
        ({"dialect": "new"}, "`dialect` is one of classic, generalized"),
        ({"dialect": "classic"}, "is in the classic dialect already"),
        ({"out": 3}, "`out` is a path or a file: URI"),
        ({"out": artifact.name}, "the output is the input"),
        ({"output": 0}, "all are kept"),
        ({"output": "x"}, "output must be a whole number"),
    ):
        assert said in await failure(editor, "torchlean.convert", {"uri": uri, "force": True, **more})
    assert set(editor.folder.iterdir()) == before
    other = editor.folder / "other.ir.json"
    other.write_text("{}")
    assert "does not tell its dialect" in await failure(editor, "torchlean.convert", {"uri": other.as_uri()})


async def test_the_format_tells_the_dialect_and_what_the_project_reads(editor):
    text = '{"format": "torchlean.ir.v1", "input_id": 0, "output_id": 0, "nodes": []}'
    uri = await editor.open("m.ir.json", text)

    async def told():
        return (await editor.ask("textDocument/hover", uri, types.Position(0, 14)))["contents"]["value"]

    assert "classic dialect" in await told() and "TorchLean of this project" not in await told()
    project(editor.folder, GENERALIZED)
    assert "The TorchLean of this project reads the generalized dialect: " in await told()
    torchlean_sources(editor.folder / ".lake/packages/TorchLean", CLASSIC)
    assert "TorchLean of this project" not in await told()


@pytest.mark.parametrize("command", ["check", "emit", "init", "train", "convert", "showGraph"])
async def test_a_python_file_is_no_artifact(editor, command):
    (editor.folder / "model.py").write_text("import torch\n")
    message = await failure(editor, f"torchlean.{command}", {"uri": (editor.folder / "model.py").as_uri()})
    assert "model.py is a Python file, and no artifact" in message


async def test_an_error_that_another_command_helps_against_offers_that(editor):
    path = editor.folder / "m.ir.json"
    path.write_text(
        artifact(
            {"id": 0, "kind": "input", "parents": [], "shape": [1, 4]},
            {"id": 1, "kind": "linear", "parents": [0], "shape": [1, 3]},
        )
    )
    argument = {"uri": path.as_uri()}
    with pytest.raises(Exception, match=r"no parameter file m\.params\.safetensors") as caught:
        await editor.run("torchlean.emit", argument)
    assert "init" not in str(caught.value)
    offer = caught.value.data["offer"]
    assert offer == {"title": "Initialize Parameters", "command": "torchlean.init"}
    await editor.run(offer["command"], argument)
    assert (await editor.run("torchlean.emit", argument))["output"].endswith("m.py")
