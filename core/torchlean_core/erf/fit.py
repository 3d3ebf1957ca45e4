"""Fits the coefficients of `table.py`; `python -m torchlean_core.erf.fit` writes that file again.

Needs mpmath and sympy, which torch brings along. Artifacts hold float32, and interpreters compute with it in float64,
too: so all coefficients are float32 numbers, the first four sums of two. They are not the rounded ones of the best
polynomial, which would be off by 1e-8, but a point of the lattice of such polynomials that is near it, by LLL reduction
and Babai's nearest plane (Brisebarre and Chevillard, Efficient polynomial L-infinity approximations, 2007).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath as mp
from sympy import ZZ
from sympy.polys.matrices import DomainMatrix

from torchlean_core.erf.table import CENTRE, SHIFT

SPLIT = 4
"""So many of the first are sums of two float32."""

_DIGITS = 60
_SCALE = 2**130
_BITS = 24
_CALM = mp.mpf(10) ** -16
"""Weight of the distance to the best polynomial's coefficients; far from them, terms would cancel."""

_TABLE = Path(__file__).with_name("table.py")


@dataclass(frozen=True, slots=True)
class Target:
    """A function of w = a / (a + SHIFT) - CENTRE, which a polynomial stands for.

    Attributes:
        name: Name of the coefficients.
        meaning: What it is, in a formula.
        function: Its values, by a.
        greatest: The largest a.
        count: Number of coefficients: whole rows of four.
    """

    name: str
    meaning: str
    function: Callable[[Any], Any]
    greatest: int
    count: int


def scaled_erfc(z: Any) -> Any:
    """The value of exp(z^2) erfc(z), for z from 0 to 60."""
    return mp.exp(z * z) * mp.erfc(z)


def _tail(a: Any) -> Any:
    return scaled_erfc(a / mp.sqrt(2)) * (a + SHIFT) / 2


def _erfc(a: Any) -> Any:
    return scaled_erfc(a) * (a + SHIFT)


def _erf(a: Any) -> Any:
    slope = (1 - scaled_erfc(a)) / a if a > mp.mpf(10) ** -25 else 2 / mp.sqrt(mp.pi)
    return slope * (a + SHIFT)


TARGETS = (
    Target(
        "TAIL",
        "(1 - Phi(a)) exp(a^2 / 2) / t, Phi the distribution function of the normal distribution",
        _tail,
        40,
        20,
    ),
    Target("ERFC", "erfc(a) exp(a^2) / t", _erfc, 28, 20),
    Target("ERF", "(1 - erfc(a) exp(a^2)) / (a t)", _erf, 28, 16),
)


def fitted(target: Target) -> list[Fraction]:
    """Coefficients, from that of t^0 on."""
    with mp.workdps(_DIGITS):
        points = _points(target, 2 * target.count + 6)
        values = [target.function(_a(w)) for w in points]
        best = _best(points, values, target.count)
        units = [_unit(x) / (2 ** (_BITS - 1) if place < SPLIT else 1) for place, x in enumerate(best)]
        while True:
            numbers = _nearest(points, values, best, units)
            extra = [
                max(0, abs(n).bit_length() - (2 * _BITS - 1 if place < SPLIT else _BITS))
                for place, n in enumerate(numbers)
            ]
            if not any(extra):
                return [
                    n * Fraction(2) ** int(mp.log(unit, 2)) for n, unit in zip(numbers, units, strict=True)
                ]
            units = [unit * 2**more for unit, more in zip(units, extra, strict=True)]


def error(target: Target, coefficients: Sequence[Fraction], points: int = 300) -> float:
    """Largest relative error of a polynomial."""
    with mp.workdps(_DIGITS):
        numbers = [mp.mpf(c.numerator) / c.denominator for c in reversed(coefficients)]
        return float(
            max(abs(mp.polyval(numbers, w) / target.function(_a(w)) - 1) for w in _points(target, points))
        )


def _points(target: Target, count: int) -> list[Any]:
    """Chebyshev's, and the ends."""
    low, high = -mp.mpf(CENTRE), mp.mpf(target.greatest) / (target.greatest + SHIFT) - CENTRE
    inner = [low + (high - low) * (1 + mp.cos(mp.pi * (2 * k + 1) / (2 * count))) / 2 for k in range(count)]
    return [high, *inner, low]


def _a(w: Any) -> Any:
    return SHIFT * (w + CENTRE) / (1 - CENTRE - w)


def _best(points: Sequence[Any], values: Sequence[Any], count: int) -> list[Any]:
    """Least squares of the relative error."""
    rows = [[w**j / value for j in range(count)] for w, value in zip(points, values, strict=True)]
    found = mp.lu_solve(mp.matrix(rows), mp.matrix([1] * len(rows)))
    return [found[j] for j in range(count)]


def _unit(x: Any) -> Any:
    """The last place of a number in float32."""
    return mp.mpf(2) ** (int(mp.frexp(abs(x))[1]) - _BITS)


def _nearest(
    points: Sequence[Any], values: Sequence[Any], best: Sequence[Any], units: Sequence[Any]
) -> list[int]:
    """Multiples of the units that make a polynomial near the target."""
    count = len(best)
    calm = _CALM * _SCALE
    basis = []
    for j, unit in enumerate(units):
        row = [int(mp.nint(_SCALE * unit * w**j / value)) for w, value in zip(points, values, strict=True)]
        basis.append(row + [int(mp.nint(calm * unit)) if j == k else 0 for k in range(count)])
    shape = (count, len(basis[0]))
    reduced, change = DomainMatrix([[ZZ(n) for n in row] for row in basis], shape, ZZ).lll_transform()
    rows = [[mp.mpf(int(n)) for n in row] for row in reduced.to_list()]
    planes: list[tuple[list[Any], Any]] = []
    for row in rows:
        rest = row
        for plane, length in planes:
            share = mp.fdot(row, plane) / length
            rest = [a - share * b for a, b in zip(rest, plane, strict=True)]
        planes.append((rest, mp.fdot(rest, rest)))
    left = [mp.mpf(_SCALE)] * len(points) + [calm * x for x in best]
    numbers = [0] * count
    steps = [[int(n) for n in row] for row in change.to_list()]
    for i in reversed(range(count)):
        plane, length = planes[i]
        times = int(mp.nint(mp.fdot(left, plane) / length))
        left = [a - times * b for a, b in zip(left, rows[i], strict=True)]
        numbers = [n + times * step for n, step in zip(numbers, steps[i], strict=True)]
    return numbers


def source() -> str:
    """The text of the table."""
    parts = [_TABLE.read_text(encoding="utf-8").split("# -- fitted")[0].rstrip()]
    parts.append("\n\n# -- fitted by `python -m torchlean_core.erf.fit`: nothing below is written by hand\n")
    for target in TARGETS:
        coefficients = fitted(target)
        numbers = ",\n".join(f"    {float(c)!r}" for c in coefficients)
        text = f"{target.meaning}; relative error {error(target, coefficients):.1e}."
        parts.append(f'\n{target.name} = (\n{numbers},\n)\n"""{text[0].upper()}{text[1:]}"""\n')
    return "".join(parts)


if __name__ == "__main__":
    _TABLE.write_text(source(), encoding="utf-8")
