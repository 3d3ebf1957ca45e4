"""Models that are not float32: the message says what makes them so, and how they are captured."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from torchlean_core.capture.errors import CaptureError
from torchlean_core.capture.load import load_model
from torchlean_core.capture.pipeline import Captured, capture
from torchlean_core.capture.target import Target

SET = "torch.set_default_dtype(torch.float64)\n"
MODEL = """\
import torch
from torch import nn

{}
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(2, 3{})

    def forward(self, x):
        return {}


def net_float32():
    return Net().float()
"""


@pytest.fixture(autouse=True)
def _default_dtype(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delitem(sys.modules, "typed_model", raising=False)
    before = torch.get_default_dtype()
    yield
    torch.set_default_dtype(before)


def run(
    folder: Path, name: str = "Net", *, head: str = SET, of: str = "", forward: str = "self.a(x)"
) -> Captured:
    file = folder / "typed_model.py"
    file.write_text(MODEL.format(head, of, forward), encoding="utf-8")
    return capture(load_model(Target(file, name)), (1, 2), folder / "out.ir.json")


def test_a_default_of_float64_is_named_with_its_line_and_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(CaptureError) as caught:
        run(tmp_path)
    message = str(caught.value)
    assert (
        "its parameters are float64 (`a.weight`), as torch.set_default_dtype(torch.float64) (line 4) makes"
        in message
    )
    assert "capture a function that converts them, `def net_float32(): return Net().float()`" in message
    (finding,) = caught.value.findings
    assert (finding.code, finding.line) == ("TL603", 12)


def test_that_way_out_works(tmp_path: Path) -> None:
    assert run(tmp_path, "net_float32").verification is not None


def test_what_forward_makes_in_the_default_type_is_told(tmp_path: Path) -> None:
    with pytest.raises(
        CaptureError,
        match=r"float64, expected float32; torch.set_default_dtype.* \(line 4\) is in force: .*dtype=x.dtype",
    ):
        run(tmp_path, of=", dtype=torch.float32", forward="self.a(x) * torch.ones(3)")


def test_parameters_of_another_type_are_named_without_a_default(tmp_path: Path) -> None:
    with pytest.raises(
        CaptureError, match=r"parameters are float16 \(`a.weight`\), and an artifact's are float32"
    ):
        run(tmp_path, head="", of=", dtype=torch.float16")


def test_another_error_of_a_float32_model_says_nothing_of_types(tmp_path: Path) -> None:
    with pytest.raises(CaptureError) as caught:
        run(tmp_path, head="", forward="self.a(x) @ x")
    assert "parameters are" not in str(caught.value)
