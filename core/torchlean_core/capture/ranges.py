"""Bounds of the values of a graph that is being built, as far as they follow from its nodes alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torchlean_core.capture.values import NodeIndex

if TYPE_CHECKING:
    from torchlean_core.capture.builder import Draft, GraphBuilder

_SAME = frozenset(
    "detach reshape flatten permute broadcast_to select reduce_mean swap_first_two transpose3d_last_two".split()
)
_FIXED = {
    "tanh": (-1.0, 1.0),
    "sin": (-1.0, 1.0),
    "cos": (-1.0, 1.0),
    "sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
}
_SAFE_EXPONENT = 80.0
"""Its exponential is far from the largest float32."""


@dataclass(frozen=True, slots=True)
class Range:
    """Bounds of a value's elements.

    Attributes:
        low: None is smaller.
        high: None is larger.
        wild: Whether an infinity or NaN can be among them for inputs of ordinary size.
    """

    low: float = -math.inf
    high: float = math.inf
    wild: bool = False


def range_of(b: GraphBuilder, index: NodeIndex) -> Range:
    """The bounds of a node's value."""
    known = b.ranges
    pending = [index]
    while pending:
        draft = b.drafts[pending[-1]]
        missing = [parent for parent in draft.parents if parent not in known]
        if missing:
            pending += missing
        else:
            known[pending.pop()] = _combined(b, draft, [known[parent] for parent in draft.parents])
    return known[index]


def _combined(b: GraphBuilder, draft: Draft, parents: Sequence[Range]) -> Range:
    low, high = _bounds(b, draft, parents)
    return Range(low, high, any(parent.wild for parent in parents) or _makes_infinities(draft.kind, parents))


def _makes_infinities(kind: str, parents: Sequence[Range]) -> bool:
    if kind == "log":
        return parents[0].low <= 0
    if kind == "inv":
        return parents[0].low <= 0 <= parents[0].high
    if kind == "sqrt":
        return parents[0].low < 0
    return kind == "exp" and parents[0].high > _SAFE_EXPONENT


def _bounds(b: GraphBuilder, draft: Draft, parents: Sequence[Range]) -> tuple[float, float]:
    kind = draft.kind
    if kind == "const":
        value = draft.params["value"].tensor
        return (float(value.min()), float(value.max())) if value.numel() else (0.0, 0.0)
    if kind in _FIXED:
        return _FIXED[kind]
    if not parents:
        return -math.inf, math.inf
    x = parents[0]
    if kind in _SAME:
        return x.low, x.high
    if kind == "concat":
        return min(p.low for p in parents), max(p.high for p in parents)
    if kind in ("sum", "reduce_sum"):
        count = math.prod(b.drafts[draft.parents[0]].shape) / max(math.prod(draft.shape), 1)
        return _times(x.low, count), _times(x.high, count)
    if len(parents) == 2:
        return _of_two(kind, x, parents[1], draft.parents[0] == draft.parents[1])
    return _of_one(kind, x)


def _of_two(kind: str, x: Range, y: Range, same: bool) -> tuple[float, float]:
    if kind == "add":
        return x.low + y.low, x.high + y.high
    if kind == "sub":
        return x.low - y.high, x.high - y.low
    if kind == "max_elem":
        return max(x.low, y.low), max(x.high, y.high)
    if kind == "min_elem":
        return min(x.low, y.low), min(x.high, y.high)
    if kind == "mul_elem":
        corners = [_times(a, c) for a in (x.low, x.high) for c in (y.low, y.high)]
        return (0.0 if same else min(corners)), max(corners)
    return -math.inf, math.inf


def _of_one(kind: str, x: Range) -> tuple[float, float]:
    if kind == "abs":
        return max(x.low, -x.high, 0.0), max(-x.low, x.high)
    if kind == "relu":
        return max(x.low, 0.0), max(x.high, 0.0)
    if kind == "sqrt":
        return math.sqrt(max(x.low, 0.0)), math.sqrt(max(x.high, 0.0))
    if kind == "exp":
        return _exp(x.low), _exp(x.high)
    if kind == "inv" and (x.low > 0 or x.high < 0):
        return 1.0 / x.high if x.high else -math.inf, 1.0 / x.low if x.low else math.inf
    if kind == "log" and x.low > 0:
        return math.log(x.low), math.log(x.high)
    return -math.inf, math.inf


def _exp(x: float) -> float:
    return math.exp(x) if x < 700 else math.inf


def _times(a: float, c: float) -> float:
    return 0.0 if a == 0 or c == 0 else a * c
