"""An open parenthesis while a property is read, and what it may be of."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from torchlean_core.vnnlib.box import Box, Hull
from torchlean_core.vnnlib.facts import Span
from torchlean_core.vnnlib.terms import Term

_MOST_WORDS = 16


class Sort(enum.IntEnum):
    """What a parenthesis is of."""

    TOP = 0
    """None: outside of all."""
    ASSERT = 1
    AND = 2
    OR = 3
    COMPARE = 4
    TERM = 5
    DECLARE = 6
    NETWORK = 7
    SKIP = 8
    """What says nothing, or is not understood."""
    NEW = 9
    """Not known yet: the word that follows says it."""


TAKES_CONDITIONS = (Sort.ASSERT, Sort.AND, Sort.OR)


@dataclass(slots=True)
class Frame:
    """An open parenthesis.

    Attributes:
        sort: What it is of.
        at: Its offset.
        head: The word that follows it.
        box: Where the bounds of its comparisons go; None where they bound nothing.
        hull: What its alternatives have in common.
        count: How many conditions it has had.
        terms: Its operands, where it computes or compares.
        words: Its words, where it declares: the text, and where it stands.
    """

    sort: Sort
    at: int
    head: str = ""
    box: Box | None = None
    hull: Hull | None = None
    count: int = 0
    terms: list[Term] = field(default_factory=list)
    words: list[tuple[str, Span]] = field(default_factory=list)

    def say(self, text: str, span: Span) -> None:
        """Add a word, of a few: no declaration has more."""
        if len(self.words) < _MOST_WORDS:
            self.words.append((text, span))
