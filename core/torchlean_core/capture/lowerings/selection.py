"""Parts of a tensor, and parts replaced: slices, splits, known indices, windows."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from torchlean_core.capture.assemble import apply_matrix
from torchlean_core.capture.builder import GraphBuilder
from torchlean_core.capture.errors import Refused
from torchlean_core.capture.lowerings.masks import filled
from torchlean_core.capture.lowerings.shape import axis_of, cat
from torchlean_core.capture.ranges import range_of
from torchlean_core.capture.registry import lowers
from torchlean_core.capture.values import Known, Tensor, Value
from torchlean_core.kinds.operators import REDUCE_SUM

aten = torch.ops.aten


@lowers(aten.slice.Tensor, moves=True)
def slice_axis(
    b: GraphBuilder,
    x: Value,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Value:
    """A slice of one axis."""
    axis = axis_of(dim, len(x.shape))
    return b.select(x, axis, range(x.shape[axis])[start:end:step])


@lowers(aten.select.int, moves=True)
def select(b: GraphBuilder, x: Value, dim: int, index: int) -> Value:
    """One entry of an axis, which goes away."""
    axis = axis_of(dim, len(x.shape))
    entry = b.select(x, axis, [axis_of(index, x.shape[axis])])
    return b.reshape(entry, (*x.shape[:axis], *x.shape[axis + 1 :]))


@lowers(aten.split_with_sizes.default, moves=True)
def split_with_sizes(
    b: GraphBuilder, x: Value, split_sizes: Sequence[int], dim: int = 0
) -> tuple[Value, ...]:
    """Consecutive parts of an axis."""
    axis = axis_of(dim, len(x.shape))
    parts, start = [], 0
    for size in split_sizes:
        parts.append(b.select(x, axis, range(start, start + size)))
        start += size
    return tuple(parts)


@lowers(aten.split.Tensor, moves=True)
def split(b: GraphBuilder, x: Value, split_size: int, dim: int = 0) -> tuple[Value, ...]:
    """Parts of one size, the last one smaller."""
    total = x.shape[axis_of(dim, len(x.shape))]
    sizes = [min(split_size, total - start) for start in range(0, total, split_size)]
    return split_with_sizes(b, x, sizes, dim)


@lowers(aten.chunk.default, moves=True)
def chunk(b: GraphBuilder, x: Value, chunks: int, dim: int = 0) -> tuple[Value, ...]:
    """About equal parts."""
    total = x.shape[axis_of(dim, len(x.shape))]
    return split(b, x, -(-total // chunks), dim)


@lowers(aten.unbind.int, moves=True)
def unbind(b: GraphBuilder, x: Value, dim: int = 0) -> tuple[Value, ...]:
    """Every entry of an axis."""
    return tuple(select(b, x, dim, index) for index in range(x.shape[axis_of(dim, len(x.shape))]))


@lowers(aten.index_select.default)
def index_select(b: GraphBuilder, x: Value, dim: int, index: Tensor) -> Value:
    """Entries of an axis at indices that are known."""
    if not isinstance(index, Known):
        raise Refused("the indices depend on the input")
    if not x.shape:
        return x
    return b.select(x, axis_of(dim, len(x.shape)), index.tensor.reshape(-1).tolist())


@lowers(aten.embedding.default, ignores=["padding_idx", "scale_grad_by_freq", "sparse"])
def embedding(b: GraphBuilder, weight: Tensor, indices: Tensor) -> Value:
    """Rows of a table at places that are known; what is ignored concerns the gradient, which is compared."""
    if not isinstance(indices, Known):
        raise Refused("a table is looked up at places that depend on the input")
    table = b.value(weight)
    rows = b.select(table, 0, [index % table.shape[0] for index in indices.tensor.reshape(-1).tolist()])
    return b.reshape(rows, (*indices.shape, *table.shape[1:]))


@lowers(aten.flip.default, moves=True)
def flip(b: GraphBuilder, x: Value, dims: Sequence[int]) -> Value:
    """Axes reversed."""
    if not x.shape:
        return x
    for dim in dims:
        axis = axis_of(dim, len(x.shape))
        x = b.select(x, axis, range(x.shape[axis] - 1, -1, -1))
    return x


@lowers(aten.roll.default)
def roll(b: GraphBuilder, x: Value, shifts: Sequence[int], dims: Sequence[int] = ()) -> Value:
    """Axes rotated; without axes, the tensor as one row."""
    if not dims:
        row = b.reshape(x, (math.prod(x.shape),))
        return b.reshape(roll(b, row, shifts, [0]), x.shape)
    for shift, dim in zip(shifts, dims, strict=True):
        axis = axis_of(dim, len(x.shape))
        size = x.shape[axis]
        x = b.select(x, axis, [(i - shift) % size for i in range(size)])
    return x


@lowers(aten.unfold.default)
def unfold(b: GraphBuilder, x: Value, dimension: int, size: int, step: int) -> Value:
    """Windows of an axis: their entries one after the other, then the axis split, the window's going last."""
    if not x.shape:
        raise Refused("unfold of a scalar")
    axis = axis_of(dimension, len(x.shape))
    starts = range(0, x.shape[axis] - size + 1, step)
    entries = b.select(x, axis, [start + i for start in starts for i in range(size)])
    parts = b.reshape(entries, (*x.shape[:axis], len(starts), size, *x.shape[axis + 1 :]))
    rank = len(parts.shape)
    return b.permute(parts, [i for i in range(rank) if i != axis + 1] + [axis + 1])


