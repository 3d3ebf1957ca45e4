"""Bounds of the values of a graph that is being built, as far as they follow from its nodes alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torchlean_core.capture.values import NodeIndex
from torchlean_core.kinds import Operator
from torchlean_core.kinds import operators as ops

if TYPE_CHECKING:
    from torchlean_core.capture.builder import Draft, GraphBuilder

_SAME = (ops.DETACH, ops.RESHAPE, ops.PERMUTE, ops.TRANSPOSE, ops.BROADCAST_TO, ops.REDUCE_MEAN)
_FIXED = {
    ops.TANH.name: (-1.0, 1.0),
    ops.SIN.name: (-1.0, 1.0),
    ops.COS.name: (-1.0, 1.0),
    ops.SIGMOID.name: (0.0, 1.0),
    ops.SOFTMAX.name: (0.0, 1.0),
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
    return Range(
        low, high, any(parent.wild for parent in parents) or _makes_infinities(draft.operator, parents)
    )


def _makes_infinities(operator: Operator | None, parents: Sequence[Range]) -> bool:
    if operator is ops.LOG:
        return parents[0].low <= 0
    if operator is ops.INV:
        return parents[0].low <= 0 <= parents[0].high
    if operator is ops.SQRT:
        return parents[0].low < 0
    return operator is ops.EXP and parents[0].high > _SAFE_EXPONENT


def _bounds(b: GraphBuilder, draft: Draft, parents: Sequence[Range]) -> tuple[float, float]:
    operator = draft.operator
    if operator is ops.CONST:
        value = draft.params["value"].tensor
        return (float(value.min()), float(value.max())) if value.numel() else (0.0, 0.0)
    if operator is not None and operator.name in _FIXED:
        return _FIXED[operator.name]
    if not parents:
        return -math.inf, math.inf
    x = parents[0]
    if operator in _SAME or draft.kind == "select":
        return x.low, x.high
    if operator is ops.CONCAT:
        return min(p.low for p in parents), max(p.high for p in parents)
    if operator in (ops.SUM, ops.REDUCE_SUM):
        count = math.prod(b.drafts[draft.parents[0]].shape) / max(math.prod(draft.shape), 1)
        return _times(x.low, count), _times(x.high, count)
    if len(parents) == 2:
        return _of_two(operator, x, parents[1], draft.parents[0] == draft.parents[1])
    return _of_one(operator, x)


def _of_two(operator: Operator | None, x: Range, y: Range, same: bool) -> tuple[float, float]:
    if operator is ops.ADD:
        return x.low + y.low, x.high + y.high
    if operator is ops.SUB:
        return x.low - y.high, x.high - y.low
    if operator is ops.MAX:
        return max(x.low, y.low), max(x.high, y.high)
    if operator is ops.MIN:
        return min(x.low, y.low), min(x.high, y.high)
    if operator is ops.MUL:
        corners = [_times(a, c) for a in (x.low, x.high) for c in (y.low, y.high)]
        return (0.0 if same else min(corners)), max(corners)
    return -math.inf, math.inf


def _of_one(operator: Operator | None, x: Range) -> tuple[float, float]:
    if operator is ops.SOFTPLUS:
        return max(x.low, 0.0), max(x.high, 0.0) + math.log(2.0)
    if operator is ops.ABS:
        return max(x.low, -x.high, 0.0), max(-x.low, x.high)
    if operator is ops.RELU:
        return max(x.low, 0.0), max(x.high, 0.0)
    if operator is ops.SQRT:
        return math.sqrt(max(x.low, 0.0)), math.sqrt(max(x.high, 0.0))
    if operator is ops.EXP:
        return _exp(x.low), _exp(x.high)
    if operator is ops.INV and (x.low > 0 or x.high < 0):
        return 1.0 / x.high if x.high else -math.inf, 1.0 / x.low if x.low else math.inf
    if operator is ops.LOG and x.low > 0:
        return math.log(x.low), math.log(x.high)
    return -math.inf, math.inf


def _exp(x: float) -> float:
    return math.exp(x) if x < 700 else math.inf


def _times(a: float, c: float) -> float:
    return 0.0 if a == 0 or c == 0 else a * c
