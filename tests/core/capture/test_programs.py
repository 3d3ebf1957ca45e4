"""Programs of `torch.export` and their models: the same artifact, the same parameters, the same refusals."""

from __future__ import annotations

import dataclasses
import json
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.core.capture import support
from tests.core.capture.programs import (
    GENERALIZED,
    bare,
    captured_program,
    described,
    load,
    rewritten,
    save,
)
from tests.core.capture.zoo.survey import Entry, constructor
from torchlean_core.capture.errors import CaptureError
from torchlean_core.capture.pipeline import Captured, capture
from torchlean_core.options.capture import Options

ZOO = {
    "multilayer": ("EveryActivation", "NormalizedPerceptron", "FourierFeatures"),
    "plain": ("LeNet", "SqueezeNet"),
    "residual": ("ConvNeXt",),
    "mobile": ("GhostNet",),
    "identities": ("LowRankAdapter", "TiedDecoder", "UnusedHead", "Positions"),
    "transformers": ("PreNormBlock", "FusedAttention"),
    "recurrent": ("LSTM",),
}


def of_module(
    module: nn.Module, shape: tuple[int, ...], dialect: str = GENERALIZED, **options: Any
) -> Captured:
    return capture(support.loaded(module), shape, Path("model.ir.json"), Options(dialect=dialect, **options))


def assert_same(found: Captured, expected: Captured) -> None:
    """Both artifacts are one, but for where they come from."""
    assert bare(found) == bare(expected)
    assert found.tensors.keys() == expected.tensors.keys()
    assert all(torch.equal(found.tensors[name], expected.tensors[name]) for name in found.tensors)
    assert {name: one.tolist() for name, one in found.carried.items()} == {
        name: one.tolist() for name, one in expected.carried.items()
    }
    assert found.parameters == expected.parameters
    assert [(note.code, note.message) for note in found.notes] == [
        (note.code, note.message) for note in expected.notes
    ]
    assert found.verification is not None and found.verification.max_relative_error < 1e-6


class Buffers(nn.Module):
    """Buffers of both kinds, constants, a tensor that is an attribute, and a parameter that is not trained."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scale", torch.linspace(0.5, 2, 4))
        self.register_buffer("hidden", torch.full((4,), 2.0), persistent=False)
        self.constant = torch.arange(4.0)
        self.frozen = nn.Parameter(torch.ones(4), requires_grad=False)
        self.norm = nn.BatchNorm1d(4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x * self.scale + self.hidden * self.constant
        return self.norm(y * self.frozen + torch.tensor([1.0, 2.0, 3.0, 4.0]))


class Tied(nn.Module):
    """One layer under two names, and one weight in two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.again = self.first
        self.other = nn.Linear(4, 4)
        self.other.weight = self.first.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.other(torch.relu(self.again(torch.relu(self.first(x)))))


class WithoutGradients(nn.Module):
    """Regions without gradients, one in another, and what is detached."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            y = self.a(x)
            with torch.enable_grad():
                z = self.b(x)
        return y * z + self.c(x).detach() + self.c(x)


Pair = namedtuple("Pair", "left right")
torch.utils._pytree._register_namedtuple(Pair, serialized_type_name="tests.Pair")


@dataclasses.dataclass
class Output:
    """What a model of transformers returns."""

    logits: torch.Tensor
    hidden: tuple[torch.Tensor, ...]


torch.export.register_dataclass(Output, serialized_type_name="tests.Output")


class Returning(nn.Module):
    """Returns its hidden and last values in a container."""

    def __init__(self, container: Any) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self._container = [container]

    def forward(self, x: torch.Tensor) -> Any:
        h = self.layer(x)
        return self._container[0](x, h, torch.relu(h))


class InPlace(nn.Module):
    """Operators in place, also on a view."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x + 1
        y[:, 0] = 2.0
        return torch.nn.functional.relu_(y)


