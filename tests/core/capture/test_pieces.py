"""Functions in pieces: conditions on the input, masks and signs, whose pieces meet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from tests.core.capture.support import EXACT, function
from torchlean_core.capture.errors import CaptureError
from torchlean_core.graph import lower
from torchlean_core.interp import Interpreter


def _masks(m: Any, x: torch.Tensor) -> torch.Tensor:
    mask = (x > 1).float()
    return mask * x**2 + (1 - mask) * x


def _booleans(m: Any, x: torch.Tensor) -> torch.Tensor:
    mask = x > 1
    return mask * x**2 + (~mask) * (2 * x - 1)


def _clipped_by_hand(m: Any, x: torch.Tensor) -> torch.Tensor:
    y = x.clone()
    y[x < -0.5] = -0.5
    y[x > 0.5] = 0.5
    return y


def _spline(m: Any, x: torch.Tensor) -> torch.Tensor:
    """A hat function of first order: what networks of splines are made of."""
    return torch.where(
        (x >= -1) & (x < 0), x + 1, torch.where((x >= 0) & (x < 1), 1 - x, torch.zeros_like(x))
    )


def _cubic(m: Any, x: torch.Tensor) -> torch.Tensor:
    a = x.abs()
    inner, outer = 1 - 2 * a**2 + a**3, 4 - 8 * a + 5 * a**2 - a**3
    return torch.where(a <= 1, inner, torch.where(a < 2, outer, torch.zeros_like(a)))


def _splines(m: Any, x: torch.Tensor) -> torch.Tensor:
    """B-splines by their recursion, whose first step is made of steps (Kolmogorov-Arnold networks)."""
    grid, x = m.grid, x.unsqueeze(-1)
    bases = ((x >= grid[:, :-1]) & (x < grid[:, 1:])).to(x.dtype)
    for k in (1, 2):
        before = (x - grid[:, : -k - 1]) / (grid[:, k:-1] - grid[:, : -k - 1]) * bases[..., :-1]
        behind = (grid[:, k + 1 :] - x) / (grid[:, k + 1 :] - grid[:, 1:-k]) * bases[..., 1:]
        bases = before + behind
    return bases


CONTINUOUS: dict[str, Callable[[Any, torch.Tensor], torch.Tensor]] = {
    "slopes": lambda m, x: torch.where(x > 0, x, 0.1 * x),
    "a square above 1": lambda m, x: torch.where(x > 1, x * x, x),
    "below": lambda m, x: torch.where(x <= 1, x.exp(), x * torch.e),
    "huber": lambda m, x: torch.where(x.abs() < 1, 0.5 * x**2, x.abs() - 0.5),
    "huber of its absolute value": lambda m, x: (lambda a: torch.where(a < 2, a * a / 4, a - 1))(x.abs()),
    "quadratic ends": lambda m, x: torch.where(x < -1, -(x**2) - x - 1, torch.where(x > 1, x**2 - x + 1, x)),
    "hat": _spline,
    "cubic kernel": _cubic,
    "masks": _masks,
    "masks of truth values": _booleans,
    "written where it is beyond": _clipped_by_hand,
    "symmetric logarithm": lambda m, x: torch.sign(x) * torch.log1p(x.abs()),
    "symmetric root": lambda m, x: torch.sgn(x) * (x.abs() + 1).sqrt() - torch.sgn(x),
    "absolute value": lambda m, x: x * x.sign(),
    "copysign": lambda m, x: torch.copysign(x.abs() ** 2, x),
    "shifted": lambda m, x: torch.where(2 * x - 1 > 0, 4 * x**2, 2 * x),
    "masked_fill": lambda m, x: (x - 1).masked_fill(x < 1, 0.0),
    "filled with a function's value": lambda m, x: (x**2).masked_fill(x.abs() > 2, 4.0),
    "a known threshold": lambda m, x: torch.where(x > m.t, x - m.t, torch.zeros_like(x)),
    "thresholds for each": lambda m, x: torch.where(x > m.ts, 2 * x, x + m.ts),
    "slopes that train": lambda m, x: torch.where(x > 0, m.w * x, m.v * x),
    "other values": lambda m, x: torch.where(x[:1] > 0, x[:1] * x[1:], x[:1] * x[1:].exp()),
    "of an activation": lambda m, x: (lambda h: torch.where(h > 0.5, h, h * h + 0.25))(
        torch.sigmoid(x @ m.m)
    ),
    "elu by hand": lambda m, x: torch.where(x > 0, x, torch.exp(x) - 1),
    "a sine below": lambda m, x: torch.where(x > 0, x, x.sin()),
    "another exponential below": lambda m, x: torch.where(x > 0, x, torch.expm1(2 * x)),
    "an exponential above": lambda m, x: torch.where(~(x > 0), x, torch.expm1(x)),
    "the larger of two": lambda m, x: torch.where(x > x.flip(0), x, x.flip(0)),
    "the smaller of two": lambda m, x: torch.where(x.exp() >= x, x, x.exp()),
    "nothing at 0": lambda m, x: x * (x != 0),
    "splines": _splines,
    "a cutoff": lambda m, x: torch.where(x < 2, (x - 2) ** 2 * torch.cos(x), torch.zeros_like(x)),
    "no piece": lambda m, x: torch.where(x > 0, x, x),
}


@pytest.mark.parametrize("name", CONTINUOUS)
def test_pieces_that_meet(name: str) -> None:
    state: dict[str, Any] = {
        "t": torch.tensor(0.5),
        "ts": torch.tensor([0.5, -1.0, 0.0, 2.0]),
        "w": nn.Parameter(torch.tensor(1.5)),
        "v": nn.Parameter(torch.tensor([0.5, 0.2, -1.0, 0.1])),
        "m": torch.randn(4, 4),
        "grid": torch.arange(-2.0, 3.0).expand(4, 5).contiguous(),
    }
    found = function(CONTINUOUS[name], (3, 4), **state)
    assert found.verification is not None
    assert found.verification.max_relative_error <= EXACT
    assert not found.notes, "gradients are those of the model"


GUARDED: dict[str, tuple[Callable[[Any, torch.Tensor], torch.Tensor], list[float]]] = {
    "an exponential below": (lambda m, x: torch.where(x > 0, x, x * x.exp()), [100.0, -3.0, 0.0, 1e4]),
    "a decay above": (lambda m, x: torch.where(x > 0, x * (-x).exp(), 0.0), [-1000.0, 2.0, 0.0, -1e5]),
    "an entropy": (lambda m, x: torch.where(x > 0, x * x.log(), 0.0), [0.0, 1e-30, 2.0, 0.0]),
    "a softmax's entropy": (
        lambda m, x: (lambda p: torch.where(p > 0, p * p.log(), 0.0))(x.softmax(-1)),
        [200.0, 0.0, -1.0, 3.0],
    ),
}


@pytest.mark.parametrize("name", GUARDED)
def test_what_is_infinite_on_the_other_side_spoils_nothing(name: str) -> None:
    forward, numbers = GUARDED[name]
    found = function(forward, (1, 4))
    x = torch.tensor([numbers])
    (ours,) = Interpreter(lower(found.graph), found.tensors, torch.float32).run_all(x)
    torch.testing.assert_close(ours, forward(None, x))


STEPS: dict[str, Callable[[Any, torch.Tensor], torch.Tensor]] = {
    "a step": lambda m, x: torch.where(x > 0, x, x - 1),
    "a mask": lambda m, x: (x > 0).float(),
    "a mask that is summed": lambda m, x: (x > 0).float().sum() * x,
    "pieces that meet only for this parameter": lambda m, x: torch.where(x > 1, m.w * x, x),
    "of two values": lambda m, x: torch.where((x[:1] > 0) & (x[1:2] > 0), x[:1], x[1:2] * 0),
    "another value at one place": lambda m, x: torch.where((x > 0) | (x < 0), x + 1, 0.0),
    "a step made of a quotient": lambda m, x: torch.where(x > 0.3, (x - 0.3) / (x - 0.3).abs(), 0.0),
    "a jump for other parameters": lambda m, x: torch.where(x > 0, torch.relu(x + m.w - 3) + x, x),
    "a jump after a bend": lambda m, x: torch.where(x > 2, x, x.relu() + 1),
}


@pytest.mark.parametrize("name", STEPS)
def test_steps_are_refused_at_the_comparison(name: str) -> None:
    with pytest.raises(CaptureError) as caught:
        function(STEPS[name], (3, 4), w=nn.Parameter(torch.tensor(1.0)))
    assert {finding.operator for finding in caught.value.findings} <= {"aten.gt.Scalar", "aten.lt.Scalar"}
    assert "conditions on the input" in str(caught.value)


def _written(m: Any, x: torch.Tensor) -> torch.Tensor:
    y = x + 0
    y[y > 3.7] = 3.7
    return y


def test_a_number_that_float32_does_not_hold_is_written() -> None:
    check = function(_written, (4,)).verification
    assert check is not None and check.max_relative_error <= EXACT


def test_one_value_that_is_another_stays_a_step() -> None:
    with pytest.raises(CaptureError, match=r"aten\.eq\.Scalar"):
        function(lambda m, x: torch.where(x.clamp(-9, 7.3) == 7.3, 0.0, x.clamp(-9, 7.3)), (4,))


def _selected(m: Any, x: torch.Tensor) -> torch.Tensor:
    mask = x > 0
    y = torch.zeros_like(x)
    y[mask] = x[mask]
    return y


def test_what_a_mask_on_the_input_selects_is_refused_at_its_line() -> None:
    with pytest.raises(CaptureError, match=r"aten\.gt\.Scalar: has no exact form"):
        function(_selected, (4,))
