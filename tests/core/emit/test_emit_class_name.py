"""Generated classes are called as the models that they came from."""

import json

import pytest

from torchlean_core.artifact import parse_graph
from torchlean_core.emit.class_name import class_name_of
from torchlean_core.emit.writer import emit_file

NODES = [
    {"id": 0, "kind": "input", "parents": [], "shape": [1, 4]},
    {"id": 1, "kind": "relu", "parents": [0], "shape": [1, 4]},
]


def text(captured):
    root = {"format": "torchlean.ir.v1", "input_id": 0, "output_id": 1, "nodes": NODES}
    return json.dumps(root if captured is None else {**root, "captured_from": captured})


@pytest.mark.parametrize(
    ("captured", "name"),
    [
        ({"file": "m.py", "class": "TinyMLP"}, "TinyMLP"),
        ({"file": "m.py", "class": "make_model"}, "MakeModel"),
        ({"file": "m.py", "class": "Outer.Inner"}, "Inner"),
        ({"file": "m.py", "class": "Path"}, "PathModule"),
        ({"file": "m.py", "class": "_Net"}, "_Net"),
        ({"file": "m.py", "class": "x); import os #"}, "ExportedIRModel"),
        ({"file": "m.py", "class": 7}, "ExportedIRModel"),
        ({"file": "m.pt2", "format": "torch.export"}, "ExportedIRModel"),
        ("m.py", "ExportedIRModel"),
        (None, "ExportedIRModel"),
    ],
)
def test_a_class_is_called_as_its_model_where_that_is_a_name(captured, name):
    assert class_name_of(parse_graph(text(captured))) == name


def test_the_first_emission_takes_the_name_and_later_ones_keep_theirs(tmp_path):
    artifact, module = tmp_path / "m.ir.json", tmp_path / "m.py"
    artifact.write_text(text({"file": "model.py", "class": "Net"}))
    assert emit_file(artifact).written
    assert "class Net(nn.Module):" in module.read_text()
    artifact.write_text(text({"file": "model.py", "class": "Other"}).replace("relu", "tanh"))
    assert emit_file(artifact).written and "class Net(nn.Module):" in module.read_text()
    emit_file(artifact, changes={"class_name": "Mine"})
    assert "class Mine(nn.Module):" in module.read_text()


def test_a_module_is_not_written_over_the_file_of_its_model(tmp_path):
    (tmp_path / "net.py").write_text("class Net: ...\n")
    (tmp_path / "net.ir.json").write_text(text({"file": "net.py", "class": "Net"}))
    assert emit_file(tmp_path / "net.ir.json").output == tmp_path / "net_module.py"
    assert (tmp_path / "net.py").read_text() == "class Net: ...\n"
