"""The pre-commit hooks and the GitHub Action: they call the command as it is."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.core.cli.support import BROKEN, GOOD
from torchlean_core.cli.main import main

ROOT = Path(__file__).parents[3]
HOOKS = (ROOT / ".pre-commit-hooks.yaml").read_text("utf-8")
ACTION = (ROOT / "action.yml").read_text("utf-8")


def test_the_hooks_run_commands_that_exist(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "m.ir.json"
    entries = re.findall(r"entry: (.*)", HOOKS)
    assert len(entries) == 2
    for entry in entries:
        file.write_text(GOOD)
        program, *arguments = shlex.split(entry)
        assert program == "torchlean"
        assert main([*arguments, "m.ir.json"]) == 0


def test_the_hooks_take_the_names_that_make_a_file_an_artifact():
    for pattern in re.findall(r"files: (.*)", HOOKS):
        assert re.search(pattern, "nets/m.ir.json") and re.search(pattern, "m.torchlean.json")
        assert not re.search(pattern, "package.json") and not re.search(pattern, "mir.json")


@pytest.mark.skipif(shutil.which("bash") is None, reason="the action's steps are bash")
def test_the_action_checks_the_paths_with_the_options_that_it_is_given(tmp_path):
    script = textwrap.dedent(re.findall(r"run: \|\n((?:        .*\n|\n)+)", ACTION)[-1])
    binary = tmp_path / "bin"
    binary.mkdir()
    torchlean = binary / "torchlean"
    torchlean.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m torchlean_core "$@"\n')
    torchlean.chmod(0o755)
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b" / "m.ir.json").write_text(BROKEN)
    (tmp_path / "-odd.ir.json").write_text(GOOD)

    def run(paths, options=""):
        inputs = {"TORCHLEAN_BIN": str(binary), "PATHS": paths, "ARGS": options}
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=tmp_path,
            env={**os.environ, **inputs, "GITHUB_WORKSPACE": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )

    done = run("a b\n-odd.ir.json\n")
    assert done.returncode == 1
    assert done.stdout.startswith("::error file=a b/m.ir.json,line=1,")
    assert run("a b", "--ignore=TL201\n").returncode == 0
    assert run("$(touch pwned); x").returncode == 2
    assert not (tmp_path / "pwned").exists()