@lowers(aten.diagonal.default)
def diagonal(b: GraphBuilder, x: Value, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Value:
    """Entries of two axes that became one."""
    first, second = axis_of(dim1, len(x.shape)), axis_of(dim2, len(x.shape))
    rows, columns = x.shape[first], x.shape[second]
    places = torch.arange(rows * columns).reshape(rows, columns).diagonal(offset).tolist()
    rest = [axis for axis in range(len(x.shape)) if axis not in (first, second)]
    moved = b.permute(x, [*rest, first, second])
    flat = b.reshape(moved, (*(x.shape[axis] for axis in rest), rows * columns))
    return b.select(flat, len(rest), places)


@lowers(aten.index.Tensor, aten._unsafe_index.Tensor)
def index(b: GraphBuilder, x: Value, indices: Sequence[Tensor | None]) -> Value:
    """Entries at indices that are known: axis by axis where each index has an axis of its own, else in one.

    Raises:
        Refused: Indices depend on the input.
    """
    if any(isinstance(entry, Value) for entry in indices):
        raise Refused("the indices depend on the input")
    tensors: list[torch.Tensor | None] = []
    for entry in indices:
        assert entry is None or isinstance(entry, Known)
        boolean = entry is not None and entry.tensor.dtype in (torch.bool, torch.uint8)
        if entry is not None and boolean:
            tensors += list(entry.tensor.bool().nonzero(as_tuple=True))
        else:
            tensors.append(None if entry is None else entry.tensor)
    axes = [axis for axis, tensor in enumerate(tensors) if tensor is not None]
    found = [tensor for tensor in tensors if tensor is not None]
    if not axes:
        return x
    together = axes == list(range(axes[0], axes[-1] + 1))
    rest = [axis for axis in range(len(x.shape)) if axis not in axes]
    start = axes[0] if together else 0
    moved = b.permute(x, [*rest[:start], *axes, *rest[start:]])
    sizes = [x.shape[axis] for axis in axes]
    wide = torch.broadcast_tensors(*found)  # type: ignore[no-untyped-call]
    linear = torch.zeros(wide[0].shape, dtype=torch.long)
    own = [
        [axis for axis, size in enumerate(tensor.shape, wide[0].dim() - tensor.dim()) if size != 1]
        for tensor in found
    ]
    if own == [[axis] for axis in range(wide[0].dim())]:
        for place, (tensor, size) in enumerate(zip(found, sizes, strict=True)):
            moved = b.select(moved, start + place, (tensor.reshape(-1) % size).tolist())
        return moved
    for tensor, size in zip(wide, sizes, strict=True):
        linear = linear * size + tensor % size
    flat = b.reshape(moved, (*moved.shape[:start], math.prod(sizes), *moved.shape[start + len(axes) :]))
    entries = b.select(flat, start, linear.reshape(-1).tolist())
    return b.reshape(entries, (*flat.shape[:start], *linear.shape, *flat.shape[start + 1 :]))


@lowers(aten.gather.default, ignores=["sparse_grad"])
def gather(b: GraphBuilder, x: Value, dim: int, index: Tensor) -> Value:
    """Entries at indices that are known, of the tensor as one row."""
    if not isinstance(index, Known):
        raise Refused("the indices depend on the input")
    places = torch.arange(math.prod(x.shape)).reshape(x.shape).gather(dim, index.tensor)
    entries = b.select(b.reshape(x, (math.prod(x.shape),)), 0, places.reshape(-1).tolist())
    return b.reshape(entries, places.shape)


@lowers(aten.slice_scatter.default)
def slice_scatter(
    b: GraphBuilder,
    x: Tensor,
    src: Tensor,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Value:
    """A slice of one axis replaced: old and new entries joined, and put in order."""
    axis = axis_of(dim, len(x.shape))
    size = x.shape[axis]
    taken = range(size)[start:end:step]
    if len(taken) == size:
        return b.value(src)
    if step == 1:
        parts = [_slice(b, x, axis, 0, taken.start), b.value(src), _slice(b, x, axis, taken.stop, size)]
        return cat(b, [part for part in parts if part is not None], axis) if len(taken) else b.value(x)
    order = list(range(size))
    for place, entry in enumerate(taken):
        order[entry] = size + place
    return b.select(cat(b, [x, src], axis), axis, order)


def _slice(b: GraphBuilder, x: Tensor, axis: int, start: int, end: int) -> Tensor | None:
    if start == end:
        return None
    if isinstance(x, Known):
        return Known(x.tensor.narrow(axis, start, end - start), None, x.trainable, x.state)
    return b.select(x, axis, range(start, end))


@lowers(aten.select_scatter.default)
def select_scatter(b: GraphBuilder, x: Tensor, src: Tensor, dim: int, index: int) -> Value:
    """One entry of an axis replaced."""
    axis = axis_of(dim, len(x.shape))
    place = axis_of(index, x.shape[axis])
    entry = b.reshape(b.value(src), (*x.shape[:axis], 1, *x.shape[axis + 1 :]))
    return slice_scatter(b, x, entry, axis, place, place + 1)


@lowers(aten.copy.default, ignores=["non_blocking"])
def copy(b: GraphBuilder, x: Tensor, src: Tensor) -> Value:
    """What is written over a tensor, in its shape."""
    return b.broadcast(b.value(src), x.shape)


@lowers(aten.cumsum.default)
def cumsum(b: GraphBuilder, x: Value, dim: int, dtype: torch.dtype | None = None) -> Value:
    """Product with a triangle of ones; of what can be infinite the sums of all that a triangle leaves."""
    if not x.shape:
        return x
    axis = axis_of(dim, len(x.shape))
    size = x.shape[axis]
    triangle = torch.ones(size, size).tril()
    if not range_of(b, x.index).wild or math.prod(x.shape) * size > _FEW:
        return apply_matrix(b, x, axis, triangle, "running sum")
    last = [i for i in range(len(x.shape)) if i != axis] + [axis]
    moved = b.permute(x, last)
    rows = b.reshape(moved, (*moved.shape[:-1], 1, size))
    parts = filled(b, b.broadcast(rows, (*moved.shape[:-1], size, size)), triangle.bool(), 0.0)
    sums = b.reduce(REDUCE_SUM, parts, [len(parts.shape) - 1])
    return b.permute(sums, [last.index(i) for i in range(len(last))])


_FEW = 1 << 20
"""Elements up to which each running sum may have terms of its own."""
