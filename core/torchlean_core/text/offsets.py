"""Sorted offsets into a text that is edited: an edit shifts all later ones at no cost."""

from __future__ import annotations

import bisect
from array import array
from collections.abc import Iterable


class Offsets:
    """Sorted offsets. Those from a pivot on have a shift that was not added to them yet.

    Edits come close to each other, so the pivot moves little; moving it is what an edit costs. They are machine
    words: as Python's integers, the line starts of a big file would take more memory than its text.
    """

    __slots__ = ("_pivot", "_shift", "_values")

    def __init__(self, values: Iterable[int]) -> None:
        self._values = array("q", values)
        self._pivot = len(self._values)
        self._shift = 0

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, index: int) -> int:
        value = self._values[index]
        return value + self._shift if index >= self._pivot else value

    def count_up_to(self, offset: int) -> int:
        """How many offsets are not greater than one."""
        values, pivot = self._values, self._pivot
        if pivot < len(values) and values[pivot] + self._shift <= offset:
            return bisect.bisect_right(values, offset - self._shift, pivot)
        return bisect.bisect_right(values, offset, 0, pivot)

    def replace(self, first: int, last: int, new: list[int], shift: int) -> None:
        """Put others in place of `[first:last]`, and shift all that follow."""
        self._move_pivot(last)
        self._values[first:last] = array("q", new)
        self._pivot = first + len(new)
        self._shift += shift

    def _move_pivot(self, index: int) -> None:
        shift, pivot, values = self._shift, self._pivot, self._values
        if shift and index > pivot:
            values[pivot:index] = array("q", [value + shift for value in values[pivot:index]])
        elif shift and index < pivot:
            values[index:pivot] = array("q", [value - shift for value in values[index:pivot]])
        self._pivot = index
