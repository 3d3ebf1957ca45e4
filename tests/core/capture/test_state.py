"""Models whose forward remembers: what is captured must be what a model that never ran computes, or refused."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from torchlean_core.capture.errors import CaptureError
from torchlean_core.capture.load import load_model
from torchlean_core.capture.pipeline import Captured, capture
from torchlean_core.capture.target import Target
from torchlean_core.errors import UserError
from torchlean_core.options.capture import Options

HEAD = """\
import functools
import torch
from torch import nn

CACHE = {}
BIAS = None


class Net(nn.Module):
    cached = None

    def __init__(self):
        super().__init__()
        self.l = nn.Linear(3, 3)
        self.sc = None
        self.calls = 0

"""


@pytest.fixture(autouse=True)
def _own_interpreter_state(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("argv", "path"):
        monkeypatch.setattr(sys, name, list(getattr(sys, name)))
    monkeypatch.delitem(sys.modules, "state_model", raising=False)


def run(folder: Path, forward: str, name: str = "Net", *, fx: bool = False, after: str = "") -> Captured:
    """Capture a `Net` with this body of forward."""
    body = "".join(f"        {line}\n" for line in forward.splitlines())
    file = folder / "state_model.py"
    file.write_text(f"{HEAD}    def forward(self, x):\n{body}\n\n{after}", encoding="utf-8")
    options = Options(prefer_torch_export=not fx)
    return capture(load_model(Target(file, name)), (2, 3), folder / "out.ir.json", options)


STATEFUL = {
    "a scale from the first input": "if self.sc is None:\n    self.sc = x.abs().mean().item()\nreturn x / self.sc",
    "a detached result": "if self.sc is None:\n    self.sc = self.l(x).detach()\nreturn x + self.sc",
    "a value by another way": (
        "if self.sc is None:\n    self.sc = 2.0 if type(x) is torch.Tensor and float(x.sum()) > 0 else 3.0\n"
        "return x * self.sc"
    ),
    "a global": "CACHE.setdefault('k', x.mean().item())\nreturn x * CACHE['k']",
    "a global name": (
        "global BIAS\nif BIAS is None:\n    BIAS = x.abs().mean().detach().numpy().item()\nreturn x + BIAS"
    ),
    "a class attribute": "if Net.cached is None:\n    Net.cached = self.l(x).detach()\nreturn x + Net.cached",
    "the first call differs": "self.calls += 1\nreturn x if self.calls == 1 else 2 * x",
    "an old input": "old, self.sc = self.sc, x\nreturn x if old is None else x + old",
}


@pytest.mark.parametrize("fx", [False, True])
@pytest.mark.parametrize("case", STATEFUL)
def test_a_forward_that_remembers_is_refused(case: str, fx: bool, tmp_path: Path) -> None:
    with pytest.raises(UserError):
        run(tmp_path, STATEFUL[case], fx=fx)


@pytest.mark.parametrize("name", ["ready", "same", "wrapped"])
def test_also_where_the_model_is_not_built_anew(name: str, tmp_path: Path) -> None:
    after = "ready = Net()\n\n\ndef same():\n    return ready\n\n\ndef wrapped():\n    return nn.Sequential(ready)\n"
    with pytest.raises(UserError):
        run(tmp_path, STATEFUL["the first call differs"], name, after=after)
    assert run(tmp_path, "return self.l(x)", name, after=after).verification is not None


def test_the_message_names_the_attribute(tmp_path: Path) -> None:
    after = "def build():\n    return nn.Sequential(nn.ReLU(), Net())\n"
    with pytest.raises(CaptureError, match=r"forward keeps state: `sc` of `1` \(Net\) changes") as caught:
        run(tmp_path, "old = self.sc or 1.0\nself.sc = 2.0\nreturn x * old", "build", after=after)
    assert caught.value.findings[0].code == "TL603"


def test_a_number_taken_from_the_input_is_named_as_such(tmp_path: Path) -> None:
    with pytest.raises(
        CaptureError, match=r"py:\d+: TL601 aten._local_scalar_dense.default: takes a number out of"
    ):
        run(tmp_path, STATEFUL["a scale from the first input"])


HARMLESS = {
    "a counter": "self.calls += 1\nreturn self.l(x)",
    "a last output": "y = self.l(x)\nself.last = y.detach().sum().item() if type(x) is str else 1.0\nreturn y",
    "a mask made once": (
        "if self.sc is None:\n    self.sc = [1.0, 2.0, 3.0]\nreturn x * torch.tensor(self.sc, dtype=x.dtype)"
    ),
    "a global counter": "CACHE['n'] = CACHE.get('n', 0) + 1\nreturn self.l(x)",
}


@pytest.mark.parametrize("case", HARMLESS)
def test_state_that_changes_no_result_is_no_reason(case: str, tmp_path: Path) -> None:
    assert run(tmp_path, HARMLESS[case]).verification is not None


def test_lazy_modules_and_attention_are_captured(tmp_path: Path) -> None:
    after = (
        "def lazy():\n    return nn.Sequential(nn.LazyLinear(4), nn.ReLU(), nn.LazyLinear(2))\n\n\n"
        "def attention():\n    return nn.TransformerEncoderLayer(3, 1, 8, batch_first=True)\n\n\n"
        "def normed():\n    return nn.utils.weight_norm(nn.Linear(3, 2))\n"
    )
    for name in ("lazy", "attention", "normed"):
        assert run(tmp_path, "return x", name, after=after).verification is not None


@pytest.mark.filterwarnings("error")
def test_a_parameter_as_the_output_gives_no_warning(tmp_path: Path) -> None:
    assert run(tmp_path, "return self.l.weight").verification is not None


@pytest.mark.parametrize("raised", ["KeyboardInterrupt()", "Odd()", "Mute()"])
def test_whatever_forward_raises_is_shown_at_its_line(raised: str, tmp_path: Path) -> None:
    after = (
        "class Odd(BaseException):\n    pass\n\n\n"
        "class Mute(Exception):\n    def __str__(self):\n        raise RuntimeError\n"
    )
    with pytest.raises(CaptureError, match=rf"state_model\.py:\d+: TL603 {raised[:-2]}"):
        run(tmp_path, f"raise {raised}", after=after)


def test_what_only_other_inputs_raise_is_shown_at_its_line(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"state_model\.py:20: TL603 ValueError: twice"):
        run(tmp_path, "self.calls += 1\nif self.calls > 1: raise ValueError('twice')\nreturn self.l(x)")


def test_weights_are_those_of_the_first_construction(tmp_path: Path) -> None:
    result = run(tmp_path, "return self.l(x)")
    torch.manual_seed(0)
    assert torch.equal(result.tensors["linear_1_W"], torch.nn.Linear(3, 3).weight.detach())