class Turned(nn.Module):
    """Complex numbers, and a result whose last operator a decomposition takes away."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("turns", torch.polar(torch.ones(2), torch.arange(2.0)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pairs = torch.view_as_complex(x.float().reshape(2, 2, 2))
        return torch.view_as_real(pairs * self.turns).flatten(1).type_as(x)


OWN = {
    "turned": Turned,
    "buffers": lambda: Buffers(),
    "tied": lambda: Tied(),
    "without gradients": lambda: WithoutGradients(),
    "in place": lambda: InPlace(),
    "dropout": lambda: nn.Sequential(nn.Linear(4, 4), nn.Dropout(), nn.Softmax(-1)),
    "attention": lambda: nn.TransformerEncoderLayer(4, 2, 8, batch_first=True),
    "the input returned": lambda: Returning(lambda x, h, y: (y, x)),
    "tuple": lambda: Returning(lambda x, h, y: (h, y)),
    "dict": lambda: Returning(lambda x, h, y: {"y": y, "h": [h, (x, h)]}),
    "named tuple": lambda: Returning(lambda x, h, y: Pair(h, y)),
    "dataclass": lambda: Returning(lambda x, h, y: Output(y, (x, h))),
}


@pytest.mark.parametrize(
    "entry", [Entry(family, name) for family, names in ZOO.items() for name in names], ids=str
)
def test_a_program_gives_the_artifact_of_its_model(entry: Entry, tmp_path: Path) -> None:
    new = constructor(entry)
    expected = of_module(new(), entry.shape)
    assert_same(captured_program(save(new(), entry.shape, tmp_path / "m.pt2")), expected)


@pytest.mark.parametrize("name", OWN)
def test_a_program_has_the_identities_of_its_model(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    module, shape = OWN[name](), (2, 3, 4) if name == "attention" else (2, 4)
    expected = of_module(module, shape)
    found = captured_program(save(module, shape, tmp_path / "m.pt2"))
    assert_same(found, expected)
    assert found.graph.extra["captured_from"].get("outputs") == expected.graph.extra["captured_from"].get(
        "outputs"
    )


@pytest.mark.parametrize("dialect", ["classic", GENERALIZED])
def test_both_dialects_are_written(dialect: str, tmp_path: Path) -> None:
    module = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 2))
    expected = of_module(module, (1, 2, 4, 4), dialect)
    assert_same(captured_program(save(module, (1, 2, 4, 4), tmp_path / "m.pt2"), dialect), expected)


def test_core_operators_are_captured(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.Hardswish(), nn.Softmax(-1))
    found = captured_program(save(module, (2, 4), tmp_path / "m.pt2", decompose=True))
    assert found.verification is not None and found.verification.max_relative_error < 1e-6
    assert "training_differs" not in found.graph.extra


def test_gradients_of_a_program_are_compared(tmp_path: Path) -> None:
    """What is without gradients in the program is so in the artifact, and what is trained is."""
    found = captured_program(save(WithoutGradients(), (2, 4), tmp_path / "m.pt2"))
    nodes = json.loads(found.text)
    assert "training_differs" not in nodes
    (tmp_path / "frozen").mkdir()
    changed = described(tmp_path / "m.pt2", tmp_path / "frozen" / "m.pt2", _switch_gradients_on)
    other = captured_program(changed)
    assert bare(other) != bare(found)


def _switch_gradients_on(program: dict[str, Any]) -> None:
    for node in program["graph_module"]["graph"]["nodes"]:
        if node["target"].endswith("wrap_with_set_grad_enabled"):
            node["inputs"][0]["arg"] = {"as_bool": True}


def test_what_an_artifact_says_of_its_program(tmp_path: Path) -> None:
    file = save(Tied(), (2, 4), tmp_path / "m.pt2")
    graph = captured_program(file).graph
    captured_from = graph.extra["captured_from"]
    assert captured_from["file"] == "m.pt2" and captured_from["format"] == "pt2"
    assert captured_from["example_shape"] == [2, 4] and "class" not in captured_from
    assert captured_from["state"]["tied"]["other.weight"] == "first.weight"
    sources = [node.extra.get("source") for node in graph.nodes[1:]]
    line = next(
        number
        for number, text in enumerate(Path(__file__).read_text().splitlines(), 1)
        if "self.again(" in text
    )
    assert {"line": line, "file": "test_programs.py", "module": "other"} in sources
    assert all("span" not in source for source in sources if source)


def test_capturing_again_gives_the_same_bytes(tmp_path: Path) -> None:
    file = save(Buffers(), (2, 4), tmp_path / "m.pt2")
    assert captured_program(file).text == captured_program(file).text


def test_a_program_of_a_graphics_card_is_run_here(tmp_path: Path) -> None:
    module = Buffers()
    file = save(module, (2, 4), tmp_path / "m.pt2")

    def moved(names: dict[str, bytes]) -> None:
        for name, content in names.items():
            if name.endswith(".json"):
                names[name] = content.replace(
                    b'{"type": "cpu", "index": null}', b'{"type": "cuda", "index": 0}'
                )

    (tmp_path / "cuda").mkdir()
    assert_same(
        captured_program(rewritten(file, tmp_path / "cuda" / "m.pt2", moved)), of_module(module, (2, 4))
    )


class Two(nn.Module):
    """Takes two inputs."""

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return x + y


class Branch(nn.Module):
    """Chooses by a value."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cond(x.sum() > 0, lambda x: x + 1, lambda x: x - 1, (x,))


