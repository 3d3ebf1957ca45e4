"""Arrays of numbers that are kept as their JSON text: weights that stand inside nodes.

A node's weights can take megabytes. As Python's lists they would take ten times that, and seconds to make; most of
what reads an artifact only has to know that they are numbers, and of which shape.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import secrets
import sys
from array import array
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from torchlean_core.kinds.numbers import TooManyDigits, parse_number, show_shape
from torchlean_core.text.quick_json import IS_THERE, Unread, read, read_floats, skim
from torchlean_core.text.tree import HUGE

if TYPE_CHECKING:
    import numpy

MAX_EXPONENT_DIGITS = 19
"""An exponent with more digits (leading zeros aside) is no number that TorchLean's JSON library reads."""

_NUMBER_BYTES = b"0123456789+-.eE"
_SPACE_BYTES = b" \t\r\n"
_BRACKETS = b"[],"
MANY = 64
"""Commas from which on a digest stands for numbers in hashes and comparisons."""

_PIECE = 1 << 20
"""Characters of which numbers are made at a time."""

_TOKEN = re.compile(r"[\[\]]|[^\[\], \t\r\n]++")
_RUN = re.compile(rb"[^\[\],]++")
_EMPTY = re.compile(rb"\[[ \t\r\n]*+\]")
_LONG_EXPONENT = re.compile(rb"e[+-]?\d{20}")  # begins with one letter, which is quick to search for
_LONG_IN_TEXT, _LONG_IN_TEXT_TOO = re.compile(r"e[+-]?[0-9]{20}"), re.compile(r"E[+-]?[0-9]{20}")
_TOO_LONG_EXPONENT = re.compile(rb"[eE][+-]?0*+[1-9]\d{19}")
_POSITIVE_EXPONENT = re.compile(rb"e\+?\d")
_DIGITS_ALIKE = bytes.maketrans(b"123456789", b"000000000")
_FLOAT32_DIGITS = 39
_SIZE = re.compile(rb"\d++(?:\.\d++)?(?:[eE][+-]?\d++)?")
_FLOAT32_END = 2.0**128 - 2.0**103
"""The least number that rounding to float32 makes infinite."""

_HALF_MASK, _HALF = (1 << 29) - 1, 1 << 28
"""The bits of a float64 that float32 lacks, and what they are halfway between two float32 numbers."""

_SMALLEST_NORMAL = 2.0**-126

_INFINITE = "1e10001"
"""Stands for a number with too many digits."""

_UNKNOWN: Any = object()


class Numbers:
    """A JSON array of numbers, or of arrays of numbers and so on, kept as its text; also a single number.

    Attributes:
        text: The JSON text, which is sound, and ASCII.
    """

    __slots__ = ("_digest", "_shape", "text")

    def __init__(self, text: str) -> None:
        """Take a text that is known to be sound: see `numbers_in` and `numbers_of`."""
        self.text = text
        self._shape: Any = _UNKNOWN
        self._digest: bytes | None = None

    def __repr__(self) -> str:
        shape = self.shape()
        return f"Numbers({'irregular' if shape is None else show_shape(shape)})"

    def __len__(self) -> int:
        """Number of elements of the outermost array.

        Raises:
            TypeError: It is a single number.
        """
        shape = self.shape()
        if shape is None:
            return len(self.value())
        if not shape:
            raise TypeError("a single number has no length")
        return shape[0]

    def __eq__(self, other: object) -> bool:
        """Whether the values are equal, as Python has it: also with a list, and 1 equals 1.0."""
        if isinstance(other, Numbers):
            return self.text == other.text or bool(self.value() == other.value())
        return bool(self.value() == other) if isinstance(other, list) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.digest())

    def value(self) -> Any:
        """The numbers as Python's, in nested lists: read anew each time, as a short array is when it is read."""
        try:
            return read(self.text)
        except Unread:
            return _exactly(self.text)

    def flat_text(self) -> str:
        """The text on one line, spaced as `json.dumps` spaces it; every number is spelled as it is here."""
        bare = self.text.encode("ascii").translate(None, _SPACE_BYTES)
        return bare.replace(b",", b", ").decode("ascii")

    def shape(self) -> tuple[int, ...] | None:
        """The shape, if the nesting is regular: up to the first 0, behind which nothing can be told."""
        if self._shape is _UNKNOWN:
            self._shape = _shape_of(self.text.encode("ascii"))
        shape: tuple[int, ...] | None = self._shape
        return shape

    def has_shape(self, shape: Sequence[int]) -> bool:
        """Whether these are nested arrays of exactly this shape; `[0, 5]` is `[]`, and `[]` a single number."""
        wanted = tuple(shape)
        if 0 in wanted:
            wanted = wanted[: wanted.index(0) + 1]
        return self.shape() == wanted

    def is_finite_in_float32(self) -> bool:
        """Whether rounding to float32 makes none of the numbers infinite."""
        content = self.text.encode("ascii")
        if not (
            b"E" in content
            or _POSITIVE_EXPONENT.search(content)
            or b"0" * _FLOAT32_DIGITS
            in content.translate(_DIGITS_ALIKE)  # a pattern would begin at every digit
        ):
            return True
        return all(_is_finite(match[0]) for match in _SIZE.finditer(content))

    def array(self) -> numpy.ndarray[Any, Any]:
        """The numbers as a float32 array of this shape: those next to them, ±inf for what is too large.

        Raises:
            ValueError: The nesting is irregular.
        """
        import numpy as np

        shape = self.shape()
        if shape is None:
            raise ValueError("the arrays are of different lengths")
        found = np.zeros(shape, np.float32)
        flat, position = found.reshape(-1), 0
        with np.errstate(over="ignore"):
            for piece, text in self._pieces() if flat.size else ():
                exact = np.asarray(piece, np.float64)
                part = flat[position : position + len(piece)]
                part[:] = exact
                _settle(part, exact, text)
                position += len(piece)
        assert position == flat.size, "a shape counts the numbers"
        return found

    @property
    def is_long(self) -> bool:
        """Whether there are so many numbers that their digest stands for them in hashes and comparisons."""
        return self.text.count(",") >= MANY

    def digest(self) -> bytes:
        """A hash of the nesting and of the float64 numbers next to these, whatever their spelling."""
        if self._digest is None:
            content = self.text.encode("ascii")
            skeleton = content.translate(None, _NUMBER_BYTES + _SPACE_BYTES)
            if b"[]" in skeleton and _EMPTY.search(content):  # else every `[]` there holds a number
                skeleton = _RUN.sub(b"0", content.translate(None, _SPACE_BYTES))
            summary = hashlib.sha256(skeleton)
            for piece, _ in self._pieces():
                numbers = array("d", piece)
                if sys.byteorder == "big":
                    numbers.byteswap()
                summary.update(numbers.tobytes())
            self._digest = summary.digest()
        return self._digest

    def _pieces(self) -> Iterator[tuple[list[float], bytes]]:
        """The numbers in their order with their text, some at a time: all at once they would take ten times as much."""
        text, start = self.text, 0
        while start < len(text):
            end = text.find(",", start + _PIECE)
            end = len(text) if end < 0 else end
            piece = text[start:end].encode("ascii").translate(None, b"[]" + _SPACE_BYTES)
            start = end + 1
            yield _floats(piece), piece


