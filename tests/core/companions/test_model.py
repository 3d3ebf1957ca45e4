"""TL521: an artifact compared with the model file it was captured from."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tests.core.emit.support import artifact_text
from torchlean_core.capture.load import load_model
from torchlean_core.capture.target import Target
from torchlean_core.check import Severity, check_text
from torchlean_core.cli.main import main
from torchlean_core.companions import artifact_findings, model_findings, remedies

pytestmark = pytest.mark.thorough

SOURCE = "from torch import nn\n\n\nclass Net(nn.ReLU):\n    pass\n"
SHA256 = hashlib.sha256(SOURCE.encode()).hexdigest()
NODES = ({"kind": "input", "shape": [1, 4]}, {"kind": "relu", "parents": [0], "shape": [1, 4]})


def text_of(nodes=NODES, approximations=None, **captured):
    captured = {"file": "model.py", "class": "Net", "example_shape": [1, 4], "sha256": SHA256, **captured}
    kept = {key: value for key, value in captured.items() if value is not None}
    more = {} if approximations is None else {"approximations": approximations}
    return artifact_text(*nodes, captured_from=kept, **more)


def findings(folder, text):
    path = folder / "m.ir.json"
    path.write_text(text)
    return artifact_findings(path, check_text(text))


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.py"
    path.write_text(SOURCE)
    return path


def test_a_model_that_is_the_same_is_fine_whatever_its_line_ends(tmp_path, model):
    assert findings(tmp_path, text_of()) == []
    assert findings(tmp_path, text_of(sha256=SHA256.upper())) == []
    model.write_bytes(SOURCE.replace("\n", "\r\n").encode())
    assert findings(tmp_path, text_of()) == []
    windows = hashlib.sha256(model.read_bytes()).hexdigest()
    model.write_text(SOURCE)
    assert findings(tmp_path, text_of(sha256=windows)) == []


def test_a_model_that_changed_is_said_at_the_recorded_hash(tmp_path, model):
    model.write_text(SOURCE.replace("ReLU", "Tanh"))
    text = text_of()
    (found,) = findings(tmp_path, text)
    assert (found.code, found.severity) == ("TL521", Severity.WARNING)
    assert found.message == (
        "model.py changed since Net was captured from it; capture again: "
        "`torchlean capture model.py:Net -o m.ir.json --example-shape 1,4`"
    )
    start, end = check_text(text).span(found)
    assert text[start:end] == f'"{SHA256}"'
    (remedy,) = remedies(found)
    assert (remedy.title, remedy.command, remedy.preferred) == ("Capture Net again", "capture", False)
    assert remedy.arguments == {"name": "Net", "out": str(tmp_path / "m.ir.json"), "exampleShape": "1,4"}


def test_the_command_keeps_what_was_allowed_and_quotes_what_needs_it(tmp_path):
    folder = tmp_path / "my models"
    folder.mkdir()
    (folder / "a b.py").write_text("class Net: changed\n")
    marks = [{"operator": "gelu", "form": "tanh"}, {"operator": "gelu", "form": "of another program"}, 3]
    (found,) = findings(tmp_path, text_of(file="my models/a b.py", example_shape=None, approximations=marks))
    command = "torchlean capture 'my models/a b.py:Net' -o m.ir.json --approximate gelu=tanh"
    assert f"`{command}`" in found.message
    assert remedies(found)[0].arguments["approximate"] == ["gelu=tanh"]


def test_a_change_is_said_of_an_artifact_with_errors_too(tmp_path, model):
    model.write_text("changed\n")
    broken = (NODES[0], {**NODES[1], "shape": [9]})
    assert [found.code for found in findings(tmp_path, text_of(broken))] == ["TL521"]
    assert [found.code for found in findings(tmp_path, text_of()[:-2] + ",")] == ["TL521"]


@pytest.mark.parametrize(
    "captured",
    [
        {"file": "gone.py"},
        {"file": "."},
        {"file": ""},
        {"file": "a\0b"},
        {"file": "\ud800"},
        {"file": "x" * 10_000},
        {"file": "/dev/zero"},
        {"file": "//host/share/model.py"},
        {"file": 3},
        {"file": None},
        {"sha256": None},
        {"sha256": ""},
        {"sha256": "z" * 64},
        {"sha256": [1]},
    ],
    ids=str,
)
def test_nothing_is_said_where_there_is_nothing_to_compare(tmp_path, model, captured):
    model.write_text("changed\n")
    root = json.loads(text_of())
    root["captured_from"] |= captured
    assert model_findings(tmp_path / "m.ir.json", root) == []


@pytest.mark.parametrize("root", [None, [], {}, {"captured_from": 3}, {"captured_from": []}], ids=str)
def test_a_field_that_holds_something_else_is_no_finding(tmp_path, root):
    assert model_findings(tmp_path / "m.ir.json", root) == []


def test_a_model_without_a_usable_name_is_stale_all_the_same(tmp_path, model):
    model.write_text("changed\n")
    for name in (None, "not a name", 3):
        (found,) = findings(tmp_path, text_of(**{"class": name}))
        assert found.message == "model.py changed since this artifact was captured from it; capture again"
        assert remedies(found) == []


def test_a_link_to_an_artifact_is_looked_at_where_it_leads(tmp_path, model):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "m.ir.json").write_text(text_of(file="../model.py"))
    (tmp_path / "deep" / "er").mkdir(parents=True)
    link = tmp_path / "deep" / "er" / "m.ir.json"
    link.symlink_to(tmp_path / "sub" / "m.ir.json")
    root = json.loads(link.read_text())
    assert model_findings(link, root) == []
    model.write_text("changed\n")
    assert [found.code for found in model_findings(link, root)] == ["TL521"]


# -- capture ------------------------------------------------------------------------------------------------


def test_a_fresh_capture_is_never_stale_and_a_changed_model_is_until_it_is_captured_again(
    tmp_path, monkeypatch, capsys
):
    (tmp_path / "models").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "models" / "net.py").write_bytes(SOURCE.replace("\n", "\r\n").encode() + b"# \xc3\xa9\r\n")
    (tmp_path / "linked").symlink_to(tmp_path / "out")
    monkeypatch.chdir(tmp_path / "models")
    command = ["capture", "-q", "net.py:Net", "-o", "../linked/m.ir.json", "--example-shape", "1,4"]
    assert main(command) == 0

    def codes() -> list[str]:
        capsys.readouterr()
        path = tmp_path / "linked" / "m.ir.json"
        assert main(["check", "--output-format", "json", "--select", "TL521", str(path)]) == 0
        return [found["code"] for found in json.loads(capsys.readouterr().out)]

    assert codes() == []
    Path("net.py").write_text(SOURCE.replace("ReLU", "Tanh"))
    assert codes() == ["TL521"]
    assert main(command) == 0
    assert codes() == []


def test_what_is_recorded_is_the_hash_of_the_source_that_ran(tmp_path):
    file = tmp_path / "net.py"
    source = f"{SOURCE}\nopen(__file__, 'a').write('# saved while it ran')\n"
    file.write_text(source)
    assert load_model(Target(file, "Net")).sha256 == hashlib.sha256(source.encode()).hexdigest()


@pytest.mark.parametrize("form", ["text", "sarif", "github"])
def test_every_output_reports_it(tmp_path, model, form, capsys):
    model.write_text("changed\n")
    (tmp_path / "m.ir.json").write_text(text_of())
    assert main(["check", "--output-format", form, str(tmp_path)]) == 0
    assert "TL521" in capsys.readouterr().out


def of_onnx(folder, **data):
    """An artifact of an ONNX file in a folder of its own, whose further numbers lie in other files."""
    models = folder / "models"
    models.mkdir(exist_ok=True)
    (models / "net.onnx").write_bytes(b"net")
    sha256 = hashlib.sha256(b"net").hexdigest()
    recorded = {name: hashlib.sha256(content).hexdigest() for name, content in data.items()}
    more = {"file": "models/net.onnx", "class": None, "format": "onnx", "sha256": sha256, "data": recorded}
    return models, text_of(**more)


def test_numbers_of_an_onnx_file_that_changed_in_another_file(tmp_path):
    models, text = of_onnx(tmp_path, **{"d.bin": b"1", "sub/e.bin": b"2"})
    assert findings(tmp_path, text) == []  # none of them is there
    (models / "sub").mkdir()
    (models / "d.bin").write_bytes(b"1")
    (models / "sub" / "e.bin").write_bytes(b"2")
    assert findings(tmp_path, text) == []
    (models / "d.bin").write_bytes(b"3")
    (found,) = findings(tmp_path, text)
    assert (found.code, found.path) == ("TL521", ("captured_from", "data"))
    assert found.message.startswith(
        "what models/net.onnx uses of d.bin changed since this artifact was captured from it; capture again"
    )
    (models / "sub" / "e.bin").write_bytes(b"4")
    assert "uses of d.bin and sub/e.bin changed" in findings(tmp_path, text)[0].message
    (models / "net.onnx").write_bytes(b"other")
    assert findings(tmp_path, text)[0].path == ("captured_from", "sha256")


def test_numbers_elsewhere_are_not_looked_at(tmp_path):
    (tmp_path / "other.bin").write_bytes(b"3")
    names = [
        "../other.bin",
        str(tmp_path / "other.bin"),
        "//host/other.bin",
        "C:\\other.bin",
        "",
        "a\0b",
        "link.bin",
    ]
    models, text = of_onnx(tmp_path, **dict.fromkeys(names, b"1"))
    (models / "link.bin").symlink_to("../other.bin")
    assert findings(tmp_path, text) == []
    (models / "link.bin").unlink()
    (models / "link.bin").write_bytes(b"3")
    assert "uses of link.bin changed" in findings(tmp_path, text)[0].message
    for value in ([], 3, {"link.bin": 3}, {"link.bin": "no hash"}):
        assert (
            findings(tmp_path, text_of(**{**json.loads(text)["captured_from"], "class": None, "data": value}))
            == []
        )
