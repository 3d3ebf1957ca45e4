"""What of a person's work a command would replace: found only where it is one, named, asked about, and kept."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from torchlean_core.artifact.companions import params_path, trained_params_path
from torchlean_core.artifact.layout import format_document
from torchlean_core.capture.job import run as capture
from torchlean_core.cli.main import main
from torchlean_core.files import keep_aside
from torchlean_core.init.job import run as initialize
from torchlean_core.params import ParameterStore
from torchlean_core.params.content import Content, write_with_metadata
from torchlean_core.safekeeping import find
from torchlean_core.safekeeping.find import lost_by_capture, lost_by_writing_params
from torchlean_core.safekeeping.loss import WouldReplace
from torchlean_core.text import read_text
from torchlean_core.train.job import run as train

EXAMPLE = Path(__file__).parents[2] / "examples" / "tiny_mlp.py"
SOURCE = "tiny_mlp.py:TinyMLP"


def nothing(event):
    """Hear nothing."""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("captured")
    shutil.copy(EXAMPLE, folder)
    capture(request(folder), nothing)
    return folder


@pytest.fixture
def folder(made, tmp_path):
    shutil.copytree(made, tmp_path / "w")
    return tmp_path / "w"


def request(folder, **more):
    return {
        "file": str(folder / "tiny_mlp.py"),
        "name": "TinyMLP",
        "out": str(folder / "m.ir.json"),
        "example_shape": [1, 4],
        "verify": False,
        **more,
    }


def told(folder, source=SOURCE):
    return [(loss.path.name, loss.what) for loss in lost_by_capture(folder / "m.ir.json", source)]


def edit(path):
    path.write_text(path.read_text().replace('"relu"', '"tanh"'))


def rewritten(path, change):
    """A parameter file written by somebody's script, which keeps its metadata."""
    store = ParameterStore.load(path)
    arrays = {name: change(store.numpy(name)).astype("<f4") for name in store.names}
    metadata = dict(store.metadata)
    content = {name: Content("F32", a.shape, a.reshape(-1).view("u1").data) for name, a in arrays.items()}
    write_with_metadata(path, content, {k: v for k, v in metadata.items() if k != "sha256"})
    raw = path.read_bytes()
    digest = ParameterStore.load(path).metadata["sha256"]
    path.write_bytes(raw.replace(digest.encode(), metadata["sha256"].encode()))


# -- what is a person's work -----------------------------------------------------------------------------------


def test_capturing_again_over_untouched_files_asks_nothing(folder):
    before = {path.name: path.read_bytes() for path in folder.glob("m.*")}
    assert told(folder) == []
    assert capture(request(folder), nothing)["kept"] == []
    assert {path.name: path.read_bytes() for path in folder.glob("m.*")} == before


def test_formatting_and_line_ends_are_no_edit(folder):
    path = folder / "m.ir.json"
    path.write_text(json.dumps(json.loads(path.read_text()), indent=1))
    assert told(folder) == []
    path.write_text(format_document(read_text(path.read_text())))
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert told(folder) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [('"relu"', '"tanh"'), ('"aten.relu.default"', '"mine"'), ("{\n", '{\n  "note": "mine",\n')],
)
def test_any_other_value_is_an_edit(folder, old, new):
    path = folder / "m.ir.json"
    path.write_text(path.read_text().replace(old, new, 1))
    assert told(folder) == [("m.ir.json", "an artifact that was edited by hand since it was captured")]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{", "an artifact that was edited by hand and cannot be read"),
        ('{"format": "torchlean.ir.v1"}', "an artifact that was not captured from a model"),
        ('{"captured_from": {"class": "TinyMLP"}}', "an artifact that does not say whether it was edited"),
        ("[" * 100_000, "an artifact that was edited by hand and cannot be read"),
    ],
)
def test_what_capture_did_not_write_is_somebodys(folder, text, what):
    (folder / "m.ir.json").write_text(text)
    [(name, found)] = told(folder)
    assert name == "m.ir.json" and found.startswith(what)