def _is_finite(number: bytes) -> bool:
    size = float(number)
    return size < _FLOAT32_END or (
        size == _FLOAT32_END and Decimal(number.decode("ascii")) < Decimal(_FLOAT32_END)
    )


def _settle(found: numpy.ndarray[Any, Any], exact: numpy.ndarray[Any, Any], text: bytes) -> None:
    """Mend what was rounded twice: decimals that float64 puts halfway between two float32 numbers, and are not there.

    Args:
        found: The float32 numbers, in place.
        exact: The float64 numbers that they were rounded from.
        text: The decimals.
    """
    import numpy as np

    bits = exact.view(np.int64) & _HALF_MASK
    small = (np.abs(exact) < _SMALLEST_NORMAL) & (exact != 0)
    places = np.flatnonzero((bits == _HALF) | small)
    if not places.size:
        return
    decimals = [one for one in text.split(b",") if one]
    for place in places.tolist():
        number, near = Decimal(decimals[place].decode("ascii")), float(exact[place])
        if number == Decimal(near):
            continue  # rounded once: halfway goes to the even one, as it did
        below = np.nextafter(np.float64(near), -np.inf if number < Decimal(near) else np.inf)
        # A float64 on the side where the decimal is rounds to the float32 that the decimal rounds to.
        found[place] = np.float32(below)


def _floats(piece: bytes) -> list[float]:
    """The numbers of a list without brackets; where there are empty arrays, nothing stands between commas."""
    try:
        numbers: list[float] = read_floats(b"[" + piece + b"]")
    except Unread:  # an infinite one, an empty array, or no quick reader
        numbers = [float(number) for number in piece.split(b",") if number]
    return numbers


def numbers_in(text: str) -> Numbers | None:
    """The numbers of a text that is a JSON array of numbers and nothing else; None for every other text.

    One with a number that TorchLean's JSON library does not read (`MAX_EXPONENT_DIGITS`) is none, and neither is one
    that is nested as deep as only the exact parser reads.
    """
    if not (text.startswith("[") and text.endswith("]") and text.isascii()):
        return None
    content = text.encode("ascii")
    skeleton = content.translate(None, _NUMBER_BYTES + _SPACE_BYTES)
    if skeleton.translate(None, _BRACKETS) or has_long_exponent(content):
        return None
    if not _is_json(text):
        return None
    found = Numbers(text)
    found._shape = _shape_of(content, skeleton)
    return found


def _is_json(text: str) -> bool:
    """Whether a text that has nothing but numbers in it is JSON."""
    try:
        if IS_THERE:
            skim(text)
        else:
            json.loads(text, parse_int=str, parse_float=str)
    except (Unread, ValueError, RecursionError):
        return False
    return True


