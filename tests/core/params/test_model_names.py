"""A captured model's own `state_dict`: into the artifact's parameters, and back into the model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.core.capture.support import captured
from tests.core.capture.zoo.identities import TiedDecoder, UnusedHead
from tests.core.emit.support import generated_class
from torchlean_core.artifact import load_graph
from torchlean_core.capture.write import write_captured
from torchlean_core.cli.main import main
from torchlean_core.graph import lower
from torchlean_core.interp import Interpreter
from torchlean_core.params import ParameterStore
from torchlean_core.params.tensors import load_tensors


def write(folder: Path, model: nn.Module, shape: tuple[int, ...] = (1, 6), **options) -> nn.Module:
    """Capture a model as m.ir.json, and go to its folder."""
    write_captured(captured(model.eval(), shape, **options), folder / "m.ir.json", "test")
    return model


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    return tmp_path


def output(x: torch.Tensor) -> torch.Tensor:
    program = lower(load_graph(Path("m.ir.json")))
    store = ParameterStore.load(Path("m.params.safetensors"))
    return Interpreter(program, load_tensors(store, program)).run(x)


WRAPPED = {
    "raw": lambda state: state,
    "state_dict": lambda state: {"state_dict": state, "epoch": 3},
    "model_state_dict": lambda state: {"model_state_dict": state, "optimizer": {"state": {}}},
    "model": lambda state: {"model": state},
    "parallel": lambda state: {f"module.{name}": t for name, t in state.items()},
    "compiled": lambda state: {f"_orig_mod.{name}": t for name, t in state.items()},
    "both": lambda state: {f"module._orig_mod.{name}": t for name, t in state.items()},
    "lightning": lambda state: {"state_dict": {f"model.{name}": t for name, t in state.items()}},
    "lightning with a loss": lambda state: {
        "state_dict": {**{f"model.{name}": t for name, t in state.items()}, "loss.weight": torch.ones(2)}
    },
}


@pytest.mark.parametrize("wrapping", WRAPPED)
def test_the_models_own_checkpoint_is_taken(folder: Path, wrapping: str) -> None:
    write(folder, UnusedHead())
    other = UnusedHead().eval()
    torch.save(WRAPPED[wrapping](other.state_dict()), "c.pt")
    assert main(["init", "m.ir.json", "--from", "c.pt", "--force", "-q"]) == 0
    x = torch.randn(1, 6)
    torch.testing.assert_close(output(x), other(x).detach())


def test_what_was_trained_goes_back_into_the_model(folder: Path) -> None:
    model = write(folder, UnusedHead())
    assert main(["train", "m.ir.json", "--steps", "3", "-q"]) == 0
    arguments = ["params", "convert", "m.trained.safetensors", "-o", "back.pt", "--artifact", "m.ir.json"]
    assert main([*arguments, "--names", "model", "-q"]) == 0
    state = torch.load("back.pt", weights_only=True)
    assert state["seen"].item() == 7 and torch.equal(state["places"], torch.arange(3))
    assert torch.equal(state["auxiliary.weight"], model.auxiliary.weight), "as it was at the capture"
    again = UnusedHead().eval()
    again.load_state_dict(state, strict=True)
    Path("m.trained.safetensors").replace("m.params.safetensors")
    x = torch.randn(1, 6)
    torch.testing.assert_close(output(x), again(x).detach())


def test_tied_entries_are_there_under_every_name(folder: Path) -> None:
    write(folder, TiedDecoder())
    arguments = ["params", "convert", "m.params.safetensors", "-o", "back.pt", "--artifact", "m.ir.json"]
    assert main([*arguments, "--names", "model", "-q"]) == 0
    state = torch.load("back.pt", weights_only=True)
    assert torch.equal(state["again.weight"], state["encoder.weight"])
    TiedDecoder().load_state_dict(state, strict=True)


def test_tied_entries_that_differ_are_an_error(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = write(folder, TiedDecoder())
    state = {name: t.clone() for name, t in model.state_dict().items()}
    state["again.weight"][0, 0] += 1
    torch.save(state, "c.pt")
    assert main(["init", "m.ir.json", "--from", "c.pt", "--force"]) == 1
    assert "'again.weight' and 'encoder.weight' are one tensor in the model" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("a.weight"), "TL501 'a.weight' is missing"),
        (lambda state: state.update(b=torch.ones(1)), "has no 'b': extra"),
        (lambda state: state.update({"a.bias": torch.ones(3)}), "linear_1_b has shape [3], expected [4]"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_told_by_its_names(folder, capsys, change, message) -> None:
    state = write(folder, UnusedHead()).state_dict()
    change(state)
    torch.save(state, "c.pt")
    assert main(["init", "m.ir.json", "--from", "c.pt", "--force"]) == 1
    assert message in capsys.readouterr().err


class Masked(nn.Module):
    """A buffer that becomes a part of a constant."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 6)
        self.register_buffer("mask", (torch.arange(6) > 2).float())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x) * (2 * self.mask + 1)


def test_what_was_folded_at_the_capture_must_be_the_same(folder, capsys) -> None:
    state = write(folder, Masked()).state_dict()
    torch.save(state, "c.pt")
    assert main(["init", "m.ir.json", "--from", "c.pt", "--force", "-q"]) == 0
    state["mask"] = 1 - state["mask"]
    torch.save(state, "c.pt")
    assert main(["init", "m.ir.json", "--from", "c.pt", "--force"]) == 1
    assert (
        "constants of the artifact were computed from 'mask' when the model was captured"
        in capsys.readouterr().err
    )


