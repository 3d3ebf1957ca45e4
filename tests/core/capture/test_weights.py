"""Large models: their instances share parameters, run and are constructed a few times only, and change nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.core.capture.support import loaded
from torchlean_core.capture import weights
from torchlean_core.capture.errors import CaptureError
from torchlean_core.capture.instances import Instances, run_example
from torchlean_core.capture.load import load_model
from torchlean_core.capture.pipeline import Captured, capture
from torchlean_core.capture.target import Target
from torchlean_core.capture.weights import LARGE, can_share, changed, fingerprints
from torchlean_core.kinds import DIALECTS
from torchlean_core.options.capture import Options

HEAD = """\
from collections import Counter

import torch
from torch import nn

COUNTS = Counter()
SHARED = nn.Linear(1024, 1024)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        COUNTS['constructed'] += 1
        self.l = nn.Linear(1024, 1024)
        self.norm = nn.BatchNorm1d(1024)
        self.out = nn.Linear(1024, 2)
        self.calls = 0
        self.f = nn.functional.relu

"""
SHAPE = (2, 1024)
PLAIN = "return self.out(self.f(self.norm(self.l(x))))"


@pytest.fixture(autouse=True)
def _own_interpreter_state(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("argv", "path"):
        monkeypatch.setattr(sys, name, list(getattr(sys, name)))


def run(folder: Path, forward: str, *, fx: bool = False, after: str = "", name: str = "Net") -> Captured:
    """Capture a `Net` with this body of forward."""
    sys.modules.pop("large_model", None)
    body = "".join(f"        {line}\n" for line in forward.splitlines())
    file = folder / "large_model.py"
    file.write_text(
        f"{HEAD}    def forward(self, x):\n        COUNTS['run'] += 1\n{body}\n\n{after}", encoding="utf-8"
    )
    options = Options(prefer_torch_export=not fx)
    return capture(load_model(Target(file, name)), SHAPE, folder / "out.ir.json", options)


def outcome(folder: Path, forward: str, **how: object) -> object:
    """What a capture gives, or why it is refused."""
    try:
        result = run(folder, forward, **how)  # type: ignore[arg-type]
    except CaptureError as error:
        return str(error)
    tensors = {name: tensor.tolist() for name, tensor in result.tensors.items()}
    return result.text, tensors, [note.message for note in result.notes], result.verification


MODELS = {
    "plain": PLAIN,
    "a counter": "self.calls += 1\nreturn self.out(self.l(x)) * (1 + 0 * self.calls)",
    "a result that depends on a counter": "self.calls += 1\nreturn self.out(self.l(x)) * self.calls",
    "weights that are cut by data": "self.l.weight.data.clamp_(-0.01, 0.01)\nreturn self.out(self.l(x))",
    "weights that are cut at their ends": "self.l.weight.data.clamp_(-9, 9)\nreturn self.out(self.l(x))",
    "weights that shrink by data": "y = self.out(self.l(x))\nself.l.weight.data.mul_(0.5)\nreturn y",
    "weights that are exchanged": "self.l.weight.data = self.l.weight.data * 0.5\nreturn self.out(self.l(x))",
    "weights by numpy": (
        "if type(x) is torch.Tensor:\n    with torch.no_grad():\n        self.l.weight.numpy()[:] *= 0.5\n"
        "return self.out(self.l(x))"
    ),
    "a buffer": "self.norm.running_mean.data.add_(1.0)\nreturn self.out(self.norm(self.l(x)))",
    "a closure": "if self.calls == 0:\n    self.f = lambda y: self.l(y)\nreturn self.out(self.f(x))",
}


@pytest.mark.parametrize("fx", [False, True], ids=["export", "fx"])
@pytest.mark.parametrize("name", MODELS)
def test_shared_parameters_change_nothing_of_what_a_capture_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, fx: bool
) -> None:
    found = outcome(tmp_path, MODELS[name], fx=fx)
    monkeypatch.setattr(weights, "LARGE", sys.maxsize)
    assert found == outcome(tmp_path, MODELS[name], fx=fx)


ATTRIBUTES = {
    "a closure": "m.f = lambda x: m.l(x).relu()",
    "a hook on a module": "m.l.register_forward_hook(lambda part, args, result: result * 2)",
    "a hook on a parameter": "m.l.weight.register_hook(lambda gradient: gradient * 2)",
    "a tied weight": "m.norm.weight = m.l.bias",
    "a frozen weight": "m.l.weight.requires_grad_(False)",
    "what cannot be copied": "m.g = (n for n in range(3))",
    "a module of the file": "m.l = SHARED",
}


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_models_of_all_makes_are_captured_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    after = f"def net():\n    m = Net()\n    {ATTRIBUTES[name]}\n    return m\n"
    found = outcome(tmp_path, PLAIN, after=after, name="net")
    assert isinstance(found, tuple)
    monkeypatch.setattr(weights, "LARGE", sys.maxsize)
    assert found == outcome(tmp_path, PLAIN, after=after, name="net")


def test_a_large_model_is_constructed_twice_and_run_a_few_times(tmp_path: Path) -> None:
    result = run(tmp_path, PLAIN)
    module = sys.modules["large_model"]
    assert result.verification is not None and result.verification.dtype == torch.float64
    assert module.COUNTS["constructed"] == 2
    # The example, the trace, values in float64 and float32, the first one again, gradients of two inputs.
    assert module.COUNTS["run"] == 1 + 1 + 1 + 2 + 1 + 2


def test_instances_of_a_large_model_have_its_memory_and_their_own_gradients() -> None:
    model = nn.Sequential(nn.Linear(1024, 1024), nn.BatchNorm1d(1024))
    instances = Instances(loaded(model), SHAPE)
    run_example(instances, next(iter(DIALECTS.values())))
    assert instances.shares
    one, another = instances.copy(), instances.new()
    assert another is model  # which is traced
    third = instances.new()
    parts = [part[0].weight for part in (model, one, third) if isinstance(part, nn.Sequential)]
    assert len({part.data_ptr() for part in parts}) == 1 and len(set(map(id, parts))) == 3
    assert instances.copy()[1].running_mean.data_ptr() != model[1].running_mean.data_ptr()  # type: ignore[index]
    double = instances.in_float64()
    assert {p.dtype for p in double.parameters()} == {torch.float64}
    held = instances.held_by(double, {"w": model[0].weight.detach(), "other": torch.zeros(2)})
    assert held["w"].data_ptr() == double[0].weight.data_ptr()  # type: ignore[index]
    assert held["other"].dtype == torch.float32


def test_parameters_that_change_behind_the_first_run_are_refused() -> None:
    class Late(nn.Linear):
        total = 0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            Late.total += 1
            if Late.total > 4 and type(x) is torch.Tensor:
                with torch.no_grad():
                    self.weight[0, 0] += 1e-30
            return super().forward(x)

    model = Late(1024, 1024)
    with torch.no_grad():
        model.weight[0, 0] = 0.0
    with pytest.raises(CaptureError, match=r"forward keeps state: `weight` of Late changes when it runs"):
        capture(loaded(model), SHAPE, Path("model.ir.json"))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.complex64])
@pytest.mark.parametrize("shape", [(4, 6), (3, 5), (1,)])
def test_a_fingerprint_is_another_one_where_any_element_is(
    dtype: torch.dtype, shape: tuple[int, ...]
) -> None:
    module = nn.Module()
    module.p = nn.Parameter(torch.ones(shape, dtype=dtype))
    module.q = nn.Parameter(torch.ones((*shape, 2), dtype=dtype).transpose(0, -1))
    before = fingerprints(module)
    assert list(changed(before, module)) == []
    with torch.no_grad():
        module.q[(-1,) * module.q.dim()] += 1
    assert list(changed(before, module)) == ["q"]


def test_small_models_and_those_with_code_in_attributes_share_nothing() -> None:
    side = int(LARGE**0.5) + 1
    large = nn.Linear(side, side)
    assert can_share(large) and not can_share(nn.Linear(9, 9))
    large.f = [{"f": len}, 3, (torch.relu, "x")]  # type: ignore[assignment]
    assert can_share(large)
    large.f.append(large.f)  # type: ignore[operator, union-attr]
    assert not can_share(large)
    large.f = {"f": [lambda x: large(x)]}  # type: ignore[assignment]
    assert not can_share(large)
