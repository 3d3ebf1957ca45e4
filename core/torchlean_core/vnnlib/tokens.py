"""The tokens of VNN-LIB; a comparison of a variable, asserted or not, is one of them: most files are little else."""

from __future__ import annotations

import re
from math import isfinite
from typing import Final

_SPACE = r"[ \t\r\n\f\v]"
_NAME = r"""[^ \t\r\n\f\v()";\[\]]++"""
_BRACKET = r"""\[[^\]\[()";]*+\]"""
_NUMBER = r"[-+]?+(?:\d{1,40}+(?:\.\d{0,40}+)?+|\.\d{1,40}+)(?:[eE][-+]?+\d{1,2}+)?+"
_ATOM = rf"{_NAME}(?:{_BRACKET})?+"

TOKEN: Final = re.compile(
    rf"{_SPACE}*+(?:"
    rf"((\({_SPACE}*+assert{_SPACE}*+)?+"
    rf"\({_SPACE}*+(<=|>=){_SPACE}++({_ATOM}){_SPACE}++(?:({_NUMBER})|({_ATOM})){_SPACE}*+\)(?(2){_SPACE}*+\)))"
    r"|(\()"
    r"|(\))"
    rf"|({_ATOM}|{_BRACKET})"
    r"|;[^\r\n]*+"
    r'|("(?:[^"\\]++|\\.)*+")'
    r"|(\Z)"
    r"|(.))",  # a quote or a bracket without an end
    re.DOTALL,
)
"""One token, with the white space before it; a comment is one without a group."""

COMPARISON, ASSERT, RELATION, LEFT, NUMBER, RIGHT, OPEN, CLOSE, ATOM, STRING, END, STRAY = range(1, 13)
"""The groups of `TOKEN`."""

NUMERAL: Final = re.compile(r"[-+]?+(?:\d++(?:\.\d*+)?+|\.\d++)(?:[eE][-+]?+\d++)?+\Z")
"""A number as files of version 1 have them; SMT-LIB itself has neither signs nor exponents."""

NUMERAL_2: Final = re.compile(r"-?+\d++(?:\.\d++)?+\Z")
"""A number of version 2."""

ELEMENT: Final = re.compile(r"([XY])_(0|[1-9]\d{0,11})\Z")
"""A variable of version 1."""

_SIZES = rf"{_SPACE}*+\d++{_SPACE}*+(?:,{_SPACE}*+\d++{_SPACE}*+)*+"

INDEXED: Final = re.compile(rf"([A-Za-z][A-Za-z0-9_]*+)(?:\[({_SIZES})\])?+\Z")
"""A variable of version 2: a scalar, or an element by its indices."""

SHAPE: Final = re.compile(rf"\[((?:{_SIZES})?+{_SPACE}*+)\]\Z")
"""A shape of version 2."""

NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*+\Z")
"""A name of version 2."""


MOST_AXES: Final = 64
"""Axes that any tensor has, as in numpy."""


def sizes(text: str) -> tuple[int, ...] | None:
    """The numbers of a shape or of indices; None where one has more digits than any size, or there are too many."""
    numbers = [part.strip() for part in text.split(",", MOST_AXES)] if text.strip() else []
    if len(numbers) > MOST_AXES or any(len(one) > 12 for one in numbers):
        return None
    return tuple(map(int, numbers))


_MAX_DIGITS = 1_000


def number(text: str, version: int) -> float | str | None:
    """The value of a number; what is wrong with one; None for what is no number at all."""
    if not (text[0].isdigit() or text[0] in "+-."):
        return None
    if len(text) > _MAX_DIGITS:
        return f"a number of {len(text):,} characters"
    if (NUMERAL if version == 1 else NUMERAL_2).match(text) is None:
        why = "; version 2 has no exponents, and no sign but -" if NUMERAL.match(text) is not None else ""
        return f"`{short(text)}` is no number{why}"
    value = float(text)
    return value if isfinite(value) else f"`{short(text)}` is larger than any number of float64"


def short(text: str) -> str:
    """A piece of the file as a message repeats it."""
    return text if len(text) <= 40 else f"{text[:39]}…"
