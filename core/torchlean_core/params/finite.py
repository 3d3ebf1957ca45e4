"""Finding values that are not finite in the bytes of a tensor, a piece at a time, without numpy.

An IEEE number is not finite where all bits of its exponent are set. Its highest byte alone rules that out for
all but values of enormous size, so a search through every fourth (or eighth) byte is all that is done for most.
"""

from __future__ import annotations

import re
import struct
import sys
from collections.abc import Iterable
from typing import Literal, NamedTuple


class _Layout(NamedTuple):
    """How one type lies in memory, little-endian."""

    size: int
    code: str
    word: Literal["I", "Q"]
    exponent: int
    """The bits of the exponent, in a whole word."""
    minus_infinity: int


_LAYOUTS = {
    "F32": _Layout(4, "<f", "I", 0x7F800000, 0xFF800000),
    "F64": _Layout(8, "<d", "Q", 0x7FF0000000000000, 0xFFF0000000000000),
}
_CANDIDATE = re.compile(rb"[\x7f\xff]")


def first_not_finite(
    pieces: Iterable[bytes], dtype: str, *, allow_minus_infinity: bool = False
) -> tuple[int, float] | None:
    """Flat index and value of the first element that is NaN or infinite; None where there is none.

    Args:
        pieces: The bytes in their order; the length of each is a multiple of the element's size.
        dtype: `F32` or `F64`.
        allow_minus_infinity: Whether -inf counts as finite, as in a mask.
    """
    layout = _LAYOUTS[dtype]
    size, first = layout.size, 0
    for piece in pieces:
        highest = piece[size - 1 :: size]
        # Searching for single bytes is ten times faster than for a class of them.
        suspect = 0x7F in highest or 0xFF in highest
        if suspect and not (allow_minus_infinity and _is_mask(piece, layout)):
            for match in _CANDIDATE.finditer(highest):
                content = piece[match.start() * size : (match.start() + 1) * size]
                word = int.from_bytes(content, "little")
                if word & layout.exponent != layout.exponent:
                    continue
                if not (allow_minus_infinity and word == layout.minus_infinity):
                    return first + match.start(), struct.unpack(layout.code, content)[0]
        first += len(highest)
    return None


def _is_mask(piece: bytes, layout: _Layout) -> bool:
    """Whether all that is not finite is -inf: a mask has millions of them, but few different words."""
    if sys.byteorder != "little":
        return False
    words = set(memoryview(piece).cast(layout.word))
    return {word for word in words if word & layout.exponent == layout.exponent} <= {layout.minus_infinity}
