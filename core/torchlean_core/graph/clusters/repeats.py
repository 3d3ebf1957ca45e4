"""Repeated blocks in a sequence: where equal pieces follow one another."""

from __future__ import annotations

import math
import operator
from collections import Counter, deque
from collections.abc import Sequence
from typing import NamedTuple

MIN_PIECES = 3
"""Pieces that make a repetition; of long ones (`MIN_LONG`) two do."""
MIN_LONG = 8
MIN_COVERED = 6
"""Items that a repetition has at least."""

_CANDIDATES = 5
_GRAMS = (1, 2, 4)
_TOLERATED = 6
"""Of so many items of a piece, one may be another: a node that is being edited ends no repetition."""


class Run(NamedTuple):
    """Equal pieces: where the first begins, how long each is, how many there are."""

    start: int
    period: int
    pieces: int

    @property
    def end(self) -> int:
        """The place after the last piece."""
        return self.start + self.period * self.pieces


def repeats(tokens: Sequence[int], widths: Sequence[int]) -> list[Run]:
    """Repetitions that do not overlap, in order; those that cover most come first when they compete.

    Args:
        tokens: A number for each item, equal for equal items.
        widths: For each place between items, ends included, how many values pass it: pieces begin where few do.
    """
    found = [run for period in _periods(tokens) for run in _runs(tokens, widths, period)]
    found.sort(key=lambda run: (-run.period * run.pieces, run.period, run.start))
    taken: list[Run] = []
    covered = bytearray(len(tokens))
    for run in found:
        if not any(covered[run.start : run.end]):
            covered[run.start : run.end] = b"\1" * (run.end - run.start)
            taken.append(run)
    return sorted(taken)


def _periods(tokens: Sequence[int]) -> list[int]:
    """Distances at which many things come again."""
    found: set[int] = set()
    for gram in _GRAMS:
        seen: dict[tuple[int, ...], int] = {}
        distances: Counter[int] = Counter()
        for place in range(len(tokens) - gram + 1):
            key = tuple(tokens[place : place + gram])
            if key in seen:
                distances[place - seen[key]] += 1
            seen[key] = place
        ranked = sorted(distances.items(), key=lambda pair: (-pair[1], pair[0]))
        found.update(distance for distance, count in ranked[:_CANDIDATES] if count > len(tokens) // 200)
    return sorted(found)


def _runs(tokens: Sequence[int], widths: Sequence[int], period: int) -> list[Run]:
    """The repetitions of one period, from left to right."""
    equal = bytes(map(operator.eq, tokens, tokens[period:]))
    if equal.count(1) + period < MIN_COVERED:
        return []
    found = []
    allowed = period // _TOLERATED
    start = equal.find(1)
    while start >= 0:
        misses: deque[int] = deque()  # those of the last `period` comparisons
        end = start
        while True:
            miss = equal.find(0, end)
            if miss < 0:
                end = len(equal)
                break
            while misses and misses[0] <= miss - period:
                misses.popleft()
            if len(misses) == allowed:
                end = miss
                break
            misses.append(miss)
            end = miss + 1
        end = equal.rfind(1, start, end) + 1
        if _counts(Run(start, period, (end + period - start) // period)):
            found.append(_placed(start, end + period, period, widths))
        start = equal.find(1, end)
    return found


def _counts(run: Run) -> bool:
    few = MIN_PIECES if run.period < MIN_LONG else 2
    return run.pieces >= few and run.period * run.pieces >= MIN_COVERED


def _placed(start: int, end: int, period: int, widths: Sequence[int]) -> Run:
    """The pieces in a stretch: as many as fit, and of the ways to cut it the one that the fewest values pass.

    One piece is given up for narrower cuts where enough of them stay.
    """
    pieces = (end - start) // period
    best, least = Run(start, period, pieces), math.inf
    for phase in range(period):
        run = Run(start + phase, period, (end - start - phase) // period)
        if not _counts(run):
            break
        cuts = widths[run.start + period : run.end : period]
        cost = sum(cuts) / len(cuts) + (run.pieces < pieces) / 2
        if cost < least:
            best, least = run, cost
    return best
