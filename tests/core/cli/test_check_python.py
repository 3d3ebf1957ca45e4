"""`torchlean check model.py` tells what is known of a Python file, and runs nothing of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from torchlean_core.cli.main import main

MODEL = """\
from pathlib import Path

import torch
from torch import nn

Path("ran").write_text("it ran")


# torchlean: example-shape=1,4
class Net(nn.Module):
    def forward(self, x):
        return torch.relu(x)


class Wide(nn.Module):
    def __init__(self, width):
        super().__init__()
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.py").write_text(MODEL, encoding="utf-8")
    return tmp_path


def captured(folder: Path) -> None:
    assert main(["capture", "model.py:Net", "-o", "net.ir.json", "-q"]) == 0
    (folder / "ran").unlink()


def checked(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(["check", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_a_model_without_an_artifact_is_not_run_and_told_how_to_capture(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = checked(capsys, "model.py")
    assert (code, out) == (0, "")
    assert "`Net` has no artifact here; nothing was run" in err
    assert "`torchlean capture model.py:Net -o net.ir.json`" in err
    assert "`Wide` needs arguments (width)" in err
    assert "1 file checked: all clean" in err
    assert not (folder / "ran").exists()


def test_an_artifact_that_is_up_to_date_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    captured(folder)
    code, out, err = checked(capsys, "model.py")
    assert (code, out) == (0, "")
    assert err.count("`Net`: net.ir.json is up to date") == 1


def test_a_model_that_changed_is_marked_at_its_name(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    captured(folder)
    (folder / "model.py").write_text(MODEL.replace("torch.relu(x)", "torch.tanh(x)"), encoding="utf-8")
    code, out, _ = checked(capsys, "model.py", "--output-format", "json")
    (finding,) = json.loads(out)
    assert (code, finding["code"]) == (0, "TL521")
    assert "net.ir.json: model.py changed since Net was captured from it; capture again" in finding["message"]
    assert finding["range"]["start"] == {"line": 9, "character": 6}
    assert not (folder / "ran").exists()


def test_a_generated_module_is_held_against_its_artifact(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    captured(folder)
    assert main(["emit", "net.ir.json", "-q"]) == 0
    assert checked(capsys, "net.py")[:2] == (0, "")
    module = folder / "net.py"
    module.write_text(module.read_text("utf-8") + "\n# mine\n", encoding="utf-8")
    code, out, _ = checked(capsys, "net.py")
    assert code == 0 and "net.py:2:1: warning[TL512] net.py was edited by hand" in out
    assert "TL512" in checked(capsys, "model.py")[2]


@pytest.mark.parametrize(
    ("text", "place", "code"),
    [
        ("def f(:\n", "odd.py:1:7: error[TL602]", 1),
        ("x = '\ud800'".encode("utf-8", "surrogatepass"), "odd.py:1:1: error[TL602]", 1),
        ("a = 1\n\0\n", "odd.py:2:1: error[TL602]", 1),
        ("# torchlean: example-shap=1,4\nclass A: pass\n", "odd.py:1:14: information[TL604]", 0),
    ],
)
def test_what_reading_it_tells_is_reported_where_it_stands(
    folder: Path, capsys: pytest.CaptureFixture[str], text: str | bytes, place: str, code: int
) -> None:
    (folder / "odd.py").write_bytes(text if isinstance(text, bytes) else text.encode())
    found, out, _ = checked(capsys, "odd.py")
    assert (found, out[: len(place)]) == (code, place)


def test_a_file_without_models_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "other.py").write_text("x = 1\n", encoding="utf-8")
    assert "other.py: no model is known in it" in checked(capsys, "other.py")[2]


def test_fixes_leave_python_files_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert checked(capsys, "model.py", "--fix")[0] == 0
    assert (folder / "model.py").read_text("utf-8") == MODEL


def test_torch_is_not_imported(folder: Path) -> None:
    program = (
        "import sys\nfrom torchlean_core.cli.main import main\n"
        "assert main(['check', 'model.py']) == 0\nassert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=folder, capture_output=True)
