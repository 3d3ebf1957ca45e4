"""The listing of a capture: shapes at the margin, findings under their expressions."""

from __future__ import annotations

from pathlib import Path

import pytest

from torchlean_core.cli.main import main

MODEL = """import torch
from torch import nn


# torchlean: example-shape=1,4
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 3)

    def forward(self, x):
        h = self.fc(x)
        return torch.erf(h) + LAST
"""


@pytest.mark.thorough
def test_the_listing_shows_shapes_at_the_margin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model.py").write_text(MODEL.replace("torch.erf(h) + LAST", "torch.relu(h)"), encoding="utf-8")
    assert main(["capture", "model.py:Net", "-o", "m.ir.json", "--explain"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows[0] == "model.py  Net with [1, 4]"
    assert any(row.startswith("12 │         h = self.fc(x) ") and row.endswith("  [1, 3]") for row in rows)
    assert any(row.startswith("11 │     def forward(self, x):") and row.endswith("  [1, 4]") for row in rows)


@pytest.mark.thorough
def test_the_listing_marks_a_finding_under_its_expression_and_the_capture_fails_as_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model.py").write_text(MODEL.replace(" + LAST", ""), encoding="utf-8")
    assert main(["capture", "model.py:Net", "-o", "m.ir.json", "--explain"]) == 1
    shown = capsys.readouterr()
    rows = shown.out.splitlines()
    place = next(number for number, row in enumerate(rows) if "return torch.erf(h)" in row)
    assert rows[place + 1] == "   │ " + " " * rows[place][5:].index("torch.erf") + "^" * len("torch.erf(h)")
    assert "TL601 aten.erf.default" in rows[place + 2]
    assert "1 operator cannot be captured exactly" in shown.err
    assert not Path("m.ir.json").exists()
