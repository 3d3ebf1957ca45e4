"""Natural numbers of any size: reading them exactly, multiplying them safely, printing them short."""

from __future__ import annotations

import math
import re
import sys
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

MAX_DIGITS = 10_000
"""A JSON number that stands for more decimal digits than this is refused, never expanded."""

_NUMBER = re.compile(r"(-?)(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d+))?")
_EXACT_BITS = 1_000_000
_PRIMES = ((1 << 521) - 1, (1 << 607) - 1, (1 << 1279) - 1)


MAX_ZERO_DECIMALS = 10
"""A zero spelled with more decimals (`0e-11`) is no natural number to TorchLean's JSON library, which prints it
in exponential form; every other number that is an integer is one, however spelled."""


# Python converts 4,300 digits at most unless told otherwise; numbers up to MAX_DIGITS are read and written here.
if 0 < sys.get_int_max_str_digits() < 2 * MAX_DIGITS:
    sys.set_int_max_str_digits(2 * MAX_DIGITS)


class TooManyDigits(ValueError):
    """A number has more than `MAX_DIGITS` digits."""


def parse_number(text: str) -> int | float:
    """Read the text of a JSON number: an int where TorchLean reads an integer, else a float.

    Raises:
        TooManyDigits: The integer has more than `MAX_DIGITS` digits.
    """
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise ValueError(f"not a JSON number: {text[:40]!r}")
    sign, whole, fraction, exponent_text = match.groups()
    fraction = fraction or ""
    digits = (whole + fraction).lstrip("0")
    exponent_digits = (exponent_text or "0").lstrip("+-").lstrip("0")
    exponent = int(exponent_digits or "0") if len(exponent_digits) < 20 else 10**20
    if (exponent_text or "").startswith("-"):
        exponent = -exponent
    exponent -= len(fraction)
    if not digits:
        return 0 if exponent >= -MAX_ZERO_DECIMALS else 0.0
    stripped = digits.rstrip("0")
    exponent += len(digits) - len(stripped)
    if exponent < 0:
        # Not an integer: that it is a float says so, and its size only has to be about right.
        rounded = float(text)
        if rounded == 0:
            return math.copysign(sys.float_info.min, rounded)
        return rounded if math.isfinite(rounded) else math.copysign(sys.float_info.max, rounded)
    if len(stripped) + exponent > MAX_DIGITS:
        raise TooManyDigits(text)
    value = int(stripped) * int(10**exponent)
    return -value if sign else value


def show(value: int) -> str:
    """A number for a message: exact up to 24 digits, else its leading digits and its length."""
    if -(10**24) < value < 10**24:
        return str(value)
    sign, value = ("-", -value) if value < 0 else ("", value)
    rest = value.bit_length() - 1000
    if rest < 40_000:
        digits = max(1, int(value.bit_length() * 0.30102999566398119521) - 2)
        while 10**digits <= value:
            digits += 1
        return f"{sign}{value // 10 ** (digits - 6)}…({digits} digits)"
    # Dividing it out would take seconds; its logarithm is known to 1e-9, and where that leaves a digit in doubt,
    # one multiplication decides.
    logarithm = math.log10(value >> rest) + rest * math.log10(2)
    digits = math.floor(logarithm) + 1
    scaled = 10 ** (logarithm - digits + 6)
    leading = round(scaled)
    if abs(scaled - leading) > 1e-2:
        leading = math.floor(scaled)
    elif leading * 10 ** (digits - 6) > value:
        leading -= 1
    if leading == 1_000_000:
        digits, leading = digits + 1, 100_000
    elif leading < 100_000:
        digits, leading = digits - 1, 999_999
    return f"{sign}{leading}…({digits} digits)"


def show_shape(shape: Iterable[int]) -> str:
    """A shape for a message: `[1, 3, 32, 32]`, with very long ones shortened in the middle."""
    dims = list(shape)
    if len(dims) > 16:
        head, tail = ", ".join(map(show, dims[:6])), ", ".join(map(show, dims[-3:]))
        return f"[{head}, … {len(dims) - 9} more …, {tail}]"
    return f"[{', '.join(map(show, dims))}]"


def numel(shape: Iterable[int]) -> int | None:
    """Number of elements, or None where the product has more than about 300,000 digits."""
    dims = list(shape)
    if 0 in dims:
        return 0
    if sum(dim.bit_length() for dim in dims) > _EXACT_BITS:
        return None
    return math.prod(dims) if len(dims) <= 64 else _product(tuple(dims))


@lru_cache(16)
def _product(factors: tuple[int, ...]) -> int:
    """The product of many factors; rules, messages and fixes ask for the same one."""
    while len(factors) > 1:  # in pairs of about the same size: one by one, the time would be quadratic
        factors = tuple(math.prod(factors[first : first + 2]) for first in range(0, len(factors), 2))
    return factors[0]


def same_numel(a: Iterable[int], b: Iterable[int]) -> bool:
    """Whether two shapes have the same number of elements.

    Products too long to be multiplied out are compared by their residues modulo three Mersenne primes
    (2,407 bits together) after equal dimensions are cancelled.
    """
    dims, others = list(a), list(b)
    if len(dims) + len(others) <= 32:
        return math.prod(dims) == math.prod(others)
    left, right = Counter(dims), Counter(others)
    if 0 in left or 0 in right:
        return (0 in left) == (0 in right)
    common = left & right
    left, right = left - common, right - common
    bits = [sum((dim.bit_length() - 1) * count for dim, count in side.items()) for side in (left, right)]
    slack = sum(left.values()) + sum(right.values())
    if abs(bits[0] - bits[1]) > slack:
        return False
    exact_left, exact_right = numel(left.elements()), numel(right.elements())
    if exact_left is not None and exact_right is not None:
        return exact_left == exact_right
    return all(_residue(left, prime) == _residue(right, prime) for prime in _PRIMES)


def _residue(factors: Counter[int], prime: int) -> int:
    result = 1
    for dim, count in factors.items():
        result = result * pow(dim, count, prime) % prime
    return result
