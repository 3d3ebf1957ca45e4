"""Compositions keep their digits as docs/accuracy.md says, and none is much worse than PyTorch."""

from __future__ import annotations

import math

import pytest

from tests.core.capture.accuracy import FUNCTIONS, PAGE, measure

KNOWN_TO_BE_WORSE = {"exp2", "std of pairs"}
"""Each is explained on the page."""


def _documented() -> dict[str, list[float]]:
    rows = [
        line.strip("| ").split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines() if "|" in line
    ]
    return {row[0]: [float(cell) for cell in row[1:]] for row in rows[2:]}


def test_the_page_has_every_function() -> None:
    assert list(_documented()) == list(FUNCTIONS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_form_keeps_the_digits_that_the_page_says(name: str) -> None:
    documented = _documented()[name]
    for found, written in zip(measure(FUNCTIONS[name]), documented[::2], strict=True):
        assert found.here <= max(2 * written, 4e-7)
        assert (
            name in KNOWN_TO_BE_WORSE or found.here <= max(8 * found.torch, 4e-7) or math.isinf(found.torch)
        )
