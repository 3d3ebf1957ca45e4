"""The interpreter of workers is looked at before any work, and what is wrong with it is said in words."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.core.jobs.bare import bare_interpreter
from torchlean_core.jobs import preflight
from torchlean_core.jobs.preflight import UnfitInterpreter, require_interpreter

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the interpreters are shell scripts")


def script(folder, text, mode=0o755):
    program = folder / "python"
    program.write_text(f"#!/bin/sh\n{text}\n")
    os.chmod(program, mode)  # noqa: PTH101
    return str(program)


def test_the_running_one_is_fit_and_so_is_its_path():
    require_interpreter(None)
    require_interpreter(sys.executable)


def test_what_is_missing_is_named_with_what_to_do(tmp_path):
    program = str(bare_interpreter(tmp_path, "torch", "safetensors"))
    with pytest.raises(UnfitInterpreter) as error:
        require_interpreter(program)
    assert str(error.value) == (
        f"the interpreter {program} has no torch and safetensors: select another one, or install them there"
    )
    assert error.value.data["interpreter"] == {
        "path": program,
        "missing": ["torch", "safetensors"],
        "install": [program, "-m", "pip", "install", "torch", "safetensors"],
    }


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: str(folder / "none"), "does not exist"),
        (lambda folder: str(folder), "is a folder"),
        (lambda folder: script(folder, "exit 0", 0o644), "cannot be executed"),
        (lambda folder: script(folder, "echo hello"), "is no Python interpreter: it said 'hello'"),
        (lambda folder: script(folder, "exit 3"), "is no Python interpreter"),
        (lambda folder: script(folder, "echo '[\"torchlean\", [3, 8], []]'"), "is Python 3.8, 3.11 or newer"),
    ],
)
def test_what_is_none_is_told_in_words(tmp_path, make, words):
    with pytest.raises(UnfitInterpreter) as error:
        require_interpreter(make(tmp_path))
    assert words in str(error.value) and "select another one" in str(error.value)
    assert error.value.data["interpreter"]["missing"] == []


def test_one_that_never_answers_is_ended_with_its_children(tmp_path, monkeypatch):
    monkeypatch.setattr(preflight, "_TIMEOUT", 0.3)
    program = script(tmp_path, f"sleep 1000 &\necho $! > {tmp_path / 'pid'}\nwait")
    with pytest.raises(UnfitInterpreter, match="did not answer"):
        require_interpreter(program)
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", (tmp_path / "pid").read_text()],
        capture_output=True,
        text=True,
        check=False,
    )
    assert state.stdout.strip() in ("", "Z")


def test_a_fit_one_is_asked_once_and_an_unfit_one_every_time(tmp_path):
    log = tmp_path / "log"
    answers = tmp_path / "answer"
    program = script(tmp_path, f"echo asked >> {log}\ncat {answers}")
    answers.write_text('["torchlean", [3, 12], ["torch"]]')
    for _ in range(2):
        with pytest.raises(UnfitInterpreter, match="has no torch"):
            require_interpreter(program)
    answers.write_text('["torchlean", [3, 12], []]')
    for _ in range(3):
        require_interpreter(program)
    assert log.read_text().count("asked") == 3


def test_a_package_in_the_current_folder_does_not_count(tmp_path, monkeypatch):
    program = str(bare_interpreter(tmp_path / "bare", "torch"))
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnfitInterpreter, match="has no torch"):
        require_interpreter(program)
