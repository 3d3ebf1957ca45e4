"""Models over `--max-parameters`: refused after one run, and captured where what is over the limit is not used."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from torchlean_core.capture import pipeline
from torchlean_core.capture.errors import CaptureError
from torchlean_core.capture.load import load_model
from torchlean_core.capture.pipeline import Captured, capture
from torchlean_core.capture.target import Target
from torchlean_core.options.capture import Options

HEAD = """\
from collections import Counter

import torch
from torch import nn

COUNTS = Counter()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        COUNTS["constructed"] += 1
        self.l = nn.Linear(4, 5)
        self.aside = nn.Linear(10, 10)
        self.table = nn.Embedding(50, 4)
        self.calls = 0

    def forward(self, x):
        COUNTS["run"] += 1
        self.calls += 1
"""
COUNT = 25


@pytest.fixture(autouse=True)
def _own_interpreter_state(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("argv", "path"):
        monkeypatch.setattr(sys, name, list(getattr(sys, name)))
    monkeypatch.delitem(sys.modules, "sized_model", raising=False)


def run(folder: Path, forward: str, limit: int, name: str = "Net") -> Captured:
    """Capture a `Net` with this body of forward."""
    file = folder / "sized_model.py"
    file.write_text(f"{HEAD}        {forward}\n\n\nnet = Net()\n", encoding="utf-8")
    return capture(
        load_model(Target(file, name)), (2, 4), folder / "o.ir.json", Options(max_parameters=limit)
    )


@pytest.mark.parametrize("name", ["Net", "net"])
def test_a_model_over_the_limit_is_refused_before_it_is_traced_or_constructed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(pipeline, "Instances", None)
    monkeypatch.setattr(pipeline, "trace", None)
    with pytest.raises(CaptureError) as error:
        run(tmp_path, "return self.l(x)", COUNT - 1, name)
    [finding] = error.value.findings
    assert finding.code == "TL603"
    assert finding.message == ("parameters of 25 scalars, more than the limit of 24 (--max-parameters)")
    counts = sys.modules["sized_model"].COUNTS
    assert counts["run"] == 1 and counts["constructed"] == (1 if name == "net" else 2)  # `net` in the file


@pytest.mark.parametrize("name", ["Net", "net"])
def test_parameters_that_nothing_computes_with_do_not_count(tmp_path: Path, name: str) -> None:
    forward = "assert self.calls == 1 or COUNTS['run'] > 2\n        return self.l(x)"
    result = run(tmp_path, forward, COUNT, name)
    assert result.parameters == COUNT


def test_a_table_of_which_rows_are_looked_up_does_not_count(tmp_path: Path) -> None:
    result = run(tmp_path, "return self.l(x) + 0 * self.table(torch.arange(2)).sum()", 300)
    assert result.parameters <= 300
    with pytest.raises(CaptureError, match="more than the limit of 224"):
        run(tmp_path, "return self.l(x) + self.table.weight.sum()", COUNT + 199)


def test_below_the_limit_nothing_is_run_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = []
    monkeypatch.setattr(
        pipeline, "run_example", lambda *args: runs.append(args) or (_ for _ in ()).throw(OSError)
    )
    with pytest.raises(OSError):
        run(tmp_path, "return self.l(x)", 1000)
    assert len(runs) == 1 and sys.modules["sized_model"].COUNTS["run"] == 0


def test_an_error_of_the_model_is_told_as_ever(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="ValueError: none"):
        run(tmp_path, "raise ValueError('none')", 10)
