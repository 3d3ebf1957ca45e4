"""The text of floats in nested arrays, made some numbers at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import prod

from torchlean_core.text.quick_json import write_floats

_PIECE = 1 << 16
"""Numbers of which text is made at a time: as Python's they take ten times their size."""


def nested_text(shape: Sequence[int], numbers: Callable[[int, int], list[float]]) -> str:
    """JSON text of finite floats in nested arrays of a shape, spaced as `json.dumps` spaces it; a scalar is a number.

    The brackets are put around text: lists of lists would be millions of objects for a large kernel, which Python's
    collector of garbage walks over and over.

    Args:
        shape: The shape.
        numbers: Gives the numbers from one place to another, in row-major order.
    """
    return "".join(_pieces(tuple(shape), 0, numbers))


def _pieces(shape: tuple[int, ...], start: int, numbers: Callable[[int, int], list[float]]) -> Iterator[str]:
    size = prod(shape)
    if size <= _PIECE:
        yield _piece(shape, numbers(start, start + size)) if size else _empty(shape)
        return
    row = size // shape[0]
    rows = max(_PIECE // row, 1)  # small ones go together
    for first in range(0, shape[0], rows):
        yield ", " if first else "["
        place = start + first * row
        if rows == 1:
            yield from _pieces(shape[1:], place, numbers)
        else:
            count = min(rows, shape[0] - first)
            yield _piece((count, *shape[1:]), numbers(place, place + count * row))[1:-1]
    yield "]"


def _piece(shape: tuple[int, ...], numbers: list[float]) -> str:
    """The text of all numbers; what stands between them has the more brackets, the further out it is."""
    items: Iterator[str] = iter(write_floats(numbers)[1:-1].split(","))
    between = ", "
    for size in reversed(shape):
        items = map(between.join, zip(*[items] * size, strict=True))
        between = f"]{between}["
    return "[" * len(shape) + next(items) + "]" * len(shape)


def _empty(shape: tuple[int, ...]) -> str:
    text = "[]"
    for size in reversed(shape[: shape.index(0)]):
        text = f"[{', '.join([text] * size)}]"
    return text
