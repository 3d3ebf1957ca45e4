"""`torchlean capture` without a model: everything that the settings list, in real workers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from torchlean_core.cli.main import main

EXAMPLES = Path(__file__).parents[3] / "examples"

MODELS = """\
import torch
from torch import nn

class Small(nn.Module):
    def forward(self, x):
        return torch.relu(x)

class Refused(nn.Module):
    def forward(self, x):
        return torch.erf(x) + torch.lgamma(x)
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "models.py").write_text(MODELS, encoding="utf-8")
    shutil.copy(EXAMPLES / "tiny_mlp.py", tmp_path / "tiny_mlp.py")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def settings(project: Path, text: str) -> None:
    (project / "torchlean.toml").write_text(text, encoding="utf-8")


def test_every_listed_model_is_captured_and_a_failure_stops_no_other(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings(
        project,
        '[capture."nets/models.py:Refused"]\noutput = "refused.ir.json"\nexample-shape = [2]\n'
        '[capture."nets/absent.py:Net"]\noutput = "absent.ir.json"\n'
        '[capture."nets/models.py:Small"]\noutput = "nets/small.ir.json"\nexample-shape = [2, 3]\nparams = false\n'
        "debug-targets = false\n"
        '[capture."tiny_mlp.py:TinyMLP"]\noutput = "mlp.ir.json"\n'
        '[capture."nets/models.py:Unlisted"]\nexample-shape = [1]\n',
    )
    assert main(["capture"]) == 1
    captured = capsys.readouterr()
    header, refused, absent, small, mlp, last = captured.out.splitlines()
    assert header.split() == ["model", "nodes", "parameters", "relative", "error", "time", "artifact"]
    assert refused.split()[0] == "nets/models.py:Refused" and refused.endswith("failed")
    assert absent.split()[0] == "nets/absent.py:Net" and absent.endswith("failed")
    assert small.split()[:4] == ["nets/models.py:Small", "2", "0", "0.0e+00"]
    assert small.endswith("nets/small.ir.json")
    assert mlp.split()[:3] == ["tiny_mlp.py:TinyMLP", "4", "67"] and mlp.endswith("mlp.ir.json")
    assert last == "2 captured, 2 failed"
    assert (
        "nets/models.py:10: TL601 aten.erf.default" in captured.err and "aten.lgamma.default" in captured.err
    )
    assert "nets/absent.py: no such file" in captured.err
    assert not (project / "refused.ir.json").exists()
    assert not (project / "nets" / "small.params.safetensors").exists()
    assert (project / "mlp.params.safetensors").is_file()
    text = (project / "nets" / "small.ir.json").read_text(encoding="utf-8")
    assert "debug_target" not in text
    assert json.loads(text)["captured_from"]["file"] == "models.py"


def test_from_a_folder_below_and_quietly(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings(project, '[capture."nets/models.py:Small"]\noutput = "small.ir.json"\nexample-shape = [2]\n')
    monkeypatch.chdir(project / "nets")
    assert main(["capture", "-q", "--no-params"]) == 0
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""
    assert (project / "small.ir.json").is_file()
    assert not (project / "small.params.safetensors").exists()


def test_one_model_takes_output_options_and_shape_from_the_settings(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings(
        project,
        '[capture."nets/models.py:Small"]\noutput = "small.ir.json"\nexample-shape = [2]\nverify = false\n',
    )
    assert main(["capture", "nets/models.py:Small"]) == 0
    output = capsys.readouterr().out
    assert output.startswith("small.ir.json: 2 nodes") and "verified" not in output
    assert main(["capture", "nets/models.py:Small", "--verify", "-o", "other.ir.json"]) == 0
    output = capsys.readouterr().out
    assert output.startswith("other.ir.json: 2 nodes") and "verified" in output


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        ("", [], "which model? name it, as FILE.py:Name, or list models in torchlean.toml"),
        ('[capture."m.py:M"]\nexample-shape = [1]', [], "torchlean.toml lists none"),
        ('[capture."m.py:M"]\noutput = "m.json"', ["-o", "x.json"], "are for one model"),
        ('[capture."m.py:M"]\noutput = "m.json"', ["--example-shape", "1"], "are for one model"),
        ("", ["tiny_mlp.py:TinyMLP"], "-o OUT.json is missing"),
        (
            '[capture."m.py:A"]\noutput = "m.json"\n[capture."m.py:B"]\noutput = "./m.ir.json"',
            [],
            "m.py:A and m.py:B would write the same files: m.json and m.ir.json",
        ),
    ],
)
def test_usage_errors_exit_with_2(
    text: str, arguments: list[str], message: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings(project, text)
    assert main(["capture", *arguments]) == 2
    assert message in capsys.readouterr().err
