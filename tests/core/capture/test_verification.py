"""Self-verification: what is rounding, what is another function, and what both sides may compute with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations

from tests.core.capture.support import Lambda, captured, exact, function, kinds
from torchlean_core.capture.compact import compact
from torchlean_core.capture.errors import CaptureError
from torchlean_core.capture.registry import LOWERINGS
from torchlean_core.graph import lower
from torchlean_core.interp import Interpreter


def test_an_epsilon_that_depends_on_the_type_is_judged_in_float32() -> None:
    result = function(lambda m, x: F.rms_norm(x * 0.05, (4,)), (2, 4))
    check = result.verification
    assert check is not None and check.dtype == torch.float32 and check.max_relative_error < 1e-6


def test_a_deviation_whose_squares_vanish_at_tiny_inputs_is_as_exact_as_the_model() -> None:
    for correction in (0, 1):
        assert exact(function(lambda m, x: x.std(dim=1, correction=correction), (3, 4)))  # noqa: B023
    assert exact(function(lambda m, x: torch.std_mean(x, dim=1)[0], (3, 4)))


def test_a_constant_that_float32_does_not_hold_is_judged_in_float32() -> None:
    result = function(lambda m, x: torch.sin((2 * torch.pi * x) @ m.w), (5, 3), w=100 * torch.ones(3, 2))
    check = result.verification
    assert check is not None and check.dtype == torch.float32


def test_what_is_computed_of_parameters_is_computed_in_float64() -> None:
    torch.manual_seed(0)
    layers = nn.Sequential(
        parametrizations.spectral_norm(nn.Linear(6, 6)),
        parametrizations.weight_norm(nn.Linear(6, 6)),
        parametrizations.orthogonal(nn.Linear(6, 6)),
    )
    result = captured(layers, (2, 6), fold=True)
    assert kinds(result) == ["linear"] * 3
    assert exact(result)


def test_what_is_computed_of_parameters_is_computed_by_nodes_where_it_has_a_form() -> None:
    torch.manual_seed(0)
    layers = nn.Sequential(
        parametrizations.spectral_norm(nn.Linear(6, 6)), parametrizations.weight_norm(nn.Linear(6, 6))
    )
    result = captured(layers, (2, 6))
    names = {p.model for p in lower(result.graph).parameters() if p.trainable}
    assert names == {name for name, _ in layers.named_parameters()}
    assert exact(result) and result.notes == []


FLOAT64: dict[str, Any] = {
    "a conversion": lambda m, x: (x.double() * 2).sin().float(),
    "a buffer": lambda m, x: (x * m.w).float(),
    "a sum": lambda m, x: x.sum(dtype=torch.float64).float() * m.w.float(),
    "a softmax": lambda m, x: x.softmax(0, dtype=torch.float64).float(),
}


@pytest.mark.parametrize("name", FLOAT64)
def test_float64_in_between_is_refused_once_where_it_begins(name: str) -> None:
    w = torch.randn(4, dtype=torch.float64)
    with pytest.raises(CaptureError, match="computes in float64 from here on") as caught:
        function(lambda m, x: FLOAT64[name](m, x).exp(), (2, 4), w=w)
    (finding,) = caught.value.findings
    assert finding.code == "TL601" and finding.allow == "float64=float32" and finding.line is not None


def test_float64_of_what_is_known_beforehand_is_no_reason() -> None:
    w = nn.Parameter(torch.randn(4, 3, dtype=torch.float64))
    assert function(lambda m, x: x @ (2 * m.w).float(), (2, 4), w=w).verification is not None


def test_float64_may_be_allowed_with_the_error_measured_in_float32() -> None:
    module = Lambda(lambda m, x: (x.double() * 3).sin().float())
    result = captured(module, (2, 4), approximate={"float64": "float32"})
    check = result.verification
    assert check is not None and check.dtype == torch.float32 and check.max_relative_error < 1e-6
    assert [note.code for note in result.notes] == ["TL405"]


def test_an_approximation_is_no_worse_than_its_bound() -> None:
    module = Lambda(lambda m, x: (x.double() * 1e6).sin().float())
    with pytest.raises(CaptureError, match=r"more than the 0\.001 that this may cost"):
        captured(module, (2, 4), approximate={"float64": "float32"})


def _only_while_traced(m: Any, x: torch.Tensor) -> torch.Tensor:
    return x.clamp(-50, 50) if type(x) is not torch.Tensor else x.clamp(-100, 100)


def test_a_branch_outside_of_ordinary_inputs_is_found() -> None:
    with pytest.raises(CaptureError, match=r"offset .* off by 50, .* at most 100"):
        function(_only_while_traced, (2, 6))


def test_a_model_that_computes_in_few_digits_itself_may_be_captured() -> None:
    result = function(lambda m, x: (x + 1000.0) - 1000.0, (2, 3))
    assert exact(result)


def test_a_function_minus_its_value_at_zero_is_captured() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 1))
    result = function(lambda m, x: m.net(x) - m.net(torch.zeros_like(x)), (1, 2), net=net)
    assert result.verification is not None and result.verification.dtype == torch.float64


@pytest.mark.parametrize("size", [3, 400], ids=["small", "large"])
def test_the_operator_that_loses_its_digits_is_named(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def lossy(b: Any, x: Any) -> Any:
        return b.minus(b.unary("exp", x), 1.0)

    operator = torch.ops.aten.expm1.default
    monkeypatch.setitem(LOWERINGS, operator, replace(LOWERINGS[operator], function=lossy))
    with pytest.raises(CaptureError) as caught:
        function(lambda m, x: torch.expm1(x * 1e-4) * 1e4, (size, size))
    (finding,) = caught.value.findings
    assert finding.operator == "aten.expm1.default" and finding.span is not None
    assert "loses the digits" in finding.message and "bug" not in finding.message
    assert torch.is_grad_enabled()


class _Counted(nn.Module):
    """Counts its calls in a list that all copies share."""

    calls: ClassVar[list[str]] = []

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(400, 300)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls.append("")
        return self.layer(x)


def test_a_large_model_is_run_a_few_times_only() -> None:
    _Counted.calls.clear()
    captured(_Counted(), (1, 400), verify=False)
    before = len(_Counted.calls)
    captured(_Counted(), (1, 400))
    assert len(_Counted.calls) - 2 * before <= 5 + 2, "for values, and for gradients"


@pytest.mark.parametrize("activation", [nn.GELU(approximate="tanh"), F.relu], ids=["gelu", "relu"])
def test_torchs_fast_path_is_named_where_it_computes_something_else(activation: Any) -> None:
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, activation=activation, batch_first=True)
    if activation is F.relu:
        assert exact(captured(layer, (1, 3, 8)))
        return
    with pytest.raises(CaptureError, match=r"set_fastpath_enabled\(False\) in the model file"):
        captured(layer, (1, 3, 8))
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        assert exact(captured(layer, (1, 3, 8)))
    finally:
        torch.backends.mha.set_fastpath_enabled(True)


@pytest.mark.parametrize(
    "arguments", [{"groups": 3}, {"dilation": (1, 2)}, {"groups": 2, "dilation": 2}], ids=str
)
def test_a_compact_kernel_computes_what_the_dense_one_does(arguments: Any) -> None:
    # A kernel that is computed is stored as the dense one that it is.
    layer = parametrizations.weight_norm(nn.Conv2d(6, 6, 2, **arguments))
    result = captured(layer, (6, 5, 5))
    program = lower(result.graph)
    smaller, tensors = compact(program, result.tensors)
    assert tensors["conv2d_1_kernel"].numel() < result.tensors["conv2d_1_kernel"].numel()
    x = torch.randn(6, 5, 5, dtype=torch.float64)
    dense = Interpreter(program, result.tensors, torch.float64).run(x)
    torch.testing.assert_close(Interpreter(smaller, tensors, torch.float64).run(x), dense)


def test_a_kernel_with_a_value_where_zero_belongs_stays_dense() -> None:
    result = captured(parametrizations.weight_norm(nn.Conv2d(4, 4, 2, groups=2)), (4, 5, 5))
    result.tensors["conv2d_1_kernel"][0, 3, 0, 0] = 1.0
    _, tensors = compact(lower(result.graph), result.tensors)
    assert tensors["conv2d_1_kernel"] is result.tensors["conv2d_1_kernel"]


class Attention(nn.Module):
    """One head of self-attention, then a layer."""

    def __init__(self, heads: int, bias: bool = True) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(6, heads, bias=bias, batch_first=True)
        self.layer = nn.Linear(6, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mixed, _ = self.attention(x, x, x)
        return self.layer(mixed)


@pytest.mark.parametrize("bias", [True, False])
def test_one_head_of_self_attention_stays_whole_on_the_fx_path(bias: bool) -> None:
    torch.manual_seed(0)
    result = captured(Attention(1, bias), (2, 3, 6), prefer_torch_export=False)
    assert kinds(result) == ["multihead_attention", "tuple_getitem", "linear"]
    assert ("mha_1_q_b" in result.tensors) is bias
    assert exact(result)


def test_several_heads_are_decomposed() -> None:
    torch.manual_seed(0)
    result = captured(Attention(2), (2, 3, 6), prefer_torch_export=False)
    assert "multihead_attention" not in kinds(result)
    assert exact(result)


@pytest.mark.parametrize("layer", [nn.LSTM, nn.GRU, nn.RNN], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("prefer_torch_export", [True, False], ids=["export", "fx"])
def test_a_recurrent_layer_is_unrolled(layer: Any, prefer_torch_export: bool) -> None:
    torch.manual_seed(0)
    result = function(lambda m, x: m.layer(x)[0], (3, 1, 4), layer=layer(4, 3))
    assert exact(result)
    module = nn.Sequential(layer(4, 3, num_layers=2, bidirectional=True, batch_first=True), _First())
    assert exact(captured(module, (1, 2, 4), prefer_torch_export=prefer_torch_export))


class _First(nn.Module):
    def forward(self, x: tuple[torch.Tensor, Any]) -> torch.Tensor:
        return x[0]


def test_what_the_output_does_not_need_is_not_judged() -> None:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        x.argmax()
        return x * 2

    assert kinds(function(forward, (4,)))[-1] == "mul_elem"


_MASK = torch.tensor([True, False])

LEFT_OUT = {
    "sqrt": (lambda x: torch.where(_MASK, torch.sqrt(x - 9), 1.0), "random numbers"),
    "log": (lambda x: torch.where(_MASK, torch.log(x.sum()), x), "random numbers"),
    "div": (lambda x: torch.where(_MASK, x / x.abs().sum(), 0.5), "zeros"),
}


@pytest.mark.parametrize("operator", LEFT_OUT)
def test_what_is_no_number_and_left_out_is_told_where_it_is_made(operator: str) -> None:
    forward, kind = LEFT_OUT[operator]
    message = rf"TL603 aten\.{operator}.*gives an infinity or NaN for inputs that are {kind}, which the model"
    with pytest.raises(CaptureError, match=message) as caught:
        captured(Lambda(lambda m, x: forward(x)), (2,), __file__)
    assert caught.value.findings[0].line is not None
