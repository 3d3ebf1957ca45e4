"""The text of torch's tensors says the same numbers, as short, as that of numpy's arrays."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from torchlean_core.capture import numbers_text as of_tensors
from torchlean_core.params import inline_text as of_arrays


@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (7,), (3, 5), (2, 3, 4), (70_001,), (3, 70_000)])
def test_both_writers_give_the_same_numbers(shape):
    array = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    text = of_tensors.numbers_text(torch.from_numpy(array.copy()))
    assert json.loads(text) == json.loads(of_arrays.numbers_text(array))


def test_numbers_of_any_size():
    words = np.random.default_rng(1).integers(0, 2**32, 20_000, dtype=np.uint64).astype(np.uint32)
    values = words.view(np.float32)
    extremes = [0.0, -0.0, 1.0, 16777216.0, 3.4028235e38, 1e-45, 1.1754944e-38, 1e22, 1e23, 0.1]
    array = np.concatenate([values[np.isfinite(values)], np.array(extremes, np.float32)])
    text = of_tensors.numbers_text(torch.from_numpy(array))
    assert [float(one) for one in text[1:-1].split(",")] == [
        float(one) for one in of_arrays.numbers_text(array)[1:-1].split(",")
    ]
