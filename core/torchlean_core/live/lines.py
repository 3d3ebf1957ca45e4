"""Where the lines of a text went while it was edited: from the text that ran to the text of now."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from torchlean_core.capture.errors import Span

_GONE = -1


class Moved:
    """The lines of an old text that still stand in a new one, in the same order.

    A line that was changed is gone, and comes back where the change is undone: both texts are compared as they are,
    however one became the other. It costs a look at each line, and a little more between distant changes.

    Attributes:
        old: Lines of the old text.
        new: Lines of the new text.
    """

    def __init__(self, old: Sequence[str], new: Sequence[str]) -> None:
        self.old = old
        self.new = new
        self._to = _match(old, new)
        self._from: dict[int, int] | None = None

    def line(self, line: int) -> int | None:
        """The line (from 1) that a line of the old text is now; None where it is gone."""
        if not 1 <= line <= len(self._to):
            return None
        found = self._to[line - 1]
        return None if found == _GONE else found + 1

    def back(self, line: int) -> int | None:
        """The line (from 1) of the old text that a line of the new one was; None where it is another one."""
        if self._from is None:
            self._from = {new: old for old, new in enumerate(self._to) if new != _GONE}
        found = self._from.get(line - 1)
        return None if found is None else found + 1

    def block(self, line: int, end_line: int) -> tuple[int, int] | None:
        """First and last line of a stretch of lines now; None where one of them is gone or others came between."""
        first = self.line(line)
        if first is None:
            return None
        for offset in range(1, end_line - line + 1):
            if self.line(line + offset) != first + offset:
                return None
        return first, first + end_line - line

    def span(self, span: Span) -> Span | None:
        """A piece of the old text now; None where a line of it is gone."""
        found = self.block(span.line, span.end_line)
        return None if found is None else Span(found[0], span.column, found[1], span.end_column)

    def span_back(self, line: int, column: int) -> tuple[int, int] | None:
        """A place of the new text in the old one."""
        found = self.back(line)
        return None if found is None else (found, column)


def _match(old: Sequence[str], new: Sequence[str]) -> list[int]:
    """For each old line the new line that it is, from 0: common start and end, then lines that are unique between."""
    found = [_GONE] * len(old)
    waiting = [(0, len(old), 0, len(new))]
    while waiting:
        start, end, first, last = waiting.pop()
        while start < end and first < last and old[start] == new[first]:
            found[start] = first
            start, first = start + 1, first + 1
        while start < end and first < last and old[end - 1] == new[last - 1]:
            end, last = end - 1, last - 1
            found[end] = last
        if start == end or first == last:
            continue
        anchors = _anchors(old, new, start, end, first, last)
        if not anchors:
            if end - start == last - first:  # every line was replaced by one: those that are the same stayed
                for offset in range(end - start):
                    if old[start + offset] == new[first + offset]:
                        found[start + offset] = first + offset
            continue
        edges = [(start - 1, first - 1), *anchors, (end, last)]
        for (before, before_new), (after, after_new) in itertools.pairwise(edges):
            if after < end:
                found[after] = after_new
            waiting.append((before + 1, after, before_new + 1, after_new))
    return found


def _anchors(
    old: Sequence[str], new: Sequence[str], start: int, end: int, first: int, last: int
) -> list[tuple[int, int]]:
    """Pairs of lines that occur once in both stretches, the most of them that keep their order."""
    places = _once(new, first, last)
    pairs = [(line, places[text]) for text, line in _once(old, start, end).items() if text in places]
    return list(_increasing(sorted(pairs)))


def _once(lines: Sequence[str], start: int, end: int) -> dict[str, int]:
    seen: dict[str, int] = {}
    for line in range(start, end):
        text = lines[line]
        seen[text] = _GONE if text in seen else line
    return {text: line for text, line in seen.items() if line != _GONE}


def _increasing(pairs: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The longest run of pairs whose second numbers grow (patience sorting)."""
    from bisect import bisect_left

    tops: list[int] = []
    piles: list[int] = []  # place in `pairs` of the top of each pile
    before: list[int | None] = []
    for index, (_, number) in enumerate(pairs):
        pile = bisect_left(tops, number)
        before.append(piles[pile - 1] if pile else None)
        if pile == len(tops):
            tops.append(number)
            piles.append(index)
        else:
            tops[pile], piles[pile] = number, index
    chain = []
    at = piles[-1] if piles else None
    while at is not None:
        chain.append(pairs[at])
        at = before[at]
    return reversed(chain)