@pytest.mark.parametrize("text", ["", " \n"])
def test_a_file_that_holds_nothing_is_nobodys(folder, text):
    (folder / "m.ir.json").write_text(text)
    assert not [name for name, _ in told(folder) if name == "m.ir.json"]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda text: "\ufeff" + text, "an artifact that was edited by hand and cannot be read"),
        (
            lambda text: text.replace("{", '{"a": [1, 2,],', 1),
            "an artifact that was edited by hand and cannot",
        ),
        (lambda text: text.replace("{", '{"a": NaN,', 1), "an artifact that was edited by hand since"),
        (lambda text: text.replace("{", '{"a": "\\ud800",', 1), "an artifact that was edited by hand since"),
        (
            lambda text: text.replace("{", '{"a": 1e400, "b": %s,' % ("9" * 400), 1),
            "an artifact that was edited",
        ),
        (lambda text: text.replace('"id": 0', '"id": 7, "id": 0', 1), None),
        (lambda text: text.replace('"id": 0', '"id": 0.0', 1), "an artifact that was edited by hand since"),
    ],
)
def test_a_text_that_is_not_read_quickly_is_judged_as_python_reads_it(folder, change, what):
    path = folder / "m.ir.json"
    path.write_text(change(path.read_text()))
    found = told(folder)
    if what is None:
        assert found == []
    else:
        [(name, said)] = found
        assert name == "m.ir.json" and said.startswith(what)


def test_weights_in_an_artifact_are_its_own_until_a_digit_of_them_changes(folder):
    path = folder / "m.ir.json"
    path.unlink()
    params_path(path).unlink()
    model = folder / "tiny_mlp.py"
    model.write_text(model.read_text().replace("4, 8", "4, 80").replace("8, 3", "80, 3"))
    capture(request(folder, dialect="generalized"), nothing)
    assert told(folder) == [] and not params_path(path).exists()
    text = path.read_text()
    path.write_text(text.replace('"weight": [[', '"weight": [[ ', 1))
    assert path.read_text() != text and told(folder) == []
    path.write_text(
        text.replace('"weight": [[-0.', '"weight": [[-0.0', 1).replace('"weight": [[0.', '"weight": [[1.', 1)
    )
    assert path.read_text() != text
    assert told(folder) == [("m.ir.json", "an artifact that was edited by hand since it was captured")]


def test_what_did_not_change_while_a_model_was_captured_is_judged_once(folder, monkeypatch):
    judged = []

    def judge(*args, **options):
        judged.append(args)
        return lost_by_capture(*args, **options)

    monkeypatch.setattr(find, "lost_by_capture", judge)
    assert capture(request(folder), nothing)["kept"] == [] and len(judged) == 1
    model = folder / "tiny_mlp.py"
    edits = "import pathlib\np = pathlib.Path(__file__).with_name('m.ir.json')\n"
    edits += "p.write_text(p.read_text().replace('\"relu\"', '\"tanh\"'))\n"
    model.write_text(model.read_text() + edits)
    assert [Path(path).name for path in capture(request(folder), nothing)["kept"]] == ["m.ir.json.orig"]
    assert len(judged) == 3


def test_another_model_with_the_same_output_is_named(folder):
    assert told(folder, "other.py:Other") == [
        ("m.ir.json", "the artifact of another model, TinyMLP"),
        ("m.params.safetensors", "weights captured from TinyMLP"),
    ]


def test_initializing_over_captured_weights_loses_them_and_over_its_own_nothing(folder):
    artifact = folder / "m.ir.json"
    params = params_path(artifact)
    assert [loss.what for loss in lost_by_writing_params(params)] == ["weights captured from TinyMLP"]
    with pytest.raises(WouldReplace) as error:
        initialize({"artifact": str(artifact)}, nothing)
    assert error.value.data["confirm"]["what"] == ["m.params.safetensors: weights captured from TinyMLP"]
    captured = params.read_bytes()
    result = initialize({"artifact": str(artifact), "force": True}, nothing)
    assert Path(result["kept"]).read_bytes() == captured
    assert lost_by_writing_params(params) == [] and told(folder) == []
    again = initialize({"artifact": str(artifact), "seed": 4, "force": True}, nothing)
    assert again["kept"] is None and len(list(folder.glob("*.orig*"))) == 1


