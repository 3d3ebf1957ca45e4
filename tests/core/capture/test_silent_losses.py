"""What a one-file adapter before this one lost without a word: each is captured exactly, or refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.core.capture.support import Lambda, captured, exact
from torchlean_core.capture.errors import CaptureError


def _in_place(m: Any, x: torch.Tensor) -> torch.Tensor:
    y = x * 2
    y += 1
    y.mul_(x)
    y[0, 1:3] = 0.5
    return y.relu_()


LOSSES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "a parameter taken for the input": (
        lambda: Lambda(lambda m, x: m.w @ x, w=nn.Parameter(torch.randn(4, 4))),
        (4, 4),
    ),
    "alpha": (lambda: Lambda(lambda m, x: torch.sub(torch.add(x, x.exp(), alpha=3), x, alpha=0.5)), (2, 4)),
    "scalar operands": (lambda: Lambda(lambda m, x: (x + 3) * 0.5 - 1 / (x.exp() + 2)), (2, 4)),
    "affine part of a layer norm": (lambda: _shaken(nn.LayerNorm(4)), (2, 4)),
    "epsilon of a layer norm": (lambda: nn.LayerNorm(4, eps=0.1), (2, 4)),
    "axis of a layer norm": (lambda: _shaken(nn.LayerNorm(4)), (2, 3, 4)),
    "groups": (lambda: nn.Conv2d(4, 4, 3, groups=2), (4, 6, 6)),
    "dilation of a convolution": (lambda: nn.Conv2d(2, 3, 2, dilation=2), (2, 6, 6)),
    "dilation of a pool": (lambda: nn.MaxPool2d(2, dilation=2), (2, 6, 6)),
    "ceil_mode": (lambda: nn.MaxPool2d(2, 3, ceil_mode=True), (2, 6, 6)),
    "divisor_override": (lambda: nn.AvgPool2d(2, divisor_override=3), (2, 6, 6)),
    "count_include_pad": (lambda: nn.AvgPool2d(3, 2, 1, count_include_pad=False), (2, 6, 6)),
    "circular padding": (lambda: nn.Conv2d(2, 2, 3, padding=1, padding_mode="circular"), (2, 5, 5)),
    "add_zero_attn": (
        lambda: Lambda(
            lambda m, x: m.a(x, x, x)[0],
            a=nn.MultiheadAttention(4, 2, batch_first=True, add_zero_attn=True, add_bias_kv=True),
        ),
        (1, 3, 4),
    ),
    "a second output": (lambda: Lambda(lambda m, x: x.max(1)[0] + x.chunk(2, 1)[1].sum(1)), (2, 4)),
    "parameters that are attributes": (
        lambda: Lambda(
            lambda m, x: x * m.scale + m.shift, scale=nn.Parameter(torch.rand(4)), shift=torch.rand(4)
        ),
        (2, 4),
    ),
    "updates in place": (lambda: Lambda(_in_place), (2, 4)),
    "flatten(1) of a batch of one": (
        lambda: Lambda(lambda m, x: x.flatten(1) @ m.w, w=torch.rand(6, 2)),
        (1, 2, 3),
    ),
    "NCHW": (lambda: nn.Conv2d(2, 3, 2), (1, 2, 4, 4)),
}


def _shaken(layer: nn.Module) -> nn.Module:
    for parameter in layer.parameters():
        nn.init.uniform_(parameter, 0.5, 2.0)
    return layer


ON_FX = {
    "circular padding": "memory that nothing was written to",
}
"""What FX refuses."""


@pytest.mark.parametrize("prefer_torch_export", [True, False], ids=["export", "fx"])
@pytest.mark.parametrize("name", LOSSES)
def test_nothing_is_lost(name: str, prefer_torch_export: bool) -> None:
    torch.manual_seed(0)
    build, shape = LOSSES[name]
    if name in ON_FX and not prefer_torch_export:
        with pytest.raises(CaptureError, match=ON_FX[name]):
            captured(build(), shape, prefer_torch_export=False)
        return
    assert exact(captured(build(), shape, prefer_torch_export=prefer_torch_export))


def test_a_second_output_that_is_returned_is_refused() -> None:
    with pytest.raises(CaptureError, match="an artifact has one output tensor"):
        captured(Lambda(lambda m, x: F.max_pool2d(x, 2, return_indices=True)), (1, 4, 4))
