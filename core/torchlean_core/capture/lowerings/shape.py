"""Changes of shape and order: reshape, permute, broadcast, concatenation."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from torchlean_core.capture.builder import GraphBuilder
from torchlean_core.capture.errors import Refused
from torchlean_core.capture.registry import lowers
from torchlean_core.capture.values import Tensor, Value

aten = torch.ops.aten


def axis_of(axis: int, rank: int) -> int:
    """An axis counted from 0."""
    return axis + rank if axis < 0 else axis


@lowers(aten.view.default, aten._unsafe_view.default, moves=True)
def view(b: GraphBuilder, x: Value, size: Sequence[int]) -> Value:
    """Reshape; one size may be -1."""
    shape = list(size)
    if -1 in shape:
        rest = math.prod(dim for dim in shape if dim != -1)
        shape[shape.index(-1)] = math.prod(x.shape) // rest if rest else 0
    return b.reshape(x, shape)


@lowers(aten.reshape.default, moves=True)
def reshape(b: GraphBuilder, x: Value, shape: Sequence[int]) -> Value:
    """Reshape; one size may be -1."""
    return view(b, x, shape)


@lowers(aten.flatten.using_ints, moves=True)
def flatten(b: GraphBuilder, x: Value, start_dim: int = 0, end_dim: int = -1) -> Value:
    """The axes from start to end become one."""
    if not x.shape:
        return b.reshape(x, (1,))
    start, end = axis_of(start_dim, len(x.shape)), axis_of(end_dim, len(x.shape))
    middle = math.prod(x.shape[start : end + 1])
    return b.reshape(x, (*x.shape[:start], middle, *x.shape[end + 1 :]))


@lowers(aten.unflatten.int, moves=True)
def unflatten(b: GraphBuilder, x: Value, dim: int, sizes: Sequence[int]) -> Value:
    """One axis becomes several."""
    axis = axis_of(dim, len(x.shape))
    if -1 in sizes:
        rest = math.prod(size for size in sizes if size != -1)
        sizes = [x.shape[axis] // rest if size == -1 else size for size in sizes]
    return b.reshape(x, (*x.shape[:axis], *sizes, *x.shape[axis + 1 :]))


@lowers(aten.unsqueeze.default, moves=True)
def unsqueeze(b: GraphBuilder, x: Value, dim: int) -> Value:
    """A new axis of size 1."""
    axis = axis_of(dim, len(x.shape) + 1)
    return b.reshape(x, (*x.shape[:axis], 1, *x.shape[axis:]))


@lowers(aten.squeeze.default, moves=True)
def squeeze(b: GraphBuilder, x: Value) -> Value:
    """All axes of size 1 go."""
    return b.reshape(x, [dim for dim in x.shape if dim != 1])


@lowers(aten.squeeze.dim, moves=True)
def squeeze_dim(b: GraphBuilder, x: Value, dim: int) -> Value:
    """An axis goes if it has size 1."""
    return squeeze_dims(b, x, [dim])


@lowers(aten.squeeze.dims, moves=True)
def squeeze_dims(b: GraphBuilder, x: Value, dim: Sequence[int]) -> Value:
    """Axes go that have size 1."""
    axes = {axis_of(axis, len(x.shape)) for axis in dim}
    return b.reshape(x, [size for axis, size in enumerate(x.shape) if size != 1 or axis not in axes])


@lowers(aten.permute.default, moves=True)
def permute(b: GraphBuilder, x: Value, dims: Sequence[int]) -> Value:
    """Axes in another order."""
    return b.permute(x, [axis_of(axis, len(x.shape)) for axis in dims])


@lowers(aten.transpose.int, moves=True)
def transpose(b: GraphBuilder, x: Value, dim0: int, dim1: int) -> Value:
    """Two axes swapped."""
    if not x.shape:
        return x
    perm = list(range(len(x.shape)))
    perm[dim0], perm[dim1] = perm[dim1], perm[dim0]
    return b.permute(x, perm)


@lowers(aten.t.default, moves=True)
def matrix_transpose(b: GraphBuilder, x: Value) -> Value:
    """A matrix transposed; vectors and scalars as they are."""
    return b.permute(x, list(reversed(range(len(x.shape)))))


@lowers(aten.expand.default, ignores=["implicit"], moves=True)
def expand(b: GraphBuilder, x: Value, size: Sequence[int]) -> Value:
    """Copies along new axes and axes of size 1; -1 keeps a size."""
    new = len(size) - len(x.shape)
    return b.broadcast(x, [x.shape[i - new] if dim == -1 else dim for i, dim in enumerate(size)])


@lowers(aten.repeat.default)
def repeat(b: GraphBuilder, x: Value, repeats: Sequence[int]) -> Value:
    """The tensor tiled: an axis of 1 is put before each axis, copied, and merged with it."""
    shape = (1,) * (len(repeats) - len(x.shape)) + x.shape
    spread = b.reshape(x, [size for dim in shape for size in (1, dim)])
    copied = b.broadcast(
        spread, [size for times, dim in zip(repeats, shape, strict=True) for size in (times, dim)]
    )
    return b.reshape(copied, [times * dim for times, dim in zip(repeats, shape, strict=True)])


@lowers(aten.cat.default)
def cat(b: GraphBuilder, tensors: Sequence[Tensor], dim: int = 0) -> Value:
    """Joined along an axis."""
    # PyTorch lets empty vectors stand in for nothing.
    parts = [b.value(part) for part in tensors if part.shape != (0,)]
    if not parts:
        raise Refused("nothing but empty tensors to join")
    if len(parts) == 1:
        return parts[0]
    return b.add("concat", *parts, axis=axis_of(dim, len(parts[0].shape)))


@lowers(aten.stack.default)
def stack(b: GraphBuilder, tensors: Sequence[Tensor], dim: int = 0) -> Value:
    """Joined along a new axis."""
    return cat(
        b, [unsqueeze(b, b.value(part), dim) for part in tensors], axis_of(dim, len(tensors[0].shape) + 1)
    )


@lowers(aten.pixel_shuffle.default)
def pixel_shuffle(b: GraphBuilder, x: Value, upscale_factor: int) -> Value:
    """(…, C r r, H, W) to (…, C, H r, W r)."""
    r = upscale_factor
    *lead, channels, height, width = x.shape
    n = len(lead)
    parts = b.reshape(x, (*lead, channels // (r * r), r, r, height, width))
    mixed = b.permute(parts, [*range(n), n, n + 3, n + 1, n + 4, n + 2])
    return b.reshape(mixed, (*lead, channels // (r * r), height * r, width * r))


@lowers(aten.pixel_unshuffle.default)
def pixel_unshuffle(b: GraphBuilder, x: Value, downscale_factor: int) -> Value:
    """(…, C, H r, W r) to (…, C r r, H, W)."""
    r = downscale_factor
    *lead, channels, height, width = x.shape
    n = len(lead)
    parts = b.reshape(x, (*lead, channels, height // r, r, width // r, r))
    mixed = b.permute(parts, [*range(n), n, n + 2, n + 4, n + 1, n + 3])
    return b.reshape(mixed, (*lead, channels * r * r, height // r, width // r))


@lowers(aten.channel_shuffle.default, aten.native_channel_shuffle.default)
def channel_shuffle(b: GraphBuilder, x: Value, groups: int) -> Value:
    """Axis 1 as (groups, size), transposed."""
    size = x.shape[1] // groups
    parts = b.reshape(x, (x.shape[0], groups, size, *x.shape[2:]))
    return b.reshape(b.permute(parts, [0, 2, 1, *range(3, len(parts.shape))]), x.shape)