def test_what_was_read_from_a_checkpoint_is_somebodys(folder):
    artifact = folder / "m.ir.json"
    mine = folder / "mine.safetensors"
    params_path(artifact).rename(mine)
    initialize({"artifact": str(artifact), "from": str(mine)}, nothing)
    assert [loss.what for loss in lost_by_writing_params(params_path(artifact))] == [
        "parameters from safetensors mine.safetensors"
    ]


def test_values_that_a_script_changed_are_somebodys(folder):
    rewritten(folder / "m.params.safetensors", lambda array: array + 1)
    assert told(folder) == [("m.params.safetensors", "parameters that were changed since they were written")]


def test_a_file_that_is_no_parameter_file_is_somebodys(folder):
    (folder / "m.params.safetensors").write_bytes(b"\0" * 40)
    assert told(folder) == [("m.params.safetensors", "a file that is no parameter file")]


def test_trained_parameters_are_somebodys_wherever_they_are(folder):
    artifact = folder / "m.ir.json"
    train({"artifact": str(artifact), "steps": 2, "device": "cpu"}, nothing)
    trained = trained_params_path(artifact)
    what = "parameters trained for 2 steps of adam"
    assert [loss.what for loss in lost_by_writing_params(trained)] == [what]
    shutil.copy(trained, params_path(artifact))
    assert told(folder) == [("m.params.safetensors", what)]
    first = trained.read_bytes()
    result = train({"artifact": str(artifact), "steps": 3, "device": "cpu"}, nothing)
    assert (folder / "m.trained.safetensors.orig").read_bytes() == first
    assert any("m.trained.safetensors.orig" in note for note in result["notes"])


# -- what is done about it -------------------------------------------------------------------------------------


def test_a_capture_over_an_edit_is_refused_and_with_a_word_keeps_it(folder):
    edit(folder / "m.ir.json")
    edited = (folder / "m.ir.json").read_text()
    (folder / "m.ir.json.orig").write_text("an older one")
    with pytest.raises(WouldReplace, match=r"edited by hand.*--force replaces it.*m\.ir\.json\.orig2"):
        capture(request(folder), nothing)
    assert (folder / "m.ir.json").read_text() == edited
    result = capture(request(folder, force=True), nothing)
    assert [Path(path).name for path in result["kept"]] == ["m.ir.json.orig2"]
    assert (folder / "m.ir.json.orig2").read_text() == edited
    assert '"relu"' in (folder / "m.ir.json").read_text()


def test_a_capture_that_writes_nothing_asks_nothing_and_tells_all_the_same(folder):
    edit(folder / "m.ir.json")
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    result = capture(request(folder, write=False), nothing)
    assert (result["output"], result["params"], result["nodes"], result["kept"]) == (None, None, 4, [])
    assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_the_command_line_refuses_to_capture_over_an_edit_unless_forced(folder, monkeypatch, capfd):
    monkeypatch.chdir(folder)
    edit(folder / "m.ir.json")
    command = ["capture", "tiny_mlp.py:TinyMLP", "-o", "m.ir.json", "--no-verify"]
    assert main(command) == 1
    assert "edited by hand" in capfd.readouterr().err
    assert main([*command, "--force"]) == 0
    assert "kept: m.ir.json.orig" in capfd.readouterr().out


def test_the_same_content_is_kept_once(tmp_path):
    path = tmp_path / "m.py"
    names = []
    for text in ("one", "one", "two", "two", "one"):
        path.write_text(text)
        names.append(keep_aside(path).name)
    assert names == ["m.py.orig", "m.py.orig", "m.py.orig2", "m.py.orig2", "m.py.orig"]
