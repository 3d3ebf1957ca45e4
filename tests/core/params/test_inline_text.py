"""The text of inline tensors: short, and bit for bit what it was."""

from __future__ import annotations

import json

import numpy as np
import pytest

from torchlean_core.params.inline_text import numbers_text
from torchlean_core.text import quick_json
from torchlean_core.text.numbers import Numbers


def _bits(array: np.ndarray) -> np.ndarray:
    return np.asarray(array, np.float32).view(np.uint32)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1.0, "1.0"),
        (-3.0, "-3.0"),
        (0.1, "0.1"),
        (1e-45, "1e-45"),
        (1.1754944e-38, "1.1754944e-38"),
        (3.4028235e38, "3.4028235e38"),
        (16777216.0, "16777216.0"),
        (1e10, "10000000000.0"),
        (1e16, "1e16"),
        (1.5e-5, "1.5e-5"),
        (1e-5, "1e-5"),
        (100.0001, "100.0001"),
        (10.00001, "10.00001"),
        (-2e-5, "-2e-5"),
    ],
)
def test_the_text_is_the_shortest(value: float, text: str) -> None:
    array = np.array(value, np.float32)
    assert numbers_text(array) == text
    assert _bits(Numbers(text).array()) == _bits(array)


def test_any_bits_come_back_and_no_shorter_text_gives_them() -> None:
    bits = np.random.default_rng(3).integers(0, 2**32, 60_000, dtype=np.uint32)
    array = bits.view(np.float32)
    array = np.concatenate([array[np.isfinite(array)], np.arange(1, 300, dtype=np.uint32).view(np.float32)])
    text = numbers_text(array)
    assert np.array_equal(_bits(Numbers(text).array()), _bits(array))
    for value, number in zip(array, json.loads(text), strict=True):
        assert float(str(value)) == number  # numpy's own shortest, one at a time


@pytest.mark.parametrize(
    "shape",
    [(), (0,), (2, 0), (0, 5), (3,), (2, 3, 4), (1, 1), (70_000,), (70_000, 2), (3, 40_000), (2, 2, 70_000)],
)
def test_arrays_of_any_shape(shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    text = numbers_text(array)
    numbers = Numbers(text)
    assert numbers.has_shape(shape)
    assert np.array_equal(_bits(numbers.array()).ravel(), _bits(array).ravel())


def test_views_are_written_as_they_read() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3).T
    assert numbers_text(array) == "[[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]"


def test_the_text_is_the_same_without_the_quick_writer(monkeypatch: pytest.MonkeyPatch) -> None:
    array = np.random.default_rng(1).integers(0, 2**32, 20_000, dtype=np.uint32).view(np.float32)
    array = np.concatenate(
        [array[np.isfinite(array)], (10.0 ** np.linspace(-8, 20, 2000)).astype(np.float32)]
    )
    quick = numbers_text(array)
    monkeypatch.setattr(quick_json, "IS_THERE", False)
    assert numbers_text(array) == quick


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_what_json_has_no_number_for(value: float) -> None:
    with pytest.raises(ValueError, match="no number"):
        numbers_text(np.array([1.0, value], np.float32))


def test_other_types_are_not_rounded_in_silence() -> None:
    with pytest.raises(ValueError, match="expected float32, found float64"):
        numbers_text(np.array([0.1]))
