"""Numbers as JSON text: the shortest that reads back as the same float32."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

_PIECE = 1 << 15


def numbers_text(array_: Any) -> str:
    """JSON text of an array of float32 numbers, in nested arrays of its shape; a scalar is a number.

    Args:
        array_: Of numpy or torch, on the CPU; every number is finite.

    Raises:
        ValueError: A number is not finite, which JSON cannot say.
    """
    shape = tuple(array_.shape)
    numbers = _texts(array_.reshape(-1))
    return _nested(numbers, shape)


def _nested(numbers: Iterator[str], shape: tuple[int, ...]) -> str:
    if not shape:
        return next(numbers)
    if not prod(shape[1:]):
        numbers = iter(())
    return "[" + ", ".join(_nested(numbers, shape[1:]) for _ in range(shape[0])) + "]"


def _texts(flat: Any) -> Iterator[str]:
    for start in range(0, len(flat), _PIECE):
        yield from _shortest(flat[start : start + _PIECE].tolist())


def _shortest(values: list[float]) -> list[str]:
    """The texts of some numbers, which are exactly float32.

    A decimal number of six digits is told from every other by the float32 next to it, and nine tell every float32.
    """
    texts = [""] * len(values)
    left: Sequence[int] = range(len(values))
    for digits in (6, 7, 8, 9):
        tried = [f"{values[place]:.{digits}g}" for place in left]
        read = array("f", map(float, tried))
        longer = []
        for place, text, found in zip(left, tried, read, strict=True):
            if found == values[place]:
                texts[place] = "-0.0" if text == "-0" else text
            else:
                longer.append(place)
        if not longer:
            return texts
        left = longer
    raise ValueError("a number is not finite, which JSON cannot say")
