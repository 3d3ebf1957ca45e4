"""Parts of a tensor: a constant matrix applied to one axis (slice, select, split, padding by copies)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from torchlean_core.capture.builder import GraphBuilder, Provenance
from torchlean_core.capture.errors import Refused
from torchlean_core.capture.lowerings.shape import axis_of
from torchlean_core.capture.registry import lowers
from torchlean_core.capture.values import Known, Tensor, Value

aten = torch.ops.aten


def apply_matrix(b: GraphBuilder, x: Value, axis: int, matrix: torch.Tensor, why: str) -> Value:
    """Replace an axis by its product with a constant matrix: out[…, j, …] = sum_i matrix[j, i] * x[…, i, …].

    Args:
        b: The builder.
        x: Operand.
        axis: The axis.
        matrix: (new size, size of the axis).
        why: What the matrix stands for, added to `debug_target`.
    """
    size, rank = x.shape[axis], len(x.shape)
    b.check_size(matrix.numel(), f"a constant matrix ({why})")
    before = b.provenance
    if before.debug_target is not None:
        b.provenance = Provenance(f"{before.debug_target} ({why})", before.line, before.module)
    last = [i for i in range(rank) if i != axis] + [axis]
    moved = b.permute(x, last)
    rows = b.reshape(moved, (math.prod(moved.shape[:-1]), size))
    product = b.add("matmul", rows, b.const(Known(matrix.T)))
    shaped = b.reshape(product, (*moved.shape[:-1], matrix.shape[0]))
    result = b.permute(shaped, [last.index(i) for i in range(rank)])
    b.provenance = before
    return result


def select_indices(b: GraphBuilder, x: Value, axis: int, indices: Sequence[int]) -> Value:
    """Entries of one axis, in the order given; all of them in order is the operand itself."""
    size = x.shape[axis]
    if list(indices) == list(range(size)):
        return x
    if not indices:
        raise Refused("an empty selection")
    if size == 1:
        return b.broadcast(x, (*x.shape[:axis], len(indices), *x.shape[axis + 1 :]))
    b.check_size(len(indices) * size, "a selection matrix")
    matrix = torch.zeros(len(indices), size)
    matrix[torch.arange(len(indices)), torch.tensor(list(indices))] = 1.0
    return apply_matrix(b, x, axis, matrix, "selection matrix")


@lowers(aten.slice.Tensor)
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
    return select_indices(b, x, axis, range(x.shape[axis])[start:end:step])


@lowers(aten.select.int)
def select(b: GraphBuilder, x: Value, dim: int, index: int) -> Value:
    """One entry of an axis, which goes away."""
    axis = axis_of(dim, len(x.shape))
    entry = select_indices(b, x, axis, [axis_of(index, x.shape[axis])])
    return b.reshape(entry, (*x.shape[:axis], *x.shape[axis + 1 :]))


@lowers(aten.split_with_sizes.default)
def split_with_sizes(
    b: GraphBuilder, x: Value, split_sizes: Sequence[int], dim: int = 0
) -> tuple[Value, ...]:
    """Consecutive parts of an axis."""
    axis = axis_of(dim, len(x.shape))
    parts, start = [], 0
    for size in split_sizes:
        parts.append(select_indices(b, x, axis, range(start, start + size)))
        start += size
    return tuple(parts)


@lowers(aten.split.Tensor)
def split(b: GraphBuilder, x: Value, split_size: int, dim: int = 0) -> tuple[Value, ...]:
    """Parts of one size, the last one smaller."""
    total = x.shape[axis_of(dim, len(x.shape))]
    sizes = [min(split_size, total - start) for start in range(0, total, split_size)]
    return split_with_sizes(b, x, sizes, dim)


@lowers(aten.chunk.default)
def chunk(b: GraphBuilder, x: Value, chunks: int, dim: int = 0) -> tuple[Value, ...]:
    """About equal parts."""
    total = x.shape[axis_of(dim, len(x.shape))]
    return split(b, x, -(-total // chunks), dim)


@lowers(aten.unbind.int)
def unbind(b: GraphBuilder, x: Value, dim: int = 0) -> tuple[Value, ...]:
    """Every entry of an axis."""
    return tuple(select(b, x, dim, index) for index in range(x.shape[axis_of(dim, len(x.shape))]))


@lowers(aten.index_select.default)
def index_select(b: GraphBuilder, x: Value, dim: int, index: Tensor) -> Value:
    """Entries of an axis at indices that are known."""
    if not isinstance(index, Known):
        raise Refused("the indices depend on the input")
    return select_indices(b, x, axis_of(dim, len(x.shape)), index.tensor.reshape(-1).tolist())


@lowers(aten.flip.default)
def flip(b: GraphBuilder, x: Value, dims: Sequence[int]) -> Value:
    """Axes reversed."""
    for dim in dims:
        axis = axis_of(dim, len(x.shape))
        x = select_indices(b, x, axis, range(x.shape[axis] - 1, -1, -1))
    return x


@lowers(aten.roll.default)
def roll(b: GraphBuilder, x: Value, shifts: Sequence[int], dims: Sequence[int] = ()) -> Value:
    """Axes rotated."""
    if not dims:
        raise Refused("roll without dims")
    for shift, dim in zip(shifts, dims, strict=True):
        axis = axis_of(dim, len(x.shape))
        size = x.shape[axis]
        x = select_indices(b, x, axis, [(i - shift) % size for i in range(size)])
    return x


def padded(b: GraphBuilder, x: Value, pad: Sequence[int], mode: str) -> Value:
    """Padding by copies: `reflect`, `replicate`, `circular`."""
    for place in range(len(pad) // 2):
        axis = len(x.shape) - 1 - place
        size = x.shape[axis]
        positions = range(-pad[2 * place], size + pad[2 * place + 1])
        if mode == "reflect":
            indices = [(size - 1) - abs((size - 1) - abs(i)) for i in positions]
        elif mode == "replicate":
            indices = [min(max(i, 0), size - 1) for i in positions]
        elif mode == "circular":
            indices = [i % size for i in positions]
        else:
            raise Refused(f"padding mode {mode!r}")
        x = select_indices(b, x, axis, indices)
    return x


@lowers(aten.reflection_pad1d.default, aten.reflection_pad2d.default)
def reflection_pad(b: GraphBuilder, x: Value, padding: Sequence[int]) -> Value:
    """Padding by reflection at the edges."""
    return padded(b, x, padding, "reflect")


@lowers(aten.replication_pad1d.default, aten.replication_pad2d.default)
def replication_pad(b: GraphBuilder, x: Value, padding: Sequence[int]) -> Value:
    """Padding by the edges' values."""
    return padded(b, x, padding, "replicate")
