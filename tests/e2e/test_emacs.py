"""Drives a real Emacs (28 or newer, with eglot) with editors/emacs/torchlean.el, where there is one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.shared import BROKEN, CLEAN, MODEL, find_server

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
LISP = ROOT / "editors" / "emacs"
PROBE = Path(__file__).parent / "emacs"


def find_emacs() -> str | None:
    """$TORCHLEAN_E2E_EMACS, else the one on PATH; None where it has no eglot."""
    program = os.environ.get("TORCHLEAN_E2E_EMACS") or shutil.which("emacs")
    if program is None:
        return None
    command = [program, "--batch", "--eval", "(kill-emacs (if (require 'eglot nil t) 0 1))"]
    return program if subprocess.run(command, capture_output=True, timeout=60).returncode == 0 else None


class Emacs:
    """One Emacs per call, without a display.

    Attributes:
        project: The folder that the files are in.
    """

    def __init__(self, program: str, server: str, project: Path) -> None:
        self.program, self.server, self.project = program, server, project

    def run(
        self, step: str, files: dict[str, str], *, cmd: list[str] | None = None, patience: int = 60
    ) -> Any:
        """Write files, do ``step`` of probe.el in their folder, return what was seen.

        Args:
            step: Name of a function of probe.el.
            files: Texts by name.
            cmd: The server's command line, where it is not the real server's.
            patience: Seconds that the step waits for each thing that has to happen.
        """
        for name, text in files.items():
            (self.project / name).write_text(text)
        words = " ".join(json.dumps(word) for word in cmd or [self.server, "server", "--stdio"])
        report = self.project.parent / "report.json"
        program = f"(progn (setq torchlean-server-command '({words}) probe-patience {patience}) (probe-run '{step}))"
        command = [
            self.program,
            "--batch",
            "-L",
            str(LISP),
            "-L",
            str(PROBE),
            "-l",
            "probe",
            "--eval",
            program,
        ]
        environment = {**os.environ, "HOME": str(self.project.parent), "TORCHLEAN_REPORT": str(report)}
        result = subprocess.run(
            command, cwd=self.project, env=environment, capture_output=True, text=True, timeout=300
        )
        assert report.exists(), f"Emacs ended with {result.returncode}:\n{result.stdout}{result.stderr}"
        seen = json.loads(report.read_text())
        assert "problem" not in seen, f"{seen['problem']}\n{result.stderr}"
        return seen


@pytest.fixture
def emacs(tmp_path: Path) -> Emacs:
    """An Emacs with eglot, and the real server."""
    program, server = find_emacs(), find_server()
    if program is None:
        pytest.skip("Emacs with eglot is not here: apt-get install emacs-nox elpa-eglot")
    if server is None:
        pytest.skip("torchlean is not here: pip install -e .")
    (tmp_path / "project").mkdir()
    return Emacs(program, server, tmp_path / "project")


def test_a_wrong_artifact_is_marked_mended_drawn_and_emitted(emacs: Emacs) -> None:
    seen = emacs.run("probe-artifact", {"model.ir.json": BROKEN})
    assert seen["mode"] == "torchlean-ir-mode"
    assert ["TL201" in text or "shape of `relu`" in text for text in seen["findings"]] == [True]
    assert json.loads(seen["text"]) == json.loads(CLEAN)
    assert (emacs.project / "model.py").stat().st_size > 0
    assert [line.split()[1:3] for line in seen["graph"].splitlines()] == [["0", "input"], ["1", "relu"]]


def test_a_model_is_captured_and_its_shape_asked_for(emacs: Emacs) -> None:
    pytest.importorskip("torch")
    seen = emacs.run("probe-model", {"net.py": MODEL})
    [question] = seen["asked"]
    assert "example input of Net" in question
    assert len(json.loads((emacs.project / "net.ir.json").read_text())["nodes"]) == 2


def test_without_a_server_the_journey_fails(emacs: Emacs) -> None:
    """The negative control of the tests above."""
    with pytest.raises(AssertionError, match=r"Waited in vain|Server died|not running"):
        emacs.run("probe-artifact", {"model.ir.json": BROKEN}, cmd=["/bin/false"], patience=1)
