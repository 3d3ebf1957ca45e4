"""Values in order, running extremes and products, and powers with exponents of all kinds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from tests.core.capture.support import EXACT, exact, function
from torchlean_core.capture.errors import CaptureError

ORDERED: dict[str, Callable[[Any, torch.Tensor], torch.Tensor]] = {
    "sort": lambda m, x: x.sort(-1).values,
    "descending, along the first axis": lambda m, x: x.sort(0, descending=True).values,
    "stable": lambda m, x: torch.sort(x, stable=True, dim=1).values,
    "msort": lambda m, x: x.msort(),
    "topk": lambda m, x: x.topk(3).values,
    "the smallest k": lambda m, x: x.topk(2, dim=0, largest=False).values,
    "kthvalue": lambda m, x: x.kthvalue(2, dim=1).values,
    "median": lambda m, x: x.median(-1, keepdim=True).values,
    "median of all": lambda m, x: x.median(),
    "quantile": lambda m, x: x.quantile(0.3, dim=1),
    "quantiles": lambda m, x: torch.quantile(x, torch.tensor([0.1, 0.5]), dim=1),
    "trimmed mean": lambda m, x: x.sort(-1).values[:, 1:-1].mean(-1),
    "cummax": lambda m, x: x.cummax(1).values,
    "cummin": lambda m, x: x.cummin(0).values,
    "cumprod": lambda m, x: x.cumprod(1),
    "logcumsumexp": lambda m, x: x.logcumsumexp(1),
    "of logarithms": lambda m, x: x.abs().log().sort(-1).values,
}


@pytest.mark.parametrize("name", ORDERED)
def test_values_in_order(name: str) -> None:
    found = function(ORDERED[name], (3, 5))
    assert found.verification is not None
    assert found.verification.max_relative_error <= EXACT
    assert not found.notes


@pytest.mark.parametrize("size", [1, 2, 3, 7, 16, 33])
def test_a_network_sorts_any_number(size: int) -> None:
    found = function(lambda m, x: x.sort(-1).values, (2, size))
    assert found.verification is not None
    assert found.verification.max_relative_error <= EXACT


def test_indices_and_long_axes_are_refused() -> None:
    with pytest.raises(CaptureError, match="such as indices"):
        function(lambda m, x: x.gather(1, x.sort(-1).indices), (2, 4))
    with pytest.raises(CaptureError, match="the order of 300 values"):
        function(lambda m, x: x.sort(-1).values, (1, 300))


POWERS: dict[str, Callable[[Any, torch.Tensor], torch.Tensor]] = {
    "1.3": lambda m, x: x.abs() ** 1.3,
    "2.9": lambda m, x: (x.abs() + 0.1) ** 2.9,
    "0.3": lambda m, x: (x.abs() + 1e-3) ** 0.3,
    "-1.7": lambda m, x: (x.abs() + 0.5) ** -1.7,
    "48": lambda m, x: x.abs() ** 48,
    "33.5": lambda m, x: x.abs() ** 33.5,
    "of what is 0": lambda m, x: torch.relu(x) ** 1.7,
    "a parameter": lambda m, x: x.clamp(min=1e-6).pow(m.p),
    "a parameter of what is 0": lambda m, x: torch.relu(x).pow(torch.exp(m.p)),
    "an inverse parameter": lambda m, x: (x.abs() + 0.1).pow(1.0 / m.p),
    "the input": lambda m, x: (x.abs() + 0.2).pow(x),
    "of a sigmoid": lambda m, x: torch.sigmoid(x).pow(m.p),
    "a known tensor": lambda m, x: (x.abs() + 0.1).pow(torch.tensor([0.5, 1.2, 2.0, -1.0])),
    "a known number": lambda m, x: x.pow(torch.tensor(3.0)),
    "a norm of 3": lambda m, x: torch.linalg.vector_norm(x, 3, dim=1),
    "a norm of 1.5": lambda m, x: x.norm(p=1.5, dim=0, keepdim=True),
    "a norm of -inf": lambda m, x: torch.linalg.vector_norm(x, -torch.inf, dim=1),
    "normalized": lambda m, x: torch.nn.functional.normalize(x, p=4.0),
    "distances": lambda m, x: torch.nn.functional.pdist(x),
    "focal": lambda m, x: (1 - torch.sigmoid(x)) ** 1.5 * torch.log(torch.sigmoid(x)),
}


@pytest.mark.parametrize("name", POWERS)
def test_powers(name: str) -> None:
    found = function(POWERS[name], (3, 4), p=nn.Parameter(torch.tensor([3.3])))
    assert found.verification is not None
    assert found.verification.max_relative_error <= EXACT
    assert not found.notes


def test_a_power_of_what_can_be_negative_is_refused() -> None:
    with pytest.raises(CaptureError, match="has to be known as positive"):
        function(lambda m, x: x.pow(m.p), (3, 4), p=nn.Parameter(torch.tensor([2.0])))
    with pytest.raises(CaptureError, match="exponent 40"):
        function(lambda m, x: x**40, (3, 4))


WILD = {
    "median": lambda x: torch.log(x.abs() + 1e-3).median(),
    "sort, a part": lambda x: torch.log(x.abs() + 1e-3).view(2, 27).sort(1).values[:1, 3:5],
    "running product": lambda x: torch.rsqrt(x.abs() + 0.5).cumprod(0)[2:4],
    "running maximum": lambda x: torch.log(x.abs() + 1e-3).view(2, 27).cummax(1).values[1:],
    "running log-sum": lambda x: torch.log(x.abs() + 1e-3).logcumsumexp(0)[-1],
}
"""Of what can be infinite, before which selections go."""


@pytest.mark.parametrize("name", WILD)
def test_the_order_of_what_can_be_infinite(name: str) -> None:
    result = function(lambda m, x: WILD[name](x), (54,))
    assert exact(result) and len(result.graph.nodes) < 800


def test_selections_along_two_axes_of_what_can_be_infinite() -> None:
    """Each could go before the other, for ever."""
    result = function(
        lambda m, x: torch.exp(x).repeat(24)[:48].reshape(2, 2, 4, 3)[:, :, [0, 0, 1, 1, 1]][:, :, :, [0]],
        (2,),
    )
    assert exact(result)
