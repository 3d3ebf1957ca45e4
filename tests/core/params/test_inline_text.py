"""Numbers as text: what reads back as the same float32, in as few digits as that takes."""

from __future__ import annotations

import json
from decimal import Decimal

import numpy as np
import pytest
import torch

from torchlean_core.params.inline_text import numbers_text


def _every_size(count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    bits = torch.randint(0, 2**31 - 1, (count,), generator=generator, dtype=torch.int64).to(torch.int32)
    numbers = bits.view(torch.float32)
    numbers = numbers[torch.isfinite(numbers)]
    return torch.cat([numbers, -numbers, torch.tensor([0.0, 1e-45, 3.4028235e38, 16777216.0, 0.1])])


@pytest.mark.parametrize("numbers", [torch.randn(70_000), _every_size(1_000)], ids=["weights", "every size"])
def test_it_reads_back_as_the_same_float32_and_is_the_shortest_that_does(numbers: torch.Tensor) -> None:
    found = json.loads(numbers_text(numbers))
    assert np.array_equal(np.array(found, dtype=np.float32), numbers.numpy())
    for number, text in zip(numbers.numpy()[-2_000:], found[-2_000:], strict=True):
        digits = np.format_float_scientific(number, unique=True, trim="-").split("e")[0]
        shortest = len(digits.replace(".", "").replace("-", ""))
        assert len(Decimal(repr(text)).normalize().as_tuple().digits) <= shortest


@pytest.mark.parametrize(
    "shape", [(), (1,), (0,), (2, 0), (0, 5), (2, 3), (3, 70_000), (70_000, 2), (2, 40_000, 1)]
)
def test_it_is_nested_as_its_shape_says(shape: tuple[int, ...]) -> None:
    numbers = torch.arange(float(torch.Size(shape).numel())).reshape(shape)
    assert json.loads(numbers_text(numbers)) == numbers.tolist()
    assert numbers_text(numbers.numpy()) == numbers_text(numbers)


def test_signs_and_fractions_are_kept() -> None:
    assert numbers_text(torch.tensor([0.1, -0.0, 1.0, -2.5])) == "[0.1, -0.0, 1.0, -2.5]"


def test_what_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="not finite"):
        numbers_text(torch.tensor([1.0, float("-inf")]))
