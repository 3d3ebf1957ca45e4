"""Values in order: sorts, medians and the largest k by networks of minima and maxima; running maxima.

Places (the indices of a sort) are steps and have no form; the values are continuous, and have one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from torchlean_core.capture.builder import GraphBuilder
from torchlean_core.capture.errors import Refused
from torchlean_core.capture.lowerings.elementwise import logaddexp
from torchlean_core.capture.lowerings.shape import axis_of, cat
from torchlean_core.capture.registry import lowers
from torchlean_core.capture.values import Value

aten = torch.ops.aten

_FEW = 16
"""Entries of an axis up to which each is taken by itself where it can be infinite; of more, matrices take them."""

_MOST = 256
"""Entries of an axis that are put in order: 36 rounds."""


def _rounds(size: int) -> Iterator[list[tuple[int, int]]]:
    """Pairs of places, the smaller entry to go to the first, round by round.

    Batcher's odd-even merge sort (Knuth, The Art of Computer Programming 3, 5.2.2, algorithm M).
    """
    if size < 2:
        return
    highest = 1 << ((size - 1).bit_length() - 1)
    step = highest
    while step:
        reach, start, distance = highest, 0, step
        while True:
            pairs = [(place, place + distance) for place in range(size - distance) if place & step == start]
            yield pairs
            if reach == step:
                break
            distance, reach, start = reach - step, reach >> 1, step
        step >>= 1


def _sorted(b: GraphBuilder, x: Value, axis: int) -> Value:
    """Entries of an axis in ascending order.

    Raises:
        Refused: There are too many.
    """
    size = x.shape[axis]
    if size > _MOST:
        raise Refused(f"the order of {size} values: supported are {_MOST}")
    for pairs in _rounds(size):
        partner = list(range(size))
        for first, second in pairs:
            partner[first], partner[second] = second, first
        other = b.select(x, axis, partner, early=size <= _FEW)
        both = cat(b, [b.binary("min_elem", x, other), b.binary("max_elem", x, other)], axis)
        larger = {second for _, second in pairs}
        x = b.select(
            both, axis, [place + size * (place in larger) for place in range(size)], early=size <= _FEW
        )
    return x


@lowers(aten.sort.default, aten.sort.stable, ignores=["stable"])
def sort(b: GraphBuilder, x: Value, dim: int = -1, descending: bool = False) -> tuple[Value, None]:
    """All values in order."""
    if not x.shape:
        return x, None
    axis = axis_of(dim, len(x.shape))
    size = x.shape[axis]
    ordered = _sorted(b, x, axis)
    return (
        b.select(ordered, axis, range(size - 1, -1, -1), early=size <= _FEW) if descending else ordered
    ), None


@lowers(aten.topk.default, ignores=["sorted"])
def topk(b: GraphBuilder, x: Value, k: int, dim: int = -1, largest: bool = True) -> tuple[Value, None]:
    """The first of all values in order."""
    values, _ = sort(b, x, dim, largest)
    if not x.shape:
        return values, None
    axis = axis_of(dim, len(x.shape))
    return b.select(values, axis, range(k), early=x.shape[axis] <= _FEW), None


def _entry(b: GraphBuilder, x: Value, dim: int, place: int, keepdim: bool) -> Value:
    """One of the values in order."""
    if not x.shape:
        return x
    axis = axis_of(dim, len(x.shape))
    taken = b.select(_sorted(b, x, axis), axis, [place], early=x.shape[axis] <= _FEW)
    return taken if keepdim else b.reshape(taken, (*x.shape[:axis], *x.shape[axis + 1 :]))


@lowers(aten.kthvalue.default)
def kthvalue(b: GraphBuilder, x: Value, k: int, dim: int = -1, keepdim: bool = False) -> tuple[Value, None]:
    """One of the values in order."""
    return _entry(b, x, dim, k - 1, keepdim), None


@lowers(aten.median.dim, aten.nanmedian.dim)
def median(b: GraphBuilder, x: Value, dim: int, keepdim: bool = False) -> tuple[Value, None]:
    """The middle value, the lower one of two."""
    size = x.shape[axis_of(dim, len(x.shape))] if x.shape else 1
    return _entry(b, x, dim, (size - 1) // 2, keepdim), None


@lowers(aten.median.default, aten.nanmedian.default)
def median_of_all(b: GraphBuilder, x: Value) -> Value:
    """The middle value of everything."""
    count = math.prod(x.shape)
    return _entry(b, b.reshape(x, (count,)), 0, (count - 1) // 2, False)


def _running(b: GraphBuilder, x: Value, dim: int, kind: str) -> Value:
    """Each entry combined with all before it: with those at 1, 2, 4, ... before, the first ones with themselves."""
    if not x.shape:
        return x
    axis = axis_of(dim, len(x.shape))
    size, distance = x.shape[axis], 1
    while distance < size:
        before = [place - distance if place >= distance else place for place in range(size)]
        x = b.binary(kind, x, b.select(x, axis, before, early=size <= _FEW))
        distance *= 2
    return x


@lowers(aten.cummax.default)
def cummax(b: GraphBuilder, x: Value, dim: int) -> tuple[Value, None]:
    """The largest value so far."""
    return _running(b, x, dim, "max_elem"), None


@lowers(aten.cummin.default)
def cummin(b: GraphBuilder, x: Value, dim: int) -> tuple[Value, None]:
    """The smallest value so far."""
    return _running(b, x, dim, "min_elem"), None


@lowers(aten.cumprod.default)
def cumprod(b: GraphBuilder, x: Value, dim: int, dtype: torch.dtype | None = None) -> Value:
    """The product so far, of those at 1, 2, 4, ... before, the first ones with 1."""
    if not x.shape:
        return x
    axis = axis_of(dim, len(x.shape))
    size, distance = x.shape[axis], 1
    while distance < size:
        ones = b.full(1.0, (*x.shape[:axis], distance, *x.shape[axis + 1 :]))
        before = b.add(
            "concat", ones, b.select(x, axis, range(size - distance), early=size <= _FEW), axis=axis
        )
        x = b.times(x, before)
        distance *= 2
    return x


@lowers(aten.logcumsumexp.default)
def logcumsumexp(b: GraphBuilder, x: Value, dim: int) -> Value:
    """The logarithm of the sum of exponentials so far: with that of those at 1, 2, 4, ... before."""
    if not x.shape:
        return x
    axis = axis_of(dim, len(x.shape))
    size, distance = x.shape[axis], 1
    while distance < size:
        later = b.select(x, axis, range(distance, size), early=size <= _FEW)
        both = logaddexp(b, later, b.select(x, axis, range(size - distance), early=size <= _FEW))
        x = b.add("concat", b.select(x, axis, range(distance), early=size <= _FEW), both, axis=axis)
        distance *= 2
    return x
