"""`torchlean doctor`: what it finds, what it says of what is missing, and that nothing can kill it."""

from __future__ import annotations

import json
import os
import sys

import pytest

from tests.core.cli.support import torchlean
from tests.core.lean.lake_projects import git_package, manifest, project
from torchlean_core.cli import health
from torchlean_core.cli.main import main
from torchlean_core.environment.extras import EXTRAS
from torchlean_core.kinds.dialects import GENERALIZED


def report(cwd, **environment):
    done = torchlean("doctor", "--output-format", "json", cwd=cwd, **environment)
    return done.returncode, {item["name"]: item for item in json.loads(done.stdout)["items"]}


@pytest.fixture
def quick(monkeypatch):
    """No real subprocess: required packages import, torch does not exist."""
    answers = {}

    def ask(code, arguments):
        if code is health._DEVICES:
            return answers.get("devices", (None, "killed"))
        return {name: answers.get(name) for name in arguments}, ""

    monkeypatch.setattr(health, "_ask", ask)
    return answers


def test_the_real_report_names_versions_and_exits_0(tmp_path):
    code, items = report(tmp_path)
    assert code == 0
    assert items["python"]["detail"].startswith(".".join(map(str, sys.version_info[:3])))
    for name in ("msgspec", "pathspec", "torch", "numpy", "safetensors", "ruff"):
        assert items[name]["state"] in ("ok", "missing")
    assert items["msgspec"]["required"] and not items["torch"]["required"]
    assert "defaults" in items["file"]["detail"]


def test_a_settings_file_is_named_and_a_broken_one_exits_1(tmp_path, monkeypatch, capsys, quick):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "torchlean.toml").write_text('select = ["TL2"]\n')
    assert main(["doctor"]) == 0
    assert str(tmp_path / "torchlean.toml") in capsys.readouterr().out
    (tmp_path / "torchlean.toml").write_text("select = 2\n")
    assert main(["doctor"]) == 1
    assert "!!  file" in capsys.readouterr().out


def test_a_required_package_that_cannot_be_imported_exits_1(capsys, quick):
    quick["msgspec"] = "ImportError: no"
    assert main(["doctor"]) == 1
    said = capsys.readouterr().out
    assert "cannot be imported: ImportError: no" in said and "--force-reinstall" in said


def test_a_missing_extra_is_told_how_to_get_and_exits_0(monkeypatch, capsys, quick):
    extras = {package.name for extra in EXTRAS for package in extra.packages}
    monkeypatch.setattr(health, "version_of", lambda name: None if name in extras else "1.0")
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert "--  torch        not installed" in said and "pip install 'torchlean-ls[torch]'" in said
    assert "pip install 'torchlean-ls[ws]', for server --ws" in said
    assert "unknown without torch" in said


def test_devices_are_listed_and_a_crash_while_listing_is_only_a_line(monkeypatch, capsys, quick):
    monkeypatch.setattr(health, "version_of", lambda name: "1.0")
    assert main(["doctor"]) == 0
    assert "!!  cuda         killed" in capsys.readouterr().out
    gpu = {"threads": 4, "built": "12.8", "devices": [["NVIDIA H200", 2**37]]}
    quick["devices"] = (gpu, "")
    assert main(["doctor"]) == 0
    assert "ok  cuda:0       NVIDIA H200, 128 GiB" in capsys.readouterr().out


def test_a_package_that_kills_its_process_is_found_alone(tmp_path, monkeypatch):
    (tmp_path / "killer.py").write_text("import os\nos._exit(7)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    failures = health._import_failures(["json", "killer"])
    assert failures == {"json": None, "killer": "ended with code 7"}


def test_a_module_in_the_working_directory_is_not_run(tmp_path, monkeypatch):
    (tmp_path / "numpy.py").write_text("raise SystemExit('run')\n")
    monkeypatch.chdir(tmp_path)
    assert health._import_failures(["numpy"]).get("numpy") is None


def test_a_missing_compiler_says_what_to_install(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    [item] = health._compiler()
    assert item.state is health.State.MISSING and "no-such-compiler not found" in item.detail
    assert "apt install g++" in item.remedy


def test_editors_on_the_path_are_found(tmp_path, monkeypatch):
    editor = tmp_path / "nvim"
    editor.write_text("#!/bin/sh\necho NVIM v0.11.4\n")
    editor.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin")
    found = {item.name: item for item in health._editors()}
    assert found["Neovim"].detail == f"NVIM v0.11.4 ({editor})"
    assert found["VS Code"].state is health.State.MISSING


def test_the_projects_torchlean_and_the_dialect_of_captures_are_told(tmp_path, monkeypatch, capsys, quick):
    project(tmp_path, GENERALIZED)
    below = tmp_path / "models"
    below.mkdir()
    monkeypatch.chdir(below)
    assert main(["doctor", "--output-format", "json"]) == 0
    items = {item["name"]: item for item in json.loads(capsys.readouterr().out)["items"]}
    told = "TorchLean at .lake/packages/TorchLean (rev 0123456) reads `output_ids`"
    assert items["TorchLean"]["state"] == "ok"
    assert items["TorchLean"]["detail"] == f"{told} (project {tmp_path})"
    assert items["dialect"]["detail"] == f"new captures in this folder are generalized: {told}"


def test_sources_that_are_not_there_are_told_with_the_remedy(tmp_path, monkeypatch, capsys, quick):
    manifest(tmp_path, git_package())
    monkeypatch.chdir(tmp_path)
    assert main(["doctor"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "-- TorchLean TorchLean is required, but its sources are not at .lake/packages/TorchLean" in said
    assert "run `lake update` in the project" in said
    assert "new captures in this folder are classic: the default" in said


def test_the_dialect_follows_the_settings_and_a_broken_file_leaves_it_open(
    tmp_path, monkeypatch, capsys, quick
):
    monkeypatch.chdir(tmp_path)
    settings = tmp_path / "torchlean.toml"
    settings.write_text('dialect = "generalized"\n')
    assert main(["doctor", "--output-format", "json"]) == 0
    items = {item["name"]: item for item in json.loads(capsys.readouterr().out)["items"]}
    assert items["dialect"]["detail"] == f"new captures in this folder are generalized: as {settings} sets"
    assert items["TorchLean"]["state"] == "ok"
    settings.write_text('dialect = "new"\n')
    assert main(["doctor", "--output-format", "json"]) == 1
    items = {item["name"]: item for item in json.loads(capsys.readouterr().out)["items"]}
    assert (items["dialect"]["state"], items["file"]["state"]) == ("missing", "broken")
