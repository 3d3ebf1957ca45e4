"""Generated files: bytes, states, and refusals."""

from __future__ import annotations

import copy
import subprocess
import sys

import pytest
import torch

from tests.core.emit.support import artifact_text, emitted, load_module, write
from torchlean_core.artifact.companions import generated_module, generated_module_path
from torchlean_core.cli.main import main
from torchlean_core.emit import EmitOptions, State, emit_file, module_state, read_header
from torchlean_core.errors import UsageError, UserError
from torchlean_core.safekeeping.loss import WouldReplace

MLP = artifact_text(
    {"kind": "input", "shape": [1, 4]},
    {"kind": "linear", "parents": [0], "shape": [1, 8]},
    {"kind": "relu", "parents": [1], "shape": [1, 8]},
    {"kind": "linear", "parents": [2], "shape": [1, 3]},
)


# -- the file as Python ---------------------------------------------------------------------------------------


def test_emission_is_deterministic_and_clean_for_ruff(tmp_path):
    artifact = write(tmp_path, MLP)
    one = emit_file(artifact, tmp_path / "one.py").output.read_bytes()
    two = emit_file(artifact, tmp_path / "two.py").output.read_bytes()
    assert one == two
    for command in (["format", "--check"], ["check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--isolated", tmp_path / "one.py"],
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout.decode()


@pytest.mark.parametrize("limit", [10**6, 0])
def test_the_module_runs_alone_and_its_smoke_test_trains(tmp_path, limit):
    emit_file(write(tmp_path, MLP), changes={"literal_limit": limit})
    done = subprocess.run(
        [sys.executable, "-I", tmp_path / "m.py"], capture_output=True, text=True, check=False, cwd="/"
    )
    assert done.returncode == 0, done.stderr
    losses = [float(line.split()[-1]) for line in done.stdout.splitlines() if line.startswith("step")]
    assert len(losses) == 3 and losses[2] < losses[0]


def test_the_module_is_a_module_as_any_other(tmp_path):
    model = emitted(tmp_path, MLP)
    x = torch.rand(1, 4)
    twin = copy.deepcopy(model)
    twin.load_state_dict(model.state_dict())
    assert torch.equal(twin(x), model(x))
    assert model.double()(x.double()).dtype == torch.float64
    exported = torch.export.export(twin, (x,)).module()
    assert torch.equal(exported(x), twin(x))


def test_a_graph_that_ends_in_a_loss_trains_on_it(tmp_path):
    text = artifact_text(
        {"kind": "input", "shape": [2]},
        {"kind": "const", "shape": [2]},
        {"kind": "mse_loss", "parents": [0, 1], "shape": []},
    )
    emit_file(write(tmp_path, text))
    module = load_module(tmp_path / "m.py")
    model = module.ExportedIRModel()
    optimizer = module.make_optimizer(model, lr=0.1)
    losses = [module.train_step(model, optimizer, torch.zeros(2)) for _ in range(30)]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"class_name": "1x"}, "Python identifier"),
        ({"class_name": "class"}, "Python identifier"),
        ({"class_name": "X:\n    import os"}, "Python identifier"),
        ({"class_name": "torch"}, "uses itself"),
        ({"dtype_expr": "torch.int64"}, "dtype must be one of"),
        ({"dtype_expr": "__import__('os')"}, "dtype must be one of"),
        ({"literal_limit": -1}, "must not be negative"),
        ({"nonsense": 1}, "unknown emit option"),
        ({"class_name": 3}, "must be str"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        EmitOptions.from_mapping(options)


# -- states ---------------------------------------------------------------------------------------------------


def test_a_fresh_file_is_left_alone_and_a_stale_one_written_again(tmp_path):
    artifact = write(tmp_path, MLP)
    assert module_state(artifact) is State.MISSING
    assert emit_file(artifact).written
    assert module_state(artifact) is State.FRESH
    assert not emit_file(artifact).written
    artifact.write_text(
        MLP.replace(", ", " , ").replace('"kind": "relu"', '"debug_target": "x", "kind": "relu"')
    )
    assert module_state(artifact) is State.FRESH  # formatting and comments are not meaning
    artifact.write_text(MLP.replace("relu", "tanh"))
    assert module_state(artifact) is State.STALE
    assert "torch.tanh" in emit_file(artifact).output.read_text()


def test_other_parameters_make_it_stale(tmp_path):
    artifact = write(tmp_path, MLP)
    emit_file(artifact)
    from tests.core.emit.support import random_tensors
    from torchlean_core.artifact import load_graph
    from torchlean_core.graph import lower
    from torchlean_core.params.tensors import save_tensors

    graph = load_graph(artifact)
    save_tensors(tmp_path / "m.params.safetensors", random_tensors(lower(graph), 7), graph, "test")
    assert module_state(artifact) is State.STALE


def test_files_that_were_renamed_together_are_stale(tmp_path):
    write(tmp_path, MLP)
    emit_file(tmp_path / "m.ir.json", changes={"literal_limit": 0})
    for name in ("ir.json", "params.safetensors", "py"):
        (tmp_path / f"m.{name}").rename(tmp_path / f"n.{name}")
    result = emit_file(tmp_path / "n.ir.json", check=True)
    assert (result.before, result.changed) == (State.STALE, ("the names of its files",))
    emit_file(tmp_path / "n.ir.json")
    assert load_module(tmp_path / "n.py").ExportedIRModel()(torch.zeros(1, 4)).shape == (1, 3)
    assert module_state(tmp_path / "n.ir.json") is State.FRESH


def test_options_are_remembered_until_changed(tmp_path):
    artifact = write(tmp_path, MLP)
    emit_file(artifact, changes={"class_name": "Net"})
    assert not emit_file(artifact).written
    assert emit_file(artifact, changes={"class_name": "Other"}).before is State.STALE


def test_an_edited_file_is_replaced_only_by_force_and_kept(tmp_path):
    artifact = write(tmp_path, MLP)
    target = emit_file(artifact).output
    edited = target.read_text().replace("torch.relu", "torch.tanh")
    target.write_text(edited)
    assert module_state(artifact) is State.EDITED
    with pytest.raises(UserError, match="edited by hand"):
        emit_file(artifact)
    assert target.read_text() == edited
    result = emit_file(artifact, force=True)
    assert result.kept is not None and result.kept.read_text() == edited
    assert module_state(artifact) is State.FRESH


def test_a_file_that_was_not_generated_is_never_overwritten_silently(tmp_path):
    artifact = write(tmp_path, MLP)
    (tmp_path / "m.py").write_text("print('mine')\n")
    with pytest.raises(WouldReplace, match="not generated by torchlean"):
        emit_file(artifact, tmp_path / "m.py")
    assert (tmp_path / "m.py").read_text() == "print('mine')\n"


def test_beside_a_file_of_the_same_name_the_module_gets_another(tmp_path):
    artifact = write(tmp_path, MLP)
    (tmp_path / "m.py").write_text("print('mine')\n")
    assert module_state(artifact) is State.MISSING
    result = emit_file(artifact)
    assert (result.output, result.before) == (tmp_path / "m_module.py", State.MISSING)
    assert (module_state(artifact), emit_file(artifact).written) == (State.FRESH, False)
    assert (tmp_path / "m.py").read_text() == "print('mine')\n"


def test_a_module_that_was_emitted_beside_stays_the_generated_one(tmp_path):
    artifact = write(tmp_path, MLP)
    other = tmp_path / "m_module.py"
    emit_file(artifact, other)
    assert generated_module_path(artifact) == generated_module(artifact) == other


def test_a_refusal_has_data_to_answer_it(tmp_path):
    artifact = write(tmp_path, MLP)
    target = emit_file(artifact).output
    target.write_text(target.read_text() + "\n# mine\n")
    (tmp_path / "m.py.orig").write_text("an older one")
    with pytest.raises(WouldReplace) as error:
        emit_file(artifact)
    assert error.value.data["confirm"] == {
        "question": "This would replace a generated module that was edited by hand (m.py).",
        "what": ["m.py: a generated module that was edited by hand"],
        "accept": "Replace (keeps m.py.orig2)",
        "argument": {"force": True},
    }


def test_line_ends_changed_by_an_editor_are_no_edit(tmp_path):
    artifact = write(tmp_path, MLP)
    target = emit_file(artifact).output
    target.write_bytes(target.read_bytes().replace(b"\n", b"\r\n"))
    assert module_state(artifact) is State.FRESH


def test_missing_and_wrong_parameters_are_named(tmp_path):
    artifact = write(tmp_path, MLP)
    (tmp_path / "m.params.safetensors").unlink()
    with pytest.raises(UserError, match=r"TL501.*linear_1_W"):
        emit_file(artifact)
    from torchlean_core.artifact import load_graph
    from torchlean_core.params.tensors import save_tensors

    save_tensors(
        tmp_path / "m.params.safetensors", {"linear_1_W": torch.zeros(2, 2)}, load_graph(artifact), "x"
    )
    with pytest.raises(UserError, match="linear_1"):
        emit_file(artifact)
    assert not (tmp_path / "m.py").exists()


def test_an_artifact_with_errors_is_never_emitted(tmp_path):
    (tmp_path / "m.ir.json").write_text(MLP.replace("[1, 3]", "[2, 3]"))
    with pytest.raises(UserError, match="TL202"):
        emit_file(tmp_path / "m.ir.json")


def test_the_header_names_sources_by_relative_path(tmp_path):
    artifact = write(tmp_path, MLP)
    (tmp_path / "gen").mkdir()
    result = emit_file(artifact, tmp_path / "gen" / "net.py", changes={"literal_limit": 0})
    found = read_header(result.output.read_text())
    assert found is not None
    assert (found[0].artifact, found[0].params) == ("../m.ir.json", "../m.params.safetensors")
    assert load_module(result.output).ExportedIRModel()(torch.zeros(1, 4)).shape == (1, 3)


def test_the_command_checks_and_writes(tmp_path):
    write(tmp_path, MLP)

    def torchlean(*arguments):
        command = [sys.executable, "-m", "torchlean_core", "emit", "m.ir.json", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert torchlean("--check").returncode == 1
    done = torchlean("--class-name", "Net", "--dtype", "float64")
    assert done.returncode == 0 and "wrote m.py" in done.stdout
    assert "class Net(nn.Module)" in (tmp_path / "m.py").read_text()
    assert torchlean("--check").returncode == 0
    (tmp_path / "m.py").write_text((tmp_path / "m.py").read_text() + "# mine\n")
    done = torchlean("--check")
    assert done.returncode == 1 and "TL512" in done.stderr
    done = torchlean("--class-name", "not valid")
    assert done.returncode == 2 and "identifier" in done.stderr


def test_a_line_above_the_header_is_an_edit_and_is_kept(tmp_path):
    artifact = write(tmp_path, MLP)
    target = emit_file(artifact).output
    edited = "import os  # mine\n" + target.read_text()
    target.write_text(edited)
    assert module_state(artifact) is State.EDITED
    with pytest.raises(UserError, match="edited by hand"):
        emit_file(artifact, changes={"class_name": "Other"})
    result = emit_file(artifact, force=True)
    assert result.kept is not None and result.kept.read_text() == edited


def test_what_was_left_out_comes_back_when_asked_for(tmp_path):
    artifact = write(tmp_path, MLP)
    for option, there in (("--no-training-skeleton", False), ("--training-skeleton", True)):
        assert main(["emit", str(artifact), option]) == 0
        assert ("def make_optimizer" in artifact.with_name("m.py").read_text()) is there


def test_half_precision_trains(tmp_path):
    target = emit_file(write(tmp_path, MLP), changes={"dtype_expr": "torch.float16"}).output
    done = subprocess.run([sys.executable, target], capture_output=True, text=True, check=True)
    assert "step 2" in done.stdout and "nan" not in done.stdout
