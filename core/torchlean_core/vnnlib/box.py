"""Bounds of inputs: in a conjunction the narrowest of each variable, of alternatives what holds in all of them."""

from __future__ import annotations

from collections.abc import Callable


class Box:
    """Lower and upper bounds by variable.

    Attributes:
        low: Lower bounds.
        high: Upper bounds.
        around: The box in which this one stands; its bounds hold here, too.
    """

    __slots__ = ("around", "high", "low")

    def __init__(self, around: Box | None = None) -> None:
        self.low: dict[int, float] = {}
        self.high: dict[int, float] = {}
        self.around = around

    def at_least(self, key: int, value: float) -> float | None:
        """Bound a variable from below; returns the upper bound that this leaves nothing of."""
        known = self.low.get(key)
        if known is None or value > known:
            self.low[key] = value
        box: Box | None = self
        while box is not None:
            above = box.high.get(key)
            if above is not None and above < value:
                return above
            box = box.around
        return None

    def at_most(self, key: int, value: float) -> float | None:
        """Bound a variable from above; returns the lower bound that this leaves nothing of."""
        known = self.high.get(key)
        if known is None or value < known:
            self.high[key] = value
        box: Box | None = self
        while box is not None:
            below = box.low.get(key)
            if below is not None and below > value:
                return below
            box = box.around
        return None


class Hull:
    """The bounds that hold in every one of some boxes."""

    __slots__ = ("high", "low")

    def __init__(self) -> None:
        self.low: dict[int, float] | None = None
        self.high: dict[int, float] | None = None

    def add(self, box: Box) -> None:
        """Add a box, which must not be used any more."""
        self.low = box.low if self.low is None else _common(self.low, box.low, min)
        self.high = box.high if self.high is None else _common(self.high, box.high, max)


def _common(
    one: dict[int, float], other: dict[int, float], choose: Callable[[float, float], float]
) -> dict[int, float]:
    """Of the keys that both have, the wider bounds."""
    if len(other) < len(one):
        one, other = other, one
    return {key: choose(value, other[key]) for key, value in one.items() if key in other}
