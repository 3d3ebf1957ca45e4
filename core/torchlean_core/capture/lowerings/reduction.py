"""Reductions: sums, means, variances, maxima, and what is built on them (softmax and its logarithm)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from torchlean_core.capture.builder import GraphBuilder
from torchlean_core.capture.errors import Refused
from torchlean_core.capture.lowerings.digits import root_of_sum
from torchlean_core.capture.lowerings.masks import LARGEST
from torchlean_core.capture.lowerings.powers import by_logarithm, power
from torchlean_core.capture.lowerings.shape import axis_of
from torchlean_core.capture.registry import lowers
from torchlean_core.capture.values import Operand, Tensor, Value
from torchlean_core.kinds.operators import MAX_POOL, REDUCE_MEAN, REDUCE_SUM

aten = torch.ops.aten


def _axes(x: Value, dim: Sequence[int] | None) -> list[int]:
    if not x.shape:
        return []  # torch takes axis 0 of a scalar
    return sorted({axis_of(axis, len(x.shape)) for axis in dim} if dim else range(len(x.shape)))


def _keep(b: GraphBuilder, reduced: Value, x: Value, axes: Sequence[int], keepdim: bool) -> Value:
    if not keepdim:
        return reduced
    return b.reshape(reduced, [1 if axis in axes else dim for axis, dim in enumerate(x.shape)])


@lowers(aten.sum.default)
def total(b: GraphBuilder, x: Value, dtype: torch.dtype | None = None) -> Value:
    """Sum of everything."""
    return b.add("sum", x)


@lowers(aten.sum.dim_IntList)
def sum_axes(
    b: GraphBuilder,
    x: Value,
    dim: Sequence[int] | None,
    keepdim: bool = False,
    dtype: torch.dtype | None = None,
) -> Value:
    """Sum over axes."""
    return b.reduce(REDUCE_SUM, x, _axes(x, dim), keepdim)


@lowers(aten.mean.default)
def mean(b: GraphBuilder, x: Value, dtype: torch.dtype | None = None) -> Value:
    """Mean of everything."""
    if not x.shape:
        return x
    whole = b.say(REDUCE_MEAN, x, axes=tuple(range(len(x.shape))), keepdim=False)
    return b.reduce(REDUCE_MEAN, b.reshape(x, (math.prod(x.shape),)), [0]) if whole is None else whole


@lowers(aten.mean.dim)
def mean_axes(
    b: GraphBuilder,
    x: Value,
    dim: Sequence[int] | None,
    keepdim: bool = False,
    dtype: torch.dtype | None = None,
) -> Value:
    """Mean over axes: the mean of means of equal size."""
    return b.reduce(REDUCE_MEAN, x, _axes(x, dim), keepdim)


@lowers(aten.prod.dim_int)
def product(
    b: GraphBuilder, x: Value, dim: int, keepdim: bool = False, dtype: torch.dtype | None = None
) -> Value:
    """Halves of the axis multiplied until one entry is left."""
    if not x.shape:
        return x
    axis = axis_of(dim, len(x.shape))
    result = x
    while (size := result.shape[axis]) > 1:
        half = size // 2
        pairs = b.times(b.select(result, axis, range(half)), b.select(result, axis, range(half, 2 * half)))
        odd = [b.select(result, axis, [size - 1])] if size % 2 else []
        result = b.add("concat", pairs, *odd, axis=axis) if odd else pairs
    return result if keepdim else b.reshape(result, (*x.shape[:axis], *x.shape[axis + 1 :]))


@lowers(aten.prod.default)
def product_of_all(b: GraphBuilder, x: Value, dtype: torch.dtype | None = None) -> Value:
    """Product of everything."""
    return product(b, b.reshape(x, (math.prod(x.shape),)), 0)


@lowers(aten.var.correction)
def variance(
    b: GraphBuilder,
    x: Value,
    dim: Sequence[int] | None = None,
    correction: float | None = None,
    keepdim: bool = False,
) -> Value:
    """Mean of (x - mean)^2, times n / (n - correction)."""
    axes = _axes(x, dim)
    count = math.prod(x.shape[axis] for axis in axes)
    degrees = count - (1 if correction is None else correction)
    if degrees <= 0:
        raise Refused(f"a variance of {count} values with correction {correction}")
    centred = b.minus(x, mean_axes(b, x, axes, True))
    return b.times(mean_axes(b, b.times(centred, centred), axes, keepdim), count / degrees)


@lowers(aten.var.dim)
def variance_axes(
    b: GraphBuilder, x: Value, dim: Sequence[int] | None, unbiased: bool = True, keepdim: bool = False
) -> Value:
    """As `variance`."""
    return variance(b, x, dim, 1 if unbiased else 0, keepdim)


@lowers(aten.std.correction)
def deviation(
    b: GraphBuilder,
    x: Value,
    dim: Sequence[int] | None = None,
    correction: float | None = None,
    keepdim: bool = False,
) -> Value:
    """The root of the variance; where that is 0 the gradient is 0."""
    return root_of_sum(b, variance(b, x, dim, correction, keepdim))


@lowers(aten.std.dim)
def deviation_axes(
    b: GraphBuilder, x: Value, dim: Sequence[int] | None, unbiased: bool = True, keepdim: bool = False
) -> Value:
    """As `deviation`."""
    return deviation(b, x, dim, 1 if unbiased else 0, keepdim)


@lowers(aten.var_mean.correction)
def variance_and_mean(
    b: GraphBuilder,
    x: Value,
    dim: Sequence[int] | None = None,
    correction: float | None = None,
    keepdim: bool = False,
) -> tuple[Value, Value]:
    """Both."""
    return variance(b, x, dim, correction, keepdim), mean_axes(b, x, dim, keepdim)


@lowers(aten.std_mean.correction)
def deviation_and_mean(
    b: GraphBuilder,
    x: Value,
    dim: Sequence[int] | None = None,
    correction: float | None = None,
    keepdim: bool = False,
) -> tuple[Value, Value]:
    """Both."""
    return deviation(b, x, dim, correction, keepdim), mean_axes(b, x, dim, keepdim)


@lowers(aten.cosine_similarity.default)
def cosine_similarity(b: GraphBuilder, x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Value:
    """Sum of the products of both, each divided by its norm.

    A norm below eps becomes eps, and keeps its own gradient, as PyTorch has it.
    """
    sides = []
    for side in b.operands(x1, x2):
        norm = vector_norm(b, side, 2, [dim], True)
        missing = b.unary("detach", b.unary("relu", b.minus(float(eps), norm)))
        sides.append(b.times(side, b.unary("inv", b.plus(norm, missing))))
    return sum_axes(b, b.times(*sides), [dim])


@lowers(aten.linalg_vector_norm.default)
def vector_norm(
    b: GraphBuilder,
    x: Value,
    ord: float = 2,
    dim: Sequence[int] | None = None,
    keepdim: bool = False,
    dtype: torch.dtype | None = None,
) -> Value:
    """The p-th root of the sum of absolute values to the p (of which the gradient at 0 is 0), and their extremes."""
    if ord == math.inf:
        return amax(b, b.unary("abs", x), dim or (), keepdim)
    if ord == 1:
        return sum_axes(b, b.unary("abs", x), dim, keepdim)
    if ord == 2:
        return root_of_sum(b, sum_axes(b, b.times(x, x), dim, keepdim))
    if ord == -math.inf:
        return amin(b, b.unary("abs", x), dim or (), keepdim)
    if ord <= 0:
        raise Refused(f"the {ord}-norm: supported are positive ones and both infinities")
    sums = sum_axes(b, power(b, b.unary("abs", x), ord), dim, keepdim)
    return by_logarithm(b, sums, 1.0 / ord)


@lowers(aten.dist.default)
def distance(b: GraphBuilder, x: Operand, other: Operand, p: float = 2) -> Value:
    """The norm of a difference."""
    return vector_norm(b, b.minus(x, other), p)


@lowers(aten.amax.default)
def amax(b: GraphBuilder, x: Value, dim: Sequence[int] = (), keepdim: bool = False) -> Value:
    """Maximum over axes: the axes go last, and a max pool takes all of them as one window."""
    axes = _axes(x, dim)
    count = math.prod(x.shape[axis] for axis in axes)
    rest = [axis for axis in range(len(x.shape)) if axis not in axes]
    moved = b.permute(x, [*rest, *axes])
    shape = [x.shape[axis] for axis in rest]
    if axes and b.pools_rows(MAX_POOL):
        window = moved.shape[len(rest) :]
        if len(window) > 3:  # torch pools three axes at most
            moved, window = b.reshape(moved, (*shape, count)), (count,)
        largest = b.pool(MAX_POOL, moved, window, window, (0,) * len(window))
        whole = tuple(1 if axis in axes else dim for axis, dim in enumerate(x.shape))
        return (
            largest
            if keepdim and largest.shape == whole
            else _keep(b, b.reshape(largest, shape), x, axes, keepdim)
        )
    rows = b.reshape(moved, (math.prod(shape), 1, count))
    largest = b.pool(MAX_POOL, rows, (1, count), (1, 1), (0, 0))
    return _keep(b, b.reshape(largest, shape), x, axes, keepdim)


@lowers(aten.amin.default)
def amin(b: GraphBuilder, x: Value, dim: Sequence[int] = (), keepdim: bool = False) -> Value:
    """Minimum over axes: -max(-x)."""
    return b.times(amax(b, b.times(x, -1.0), dim, keepdim), -1.0)


@lowers(aten.max.dim)
def max_axis(b: GraphBuilder, x: Value, dim: int, keepdim: bool = False) -> tuple[Value, None]:
    """Maximum over an axis; the indices have no form here and may not be used."""
    return amax(b, x, [dim], keepdim), None


@lowers(aten.min.dim)
def min_axis(b: GraphBuilder, x: Value, dim: int, keepdim: bool = False) -> tuple[Value, None]:
    """Minimum over an axis; the indices have no form here and may not be used."""
    return amin(b, x, [dim], keepdim), None


@lowers(aten.max.default)
def max_all(b: GraphBuilder, x: Value) -> Value:
    """Maximum of everything."""
    return amax(b, x)


@lowers(aten.min.default)
def min_all(b: GraphBuilder, x: Value) -> Value:
    """Minimum of everything."""
    return amin(b, x)


def _shift(b: GraphBuilder, x: Value, dim: Sequence[int]) -> Value:
    """The maximum over axes as a finite number without a gradient: what is subtracted and added again.

    Where several elements are the largest, the pool's gradient is not PyTorch's; here it cancels.
    """
    largest = amax(b, x, dim, True)
    return b.unary("detach", b.binary("max_elem", b.binary("min_elem", largest, LARGEST), -LARGEST))


@lowers(aten.logsumexp.default)
def logsumexp(b: GraphBuilder, x: Value, dim: Sequence[int], keepdim: bool = False) -> Value:
    """The form m + log(sum(exp(x - m))), m the maximum, so that it stays finite."""
    largest = _shift(b, x, dim)
    sums = sum_axes(b, b.unary("exp", b.minus(x, largest)), dim, True)
    return _keep_not(b, b.plus(b.unary("log", sums), largest), x, dim, keepdim)


def _keep_not(b: GraphBuilder, kept: Value, x: Value, dim: Sequence[int], keepdim: bool) -> Value:
    axes = _axes(x, dim)
    return kept if keepdim else b.reshape(kept, [d for i, d in enumerate(x.shape) if i not in axes])


@lowers(aten.log_softmax.int)
def log_softmax(b: GraphBuilder, x: Value, dim: int, dtype: torch.dtype | None = None) -> Value:
    """The form x - m - log(sum(exp(x - m))), m the maximum, so that it stays finite."""
    if not x.shape:
        return b.full(0.0, ())
    shifted = b.minus(x, _shift(b, x, [dim]))
    return b.minus(shifted, b.unary("log", sum_axes(b, b.unary("exp", shifted), [dim], True)))


@lowers(aten._log_softmax.default)
def log_softmax_core(b: GraphBuilder, x: Value, dim: int, half_to_float: bool) -> Value:
    """As `log_softmax`."""
    return log_softmax(b, x, dim)
