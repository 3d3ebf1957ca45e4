"""The forms of GELU, erf, erfc and the normal distribution function against forty digits, and against torch."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath as mp
import pytest
import torch

from tests.core.erf.support import FUNCTIONS, octave, relative, true, ulps
from torchlean_core.erf import fit, table
from torchlean_core.erf.forms import split

NAMES = list(FUNCTIONS)

DENSE = torch.cat(
    [
        torch.linspace(-38.4, 38.4, 1537, dtype=torch.float64),
        torch.logspace(-307, 1.5, 300, dtype=torch.float64),
        -torch.logspace(-307, 1.5, 300, dtype=torch.float64),
        torch.tensor([0.0, -0.0, 1e-300, -1e-300, 6.0, -6.0, 26.5, 37.5, -37.0, -37.5], dtype=torch.float64),
    ]
)
OCTAVES = [-126, -100, -60, *range(-26, 5)]

ULPS = {"gelu": 4.0, "erf": 4.0, "erfc": 5.0, "ndtr": 5.0}
"""Largest error in float32 where torch's own is less; docs/accuracy.md has what was measured."""


@pytest.mark.parametrize("name", NAMES)
def test_values_in_float64_are_right_to_twelve_digits(name: str) -> None:
    found, _ = FUNCTIONS[name].here(DENSE)
    errors = relative(found, true(FUNCTIONS[name].value, DENSE), 2.3e-308)
    assert max(errors) < 1e-12


@pytest.mark.parametrize("name", NAMES)
def test_gradients_in_float64_are_right_to_twelve_digits(name: str) -> None:
    """That of GELU is 0 near -0.75: there it is right to twelve digits of 1."""
    _, found = FUNCTIONS[name].here(DENSE)
    expected = true(FUNCTIONS[name].slope, DENSE)
    errors = relative(found, expected, 2.3e-308)
    for x, error, one, right in zip(DENSE.tolist(), errors, found.tolist(), expected, strict=True):
        near_zero = name == "gelu" and -1.5 < x < -0.4
        assert error < 1e-12 or (near_zero and abs(one - right) < 1e-12), x


@pytest.mark.parametrize("name", NAMES)
def test_float32_loses_no_more_than_torch_or_a_few_units_of_the_last_place(name: str) -> None:
    function = FUNCTIONS[name]
    for exponent in OCTAVES:
        both = octave(exponent, 150)
        for x in both.chunk(2):
            value, slope = true(function.value, x), true(function.slope, x)
            here, there = function.here(x), function.there(x)
            for kind, found, own, right in zip(("value", "slope"), here, there, (value, slope), strict=True):
                worst = max(ulps(found, right))
                limit = max(1.25 * max(ulps(own, right)), ULPS[name])
                assert worst <= limit, (kind, exponent, float(x[0]))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_everything_is_finite_for_every_finite_operand(name: str, dtype: torch.dtype) -> None:
    ends = torch.finfo(dtype)
    sizes = torch.tensor([0.0, ends.smallest_normal / 2, ends.tiny, 1e19, 1e20, ends.max], dtype=dtype)
    around = torch.linspace(0, 45, 2000, dtype=dtype)
    x = torch.cat([sizes, -sizes, around, -around])
    value, slope = FUNCTIONS[name].here(x)
    assert bool(torch.isfinite(value).all() and torch.isfinite(slope).all())
    # Torch has no digits in some tails, and infinity for the GELU of the largest float32.
    own = FUNCTIONS[name].there(x)[0].clamp(max=ends.max)
    assert torch.allclose(value, own, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_value_and_gradient_at_zero(name: str, dtype: torch.dtype) -> None:
    x = torch.tensor([0.0, -0.0], dtype=dtype)
    found, expected = FUNCTIONS[name].here(x), FUNCTIONS[name].there(x)
    for one, other in zip(found, expected, strict=True):
        assert torch.allclose(one, other, rtol=max(1e-12, 4 * torch.finfo(dtype).eps), atol=0)


def test_the_table_is_within_its_bound_and_float32_holds_it() -> None:
    for target in fit.TARGETS:
        numbers = [Fraction(number) for number in getattr(table, target.name)]
        assert len(numbers) == target.count
        assert fit.error(target, numbers) < 1e-12
        for place, number in enumerate(numbers):
            parts = split(float(number))
            assert sum(map(Fraction, parts)) == number
            assert place < fit.SPLIT or parts[1] == 0


def test_the_script_gives_the_table() -> None:
    target = fit.TARGETS[2]
    assert tuple(map(float, fit.fitted(target))) == getattr(table, target.name)


def test_the_fitted_function_is_the_one_that_is_meant() -> None:
    with mp.workdps(40):
        a = mp.mpf("1.5")
        tail, erfc, erf = (target.function(a) for target in fit.TARGETS)
        t = 1 / (a + table.SHIFT)
        assert mp.almosteq(tail * t * mp.exp(-a * a / 2), mp.erfc(a / mp.sqrt(2)) / 2)
        assert mp.almosteq(erfc * t * mp.exp(-a * a), mp.erfc(a))
        assert mp.almosteq(1 - erf * a * t, mp.erfc(a) * mp.exp(a * a))
    assert math.isclose(float(fit.scaled_erfc(mp.mpf(2))), 0.25539567631050574)
