"""String literals of Lean sources, and what stands before them; comments are no code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_TOKEN = re.compile(
    r"""
    (?P<line>--[^\n]*)
    | (?P<block>/-)
    | (?<!\w)r(?P<hashes>\#*)"
    | (?P<string>")
    | (?<![\w'])'(?:\\.|[^\\'\n])'
    """,
    re.VERBOSE | re.DOTALL,
)
_STRING = re.compile(r'(?:[^"\\]|\\.)*+', re.DOTALL)
_BRACKET = re.compile(r"/-|-/")
_BEFORE = 200
"""Characters of code that are kept of what stands before a literal."""


class Literal(NamedTuple):
    """A string literal.

    Attributes:
        value: Its text; escapes stay as they are written.
        before: The code before it, without comments; the last characters of it.
        number: Its place among all literals.
    """

    value: str
    before: str
    number: int


class Source:
    """A Lean source without its comments.

    Attributes:
        code: The text, every comment replaced by a space.
        literals: Its string literals, in order.
    """

    def __init__(self, text: str) -> None:
        pieces: list[str] = []
        spans: list[tuple[int, str]] = []
        at = length = 0
        for start, stop, value in _tokens(text):
            pieces.append(text[at:start])
            length += start - at
            if value is not None:
                spans.append((length, value))
            piece = " " if value is None else text[start:stop]
            pieces.append(piece)
            length += len(piece)
            at = stop
        pieces.append(text[at:])
        self.code = "".join(pieces)
        self.literals = [
            Literal(value, self.code[max(0, start - _BEFORE) : start], number)
            for number, (start, value) in enumerate(spans)
        ]


def _tokens(text: str) -> Iterator[tuple[int, int, str | None]]:
    """Start, stop, and value of every literal; of every comment, None. What has no end ends with the text."""
    at = 0
    while (found := _TOKEN.search(text, at)) is not None:
        start, at = found.span()
        if found["block"]:
            at = _block_end(text, at)
            yield start, at, None
        elif found["line"]:
            yield start, at, None
        elif found["string"]:
            body = _STRING.match(text, at)
            assert body is not None, "it matches nothing, too"
            stop = body.end()
            yield start, min(stop + 1, len(text)), text[at:stop]
            at = stop + 1
        elif found["hashes"] is not None:
            stop = text.find(end := '"' + found["hashes"], at)
            stop = len(text) if stop < 0 else stop
            yield start, min(stop + len(end), len(text)), text[at:stop]
            at = stop + len(end)


def _block_end(text: str, at: int) -> int:
    """Where a block comment ends; they nest."""
    depth = 1
    while depth and (found := _BRACKET.search(text, at)) is not None:
        depth += 1 if found[0] == "/-" else -1
        at = found.end()
    return at if not depth else len(text)
