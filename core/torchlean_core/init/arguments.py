"""The arguments of initialization schemes: what each may be, in Python and in plan files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MAX_SEED = (1 << 64) - 1
"""Seeds are unsigned 64-bit words."""

MAX_NUMBER = 3.4028234663852886e38
"""The greatest number of float32, which is what parameters are stored in."""


def is_seed(value: Any) -> bool:
    """Whether a value is a seed: an unsigned 64-bit integer."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_SEED


def is_number(value: Any) -> bool:
    """Whether a value is a finite number that float32 holds, but for rounding."""
    is_one = isinstance(value, int | float) and not isinstance(value, bool)
    return is_one and -MAX_NUMBER <= value <= MAX_NUMBER


def _is_payload(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(map(is_number, leaves(value)))


def leaves(values: Sequence[Any]) -> Iterator[Any]:
    """What stands in nested lists and tuples, in order: they may be nested deeper than Python calls functions."""
    stack = [iter(values)]
    while stack:
        for value in stack[-1]:
            if isinstance(value, list | tuple):
                stack.append(iter(value))
                break
            yield value
        else:
            stack.pop()


@dataclass(frozen=True, slots=True)
class Argument:
    """What an argument of a scheme in a plan file may be.

    Attributes:
        expected: In words.
        valid: Whether a value is one.
        schema: The same as JSON Schema.
        doc: One sentence.
    """

    expected: str
    valid: Callable[[Any], bool]
    schema: Mapping[str, Any]
    doc: str


_FAN = Argument(
    "a whole number > 0",
    lambda value: type(value) is int and 0 < value < 1 << 53,
    {"type": "integer", "minimum": 1},
    "In place of the fan that the parameter's shape gives.",
)

_FINITE = "a finite number that float32 holds"
NUMBER = {"type": "number", "minimum": -MAX_NUMBER, "maximum": MAX_NUMBER}
"""JSON Schema of such a number."""

ARGUMENTS: dict[str, Argument] = {
    "seed": Argument(
        "an unsigned 64-bit integer",
        is_seed,
        {"type": "integer", "minimum": 0, "maximum": MAX_SEED, "default": 0},
        "Seed of the values.",
    ),
    "lo": Argument(_FINITE, is_number, {**NUMBER, "default": 0}, "Lower bound."),
    "hi": Argument(_FINITE, is_number, {**NUMBER, "default": 1}, "Upper bound."),
    "mean": Argument(_FINITE, is_number, {**NUMBER, "default": 0}, "Mean."),
    "std": Argument(
        "a finite number >= 0 that float32 holds",
        lambda value: is_number(value) and value >= 0,
        {**NUMBER, "minimum": 0, "default": 1},
        "Standard deviation.",
    ),
    "fan_in": _FAN,
    "fan_out": _FAN,
    "values": Argument(
        "a list of finite numbers that float32 holds (nested lists too)",
        _is_payload,
        {"$ref": "#/$defs/payload"},
        "All elements in row-major order.",
    ),
}
"""The arguments that `SCHEMES` names."""