def may_have_long_exponent(text: str) -> bool:
    """Whether a text has what looks like a number with an exponent of too many digits; the exact parser knows."""
    if _LONG_IN_TEXT.search(text) is not None:
        return True
    return "E" in text and _LONG_IN_TEXT_TOO.search(text) is not None


def has_long_exponent(content: bytes) -> bool:
    """Whether there is a number among ASCII numbers with an exponent of too many digits."""
    if b"E" not in content and _LONG_EXPONENT.search(content) is None:
        return False
    return _TOO_LONG_EXPONENT.search(content) is not None


def numbers_of(value: Any) -> Numbers | None:
    """The numbers of a value that was read: a `Numbers`, nested lists of numbers, a number; None for all else.

    A number that was too long to be expanded stands there as one that is infinite.
    """
    if isinstance(value, Numbers):
        return value
    if type(value) not in (list, tuple):
        text = _number_text(value)
        return None if text is None else Numbers(text)
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        text = _text_of(value)
    if text is None or text.encode().translate(None, _NUMBER_BYTES + _SPACE_BYTES + _BRACKETS):
        return None
    return Numbers(text)


def json_text(value: Any, default: Callable[[Any], Any] | None = None, **options: Any) -> str:
    """`json.dumps` of a value in which there may be `Numbers`: each is written as its own text, on one line."""
    mark = ""
    texts: list[str] = []

    def stand_in(item: Any) -> Any:
        nonlocal mark
        if isinstance(item, Numbers):
            mark = mark or secrets.token_hex(16)
            texts.append(item.flat_text())
            return mark
        if default is None:
            raise TypeError(f"Object of type {type(item).__name__} is not JSON serializable")
        return default(item)

    text = json.dumps(value, default=stand_in, **options)
    if not texts:
        return text
    pieces = text.split(f'"{mark}"')
    return "".join(part for pair in zip(pieces, [*texts, ""], strict=True) for part in pair)


def _number_text(value: Any) -> str | None:
    if value is HUGE:
        return _INFINITE
    if type(value) is int:
        return str(value)
    return repr(value) if type(value) is float and math.isfinite(value) else None


def _exactly(text: str) -> Any:
    """The numbers of a sound text as the parser reads each, nested as deep as they may be."""
    found: list[Any] = []
    open_lists = [found]
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token == "[":
            inner: list[Any] = []
            open_lists[-1].append(inner)
            open_lists.append(inner)
        elif token == "]":
            open_lists.pop()
        else:
            try:
                open_lists[-1].append(parse_number(token))
            except TooManyDigits:
                open_lists[-1].append(HUGE)
    return found[0]


def _text_of(value: Sequence[Any]) -> str | None:
    """The text of nested lists of numbers, however deep; None where something else is in them."""
    parts: list[str] = []
    waiting: list[Any] = [value]
    while waiting:
        part = waiting.pop()
        if type(part) is str:
            parts.append(part)
        elif type(part) in (list, tuple):
            inner: list[Any] = ["["]
            for number, item in enumerate(part):
                inner += [", "] * (number > 0)
                if type(item) is str:
                    return None
                inner.append(item)
            waiting += [*inner, "]"][::-1]
        else:
            text = _number_text(part)
            if text is None:
                return None
            parts.append(text)
    return "".join(parts)


def _shape_of(content: bytes, skeleton: bytes | None = None) -> tuple[int, ...] | None:
    """The shape of a sound text; None where its nesting is irregular.

    What is left without the numbers tells it: `[[,,],[,,]]`. The sizes follow from the first element of each depth;
    then that of all others is made of them and compared, which is as long as the text's and no longer.
    """
    if skeleton is None:
        skeleton = content.translate(None, _NUMBER_BYTES + _SPACE_BYTES)
    depth = len(skeleton) - len(skeleton.lstrip(b"["))
    if not depth:
        return ()
    end = skeleton.find(b"]")
    innermost = end - depth  # its commas
    sizes, length = [innermost + 1], innermost + 2
    if not innermost and (empty := _EMPTY.search(content)) is not None:
        empties = sum(1 for _ in _EMPTY.finditer(content, empty.start()))
        if empties != skeleton.count(b"[]"):
            return None
        sizes = [0]
    for level in range(depth - 2, -1, -1):
        closers = depth - level
        end = skeleton.find(b"]" * closers, end)
        size, rest = divmod(end + closers - level - 1, length + 1)
        if end < 0 or rest:
            return None
        sizes.append(size)
        length = size * (length + 1) + 1
    sizes.reverse()
    if length != len(skeleton) or skeleton != _skeleton(sizes):
        return None
    return tuple(sizes)


def _skeleton(sizes: Sequence[int]) -> bytes:
    """What arrays of some sizes look like without their numbers."""
    found = b"[" + b"," * (sizes[-1] - 1) + b"]"
    ones = 0
    for size in reversed(sizes[:-1]):
        if size == 1:  # many of these, one after the other, would take the square of their number
            ones += 1
            continue
        found = b"[" * ones + found + b"]" * ones
        ones = 0
        found = b"[" + b",".join([found] * size) + b"]"
    return b"[" * ones + found + b"]" * ones
