"""The capture as a whole: both ways of tracing, provenance, names of parameters, equal bytes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from tests.core.capture.support import captured, exact, kinds
from torchlean_core.artifact import parse_graph
from torchlean_core.capture import trace
from torchlean_core.capture.values import content
from torchlean_core.graph import lower


class Net(nn.Module):
    """Something of everything that both ways of tracing treat differently."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, groups=1, bias=False)
        self.norm = nn.BatchNorm2d(2)
        self.body = nn.Sequential(nn.ReLU(inplace=True), nn.Dropout(0.5), nn.MaxPool2d(2))
        self.head = nn.Linear(8, 4, bias=False)
        self.layer_norm = nn.LayerNorm(4)
        self.scale = nn.Parameter(torch.full((4,), 1.5))
        self.register_buffer("shift", torch.arange(4.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.body(self.norm(self.conv(x)))
        x = self.head(torch.flatten(x, 1))
        x = self.layer_norm(x) * self.scale
        x += self.shift
        return torch.softmax(x, dim=-1)


def net() -> Net:
    torch.manual_seed(0)
    return Net()


def test_both_ways_of_tracing_give_the_same_graph() -> None:
    exported = captured(net(), (1, 1, 6, 6), debug_targets=False)
    symbolic = captured(net(), (1, 1, 6, 6), debug_targets=False, prefer_torch_export=False)
    assert (exported.path, symbolic.path) == ("torch.export", "FX symbolic tracing")
    assert exact(exported) and exact(symbolic)
    assert kinds(exported) == kinds(symbolic)
    assert exported.tensors.keys() == symbolic.tensors.keys()
    assert all(torch.equal(exported.tensors[name], symbolic.tensors[name]) for name in exported.tensors)


def test_parameters_of_the_model_stay_trainable_on_both_ways() -> None:
    for prefer in (True, False):
        program = lower(captured(net(), (1, 1, 6, 6), prefer_torch_export=prefer).graph)
        trainable = [p.name.split("_")[0] for p in program.parameters() if p.trainable]
        assert trainable.count("const") == 3  # gamma, beta, scale; not shift


def test_fx_is_the_fallback_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError("no export today\nsecond line")

    monkeypatch.setattr(torch.export, "export", fail)
    result = captured(net(), (1, 1, 6, 6))
    assert result.path == trace.FX
    assert result.reason == "torch.export failed: RuntimeError: no export today"


def test_the_input_is_told_from_parameters_by_the_signature() -> None:
    result = captured(net(), (1, 1, 6, 6))
    graph = result.graph
    assert [node.kind for node in graph.nodes].count("input") == 1
    assert graph.nodes[graph.input_id].shape == (1, 1, 6, 6)


def test_an_unchanged_model_gives_the_same_bytes() -> None:
    first, second = captured(net(), (1, 1, 6, 6)), captured(net(), (1, 1, 6, 6))
    assert first.text == second.text
    assert all(torch.equal(first.tensors[name], second.tensors[name]) for name in first.tensors)


def test_the_text_is_the_graph() -> None:
    result = captured(net(), (1, 1, 6, 6))
    assert parse_graph(result.text) == result.graph


def test_the_parameters_are_those_the_artifact_asks_for() -> None:
    result = captured(net(), (1, 1, 6, 6))
    expected = {parameter.name: parameter.shape for parameter in lower(result.graph).parameters()}
    assert {name: tuple(tensor.shape) for name, tensor in result.tensors.items()} == expected
    assert all(tensor.dtype == torch.float32 for tensor in result.tensors.values())


def test_provenance_says_where_everything_came_from() -> None:
    result = captured(net(), (1, 1, 6, 6), file=__file__)
    assert result.graph.extra["captured_from"]["class"] == "Model"
    assert result.graph.extra["captured_from"]["example_shape"] == [1, 1, 6, 6]
    linear = next(node for node in result.graph.nodes if node.kind == "linear")
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    line = next(i for i, text in enumerate(lines, 1) if "self.head(torch.flatten" in text)
    start = lines[line - 1].index("self.head(")
    span = [line, start, line, start + len(lines[line - 1][start:].split("  #")[0].rstrip())]
    assert linear.extra == {
        "parameters": {"W": {"name": "head.weight"}, "b": {"absent": True}},
        "debug_target": "aten.linear.default",
        "source": {"line": line, "module": "head", "span": span},
    }


def test_debug_targets_can_be_left_out() -> None:
    assert "debug_target" not in captured(net(), (1, 1, 6, 6), debug_targets=False).text


def test_the_model_itself_is_left_as_it_was() -> None:
    model = net()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    captured(model, (1, 1, 6, 6))
    captured(model, (1, 1, 6, 6), prefer_torch_export=False)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("prefer_torch_export", [True, False])
def test_an_input_that_forward_changes_in_place_is_no_output(prefer_torch_export: bool) -> None:
    model = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(3, 2))
    result = captured(model, (2, 3), prefer_torch_export=prefer_torch_export)
    assert kinds(result) == ["relu", "linear"]
    assert exact(result)


@pytest.mark.parametrize("prefer_torch_export", [True, False])
def test_buffers_that_are_not_saved_are_captured(prefer_torch_export: bool) -> None:
    class Shifted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("shift", torch.arange(3.0), persistent=False)
            self.plain = torch.tensor([1.0, -1.0, 2.0])

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (x + self.shift) * self.plain.to(x.dtype)

    assert captured(Shifted(), (2, 3), prefer_torch_export=prefer_torch_export).verification is not None


def test_tied_weights_are_written_at_each_use() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(3, 3)
            self.second = self.first

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.second(torch.relu(self.first(x)))

    for prefer in (True, False):
        result = captured(Tied(), (2, 3), prefer_torch_export=prefer)
        assert kinds(result) == ["linear", "relu", "linear"]
        assert exact(result)


def test_attention_is_captured() -> None:
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True, dropout=0.1)
    assert exact(captured(layer, (1, 3, 4)))


@pytest.mark.parametrize("causal", [True, False])
def test_attention_with_a_constant_mask_is_captured(causal: bool) -> None:
    class Attention(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            mask = None if causal else torch.eye(3, dtype=torch.bool)
            return nn.functional.scaled_dot_product_attention(x, x, x, mask, is_causal=causal)

    assert exact(captured(Attention(), (2, 3, 4)))


def test_attention_with_an_extra_zero_key_is_not_taken_for_plain_attention() -> None:
    class Zero(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(4, 1, add_zero_attn=True, batch_first=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.attention(x, x, x, need_weights=False)[0]

    assert exact(captured(Zero(), (1, 3, 4)))


def test_the_bytes_of_a_tensor_outlive_it() -> None:
    for _ in range(50):
        view = content(torch.arange(12.0).reshape(3, 4).T.contiguous())
        other = torch.full((4, 3), 7.0)  # would get the memory of a tensor that is gone
        assert view.tobytes() == torch.arange(12.0).reshape(3, 4).numpy().T.tobytes()
        assert content(other).tobytes() == other.numpy().tobytes()
    assert content(torch.empty(0)).tobytes() == b""
