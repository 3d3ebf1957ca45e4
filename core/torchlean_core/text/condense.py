"""Texts in which something short stands for every long array of numbers.

What is left of a file with its weights taken out is read as quickly as one that never had any, and places in it are
places in the whole. Only fields of nodes are taken out whose value no rule reads as a list (`LIST_FIELDS`).
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from torchlean_core.kinds import LIST_FIELDS
from torchlean_core.text.numbers import Numbers, has_long_exponent, numbers_in
from torchlean_core.text.quick_json import Unread

LONG = 512
"""Characters from which on an array of numbers is kept as its text."""

_MARK, _ESCAPED_MARK = "#", "\\u0023"
_SPACE = " \t\r\n"
_COLON = re.compile(r"[ \t\r\n]*+:[ \t\r\n]*+(?=\[)")
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*+")
_LONGEST_KEY = 100
_MOST_SPACE = 200


class Condensed:
    """A text without its long arrays of numbers.

    Attributes:
        text: The short text, with a string in place of each array.
        names: The keys that arrays stand under.
    """

    def __init__(self, text: str, found: list[_Found]) -> None:
        parts, position = [], 0
        for one in found:
            parts.append(text[position : one.start])
            position = one.end
        parts.append(text[position:])
        mark = _MARK
        while any(mark in part for part in parts):
            mark += _MARK
        self._numbers = {f"{mark}{place}": one.numbers for place, one in enumerate(found)}
        self._shorts: list[int] = []  # ends of the stand-ins, and by how much the text is longer behind them
        self._longer: list[int] = [0]
        pieces, length = [parts[0]], len(parts[0])
        for name, one, part in zip(self._numbers, found, parts[1:], strict=True):
            pieces += [f'"{name}"', part]
            length += len(name) + 2
            self._shorts.append(length)
            self._longer.append(one.end - length)
            length += len(part)
        self.text = "".join(pieces)
        self.names = {one.name for one in found}

    def place(self, offset: int) -> int:
        """Where something that stands in the short text, outside of the arrays, stands in the whole."""
        return offset + self._longer[bisect.bisect_right(self._shorts, offset)]

    def fill(self, nodes: Iterable[Any]) -> bool:
        """Put the arrays into the nodes that they are fields of, where they stand for themselves.

        Returns:
            Whether all of them stood there; `expand` puts others where they belong.
        """
        names, numbers, count = self.names, self._numbers, 0
        for node in nodes:
            if type(node) is dict and not names.isdisjoint(node):
                for name in names & node.keys():
                    value = node[name]
                    if type(value) is str and value in numbers:
                        node[name] = numbers[value]
                        count += 1
        return count == len(numbers)

    def expand(self, value: Any) -> Any:
        """A value with lists in place of all that stands for an array; containers are changed in place."""
        whole = [value]
        waiting: list[Any] = [whole]
        while waiting:
            container = waiting.pop()
            for key, item in container.items() if type(container) is dict else enumerate(container):
                if type(item) is str:
                    if item in self._numbers:
                        container[key] = self._numbers[item].value()
                elif type(item) in (dict, list):
                    waiting.append(item)
        return whole[0]


class _Found(NamedTuple):
    name: str
    start: int
    end: int
    numbers: Numbers


def condense(text: str) -> Condensed | None:
    """The text without its long arrays of numbers; None where it has none.

    Whether it is JSON need not be known: it is if what is left is.

    Raises:
        Unread: A number in one has an exponent of too many digits, which a quick reader would take for 0.
    """
    found = list(_arrays(text))
    if not found:
        return None
    short = Condensed(text, found)
    return None if _ESCAPED_MARK in short.text else short  # such a string would look like one that was put in


def has_long_stretch(text: str, start: int, end: int) -> bool:
    """Whether there is a stretch without a quote in which a long array of numbers has room."""
    while end - start >= LONG:
        quote = text.rfind('"', start, start + LONG)
        if quote < 0:
            return True
        start = quote + 1
    return False


def _arrays(text: str) -> Iterator[_Found]:
    """Long arrays of numbers that stand under a key: behind it, there is no quote for as long as they are."""
    position, end, rfind = 0, len(text), text.rfind
    while end - position >= LONG:
        quote = rfind('"', position, position + LONG)
        if quote >= 0:
            position = quote + 1
            continue
        found = _array_behind(text, position, end)
        if found is not None:
            yield found
        position = text.find('"', position + LONG) + 1
        if not position:
            return


def _array_behind(text: str, position: int, end: int) -> _Found | None:
    """The long array of numbers that is the value of the key that ends at a place; None for any other value."""
    place = place_behind(text, position, end)
    if place is None:
        return None
    name, start, until = place
    numbers = numbers_in(text[start:until])
    if numbers is None and has_long_exponent(text[start:until].encode("ascii", "replace")):
        raise Unread
    return None if numbers is None else _Found(name, start, until, numbers)


def long_array_at(text: str, position: int, start: int, end: int) -> tuple[int, Numbers | None] | None:
    """Where the long array of numbers that begins at a place ends, and the numbers, if it is sound.

    Args:
        text: The text.
        position: Where the array's key ends.
        start: Where the array begins.
        end: Where the text ends.

    Returns:
        None for any other value. Of an array that is not sound, the end is that of what may be numbers.
    """
    found = _stretch_behind(text, position, end)
    if found is None or found[1] != start:
        return None
    until = _array_end(text, start, found[2])
    numbers = numbers_in(text[start:until]) if until - start >= LONG else None
    return (found[2], None) if numbers is None else (until, numbers)


def place_behind(text: str, position: int, end: int) -> tuple[str, int, int] | None:
    """Key, start and end of what seems to be a long array of numbers behind a key."""
    found = _stretch_behind(text, position, end)
    if found is None:
        return None
    name, start, limit = found
    until = _array_end(text, start, limit)
    return (name, start, until) if until - start >= LONG else None


def _stretch_behind(text: str, position: int, end: int) -> tuple[str, int, int] | None:
    """Key, start and limit of a long stretch that begins with a bracket behind a key: up to a quote or brace."""
    match = _COLON.match(text, position, end)
    name = _name_before(text, position) if match is not None else None
    if match is None or name is None or name in LIST_FIELDS:
        return None
    start = match.end()
    for char in '"{}':
        found = text.find(char, start, end)
        end = found if found >= 0 else end
    return (name, start, end) if end - start >= LONG else None


def _array_end(text: str, start: int, limit: int) -> int:
    """Where an array that begins at a place ends, if it holds nothing but numbers and such arrays; else 0."""
    return text.rfind("]", start, limit) + 1


def _name_before(text: str, end: int) -> str | None:
    """The key that ends at a place, if it is spelled plainly, and surely one: no part of a string."""
    quote = text.rfind('"', max(0, end - _LONGEST_KEY), end - 1)
    if quote < 0 or text[end - 1] != '"' or _KEY.fullmatch(text, quote + 1, end - 1) is None:
        return None
    before = text[max(0, quote - _MOST_SPACE) : quote].rstrip(_SPACE)
    return text[quote + 1 : end - 1] if before.endswith(("{", ",")) else None
