"""Importing and constructing a model file: what can go wrong there is shown at the user's line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from tests.core.cli.support import torchlean
from torchlean_core.capture.errors import CaptureError
from torchlean_core.capture.instances import Instances, run_example
from torchlean_core.capture.load import load_model
from torchlean_core.capture.target import Target
from torchlean_core.errors import UsageError
from torchlean_core.kinds import CLASSIC

MODEL = """\
import sys
import torch
from torch import nn
from helper import WIDTH

SEEN = (__name__, sys.argv, sys.path[0])


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(WIDTH, 2)
        self.train_time = nn.Dropout(0.5)

    def forward(self, x):
        return self.train_time(self.layer(x))


class Needs(nn.Module):
    def __init__(self, width, depth, bias=True):
        super().__init__()


class Raises(nn.Module):
    def __init__(self):
        super().__init__()
        self.check()

    def check(self):
        raise ValueError("bad width")


class FailsInForward(nn.Module):
    def forward(self, x):
        return helper(x)


def helper(x):
    return torch.relu(x) @ torch.ones(7, 7)


class Leaves(nn.Module):
    def __init__(self):
        sys.exit(4)


class Plain:
    pass


def build():
    return Net()


def wrong():
    return [Net()]


def with_default(width=WIDTH):
    return Net()


ready = Net()
number = 3
"""


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    (tmp_path / "helper.py").write_text("WIDTH = 4\n", encoding="utf-8")
    path = tmp_path / "some_model.py"
    path.write_text(MODEL, encoding="utf-8")
    return path


def line_of(text: str) -> int:
    return MODEL.splitlines().index(text) + 1


def test_a_file_is_imported_as_python_would(model: Path) -> None:
    loaded = load_model(Target(model, "Net"))
    assert isinstance(loaded.module, torch.nn.Module) and not loaded.module.training
    assert ("some_model", [str(model)], str(model.parent)) == sys.modules["some_model"].SEEN
    assert not (model.parent / "__pycache__" / "some_model.cpython-311.pyc").exists()


@pytest.mark.parametrize("name", ["build", "with_default", "ready"])
def test_a_function_or_a_module_will_do(model: Path, name: str) -> None:
    assert type(load_model(Target(model, name)).module).__name__ == "Net"


def test_weights_are_the_same_each_time(model: Path) -> None:
    first, second = (load_model(Target(model, "Net")).module.state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_missing_name_lists_what_there_is(model: Path) -> None:
    with pytest.raises(UsageError, match=r"no `Nett` in it; it has Net, Needs, Raises, .*build, wrong"):
        load_model(Target(model, "Nett"))


def test_a_constructor_with_arguments_says_which_and_what_to_do(model: Path) -> None:
    with pytest.raises(UsageError, match=r"`Needs` needs arguments \(width, depth\); write a function"):
        load_model(Target(model, "Needs"))


@pytest.mark.parametrize(
    ("name", "message"),
    [("Plain", "is a class, but no torch.nn.Module"), ("number", "is a value of type int, expected a class")],
)
def test_something_else_is_refused(model: Path, name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_model(Target(model, name))


def test_a_function_that_returns_something_else_is_refused(model: Path) -> None:
    with pytest.raises(
        CaptureError, match=r"wrong\(\) gives a value of type list, expected a torch.nn.Module"
    ):
        load_model(Target(model, "wrong"))


def test_an_exception_in_the_constructor_is_shown_at_its_line(model: Path) -> None:
    with pytest.raises(CaptureError, match="ValueError: bad width") as caught:
        load_model(Target(model, "Raises"))
    line = line_of('        raise ValueError("bad width")')
    assert str(caught.value) == f"{model}:{line}: TL602 ValueError: bad width"
    assert (caught.value.findings[0].code, caught.value.findings[0].line) == ("TL602", line)


def test_a_model_without_values_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    for line, device in (("torch.set_default_device('meta')", "None"), ("", "'meta'")):
        path.write_text(f"import torch\n{line}\ndef Net(): return torch.nn.Linear(4, 3, device={device})\n")
        done = torchlean("capture", "net.py:Net", "--example-shape", "1,4", "-o", "o.ir.json", cwd=tmp_path)
        assert b"net.py:3: TL602 `weight` is on the meta device" in done.stderr


def test_an_exception_of_an_endless_type_is_cut_off(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text("raise type('E' * 200_000, (Exception,), {})('x')\n")
    done = torchlean("capture", "net.py:Net", "--example-shape", "1,4", "-o", "o.ir.json", cwd=tmp_path)
    assert b"(200,000 characters): x" in done.stderr and len(done.stderr) < 2_000


def test_sys_exit_is_shown_at_its_line(model: Path) -> None:
    with pytest.raises(
        CaptureError, match=rf"py:{line_of('        sys.exit(4)')}: TL602 sys\.exit\(4\) was called"
    ):
        load_model(Target(model, "Leaves"))


def test_an_exception_while_importing_is_shown_at_its_line(model: Path) -> None:
    model.write_text("import torch\n\nimport no_such_package\n", encoding="utf-8")
    with pytest.raises(CaptureError, match=r"some_model\.py:3: TL602 ModuleNotFoundError: No module named"):
        load_model(Target(model, "Net"))


def test_an_exception_in_forward_is_shown_at_its_line(model: Path) -> None:
    loaded = load_model(Target(model, "FailsInForward"))
    with pytest.raises(CaptureError, match=r"RuntimeError: .*\(with an input of shape \[1, 4\]\)") as caught:
        run_example(Instances(loaded, (1, 4)), CLASSIC)
    finding = caught.value.findings[0]
    assert (finding.code, finding.line) == ("TL603", line_of("    return torch.relu(x) @ torch.ones(7, 7)"))


def test_a_module_without_forward_says_so(model: Path) -> None:
    model.write_text("from torch import nn\nclass Net(nn.Module):\n    pass\n", encoding="utf-8")
    with pytest.raises(CaptureError, match="Net has no forward"):
        run_example(Instances(load_model(Target(model, "Net")), (1,)), CLASSIC)
