"""Convolutions with random arguments, in every form that there is for them, are what PyTorch computes."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.core.capture.support import captured, exact
from torchlean_core.capture.lowerings import convolution, convolution_products

OPERANDS = {
    1: [(4, 60), (1, 4, 60), (2, 4, 30), (3, 4, 20), (2, 6, 20)],
    2: [(4, 6, 10), (1, 4, 6, 10), (2, 4, 5, 6), (3, 4, 4, 5), (1, 2, 10, 12), (2, 6, 4, 5), (2, 60, 1, 2)],
    3: [(4, 3, 4, 5), (1, 4, 3, 4, 5), (2, 4, 2, 3, 5), (3, 2, 2, 4, 5), (1, 2, 4, 5, 6)],
}
"""Shapes of 240 elements, by rank."""


@dataclass(frozen=True)
class Case:
    """One convolution.

    Attributes:
        shape: The operand's.
        kernel: The kernel's shape.
        options: Further arguments.
        transposed: Whether it is a transposed one.
        bias: Number of outputs, where there is a bias.
        computed: Which of kernel and bias depend on the input.
    """

    shape: tuple[int, ...]
    kernel: tuple[int, ...]
    options: dict[str, Any]
    transposed: bool
    bias: int | None
    computed: tuple[bool, bool]

    def __call__(self, x: torch.Tensor, kernel: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        """The convolution of a vector of 240 numbers."""
        rank = len(self.kernel) - 2
        prefix = "conv_transpose" if self.transposed else "conv"
        gate = torch.tanh(x.mean())
        kernel = kernel * gate if self.computed[0] else kernel
        bias = bias * gate if bias is not None and self.computed[1] else bias
        function = getattr(F, f"{prefix}{rank}d")
        result: torch.Tensor = function(x.reshape(self.shape), kernel, bias, **self.options)
        return result


def random_case(draw: random.Random) -> Case:
    """A convolution that PyTorch computes."""
    while True:
        rank = draw.choice([1, 2, 2, 3])
        shape = draw.choice(OPERANDS[rank])
        channels = shape[-rank - 1]
        groups = draw.choice([g for g in range(1, channels + 1) if channels % g == 0])
        outputs = groups * draw.randint(1, 3)
        sizes = [draw.randint(1, 4) for _ in range(rank)]
        transposed = draw.random() < 0.3

        def each(low: int, high: int, rank: int = rank) -> int | tuple[int, ...]:
            several = tuple(draw.randint(low, high) for _ in range(rank))
            return several if draw.random() < 0.5 else several[0]

        options: dict[str, Any] = {"dilation": each(1, 3), "groups": groups}
        if transposed:
            options |= {"stride": each(1, 3), "padding": each(0, 3), "output_padding": each(0, 2)}
            kernel = (channels, outputs // groups, *sizes)
        else:
            kernel = (outputs, channels // groups, *sizes)
            named = draw.random() < 0.3
            options |= (
                {"padding": draw.choice(["same", "valid"])}
                if named
                else {"stride": each(1, 4), "padding": each(0, 4)}
            )
        bias = draw.choice([None, outputs])
        computed = (draw.random() < 0.25, draw.random() < 0.25)
        case = Case(shape, kernel, options, transposed, bias, computed)
        try:
            result = case(torch.zeros(240), torch.zeros(kernel), None if bias is None else torch.zeros(bias))
        except (RuntimeError, ValueError):
            continue
        if 0 < result.numel() <= 2000:
            return case


class Several(nn.Module):
    """Convolutions beside each other, their results in one row."""

    def __init__(self, cases: list[Case]) -> None:
        super().__init__()
        self.cases = cases
        self.kernels = nn.ParameterList(nn.Parameter(torch.randn(case.kernel)) for case in cases)
        self.biases = nn.ParameterList(
            nn.Parameter(torch.randn(1 if case.bias is None else case.bias)) for case in cases
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """A row of results of a row of 240."""
        return torch.cat(
            [
                case(x, kernel, None if case.bias is None else bias).reshape(-1)
                for case, kernel, bias in zip(self.cases, self.kernels, self.biases, strict=True)
            ]
        )


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("dialect", ["classic", "generalized"])
@pytest.mark.parametrize(
    "form", ["as its size says", "products where anything grows", "products", "products by convolutions"]
)
@pytest.mark.parametrize("seed", range(4))
def test_a_convolution_is_exact(
    form: str, dialect: str, seed: int, monkeypatch: pytest.MonkeyPatch, count: int = 8
) -> None:
    if form != "as its size says":
        monkeypatch.setattr(convolution, "_FEW", 0)
        monkeypatch.setattr(convolution, "_TIMES", 1 if "anything" in form else 0)
    if form == "products by convolutions":
        monkeypatch.setattr(convolution_products, "_FEW", 0)
    torch.manual_seed(seed)
    draw = random.Random(f"{form} {dialect} {seed}")
    cases = [random_case(draw) for _ in range(count)]
    result = captured(Several(cases), (240,), dialect=dialect)
    assert exact(result), cases
    assert not [note for note in result.notes if note.code == "TL407"], cases
