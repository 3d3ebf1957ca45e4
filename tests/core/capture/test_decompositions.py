"""Operators with several results that are each an operator of their own."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.core.capture.support import exact, function

PAIRS = {
    "var_mean": lambda x: torch.var_mean(x, dim=1, keepdim=True, unbiased=False),
    "var_mean of all": lambda x: torch.var_mean(x),
    "var_mean over two axes": lambda x: torch.var_mean(x, dim=(0, 2), correction=2, keepdim=True),
    "var_mean of an axis from the end": lambda x: torch.var_mean(x, -1, keepdim=True),
    "std_mean": lambda x: torch.std_mean(x, dim=2, keepdim=True),
    "aminmax": lambda x: torch.aminmax(x, dim=1, keepdim=True),
    "aminmax of all": lambda x: torch.aminmax(x),
}


@pytest.mark.parametrize("name", PAIRS)
def test_both_results_are_captured(name: str) -> None:
    def forward(module: Any, x: torch.Tensor) -> torch.Tensor:
        first, second = PAIRS[name](x)
        return (x - second) * torch.tanh(first)

    assert exact(function(forward, (2, 3, 4)))