class Normed(nn.Module):
    """A kernel that is computed, which no node has."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.utils.parametrizations.weight_norm(nn.Conv1d(2, 2, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x)


def test_a_folded_weight_says_so_in_its_name(folder, capsys) -> None:
    write(folder, Normed(), (1, 2, 6))
    arguments = ["params", "convert", "m.params.safetensors", "-o", "back.pt", "--artifact", "m.ir.json"]
    assert main([*arguments, "--names", "model"]) == 0
    assert "conv.parametrizations.weight.original0" in capsys.readouterr().err
    assert list(torch.load("back.pt", weights_only=True)) == ["conv.bias", "folded.conv2d_2_kernel"]


@pytest.mark.parametrize("model", [TiedDecoder, UnusedHead])
def test_a_module_with_the_models_names_loads_its_state_and_back(folder: Path, model) -> None:
    original = write(folder, model())
    assert main(["emit", "m.ir.json", "--names", "model", "-o", "net.py", "-q"]) == 0
    emitted = generated_class(folder / "net.py")().eval()
    other = model().eval()
    emitted.load_state_dict(other.state_dict(), strict=True)
    x = torch.randn(1, 6)
    torch.testing.assert_close(emitted(x), other(x))
    original.load_state_dict(emitted.state_dict(), strict=True)
    own = {id(p) for p in emitted.parameters()}
    assert len(own) == len({id(p) for n, p in model().named_parameters() if not n.startswith("auxiliary")})


def test_json_weights_hold_every_use_and_come_back_as_one(folder: Path, capsys) -> None:
    write(folder, TiedDecoder())
    convert = ["params", "convert", "--artifact", "m.ir.json", "-q"]
    assert main([*convert, "m.params.safetensors", "-o", "w.json"]) == 0
    weights = json.loads(Path("w.json").read_text())["params"]
    tied = [name for name, value in weights.items() if np.shape(value) == (6, 3)]
    assert len(tied) == 1 and sum(np.shape(value) == (3, 6) for value in weights.values()) == 2
    assert main([*convert, "w.json", "-o", "back.safetensors"]) == 0
    before, after = (
        ParameterStore.load(Path("m.params.safetensors")),
        ParameterStore.load(Path("back.safetensors")),
    )
    assert before.sha256 == after.sha256
    weights[tied[0]][0][0] += 1
    Path("w.json").write_text(json.dumps(weights))
    assert main([*convert, "w.json", "-o", "back.safetensors"]) == 1
    assert f"{tied[0]} is another use of" in capsys.readouterr().err


def test_names_of_the_model_need_an_artifact(folder: Path, capsys) -> None:
    write(folder, TiedDecoder())
    assert main(["params", "convert", "m.params.safetensors", "-o", "b.pt", "--names", "model"]) == 2
    assert "--artifact" in capsys.readouterr().err


def test_step_counters_come_in_and_go_out_with_the_names(folder: Path) -> None:
    write(folder, UnusedHead())
    other = UnusedHead()
    other.norm.num_batches_tracked += 5
    torch.save({"model": {f"module.{name}": t for name, t in other.state_dict().items()}}, "c.pt")
    assert main(["init", "m.ir.json", "--from", "c.pt", "--force", "-q", "-o", "new.safetensors"]) == 0
    arguments = ["params", "convert", "new.safetensors", "-o", "back.pt", "--artifact", "m.ir.json"]
    assert main([*arguments, "--names", "model", "-q"]) == 0
    state = torch.load("back.pt", weights_only=True)
    assert state["norm.num_batches_tracked"] == 5
    assert all(torch.equal(tensor, other.state_dict()[name]) for name, tensor in state.items())


class Scaled(nn.Module):
    """A constant beside the parameters, and a weight that is no entry of the state."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 6)
        self.register_buffer("basis", torch.randn(6, 6), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x) * 0.5 + nn.functional.linear(x, self.basis)


def test_what_the_state_has_no_entry_for_stays_as_captured(folder: Path) -> None:
    write(folder, Scaled())
    torch.save(Scaled().state_dict(), "c.pt")
    before = ParameterStore.load(Path("m.params.safetensors"))
    basis = next(p.name for p in lower(load_graph(Path("m.ir.json"))).parameters() if p.model == "basis")
    assert main(["init", "m.ir.json", "--from", "c.pt", "-o", "new.safetensors", "-q"]) == 0
    assert np.array_equal(ParameterStore.load(Path("new.safetensors")).numpy(basis), before.numpy(basis))


def test_entries_of_another_model_do_not_stay(folder: Path) -> None:
    write(folder, UnusedHead())
    Path("m.params.safetensors").rename("other.safetensors")
    Path("m.ir.json").rename("first.ir.json")
    model = write(folder, Scaled())
    torch.save(model.state_dict(), "c.pt")
    assert main(["init", "m.ir.json", "--from", "c.pt", "-o", "other.safetensors", "--force", "-q"]) == 0
    assert ParameterStore.load(Path("other.safetensors")).carried() == {}
