"""JSON values with their places in the text, and what can be wrong with a text as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

MAX_DEPTH = 10_000
"""Nesting that is still read (ir-v1 section 6)."""

MAX_TROUBLES = 100
"""Troubles reported in one text; what follows a hundredth is noise."""

MAX_IN_ELEMENT = 3
"""Troubles reported of one element of `nodes`: behind a lost quote everything looks wrong."""


class _Sentinel:
    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


BAD: Any = _Sentinel("unreadable")
"""Value of something that is not JSON: reported already, so that checks stay silent about it."""

HUGE: Any = _Sentinel("a number with too many digits")
"""Value of a number that stands for more digits than are ever expanded."""


MARK = "\ufeff"
"""The byte-order mark, which some editors write at the start of a file."""

MARKED = "the file starts with a byte-order mark; JSON has none"


class Trouble(NamedTuple):
    """Something wrong with the text as JSON.

    Attributes:
        code: Of the rule.
        message: What was expected, and what was found.
        start: Offset of the first character concerned.
        end: Offset after the last.
        reach: Offset up to which the text decided how it was read on.
    """

    code: str
    message: str
    start: int
    end: int
    reach: int

    def shifted(self, shift: int) -> Trouble:
        """The same in a text where it stands elsewhere."""
        return self._replace(start=self.start + shift, end=self.end + shift, reach=self.reach + shift)

    def reaching(self, place: int) -> Trouble:
        """The same, decided by the text up to a place."""
        return self._replace(reach=max(self.reach, place))


@dataclass(slots=True, eq=False)
class Tree:
    """One JSON value with its place.

    Attributes:
        start: Offset of its first character.
        end: Offset after its last character.
        value: As Python, or `BAD` or `HUGE`; of equal keys the last counts.
        items: Trees of an array's elements.
        members: Trees of an object's keys and values, in order, equal keys included. Elements of `nodes` of a
            whole text may come without them: see `parser.parse_node`.
    """

    start: int
    end: int
    value: Any
    items: list[Tree] = field(default_factory=list)
    members: list[tuple[Tree, Tree]] = field(default_factory=list)

    def member(self, key: str) -> tuple[Tree, Tree] | None:
        """Key and value trees of a key; of equal ones the last."""
        found = None
        for pair in self.members:
            if pair[0].value == key:
                found = pair
        return found
