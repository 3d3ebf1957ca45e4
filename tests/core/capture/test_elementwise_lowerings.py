"""Activations and elementwise arithmetic: each is captured exactly, and with the nodes one expects."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.core.capture.support import exact, function, kinds
from torchlean_core.capture.errors import CaptureError
from torchlean_core.graph import lower
from torchlean_core.interp import Interpreter

DIRECT = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "exp": torch.exp,
    "sin": torch.sin,
    "cos": torch.cos,
    "abs": torch.abs,
    "inv": torch.reciprocal,
    "sqrt": torch.sqrt,
    "log": torch.log,
    "detach": lambda x: x.detach(),
}


@pytest.mark.parametrize("kind", DIRECT)
def test_a_direct_operator_is_one_node(kind: str) -> None:
    result = function(lambda m, x: DIRECT[kind](x), (2, 3))
    assert kinds(result) == [kind]
    assert exact(result)


COMPOSED = {
    "leaky_relu": lambda x: F.leaky_relu(x, 0.2),
    "leaky_relu with a slope over 1": lambda x: F.leaky_relu(x, 1.5),
    "relu6": F.relu6,
    "clamp": lambda x: x.clamp(-0.3, 0.7),
    "clamp from below": lambda x: x.clamp(min=0.1),
    "clamp from above": lambda x: x.clamp(max=0.1),
    "clamp at zero": lambda x: x.clamp(min=0.0),
    "hardtanh": lambda x: F.hardtanh(x, -2.0, 0.5),
    "hardsigmoid": F.hardsigmoid,
    "hardswish": F.hardswish,
    "silu": F.silu,
    "elu": lambda x: F.elu(x, 0.7),
    "celu": lambda x: F.celu(x, 1.3),
    "selu": F.selu,
    "softplus": F.softplus,
    "softplus with beta": lambda x: F.softplus(x, beta=3.0, threshold=30.0),
    "softsign": F.softsign,
    "mish": F.mish,
    "tanhshrink": F.tanhshrink,
    "logsigmoid": F.logsigmoid,
    "gelu in tanh form": lambda x: F.gelu(x, approximate="tanh"),
    "log1p": torch.log1p,
    "expm1": torch.expm1,
    "exp2": torch.exp2,
    "log2": torch.log2,
    "log10": torch.log10,
    "sinh": torch.sinh,
    "cosh": torch.cosh,
    "tan": torch.tan,
    "neg": torch.neg,
    "rsqrt": torch.rsqrt,
    "square": torch.square,
    "pow 0": lambda x: x**0,
    "pow 1": lambda x: x**1,
    "pow 3": lambda x: x**3,
    "pow 10": lambda x: x**10,
    "pow -2": lambda x: x**-2,
    "pow 0.5": lambda x: x**0.5,
    "pow -0.5": lambda x: x**-0.5,
    "2 to the power": lambda x: 2.0**x,
    "add a scalar": lambda x: x + 2.5,
    "subtract a scalar": lambda x: x - 2.5,
    "subtract from a scalar": lambda x: 2.5 - x,
    "multiply by a scalar": lambda x: 3 * x,
    "divide by a scalar": lambda x: x / 3,
    "divide a scalar": lambda x: 3 / x,
    "divide": lambda x: x / (x * x + 1),
    "maximum": lambda x: torch.maximum(x, x * x),
    "minimum": lambda x: torch.minimum(x, torch.zeros(3)),
    "a tensor made in forward": lambda x: x * torch.arange(3) + torch.ones(2, 3),
    "dropout in eval mode": lambda x: F.dropout(x, 0.5, training=False) + 1,
    "in place": lambda x: (x * 2).add_(1).relu_().mul_(x),
    "no-op conversions": lambda x: (
        x.to(torch.float32).contiguous().clone() + 1 if x.dtype == torch.float32 else x + 1
    ),
}


@pytest.mark.parametrize("name", COMPOSED)
def test_a_composition_is_exact(name: str) -> None:
    assert exact(function(lambda m, x: COMPOSED[name](x), (2, 3)))


def test_alpha_is_not_dropped() -> None:
    result = function(lambda m, x: torch.add(x, x * x, alpha=3) - torch.sub(x, x.exp(), alpha=0.5), (2, 3))
    assert exact(result)


@pytest.mark.parametrize("shape", [(1, 4), (3, 1), (4,), (), (2, 3, 4), (2, 1, 1)])
def test_operands_of_other_shapes_are_aligned_as_pytorch_does(shape: tuple[int, ...]) -> None:
    result = function(lambda m, x: x * m.w + m.w, (3, 4), w=nn.Parameter(torch.randn(shape)))
    assert exact(result)
    assert not any("rand" in kind for kind in kinds(result))


def test_a_square_operand_is_not_read_from_the_left() -> None:
    # TorchLean's witness would copy [4] to [4, 4] along the other axis.
    result = function(lambda m, x: x + m.w, (4, 4), w=nn.Parameter(torch.randn(4)))
    assert kinds(result) == ["const", "reshape", "broadcast_to", "add"]
    assert exact(result)


def test_two_inputs_of_a_node_may_both_broadcast() -> None:
    assert exact(function(lambda m, x: x[:, None] * x[None, :], (5,)))


@pytest.mark.parametrize("count", [1, 3])
def test_prelu_has_one_slope_or_one_per_channel(count: int) -> None:
    result = function(lambda m, x: m.act(x), (2, 3, 4), act=nn.PReLU(count, init=0.3))
    assert exact(result)


def test_an_equal_scalar_is_one_const() -> None:
    result = function(lambda m, x: (x + 2.0) * 2.0, (2, 3))
    assert kinds(result) == ["const", "broadcast_to", "add", "mul_elem"]
    assert result.graph.nodes[1].extra["trainable"] is False


def test_two_equal_parameters_stay_two() -> None:
    result = function(
        lambda m, x: x * m.a + m.b, (2, 3), a=nn.Parameter(torch.ones(3)), b=nn.Parameter(torch.ones(3))
    )
    assert kinds(result).count("const") == 2


def test_a_parameter_used_twice_is_one_const() -> None:
    result = function(lambda m, x: (x * m.a).exp() * m.a, (2, 3), a=nn.Parameter(torch.ones(3)))
    assert kinds(result).count("const") == 1


def test_only_parameters_that_train_are_trainable() -> None:
    result = function(
        lambda m, x: x * m.weight + m.buffer + m.frozen,
        (2, 3),
        weight=nn.Parameter(torch.randn(3)),
        buffer=torch.randn(3),
        frozen=nn.Parameter(torch.randn(3), requires_grad=False),
    )
    consts = {
        node.extra["debug_target"]: node.extra.get("trainable", True)
        for node in result.graph.nodes
        if node.kind == "const"
    }
    assert consts == {"weight": True, "buffer": False, "frozen": False}


def test_gradients_stop_where_they_do_in_the_model() -> None:
    assert kinds(function(lambda m, x: x.detach() * x, (3,))) == ["detach", "mul_elem"]


EDGES = (0.0, 1.0, -1.0, 1e-20, -1e-20, 1e18, -1e18, 0.37)

FURTHER = {
    "ldexp": lambda x: torch.ldexp(x, torch.tensor([3, 1, 2, 0])),
    "ldexp of a constant": lambda x: torch.ldexp(torch.tensor([1.5, 2.0, -1.0, 1.0]), x.clamp(-20, 20)),
    "logaddexp2": lambda x: torch.logaddexp2(x, x.flip(0) * 0.5),
    "acosh": lambda x: torch.acosh(x.abs() + 1.5),
    "acosh at its end": lambda x: torch.acosh(x.abs() + 1),
    "asinh": torch.asinh,
    "logit between bounds": lambda x: torch.logit(x, eps=0.1),
    "fmax": lambda x: torch.fmax(x, x.flip(0)),
    "fmin": lambda x: torch.fmin(x, torch.tensor(0.3)),
    "dist": lambda x: torch.dist(x, torch.ones(4).to(x)),
    "dist, 3": lambda x: torch.dist(x, torch.full((4,), 0.25).to(x), 3),
    "dist, largest": lambda x: torch.dist(x, torch.ones(4).to(x), float("inf")),
}


@pytest.mark.parametrize("name", FURTHER)
def test_a_further_function_is_exact(name: str) -> None:
    result = function(lambda m, x: FURTHER[name](x), (4,))
    assert exact(result)
    assert not [note for note in result.notes if note.code == "TL407"]


@pytest.mark.parametrize("name", ["asinh", "acosh", "logaddexp2", "logit between bounds"])
def test_a_further_function_keeps_its_digits(name: str) -> None:
    result = function(lambda m, x: FURTHER[name](x), (4,))
    interpreter = Interpreter(lower(result.graph), result.tensors)
    for number in EDGES:
        x = torch.full((4,), number)
        expected = FURTHER[name](x.double())
        torch.testing.assert_close(interpreter.run(x).double(), expected, rtol=2e-6, atol=1e-30)


def test_the_larger_of_what_may_be_no_number_is_refused() -> None:
    with pytest.raises(CaptureError, match=r"fmax.*leaves NaN out"):
        function(lambda m, x: torch.fmax(x.log(), x), (4,))
