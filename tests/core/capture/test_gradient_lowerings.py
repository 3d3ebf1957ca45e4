"""At kinks, zeros, ties and infinities a form has PyTorch's value and gradient, where PyTorch's own are finite."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from tests.core.capture.support import Lambda, captured, kinds
from torchlean_core.capture.errors import CaptureError
from torchlean_core.emit import EmitOptions, emit_source
from torchlean_core.graph import lower
from torchlean_core.interp import Interpreter
from torchlean_core.params import ParameterStore
from torchlean_core.params.tensors import save_tensors

Function = Callable[[torch.Tensor], torch.Tensor]
INF = math.inf
EYE = torch.eye(2, dtype=torch.bool)
ROWS = [[0.0, 0.0], [1.0, 2.0], [0.0, 0.0], [0.0, 3.0], [1e-20, 2e-20], [1e10, 1.0]]

CASES: dict[str, tuple[Function, Any]] = {
    "relu": (F.relu, [0.0, INF, -INF]),
    "relu6": (F.relu6, [0.0, 6.0, 7.0, -1.0, INF]),
    "hardtanh": (F.hardtanh, [-1.0, 1.0, INF, -INF]),
    "hardtanh between other bounds": (lambda x: F.hardtanh(x, -0.3, 0.7), [-0.3, 0.7]),
    "hardsigmoid": (F.hardsigmoid, [-3.0, 3.0]),
    "hardswish": (F.hardswish, [-3.0, 3.0, 0.0]),
    "clamp": (lambda x: x.clamp(-1, 1), [-1.0, 1.0, INF, -INF, 0.0]),
    "clamp at 0": (lambda x: x.clamp(min=0), [0.0, -INF, INF]),
    "clamp from below": (lambda x: torch.clamp_min(x, 0.1), [0.1]),
    "clamp from above": (lambda x: torch.clamp_max(x, 0.1), [0.1]),
    "clamp to tensors": (lambda x: x.clamp(torch.tensor(-1.0), torch.tensor(1.0)), [-1.0, 1.0]),
    "threshold": (lambda x: F.threshold(x, 0.5, 0.5), [0.5, INF]),
    "softshrink": (F.softshrink, [-0.5, 0.5, 0.0, 2.0, -3.0]),
    "softshrink under a root": (lambda x: F.softshrink(x).abs().sqrt(), [-0.5, 0.5, 0.0, 2.0]),
    "leaky_relu": (F.leaky_relu, [0.0, -INF, INF, 1.0, -1.0]),
    "leaky_relu of slope 1.5": (lambda x: F.leaky_relu(x, 1.5), [0.0, -INF, INF, 1.0]),
    "prelu": (lambda x: F.prelu(x, torch.tensor([0.3])), [0.0, -1.0, 1.0, -INF, INF]),
    "elu": (F.elu, [0.0, -20.0, -INF, INF, 1e-8, -1e-8, -3.0]),
    "selu": (F.selu, [0.0, -1e-6, -9.0]),
    "celu": (lambda x: F.celu(x, 1.3), [0.0, -1e-6, -20.0]),
    "softplus": (F.softplus, [0.0, -30.0, -80.0, 30.0, -INF, INF, -1e-3]),
    "softplus with beta": (lambda x: F.softplus(x, 3.0, 30.0), [0.0, -25.0, 5.0]),
    "logsigmoid": (F.logsigmoid, [0.0, -30.0, 30.0, -INF]),
    "mish": (F.mish, [0.0, -30.0, 30.0]),
    "abs": (torch.abs, [0.0]),
    "sqrt of powers over 1": (lambda x: x**1.5 + x**2.25, [0.0, 2.0]),
    "expm1": (torch.expm1, [0.0, 1e-8, -1e-8, 1e-20, 50.0, -5.0, -INF, INF]),
    "log1p": (torch.log1p, [0.0, 1e-8, -1e-8, 1e-20, 50.0, -0.5, -1.0, INF, 1e30]),
    "sinh": (torch.sinh, [0.0, 1e-8, -3.0, 30.0]),
    "atanh": (torch.atanh, [0.0, 1e-8, -0.5, 1.0, -1.0]),
    "hypot": (lambda x: torch.hypot(x, x * 2), [1e-20, 1e30, 3.0]),
    "maximum": (lambda x: torch.maximum(x, torch.zeros(())), [0.0]),
    "minimum": (lambda x: torch.minimum(x, x * 2), [0.0]),
    "logaddexp": (lambda x: torch.logaddexp(x, x * 1.0), [0.0, -INF, 3.0]),
    "logsumexp of equal numbers": (lambda x: x.logsumexp(0), [1.0, 1.0, 1.0, -INF]),
    "logsumexp of nothing": (lambda x: x.logsumexp(0), [-INF, -INF]),
    "log_softmax of equal numbers": (lambda x: x.log_softmax(0), [1.0, 1.0, 1.0, -3.0]),
    "max over an axis": (lambda x: x.max(0)[0], [1.0, 1.0, 0.0]),
    "norm": (lambda x: x.norm(dim=1), ROWS),
    "1-norm": (lambda x: x.norm(p=1, dim=1), ROWS),
    "normalize": (lambda x: F.normalize(x, dim=1), ROWS[:3]),
    "std": (lambda x: x.std(1), ROWS[:4]),
    "std without correction": (lambda x: x.std(1, unbiased=False), ROWS[:4]),
    "std of everything": (lambda x: x.std(), [0.0, 0.0, 0.0]),
    "std and var with means": (lambda x: torch.std_mean(x, 1)[0] * torch.var_mean(x, 1)[1], ROWS[:4]),
    "cosine_similarity": (lambda x: F.cosine_similarity(x, torch.ones(6, 2)), [*ROWS[:4], [1e-9, 0], [2, 1]]),
    "cosine_similarity of all pairs": (
        lambda x: F.cosine_similarity(x[:, None], x[None], dim=-1),
        [[0.0, 0.0]],
    ),
    "cdist": (lambda x: torch.cdist(x, x), ROWS[:4]),
    "cdist, 1-norm": (lambda x: torch.cdist(x, x, p=1.0), ROWS[:4]),
    "pairwise_distance": (lambda x: F.pairwise_distance(x, x * 2), ROWS[:4]),
    "where": (lambda x: torch.where(EYE, x, 5 - x), [[0.0, -1.0], [7.0, 0.0]]),
    "where of a constant": (lambda x: torch.where(EYE, torch.log(x), 2.0), [[1.0, 0.0], [0.0, 1.0]]),
    "masked_fill": (lambda x: x.masked_fill(EYE, 0.0), [[-INF, 0.0], [2.0, INF]]),
    "masked_fill with its own value": (lambda x: x.masked_fill(EYE, -1e9), [[-1e9, -1e9], [0.0, 1.0]]),
    "tril": (lambda x: x.tril(), [[0.0, -INF], [0.0, 1.0]]),
    "triu": (lambda x: x.triu(), [[0.0, 1.0], [INF, 1.0]]),
    "elu by hand": (lambda x: torch.where(x > 0, x, 0.3 * (torch.exp(x) - 1)), [-30.0, -1.0, 0.0, 2.0, 40.0]),
    "elu by hand, expm1": (
        lambda x: torch.where(x <= 0, 2 * torch.expm1(x), x),
        [-30.0, -1.0, -1e-6, 0.0, 2.0],
    ),
    "elu by hand, alpha 1": (lambda x: torch.where(x >= 0, x, torch.exp(x) - 1), [-1.0, 0.0, 2.0]),
    "elu by hand of tanh": (
        lambda x: torch.where(~(x.tanh() <= 0), x.tanh(), x.tanh().exp() - 1),
        [-1.0, 0.0, 2.0],
    ),
    "huber as its refusal says": (
        lambda x: x.abs().clamp(max=1) * (x.abs() - x.abs().clamp(max=1) / 2),
        [-3.0, -1.0, -0.5, 0.0, 1.0, 2.0],
    ),
    "x * ~(x < 0)": (lambda x: x * ~(x < 0), [-1.0, 0.0, 2.0]),
    "x * not(x <= 0)": (lambda x: x * torch.logical_not(x <= 0).float(), [-1.0, 0.0, 2.0]),
    "x * not not(x > 0)": (lambda x: x * ~~(x > 0), [-1.0, 0.0, 2.0]),
    "x * (x > 0)": (lambda x: x * (x > 0), [-1.0, 0.0, 2.0]),
    "x * (x > 0).float()": (lambda x: x * (x > 0).float(), [-1.0, 0.0, 2.0]),
    "(2 x) * ((2 x) >= 0)": (lambda x: (2 * x) * ((2 * x) >= 0), [-1.0, 0.0, 2.0]),
    "masked_fill where negative": (lambda x: x.masked_fill(x < 0, 0), [-1.0, 0.0, 2.0]),
    "masked_fill where not positive": (lambda x: x.masked_fill(x <= 0, 0), [-1.0, 0.0, 2.0]),
    "where greater": (lambda x: torch.where(x > 0, x, 0.1 * x), [-1.0, 0.0, 2.0]),
    "where not less": (lambda x: torch.where(x >= 0, x, 0.1 * x), [-1.0, 0.0, 2.0]),
    "where less": (lambda x: torch.where(x < 0, -x, x), [-1.0, 0.0, 2.0]),
    "where of zeros": (lambda x: torch.where(x > 0, x, torch.zeros_like(x)), [-1.0, 0.0, 2.0]),
    "where of a scalar tensor": (lambda x: torch.where(x > 0, x, torch.tensor(0.0)), [-1.0, 0.0, 2.0]),
    "where with many slopes": (lambda x: torch.where(x > 0, x, torch.arange(3.0) * x), [-1.0, 0.0, -2.0]),
    "where at another bound": (lambda x: torch.where(x > 0.5, x, 0.5), [-1.0, 0.5, 2.0]),
    "where below another bound": (lambda x: torch.where(x >= 0.5, 0.5, x), [-1.0, 0.5, 2.0]),
}


@pytest.mark.parametrize("name", CASES)
def test_value_and_gradient_are_pytorchs(name: str) -> None:
    function, numbers = CASES[name]
    x = torch.tensor(numbers)
    result = captured(Lambda(lambda m, x: function(x)), tuple(x.shape), verify=False)
    interpreter = Interpreter(lower(result.graph), result.tensors)
    value, gradient = _with_gradient(function, x)
    found, found_gradient = _with_gradient(lambda x: interpreter.function(interpreter.params, x), x)
    torch.testing.assert_close(found, value, rtol=2e-6, atol=0.0, equal_nan=True)
    counts = torch.isfinite(gradient)
    assert bool(counts.any()) or not bool(torch.isfinite(value).any())
    atol = 1e-7 * float(gradient[counts].abs().max()) if bool(counts.any()) else 0.0
    torch.testing.assert_close(found_gradient[counts], gradient[counts], rtol=5e-6, atol=atol)


def _with_gradient(function: Function, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    leaf = x.clone().requires_grad_()
    result = function(leaf)
    weights = 0.5 + torch.rand(result.shape, generator=torch.Generator().manual_seed(0))
    (gradient,) = torch.autograd.grad((result * weights)[torch.isfinite(result)].sum(), leaf)
    return result.detach(), gradient


@pytest.mark.parametrize("name", ["elu", "norm", "clamp", "relu6", "softplus", "normalize"])
def test_generated_code_has_the_same_gradient(name: str, tmp_path: Path) -> None:
    function, numbers = CASES[name]
    x = torch.tensor(numbers)
    result = captured(Lambda(lambda m, x: function(x)), tuple(x.shape), verify=False)
    path = tmp_path / "m.params.safetensors"
    save_tensors(path, result.tensors, result.graph, "test")
    scope: dict[str, Any] = {"__name__": "generated"}
    options = EmitOptions(literal_limit=10_000)
    exec(emit_source(result.graph, ParameterStore.load(path), options), scope)
    module = scope["ExportedIRModel"]()
    _, gradient = _with_gradient(function, x)
    _, found = _with_gradient(module, x)
    counts = torch.isfinite(gradient)
    torch.testing.assert_close(found[counts], gradient[counts], rtol=5e-6, atol=1e-7)


@pytest.mark.parametrize(
    "name", ["x * (x > 0)", "x * (x > 0).float()", "where of zeros", "masked_fill where not positive"]
)
def test_a_rectifier_written_with_a_condition_is_one_node(name: str) -> None:
    assert kinds(captured(Lambda(lambda m, x: CASES[name][0](x)), (3,))) == ["relu"]


@pytest.mark.parametrize(
    "forward",
    [
        lambda x: torch.where(x > 0, x, 1.0),
        lambda x: x * (x > 0.5),
        lambda x: x * (x > 0) + (x > 1).float(),
        lambda x: (x + 1) * (x > 0),
        lambda x: torch.where(x > 0, x, torch.exp(x) - 2),
        lambda x: torch.where(x > 1, x, torch.expm1(x)),
    ],
)
def test_a_step_stays_refused_where_it_is_compared(forward: Function) -> None:
    with pytest.raises(CaptureError) as caught:
        captured(Lambda(lambda m, x: forward(x)), (3,))
    assert caught.value.findings[0].operator == "aten.gt.Scalar"
    assert "where one value is compared with constants and what is on both sides meets" in str(caught.value)


EARLY: dict[str, tuple[Function, Any]] = {
    "a slice": (lambda x: torch.log(x.abs())[:, 1:], [[0.0, 1, 2], [0, 3, 4]]),
    "rows of a sum": (lambda x: (1 / x).sum(1)[1:], [[0.0, 1, 2], [1, 3, 4]]),
    "a transposed slice": (lambda x: torch.log(x).t()[1:], [[0.0, 1, 2], [0, 3, 4]]),
    "one of several joined": (lambda x: torch.stack([torch.log(x), x.sin()])[1], [[0.0, 1, 2], [0, 3, 4]]),
    "of a broadcast": (lambda x: torch.log(x)[:, :, None].expand(2, 3, 2)[:, 1:], [[0.0, 1, 2], [0, 3, 4]]),
    "rows of a product": (lambda x: (torch.log(x) @ torch.ones(3, 2))[1:], [[0.0, 1, 2], [1, 3, 4]]),
    "rows of a softmax": (lambda x: torch.log(x).softmax(1)[1:], [[0.0, 0, 0], [1, 3, 4]]),
    "an index": (lambda x: torch.log(x + torch.arange(3))[:, [2, 1]], [[0.0, 1, 2], [0, 3, 4]]),
    "part of a row of all": (lambda x: torch.log(x).view(6)[1:3], [[0.0, 1, 2], [0, 3, 4]]),
    "of joined parts": (lambda x: torch.cat([torch.log(x), x], 1)[:, [4, 1, 2]], [[0.0, 1, 2], [0, 3, 4]]),
    "padding that cuts": (lambda x: F.pad(torch.log(x), (-1, 2)), [[0.0, 1, 2], [0, 3, 4]]),
    "a running sum": (lambda x: torch.log(x.abs()).cumsum(1)[:, :1], [[1.0, 0, 2], [2, 0, 4]]),
    "a decay mask": (lambda x: torch.exp((x[:, None] - x[None]) * 200).triu().sum(-1), [1.0, 2, 3, 4]),
}


@pytest.mark.parametrize("name", EARLY)
def test_an_infinity_that_is_not_taken_spoils_nothing(name: str) -> None:
    function, numbers = EARLY[name]
    x = torch.tensor(numbers)
    result = captured(Lambda(lambda m, x: function(x)), tuple(x.shape))
    found = Interpreter(lower(result.graph), result.tensors).run(x)
    torch.testing.assert_close(found, function(x), rtol=2e-6, atol=0.0)
    assert bool(torch.isfinite(found).all())


def test_what_cannot_be_infinite_is_selected_where_the_model_does() -> None:
    result = captured(Lambda(lambda m, x: torch.rsqrt(x * x + 1e-5)[:, 1:]), (2, 3))
    assert kinds(result)[-1] == "matmul"


def test_a_fully_masked_row_of_attention_is_zero() -> None:
    keep = torch.ones(5, 5, dtype=torch.bool).tril()
    keep[2] = False
    module = Lambda(lambda m, x: F.scaled_dot_product_attention(x, 0.5 * x, x, m.keep), keep=keep)
    result = captured(module, (2, 5, 8))
    x = torch.randn(2, 5, 8)
    found = Interpreter(lower(result.graph), result.tensors).run(x)
    assert bool((found[:, 2] == 0).all())
    torch.testing.assert_close(found, module(x))
