"""The files beside an artifact as findings: in the artifact, in the generated module, and in `torchlean check`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from tests.core.emit.support import artifact_text, random_tensors, write
from torchlean_core.artifact import load_graph
from torchlean_core.check import Severity, check_bytes, check_text
from torchlean_core.cli.main import main
from torchlean_core.companions import artifact_findings, module_findings, remedies
from torchlean_core.emit import emit_file
from torchlean_core.graph import lower
from torchlean_core.params.tensors import save_tensors

TEXT = artifact_text(
    {"kind": "input", "shape": [4]},
    {"kind": "linear", "parents": [0], "shape": [3]},
    {"kind": "relu", "parents": [1], "shape": [3]},
    {"kind": "const", "shape": [3], "trainable": False},
    {"kind": "add", "parents": [2, 3], "shape": [3]},
)


@pytest.fixture
def artifact(tmp_path):
    path = write(tmp_path, TEXT)
    emit_file(path)
    return path


def report_of(artifact):
    return check_bytes(artifact.read_bytes())


def findings(artifact, **options):
    return artifact_findings(artifact, report_of(artifact), **options)


def store(artifact, **changes):
    """Parameters with some of them changed, as a foreign program writes them."""
    tensors = random_tensors(lower(load_graph(artifact)))
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()} | changes
    arrays = {name: np.asarray(array) for name, array in arrays.items() if array is not None}
    save_file(arrays, artifact.with_name("m.params.safetensors"))


def test_a_fresh_set_of_files_has_no_findings(artifact):
    assert findings(artifact) == []
    module = artifact.with_name("m.py")
    assert module_findings(module, module.read_text()) == []


@pytest.mark.parametrize(
    ("changes", "code", "node", "message"),
    [
        ({"linear_1_b": None}, "TL501", 1, "node 1 (linear): linear_1_b [3] is missing"),
        ({"linear_1_W": np.zeros((4, 3), "f4")}, "TL502", 1, "has shape [4, 3], expected [3, 4]"),
        ({"const_3": np.zeros(3, "i8")}, "TL502", 3, "is int64, expected float32"),
        ({"relu_2": np.zeros(3, "f4")}, "TL502", None, "no node has parameter 'relu_2'"),
        ({"const_2": np.zeros(3, "f4")}, "TL502", 2, "node 2 (relu) has no parameter 'const_2'"),
        ({"linear_1_b": np.array([0, np.nan, 0], "f4")}, "TL504", 1, "linear_1_b holds nan at [1]"),
        ({"const_3": np.array([0, 0, np.inf], "f4")}, "TL504", 3, "const_3 holds inf at [2]"),
    ],
)
def test_parameters_that_are_not_right_are_found_at_their_node(artifact, changes, code, node, message):
    artifact.with_name("m.py").unlink()
    store(artifact, **changes)
    report = report_of(artifact)
    (found,) = artifact_findings(artifact, report)
    assert (found.code, found.node, found.index) == (code, node, node)
    assert found.message.startswith("m.params.safetensors: ") and message in found.message
    start, end = report.span(found)
    shown = report.document.text[start:end]
    assert shown == '"torchlean.ir.v1"' if node is None else shown.startswith('"')


def test_minus_infinity_in_a_mask_is_fine(artifact):
    artifact.with_name("m.py").unlink()
    store(artifact, const_3=np.array([0, -np.inf, 0], "f4"))
    assert findings(artifact) == []


def test_values_are_read_only_where_they_are_asked_for(artifact):
    artifact.with_name("m.py").unlink()
    store(artifact, linear_1_b=np.full(3, np.nan, "f4"))
    assert findings(artifact, values=False) == []


def test_parameters_of_another_version(artifact):
    artifact.with_name("m.py").unlink()
    artifact.write_text(TEXT.replace('"relu"', '"tanh"'))
    (found,) = findings(artifact)
    assert (found.code, found.severity) == ("TL503", Severity.WARNING)
    assert (
        found.message == "m.params.safetensors was made for another version of this artifact (source: 'test')"
    )


@pytest.mark.parametrize("content", [b"", b"garbage", b"\xff" * 64])
def test_a_parameter_file_that_is_none(artifact, content):
    artifact.with_name("m.py").unlink()
    artifact.with_name("m.params.safetensors").write_bytes(content)
    (found,) = findings(artifact)
    assert found.code == "TL502" and found.message.startswith("m.params.safetensors: not a safetensors file")


def test_thousands_of_extra_tensors_are_a_few_findings(artifact):
    artifact.with_name("m.py").unlink()
    store(artifact, **{f"x{i}": np.zeros(1, "f4") for i in range(5000)})
    found = findings(artifact)
    assert len(found) == 21 and "4980 more tensors" in found[-1].message


# -- the generated module -----------------------------------------------------------------------------------


def about_module(artifact, **options):
    """The findings about the module: in the artifact and in the module itself, which must agree."""
    module = artifact.with_name("m.py")
    text = module.read_bytes().decode()
    inside = module_findings(module, text, **options)
    for found in inside:
        assert text[slice(*found.span)] == "# torchlean-provenance"
    beside = [found for found in findings(artifact, **options) if found.code in ("TL511", "TL512")]
    assert [(f.code, f.message) for f in inside] == [(f.code, f.message) for f in beside]
    assert all(found.severity is Severity.WARNING for found in (*inside, *beside))
    return [(found.code, found.message) for found in beside]


def test_another_artifact_makes_the_module_stale(artifact):
    artifact.write_text(TEXT.replace('"relu"', '"tanh"'))
    assert about_module(artifact) == [("TL511", "m.py is stale: the artifact changed since it was generated")]


def test_formatting_and_comments_do_not(artifact):
    artifact.write_text(json.dumps({**json.loads(TEXT), "comment": "x"}, indent=3))
    assert about_module(artifact) == []


def test_other_parameters_make_the_module_stale(artifact):
    graph = load_graph(artifact)
    save_tensors(artifact.with_name("m.params.safetensors"), random_tensors(lower(graph), 9), graph, "test")
    assert about_module(artifact) == [
        ("TL511", "m.py is stale: the parameters changed since it was generated")
    ]


def test_parameters_without_a_recorded_hash_are_hashed_where_values_may_be_read(artifact):
    store(artifact)  # the same values
    assert about_module(artifact) == []
    store(artifact, linear_1_b=np.ones(3, "f4"))
    assert about_module(artifact) == [
        ("TL511", "m.py is stale: the parameters changed since it was generated")
    ]
    assert about_module(artifact, values=False) == []


def test_missing_parameters_make_the_module_stale(artifact):
    artifact.with_name("m.params.safetensors").unlink()
    assert [code for code, _ in about_module(artifact)] == ["TL511"]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_module_that_was_edited(artifact, newline):
    module = artifact.with_name("m.py")
    module.write_bytes((module.read_text() + "\n# mine\n").replace("\n", newline).encode())
    assert about_module(artifact) == [("TL512", "m.py was edited by hand since it was generated")]


def test_line_ends_are_no_edit(artifact):
    module = artifact.with_name("m.py")
    module.write_bytes(module.read_bytes().replace(b"\n", b"\r\n"))
    assert about_module(artifact) == []


def test_a_module_of_other_parameters_than_the_usual_ones_is_compared_with_those(artifact):
    shutil.copy(artifact.with_name("m.params.safetensors"), artifact.with_name("trained.safetensors"))
    emit_file(artifact, params=artifact.with_name("trained.safetensors"), changes={"literal_limit": 0})
    store(artifact, linear_1_b=np.ones(3, "f4"))
    assert about_module(artifact) == []
    assert not emit_file(artifact).written


def test_somebody_elses_python_file_is_left_alone(artifact):
    module = artifact.with_name("m.py")
    for text in ("print('mine')\n", "", "# torchlean-provenance: {}\n", "\ud800"):
        module.write_bytes(text.encode("utf-8", "surrogatepass"))
        assert findings(artifact) == []
        assert module_findings(module, text) == []


def test_a_module_of_another_artifact_is_no_companion(artifact):
    other = artifact.with_name("other.ir.json")
    other.write_text(TEXT.replace('"relu"', '"tanh"'))
    shutil.copy(artifact.with_name("m.params.safetensors"), artifact.with_name("other.params.safetensors"))
    shutil.copy(artifact.with_name("m.py"), artifact.with_name("other.py"))
    assert [found.code for found in findings(other)] == ["TL503"]


def test_the_module_beside_a_file_of_the_same_name_is_found(artifact):
    artifact.with_name("m.py").rename(artifact.with_name("m_module.py"))
    artifact.with_name("m.py").write_text("print('mine')\n")
    artifact.write_text(TEXT.replace('"relu"', '"tanh"'))
    assert "m_module.py is stale: the artifact changed" in [f.message for f in findings(artifact)][-1]


def test_of_an_artifact_with_errors_or_gone_only_edits_are_told(artifact):
    module = artifact.with_name("m.py")
    fresh, edited = module.read_text(), module.read_text() + "# mine\n"
    for break_it in (lambda: artifact.write_text(TEXT.replace("[4]", "[5, 5]")), artifact.unlink):
        break_it()
        assert module_findings(module, fresh) == []
        assert [found.code for found in module_findings(module, edited)] == ["TL512"]


def test_an_artifact_that_is_open_counts_as_it_is_in_the_editor(artifact):
    module = artifact.with_name("m.py")
    changed = check_text(TEXT.replace('"relu"', '"tanh"'))
    assert [f.code for f in module_findings(module, module.read_text(), report=lambda path: changed)] == [
        "TL511"
    ]
    assert module_findings(module, module.read_text(), report=lambda path: None) == []


def test_remedies_say_which_command_helps(artifact):
    module = artifact.with_name("m.py")
    artifact.write_text(TEXT.replace('"relu"', '"tanh"'))
    stale = next(found for found in findings(artifact) if found.code == "TL511")
    (remedy,) = remedies(stale)
    assert (remedy.title, remedy.command, remedy.preferred) == ("Refresh m.py", "refresh", True)
    module.write_text(module.read_text() + "# mine\n")
    edited = findings(artifact)[-1]
    (remedy,) = remedies(edited)
    assert remedy.arguments == {"out": "m.py"} and not remedy.preferred  # the command asks
    store(artifact, linear_1_b=None)
    missing = next(found for found in findings(artifact) if found.code == "TL501")
    assert [(r.command, r.arguments) for r in remedies(missing)] == [("init", {})]
    assert remedies(check_text("{").findings[0]) == []


# -- the command --------------------------------------------------------------------------------------------


def checked(capsys, *arguments):
    code = main(["check", "--output-format", "json", *map(str, arguments)])
    return code, [(f["code"], f["node"], f["index"]) for f in json.loads(capsys.readouterr().out)]


def test_check_reports_companions(artifact, capsys):
    assert checked(capsys, artifact) == (0, [])
    assert checked(capsys, artifact.parent) == (0, [])
    artifact.write_text(TEXT.replace('"relu"', '"tanh"'))
    assert checked(capsys, artifact) == (0, [("TL503", None, None), ("TL511", None, None)])
    assert checked(capsys, artifact, "--ignore", "TL5") == (0, [])
    assert checked(capsys, artifact, "--select", "TL511") == (0, [("TL511", None, None)])
    assert checked(capsys, artifact, "--select", "TL2") == (0, [])
    store(artifact, linear_1_W=None)
    assert checked(capsys, artifact) == (1, [("TL501", 1, 1), ("TL511", None, None)])


def test_check_of_standard_input_knows_no_companions(artifact, monkeypatch):
    monkeypatch.chdir(artifact.parent)
    store(artifact, linear_1_W=None)
    command = [sys.executable, "-m", "torchlean_core", "check", "-"]
    done = subprocess.run(command, input=artifact.read_bytes(), capture_output=True, check=False)
    assert done.returncode == 0 and b"TL501" not in done.stdout


def test_judging_companions_imports_neither_torch_nor_numpy(artifact):
    artifact.write_text(TEXT.replace('"relu"', '"tanh"'))
    code = (
        "import sys; from torchlean_core.cli.main import main; main(['check', sys.argv[1]]);"
        "import pathlib, torchlean_core.companions as c; p = pathlib.Path(sys.argv[1]).with_name('m.py');"
        "assert c.module_findings(p, p.read_text());"
        "sys.exit(bool({'torch', 'numpy', 'safetensors'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, artifact], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "TL503" in done.stdout and "TL511" in done.stdout


def test_a_shape_that_no_file_can_hold_has_no_parameters_to_judge(tmp_path):
    path = tmp_path / "m.ir.json"
    path.write_text(artifact_text({"kind": "input", "shape": [10**30]}))
    (tmp_path / "m.params.safetensors").write_bytes(b"garbage")
    assert findings(path) == []


def test_torch_saved_stores_are_judged_too(artifact):
    from safetensors.torch import save_file as save_torch

    tensors = random_tensors(lower(load_graph(artifact)))
    tensors["linear_1_b"] = tensors["linear_1_b"].to(torch.bfloat16)
    save_torch(tensors, artifact.with_name("m.params.safetensors"))
    assert "linear_1_b is bfloat16, expected float32" in findings(artifact)[0].message
