"""GELU, erf, erfc and the normal distribution function, composed of the operators that artifacts have.

All rest on erfc(a) = exp(-a^2) t P(w) for a >= 0, with t = 1 / (a + 4), w = a t - 1/2, and a polynomial P of degree 19
(15 for erf, of another function) that is right to 1e-12 relative to its function over the whole half line (`fit`).
So the results are right to rounding in float32, and to 1e-12 in float64, wherever they are normal numbers.

- What gradients go through is bounded before it is squared, where the exponential is 0 already: no infinity times 0.
- The polynomial is four of degree 4 in w^4, evaluated side by side: a fourth of the nodes.
- Where digits of the tail count in float32, too, exp(-a^2) is exp(-h^2) exp(-(a - h)(a + h)), h being a rounded to
  2^-7 in float32, whose square is exact there; as a real function h is a.
- erf, erfc and the distribution function have derivatives that are known: values are computed of detach(x), and
  (x - detach(x)) times the derivative, which is 0, gives the gradient. That of GELU is the form's own.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from torchlean_core.erf import table
from torchlean_core.erf.algebra import Algebra

V = TypeVar("V")

NORMAL_END = 40.0
"""From here on exp(-a^2 / 2) is 0, in float64, too."""

ERROR_END = 28.0
"""From here on exp(-a^2) is 0."""

_ROUNDING = 1.5 * 2.0**16
"""Added and subtracted again, it rounds to 2^-7 in float32."""

_LARGE = 2.0**64
"""Where x times that is less than 2, the functions are what they are at 0."""


def float32(x: float) -> float:
    """The nearest float32."""
    return float(struct.unpack("<f", struct.pack("<f", x))[0])


def split(x: float) -> tuple[float, float]:
    """Two float32 whose sum a number is, to 48 bits."""
    return float32(x), float32(x - float32(x))


def gelu(m: Algebra[V], x: V) -> V:
    """max(x, 0) - a (1 - Phi(a)) with a = abs(x).

    The maximum, and not relu, has the gradient 1/2 at 0.
    """
    a = m.binary("min_elem", m.unary("abs", x), NORMAL_END)
    t = _t(m, a)
    decay = _gaussian(m, a, -0.5)
    share = m.binary("mul_elem", a, t)
    tail = m.binary("mul_elem", share, _polynomial(m, share, table.TAIL))
    return m.binary("sub", m.binary("max_elem", x, 0.0), m.binary("mul_elem", decay, tail))


def erf(m: Algebra[V], x: V) -> V:
    """tanh(x a / 2) (1 + e) + e x t P(w) with a = abs(x), e = exp(-a^2).

    The first is the sign of x times 1 - e, and in the second P(w) = (1 - erfc(a) / e) / (a t); nothing cancels.
    """
    fixed = m.unary("detach", x)
    a = m.unary("abs", fixed)
    t = _t(m, a)
    minus_half = m.binary("mul_elem", a, -0.5)
    decay = m.unary("exp", m.binary("mul_elem", m.binary("add", a, a), minus_half))
    minus_sign = m.unary("tanh", m.binary("mul_elem", fixed, minus_half))
    rest = m.binary(
        "mul_elem", m.binary("mul_elem", fixed, t), _polynomial(m, m.binary("mul_elem", a, t), table.ERF)
    )
    value = m.binary("sub", m.binary("mul_elem", decay, m.binary("sub", rest, minus_sign)), minus_sign)
    return _with_derivative(m, value, x, fixed, decay, 2.0 / math.sqrt(math.pi))


def erfc(m: Algebra[V], x: V) -> V:
    """The value at a = abs(x), or 2 minus that where x is negative."""
    return _tail(m, x, ERROR_END, -1.0, table.ERFC, whole=2.0, falls=True)


def normal_cdf(m: Algebra[V], x: V) -> V:
    """The upper tail 1 - Phi(a) at a = abs(x), or 1 minus that where x is positive."""
    return _tail(m, x, NORMAL_END, -0.5, table.TAIL, whole=1.0, falls=False)


def _tail(
    m: Algebra[V],
    x: V,
    end: float,
    exponent: float,
    coefficients: Sequence[float],
    *,
    whole: float,
    falls: bool,
) -> V:
    """A function that is a small tail on one side, and `whole` minus that on the other one.

    Args:
        m: Says what the form says.
        x: Operand.
        end: From here on the tail is 0.
        exponent: Of the tail exp(exponent * a^2) t P(w).
        coefficients: Those of P.
        whole: The values at both ends together.
        falls: Whether the tail is where x is positive.
    """
    fixed = m.unary("detach", x)
    a = m.binary("min_elem", m.unary("abs", fixed), end)
    decay = _precise_gaussian(m, a, exponent)
    upper = _upper(m, a, decay, coefficients)
    other_side = _two_where_positive(m, fixed, -1 if falls else 1)
    value = m.binary("sub", upper, m.binary("mul_elem", other_side, m.binary("sub", upper, whole / 2)))
    slope = whole * math.sqrt(-exponent / math.pi)
    return _with_derivative(m, value, x, fixed, decay, -slope if falls else slope)


FORMS: dict[str, Callable[[Algebra[Any], Any], Any]] = {
    "F.gelu": gelu,
    "torch.erf": erf,
    "torch.special.erfc": erfc,
    "torch.special.ndtr": normal_cdf,
}
"""The forms by the name that torch has for them."""


def _t(m: Algebra[V], a: V) -> V:
    return m.unary("inv", m.binary("add", a, float(table.SHIFT)))


def _gaussian(m: Algebra[V], a: V, factor: float) -> V:
    return m.unary("exp", m.binary("mul_elem", m.binary("mul_elem", a, a), factor))


def _precise_gaussian(m: Algebra[V], a: V, factor: float) -> V:
    near = m.binary("sub", m.binary("add", a, _ROUNDING), _ROUNDING)
    rest = m.binary("mul_elem", m.binary("sub", a, near), m.binary("add", a, near))
    whole = _gaussian(m, near, factor)
    return m.binary("mul_elem", whole, m.unary("exp", m.binary("mul_elem", rest, factor)))


def _upper(m: Algebra[V], a: V, decay: V, coefficients: Sequence[float]) -> V:
    t = _t(m, a)
    return m.binary(
        "mul_elem", decay, m.binary("mul_elem", t, _polynomial(m, m.binary("mul_elem", a, t), coefficients))
    )


def _two_where_positive(m: Algebra[V], x: V, sign: int) -> V:
    """2 where x, or -x, is positive, and 0 elsewhere: what is between, near x = 0, makes no difference there."""
    return m.binary("min_elem", m.unary("relu", m.binary("mul_elem", x, sign * _LARGE)), 2.0)


def _with_derivative(m: Algebra[V], value: V, x: V, fixed: V, decay: V, factor: float) -> V:
    slope = m.binary("mul_elem", decay, m.sum_of(*split(factor), decay))
    return m.binary("add", value, m.binary("mul_elem", m.binary("sub", x, fixed), slope))


def _polynomial(m: Algebra[V], share: V, coefficients: Sequence[float]) -> V:
    """The sum of c_i w^i with w = share - 1/2: a row for each of w^3, w^2, w and 1, times a polynomial in w^4.

    The smallest is first, so that their sum loses least.
    """
    lowest, *others = [coefficients[start : start + 4][::-1] for start in range(0, len(coefficients), 4)]
    w = m.binary("add", share, -table.CENTRE)
    flat = m.row(w)
    square = m.binary("mul_elem", flat, flat)
    once, twice = m.rows(flat), m.rows(square)
    fourth = m.rows(m.binary("mul_elem", square, square))
    result = m.column(others[-1], once)
    for numbers in reversed(others[:-1]):
        result = m.binary("add", m.binary("mul_elem", result, fourth), m.column(numbers, once))
    pairs = [split(number) for number in lowest]
    last = m.column_of_sums([high for high, _ in pairs], [low for _, low in pairs], once)
    result = m.binary("add", m.binary("mul_elem", result, fourth), last)
    # 1, w, w^2, w^3: w is between -1 and 1, so that a maximum with -1 is w, and one with 1 is 1.
    odd = m.binary("max_elem", once, m.column((-1.0, 1.0, -1.0, 1.0), once))
    high = m.binary("max_elem", twice, m.column((-1.0, -1.0, 1.0, 1.0), once))
    return m.total(m.binary("mul_elem", result, m.binary("mul_elem", odd, high)), w)
