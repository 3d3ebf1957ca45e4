"""What a parameter is survives capture: training the artifact is training the model, or a finding says why not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.core.capture.support import Lambda, captured, exact, function, kinds
from tests.core.capture.zoo.survey import Entry, constructor, entries, survey
from tests.core.capture.zoo.training import OPTIMIZERS, agreement
from torchlean_core.artifact import load_graph
from torchlean_core.capture.write import write_captured
from torchlean_core.graph import lower
from torchlean_core.interp.interpreter import full_precision
from torchlean_core.params import ParameterStore
from torchlean_core.params.resolve import resolve
from torchlean_core.train import Optimizer, ScalarModuleDef

LIMIT = 1e-6


@pytest.mark.parametrize("entry", entries("identities"), ids=str)
def test_training_the_artifact_is_training_the_model(entry: Entry) -> None:
    outcome = survey(entry, export=False)
    assert outcome.captured is not None
    assert [note.code for note in outcome.captured.notes if note.code == "TL407"] == []
    for optimizer in OPTIMIZERS:
        found = agreement(constructor(entry), outcome.captured, optimizer)
        assert max(found.losses, found.outputs, found.parameters) < LIMIT, optimizer


@pytest.mark.parametrize("entry", entries("identities"), ids=str)
def test_every_parameter_is_stored_once_and_says_whether_it_trains(entry: Entry) -> None:
    outcome = survey(entry, export=False)
    assert outcome.captured is not None
    model = constructor(entry)()
    own = dict(model.named_parameters())
    stored = lower(outcome.captured.graph).parameters()
    names = [p.model for p in stored if p.model is not None]
    assert len(names) == len(set(names))
    assert {p.model for p in stored if p.trainable} <= set(own), (
        "nothing trains that the model has no parameter for"
    )
    for parameter in stored:
        if parameter.model in own:
            assert parameter.shape == tuple(own[parameter.model].shape)
            assert not (parameter.trainable and not own[parameter.model].requires_grad)


def source_of(entry: Entry, lines: list[str]) -> str:
    """Text of a model's class."""
    start = lines.index(f"class {entry.name}(nn.Module):")
    end = next((n for n in range(start + 1, len(lines)) if lines[n][:1] not in ("", " ")), len(lines))
    return "\n".join(lines[start:end])


@pytest.mark.parametrize("entry", entries("differing"), ids=str)
def test_what_trains_otherwise_is_told_at_its_line(entry: Entry) -> None:
    outcome = survey(entry, export=False)
    assert outcome.captured is not None and outcome.captured.verification is not None
    lines = entry.file.read_text(encoding="utf-8").splitlines()
    notes = [note for note in outcome.captured.notes if note.code == "TL407"]
    where = "# here" if "# here" in source_of(entry, lines) else f"class {entry.name}"
    assert notes and all(note.line is not None and where in lines[note.line - 1] for note in notes)
    recorded = json.loads(outcome.captured.text)["training_differs"]
    assert [entry["reason"] for entry in recorded] == [
        note.message.removeprefix("training this artifact is not training the model: ") for note in notes
    ]
    assert all(entry["line"] == note.line for entry, note in zip(recorded, notes, strict=True))


@pytest.mark.parametrize("entry", entries("differing"), ids=str)
def test_what_is_told_is_so(entry: Entry) -> None:
    outcome = survey(entry, export=False)
    assert outcome.captured is not None
    if entry.name in ("Pruned", "SharedMemory"):
        pytest.skip("a weight has to cross the threshold first; memory is shared in float32 only")
    found = agreement(constructor(entry), outcome.captured, "momentum")
    assert found.outputs > 1e-6


def test_nothing_is_told_where_gradients_are_not_compared_and_nothing_was_folded() -> None:
    result = captured(nn.Linear(3, 2), (1, 3), verify=False)
    assert result.notes == [] and "training_differs" not in json.loads(result.text)


