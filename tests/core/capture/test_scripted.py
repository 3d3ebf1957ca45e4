"""TorchScript in a model is refused where the model puts it into its place."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from torchlean_core.capture.errors import CaptureError
from torchlean_core.capture.load import load_model
from torchlean_core.capture.target import Target

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.* is deprecated")

PART = """\
import torch
from torch import nn


class Part(nn.Module):
    def __init__(self):
        super().__init__()
        self.s, self.t = torch.jit.script(nn.Linear(6, 6)), 1  # in the part
"""
MODEL = """\
import torch
from torch import nn
from scripted_part import Part


class Direct(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(6, 6)
        self.m = torch.jit.script(nn.ReLU())  # direct


class InList(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.ReLU(), torch.jit.trace(nn.ReLU(), torch.ones(2))])  # in a list


class Inherits(Direct):
    pass


class InOther(nn.Module):
    def __init__(self):
        super().__init__()
        self.part = Part()  # with a part


def whole():  # whole
    return torch.jit.script(nn.Linear(6, 6))
"""


@pytest.mark.parametrize(
    ("name", "path", "mark", "file"),
    [
        ("Direct", "`m` is", "direct", None),
        ("InList", "`layers.1` is", "in a list", None),
        ("Inherits", "`m` is", "direct", None),
        ("InOther", "`part.s` is", "with a part", "scripted_part.py"),
        ("whole", "the model is", "whole", None),
    ],
)
def test_it_is_named_at_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, path: str, mark: str, file: str | None
) -> None:
    monkeypatch.delitem(sys.modules, "scripted_part", raising=False)
    (tmp_path / "scripted_part.py").write_text(PART, encoding="utf-8")
    (tmp_path / "scripted_model.py").write_text(MODEL, encoding="utf-8")
    with pytest.raises(CaptureError) as caught:
        load_model(Target(tmp_path / "scripted_model.py", name))
    (finding,) = caught.value.findings
    assert finding.message.startswith(f"{path} TorchScript")
    assert (finding.file and Path(finding.file).name) == file
    span = finding.span
    if file is not None:
        assert span is not None and "# in the part" in PART.splitlines()[span.line - 1]
    elif mark == "whole":
        assert finding.line == next(n for n, line in enumerate(MODEL.splitlines(), 1) if "# whole" in line)
    else:
        assert finding.line is not None and f"# {mark}" in MODEL.splitlines()[finding.line - 1]
