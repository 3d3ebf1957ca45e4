"""Models that differentiate in `forward` are refused where they do it."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch
from torch import nn
from torch.autograd import grad

from tests.core.capture.support import captured
from torchlean_core.capture.errors import CaptureError


class Differentiating(nn.Module):
    """Calls one of the functions below."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.fc = nn.Linear(6, 6)
        self._function = [function]

    def forward(self, x: torch.Tensor) -> Any:
        return 2 * self._function[0](self, x)

    def energy(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.fc(x)).sum()


def with_grad(net: Differentiating, x: torch.Tensor) -> Any:
    with torch.enable_grad():
        z = x.detach().requires_grad_()
        return torch.autograd.grad(net.energy(z), z)[0]  # here


def with_a_name_of_its_own(net: Differentiating, x: torch.Tensor) -> Any:
    with torch.enable_grad():
        z = x.detach().requires_grad_()
        return grad([net.energy(z)], [z], create_graph=True)[0]  # here


def with_backward(net: Differentiating, x: torch.Tensor) -> Any:
    with torch.enable_grad():
        z = x.detach().requires_grad_()
        net.energy(z).backward()  # here
    return z.grad


def with_gradients_off(net: Differentiating, x: torch.Tensor) -> Any:
    with torch.no_grad():
        z = x.detach().requires_grad_()
        return grad(net.energy(z), z)[0]  # here


def with_functions(net: Differentiating, x: torch.Tensor) -> Any:
    return torch.func.grad(net.energy)(x)  # here


def behind_an_except(net: Differentiating, x: torch.Tensor) -> Any:
    try:
        return torch.func.vjp(net.energy, x)[1](torch.ones(()))[0]  # here
    except Exception:
        return x


@pytest.mark.parametrize(
    "function",
    [with_grad, with_a_name_of_its_own, with_backward, with_gradients_off, with_functions, behind_an_except],
)
@pytest.mark.parametrize("prefer_torch_export", [True, False])
def test_gradients_in_forward_are_refused_at_their_line(function: Any, prefer_torch_export: bool) -> None:
    lines, first = inspect.getsourcelines(function)
    line = first + next(number for number, text in enumerate(lines) if "# here" in text)
    with pytest.raises(CaptureError, match="forward takes gradients here") as caught:
        captured(Differentiating(function), (2, 6), __file__, prefer_torch_export=prefer_torch_export)
    (finding,) = caught.value.findings
    assert (finding.code, finding.line) == ("TL603", line)


def test_gradients_can_be_taken_again_after_a_refusal() -> None:
    with pytest.raises(CaptureError):
        captured(Differentiating(with_grad), (2, 6), __file__)
    x = torch.ones(2, requires_grad=True)
    assert torch.equal(grad(x.sum(), x)[0], torch.ones(2))


def test_forward_mode_derivatives_are_operators_like_others() -> None:
    def tangent(net: Differentiating, x: torch.Tensor) -> Any:
        return torch.func.jvp(lambda z: torch.tanh(net.fc(z)), (x,), (torch.ones_like(x),))[1]

    result = captured(Differentiating(tangent), (2, 6), __file__)
    assert result.verification is not None and result.verification.max_relative_error < 1e-6