def test_a_recurrent_layer_has_its_parameters_once_however_many_steps() -> None:
    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn, self.out = nn.LSTM(32, 64, batch_first=True), nn.Linear(64, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.out(self.rnn(x)[0][:, -1])

    for steps in (2, 7):
        assert captured(Last(), (1, steps, 32)).parameters == 25_218


def test_fold_makes_constants_of_what_is_computed_of_parameters_and_says_so() -> None:
    raw = nn.Parameter(torch.randn(4, 3))

    def forward(m, x):
        return nn.functional.linear(x, m.raw.exp())

    assert kinds(function(forward, (1, 3), raw=raw)) != ["linear"]
    module = captured(_Lambda(forward, raw), (1, 3), fold=True)
    assert kinds(module) == ["linear"] and exact(module)
    assert [note.code for note in module.notes] == ["TL407"]
    assert module.graph.nodes[1].extra["parameters"]["W"] == {"derived": ["raw"]}


class _Lambda(nn.Module):
    def __init__(self, forward, raw: nn.Parameter) -> None:
        super().__init__()
        self.raw, self._forward = raw, [forward]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self._forward[0](self, x)


def test_a_module_that_cannot_run_with_gradients_is_captured_and_says_so() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.layer(x)
            return y + torch.from_numpy(y.numpy() * 0) if type(y) is torch.Tensor else y

    result = captured(Model(), (1, 3))
    assert ["cannot be run with gradients" in note.message for note in result.notes] == [True]


def test_the_store_of_a_captured_model_says_which_uses_share_a_tensor(tmp_path: Path) -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.bias = nn.Linear(4, 3), nn.Parameter(torch.zeros(4))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return nn.functional.linear(self.a(x), self.a.weight.T, self.bias)

    result = captured(Tied(), (1, 4))
    write_captured(result, tmp_path / "m.ir.json", "test")
    store = ParameterStore.load(tmp_path / "m.params.safetensors")
    assert store.names == ["linear_1_W", "linear_1_b", "linear_2_b"]
    assert json.loads(store.metadata["uses"]) == {
        "linear_2_W": {"stored": "linear_1_W", "view": [{"permute": [1, 0]}]}
    }
    program = lower(load_graph(tmp_path / "m.ir.json"))
    assert store.validate(program) == []


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("entry", entries("identities"), ids=str)
def test_gpu_trains_shared_and_fixed_parameters_as_the_cpu_does(entry: Entry) -> None:
    outcome = survey(entry, export=False)
    assert outcome.captured is not None
    program = lower(outcome.captured.graph)
    definition = ScalarModuleDef.of_program(program, "mse", outcome.captured.tensors)
    generator = torch.Generator().manual_seed(1)
    samples = [
        (
            torch.randn(2, *outcome.captured.graph.input_shape, generator=generator),
            torch.randn(2, *outcome.captured.graph.output_shape, generator=generator),
        )
        for _ in range(3)
    ]
    trained = {}
    for device in ("cpu", "cuda"):
        module = definition.instantiate(device=device)
        with full_precision():
            module.train_with(
                Optimizer("sgd", lr=1e-3, momentum=0.9), 6, [(x.to(device), y.to(device)) for x, y in samples]
            )
        trained[device] = module.params()
    for name, expected in trained["cpu"].items():
        torch.testing.assert_close(trained["cuda"][name].cpu(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dialect", ["classic", "generalized"])
def test_a_view_of_the_same_shape_is_not_taken_for_the_parameter(tmp_path: Path, dialect: str) -> None:
    torch.manual_seed(0)
    weight = nn.Parameter(torch.randn(3, 4, 3))
    result = captured(
        Lambda(lambda m, x: x * m.weight.transpose(0, 2), weight=weight), (3, 4, 3), dialect=dialect
    )
    path = tmp_path / "m.ir.json"
    write_captured(result, path, "test")
    store = resolve(load_graph(path), path).store
    assert store is not None
    (parameter,) = lower(result.graph).parameters()
    assert torch.equal(torch.from_numpy(store.numpy(parameter.name).copy()), weight.detach())


def test_a_parameter_of_which_a_part_is_used_stays_beside(tmp_path: Path) -> None:
    torch.manual_seed(0)
    weight = nn.Parameter(torch.randn(3, 6))
    result = captured(Lambda(lambda m, x: x * m.weight[:, 2:], weight=weight), (3, 4), dialect="generalized")
    assert not result.inline and result.beside == "of `weight` they would hold 12 of 18 numbers"
    path = tmp_path / "m.ir.json"
    write_captured(result, path, "test")
    store = resolve(load_graph(path), path).store
    assert store is not None
    (parameter,) = lower(result.graph).parameters()
    assert torch.equal(torch.from_numpy(store.numpy(parameter.name).copy()), weight.detach())


def test_a_temperature_stays_a_parameter() -> None:
    t, b = nn.Parameter(torch.tensor(0.07)), torch.tensor(2.0)
    found = function(lambda m, x: m.fc(x) / m.t + x / m.b, (2, 3), fc=nn.Linear(3, 3), t=t, b=b)
    assert not found.notes
    named = {one.model for one in lower(found.graph).parameters()}
    assert {"t", "b"} <= named
