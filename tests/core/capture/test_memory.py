"""Memory that nothing was written to (`torch.empty`): what is written over it is the source, all else is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from tests.core.capture.support import EXACT, function, kinds
from torchlean_core.capture.errors import CaptureError

Forward = Callable[[torch.Tensor], torch.Tensor]


def _copied(x: torch.Tensor) -> torch.Tensor:
    y = torch.empty(2, 4)
    y.copy_(x)
    return y * y


def _row_by_row(x: torch.Tensor) -> torch.Tensor:
    y = torch.empty(2, 4)
    y[0].copy_(x[1])
    y[1].copy_(x[0])
    return y.tanh()


def _through_a_view(x: torch.Tensor) -> torch.Tensor:
    y = torch.empty(8)
    for column in range(4):
        y.view(2, 4)[:, column] = x[:, 3 - column]
    return y.view(2, 4) * x


def _only_what_was_written(x: torch.Tensor) -> torch.Tensor:
    y = torch.empty_like(x)
    y[:, :2] = x[:, 2:]
    return y[:, :2] * 3


WRITTEN: dict[str, Forward] = {
    "copy_": _copied,
    "broadcast": lambda x: x.new_empty(3, 2, 4).copy_(x) * x,
    "like": lambda x: torch.empty_like(x).copy_(x) * 2,
    "strided": lambda x: torch.empty_strided((2, 4), (4, 1)).copy_(x) * 2,
    "filled": lambda x: torch.empty(2, 4).fill_(3.0) * x,
    "zeroed": lambda x: torch.empty(2, 4).zero_().add_(x),
    "row by row": _row_by_row,
    "through a view": _through_a_view,
    "only what was written": _only_what_was_written,
    "no elements": lambda x: torch.empty(0).sum() + x,
    "shape only": lambda x: torch.zeros_like(torch.empty(2, 4)) + x,
}


@pytest.mark.parametrize("name", WRITTEN)
def test_what_is_written_over_memory_is_what_counts(name: str) -> None:
    check = function(lambda m, x: WRITTEN[name](x), (2, 4)).verification
    assert check is not None and check.max_relative_error <= EXACT


def test_a_copy_is_the_source_without_a_node() -> None:
    assert kinds(function(lambda m, x: _copied(x), (2, 4))) == ["mul_elem"]


def test_what_is_written_without_gradients_is_detached() -> None:
    def forward(m: nn.Module, x: torch.Tensor) -> torch.Tensor:
        y = torch.empty(2, 2, 4)
        with torch.no_grad():
            y[0] = m.w * x  # type: ignore[operator]
        y[1] = m.w * x  # type: ignore[operator]
        return y * y

    result = function(forward, (2, 4), w=nn.Parameter(torch.ones(4)))
    assert "detach" in kinds(result) and not result.notes


def _half_written(x: torch.Tensor) -> torch.Tensor:
    y = torch.empty_like(x)
    y[:, :2] = x[:, 2:]
    return y


@pytest.mark.parametrize(
    ("forward", "message"),
    [
        (lambda x: torch.empty(2, 4) * x, "aten.mul.Tensor: uses memory that nothing was written to"),
        (lambda x: torch.empty_like(x) * 0 + x, "aten.mul.Tensor: uses memory that nothing was written to"),
        (lambda x: _half_written(x).exp(), "aten.exp.default: uses memory that nothing was written to"),
        (_half_written, "is returned, where not all of it was written"),
        (lambda x: torch.empty(2, 4).copy_(torch.empty(2, 4)) + x, "aten.copy.default: uses memory"),
        (
            lambda x: torch.empty(2, 4, dtype=torch.float64).copy_(x).float(),
            "computes in float64 from here on",
        ),
        (lambda x: torch.empty(2, 4, dtype=torch.int64).copy_(x) * 1.0, "gives int64; values are float32"),
    ],
)
def test_a_refusal_gives_the_reason(forward: Forward, message: str) -> None:
    with pytest.raises(CaptureError) as caught:
        function(lambda m, x: forward(x), (2, 4))
    (finding,) = caught.value.findings
    assert message in f"{finding.operator}: {finding.message}" or message in str(caught.value)


def test_float64_memory_that_is_written_in_parts_is_refused_once_where_it_begins() -> None:
    def forward(m: nn.Module, x: torch.Tensor) -> torch.Tensor:
        y = torch.empty(2, 4, dtype=torch.float64)
        y[:, :2] = x[:, :2]
        y[:, 2:] = x[:, 2:]
        return (y * y).float()

    with pytest.raises(CaptureError, match="computes in float64 from here on") as caught:
        function(forward, (2, 4))
    assert len({finding.line for finding in caught.value.findings}) == 1
