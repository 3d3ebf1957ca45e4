"""What the forms of this package are written in; who builds nodes by them, or looks for such, implements it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

V = TypeVar("V")


class Algebra(Protocol[V]):
    """Elementwise operators by their kinds' names, and the sum of four rows."""

    def unary(self, kind: str, x: V) -> V:
        """An operator of one operand."""

    def binary(self, kind: str, x: V, y: V | float) -> V:
        """An operator of two operands; a number is a constant of the first one's shape."""

    def sum_of(self, x: float, y: float, like: V) -> V:
        """A constant of a value's shape that is the sum of two numbers."""

    def row(self, x: V) -> V:
        """All elements in one row: (1, n)."""

    def column(self, numbers: Sequence[float], like: V) -> V:
        """Four numbers, each repeated in its row: (4, n) for a value (4, n)."""

    def column_of_sums(self, x: Sequence[float], y: Sequence[float], like: V) -> V:
        """As `column`, of sums of two numbers."""

    def rows(self, x: V) -> V:
        """One row four times."""

    def total(self, x: V, like: V) -> V:
        """The sum of four rows, in a value's shape."""
