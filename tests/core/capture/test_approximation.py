"""Substitutions that are not exact: only on request, marked in the artifact, and measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.core.capture.support import captured
from torchlean_core.capture.errors import CaptureError
from torchlean_core.cli.main import main
from torchlean_core.errors import UsageError
from torchlean_core.options.capture import parse_approximations


def _model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 2), nn.GELU())


def test_without_request_every_use_is_refused_and_both_ways_out_are_named() -> None:
    with pytest.raises(CaptureError) as caught:
        captured(_model(), (1, 4))
    assert [finding.operator for finding in caught.value.findings] == ["aten.gelu.default"] * 2
    assert all('approximate="tanh"' in finding.message for finding in caught.value.findings)
    assert all(finding.allow == "gelu=erf" for finding in caught.value.findings)
    assert all(finding.alternatives == ("gelu=tanh",) for finding in caught.value.findings)
    assert str(caught.value).count("--approximate gelu=erf or gelu=tanh") == 1
    assert "(2 uses" in str(caught.value)


def test_the_artifact_says_what_stands_for_what_and_the_measured_error() -> None:
    result = captured(_model(), (1, 4), approximate={"gelu": "tanh"})
    check = result.verification
    assert check is not None and 1e-6 < check.max_relative_error < 1e-2
    mark = json.loads(result.text)["approximations"]
    assert mark == [
        {
            "operator": "gelu",
            "form": "tanh",
            "bound": 1e-2,
            "max_relative_error": float(f"{check.max_relative_error:.1e}"),
        }
    ]
    assert [note.code for note in result.notes] == ["TL405"]
    assert f"{check.max_relative_error:.1e}" in result.notes[0].message


def test_an_error_that_was_not_measured_is_not_told() -> None:
    result = captured(_model(), (1, 4), approximate={"gelu": "tanh"}, verify=False)
    assert json.loads(result.text)["approximations"] == [{"operator": "gelu", "form": "tanh", "bound": 1e-2}]
    assert "not measured" in result.notes[0].message


def test_a_request_that_nothing_needs_changes_nothing() -> None:
    exact = nn.Sequential(nn.Linear(4, 4), nn.GELU(approximate="tanh"))
    allowed = captured(exact, (1, 4), approximate={"gelu": "tanh"})
    assert allowed.text == captured(exact, (1, 4)).text
    assert "approximations" not in allowed.text and allowed.notes == []


@pytest.mark.parametrize("text", ["gelu", "gelu=composed", "relu=tanh", "=", ""])
def test_an_unknown_substitution_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="expected one of gelu=erf, gelu=tanh, erf=composed"):
        parse_approximations([text])


def test_the_command_takes_the_option(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tmp_path / "model.py"
    model.write_text(
        "from torch import nn\n\n\n# torchlean: example-shape=1,4\nclass Net(nn.Sequential):\n"
        "    def __init__(self):\n        super().__init__(nn.Linear(4, 4), nn.GELU())\n"
    )
    output = tmp_path / "net.ir.json"
    assert main(["capture", f"{model}:Net", "-o", str(output)]) == 1
    assert not output.exists() and "--approximate gelu=erf or gelu=tanh" in capsys.readouterr().err
    assert main(["capture", f"{model}:Net", "-o", str(output), "--approximate", "gelu=tanh"]) == 0
    assert "TL405: the tanh form stands in for the exact gelu" in capsys.readouterr().out
    assert json.loads(output.read_text())["approximations"][0]["operator"] == "gelu"