class Counting(nn.Module):
    """Changes its state."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return x * self.calls


def _program(module: nn.Module, *inputs: torch.Tensor, **export: Any) -> torch.export.ExportedProgram:
    return torch.export.export(module, inputs, strict=False, **export)


def _dynamic() -> torch.export.ExportedProgram:
    shapes = ({0: torch.export.Dim("batch", min=2, max=64)},)
    return _program(nn.Linear(4, 4), torch.randn(3, 4), dynamic_shapes=shapes)


class Smooth(nn.Module):
    """Has an operator without an exact form."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.gelu(x)


REFUSED = {
    "several inputs": (lambda: _program(Two(), torch.ones(2), torch.ones(2)), "forward takes 2 inputs (x, y)"),
    "no float32": (lambda: _program(nn.Linear(4, 4).double(), torch.ones(4).double()), "the input `input` is float64"),
    "whole numbers": (lambda: _program(nn.Embedding(4, 4), torch.ones(2).long()), "the input `input` is int64"),
    "dynamic": (_dynamic, "the input's shape is dynamic (["),
    "control flow": (lambda: _program(Branch(), torch.ones(2)), "an artifact has no control flow"),
    "state": (lambda: _program(Counting(), torch.ones(2)), "state"),
    "batch norm in training": (lambda: _program(nn.BatchNorm1d(4).train(), torch.ones(2, 4)), "num_batches_tracked"),
    "dropout in training": (lambda: _program(nn.Dropout().train(), torch.ones(2, 4)), "draws random numbers"),
    "float64 inside": (
        lambda: _program(support.Lambda(lambda m, x: (x.double() * 2).float()), torch.ones(2)),
        "float64",
    ),
    "no result": (lambda: _program(support.Lambda(lambda m, x: (x + 1, None)), torch.ones(2)), "NoneType"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_program_that_is_no_artifact_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    program, message = REFUSED[name]
    file = tmp_path / "m.pt2"
    torch.export.save(program(), file)
    with pytest.raises(CaptureError) as refusal:
        captured_program(file)
    (finding,) = refusal.value.findings
    assert message in finding.message and "\n" not in finding.message


def test_an_operator_without_a_form_is_at_its_line(tmp_path: Path) -> None:
    file = save(Smooth(), (2, 4), tmp_path / "m.pt2")
    with pytest.raises(CaptureError) as refusal:
        captured_program(file)
    (finding,) = refusal.value.findings
    assert finding.code == "TL601" and finding.allow == "gelu=erf"
    assert finding.file == "test_programs.py" and finding.span is not None
    assert "functional.gelu(x)" in Path(__file__).read_text().splitlines()[finding.span.line - 1]
    assert f"test_programs.py:{finding.span.line}: TL601 aten.gelu.default" in str(refusal.value)
    allowed = captured_program(file, approximate={"gelu": "tanh"})
    assert [mark["operator"] for mark in allowed.graph.extra["approximations"]] == ["gelu"]


def test_tensors_are_those_of_the_file_and_not_of_the_machine(tmp_path: Path) -> None:
    loaded, shape = load(save(Tied(), (2, 4), tmp_path / "m.pt2"))
    module = loaded.module
    assert shape == (2, 4)
    assert module.get_parameter("other.weight") is module.get_parameter("first.weight")
    assert module.get_parameter("again.bias") is module.get_parameter("first.bias")


def test_values_are_what_a_program_says_of_them(tmp_path: Path) -> None:
    """Lowering relies on it, and nobody but the file says it."""
    (tmp_path / "other").mkdir()

    def changed(program: dict[str, Any]) -> None:
        program["graph_module"]["graph"]["tensor_values"]["relu"]["sizes"][1] = {"as_int": 5}

    file = save(Tied(), (2, 4), tmp_path / "m.pt2")
    with pytest.raises(
        CaptureError, match=r"says that `relu` is float32 \[2, 5\], and it is float32 \[2, 4\]"
    ):
        captured_program(described(file, tmp_path / "other" / "m.pt2", changed))


def test_a_region_without_operators_is_none(tmp_path: Path) -> None:
    """torch writes such a region and cannot read it."""
    file = save(WithoutGradients(), (2, 4), tmp_path / "m.pt2")
    with pytest.raises(Exception, match="missing val"):
        torch.export.load(file)
    assert captured_program(file).graph.nodes
