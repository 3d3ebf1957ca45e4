"""Pooling over one, two or three axes; all axes before them are merged, which pools keep apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch

from torchlean_core.capture.assemble import apply_matrix
from torchlean_core.capture.builder import GraphBuilder
from torchlean_core.capture.registry import lowers
from torchlean_core.capture.values import Value
from torchlean_core.kinds import Operator
from torchlean_core.kinds.operators import AVG_POOL, MAX_POOL

aten = torch.ops.aten


def _spread(values: Sequence[int], rank: int) -> list[int]:
    """An argument for each axis; one number stands for all."""
    return list(values) * rank if len(values) == 1 else list(values)


def _on_images(b: GraphBuilder, x: Value, rank: int, pool: Callable[[Value], Value]) -> Value:
    """Apply a pool of (C, …) to a tensor whose last `rank` axes are the image's; one axis gets a height of 1."""
    lead, image = x.shape[: len(x.shape) - rank], x.shape[len(x.shape) - rank :]
    result = pool(b.reshape(x, (math.prod(lead), *((1, *image) if rank == 1 else image))))
    return b.reshape(result, (*lead, *result.shape[len(result.shape) - rank :]))


def _outputs(size: int, kernel: int, stride: int, padding: int, ceil_mode: bool) -> int:
    """Number of windows along an axis, as PyTorch counts them."""
    span = size + 2 * padding - kernel
    count = (-(-span // stride) if ceil_mode else span // stride) + 1
    if ceil_mode and (count - 1) * stride >= size + padding:
        count -= 1  # no window may start in the right padding
    return count


@lowers(aten.max_pool2d.default)
def max_pool2d(
    b: GraphBuilder,
    x: Value,
    kernel_size: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0, 0),
    dilation: Sequence[int] = (1, 1),
    ceil_mode: bool = False,
) -> Value:
    """A pool node; see `_max_pool`."""
    return _max_pool(b, x, 2, kernel_size, stride, padding, dilation, ceil_mode)


@lowers(aten.max_pool1d.default)
def max_pool1d(
    b: GraphBuilder,
    x: Value,
    kernel_size: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    dilation: Sequence[int] = (1,),
    ceil_mode: bool = False,
) -> Value:
    """As `max_pool2d` with height 1."""
    return _max_pool(b, x, 1, kernel_size, stride, padding, dilation, ceil_mode)


@lowers(aten.max_pool3d.default)
def max_pool3d(
    b: GraphBuilder,
    x: Value,
    kernel_size: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0, 0, 0),
    dilation: Sequence[int] = (1, 1, 1),
    ceil_mode: bool = False,
) -> Value:
    """Axis by axis; see `_max_pool`."""
    return _max_pool(b, x, 3, kernel_size, stride, padding, dilation, ceil_mode)


@lowers(aten.max_pool2d_with_indices.default)
def max_pool2d_with_indices(
    b: GraphBuilder,
    x: Value,
    kernel_size: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0, 0),
    dilation: Sequence[int] = (1, 1),
    ceil_mode: bool = False,
) -> tuple[Value, None]:
    """As `max_pool2d`; the indices have no form here and may not be used."""
    return max_pool2d(b, x, kernel_size, stride, padding, dilation, ceil_mode), None


@lowers(aten.max_pool3d_with_indices.default)
def max_pool3d_with_indices(
    b: GraphBuilder,
    x: Value,
    kernel_size: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0, 0, 0),
    dilation: Sequence[int] = (1, 1, 1),
    ceil_mode: bool = False,
) -> tuple[Value, None]:
    """As `max_pool3d`; the indices have no form here and may not be used."""
    return max_pool3d(b, x, kernel_size, stride, padding, dilation, ceil_mode), None


def _max_pool(
    b: GraphBuilder,
    x: Value,
    rank: int,
    kernel_size: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    ceil_mode: bool,
) -> Value:
    """One pool node where one stride and one padding say it all; with dilation, or in 3-D, one for each axis.

    Else the image is extended by copies of its edges, which never change a maximum: a window that reaches
    over an edge holds the edge's element already. Unequal strides are a common stride, then a selection.
    """
    kernel = _spread(kernel_size, rank)
    steps = _spread(stride or kernel_size, rank)
    pads = _spread(padding, rank)
    dilations = _spread(dilation, rank)
    direct = _direct(b, MAX_POOL, x, kernel, steps, pads, ceil_mode) if set(dilations) == {1} else None
    if direct is not None:
        return direct
    if rank == 1:
        kernel, steps, pads, dilations = [1, *kernel], [*steps, *steps], [0, *pads], [1, *dilations]
    reaches = [(size - 1) * apart + 1 for size, apart in zip(kernel, dilations, strict=True)]

    def pool(image: Value) -> Value:
        sizes = image.shape[1:]
        counts = [_outputs(*each, ceil_mode) for each in zip(sizes, reaches, steps, pads, strict=True)]
        floors = [_outputs(*each, False) for each in zip(sizes, reaches, steps, pads, strict=True)]
        if rank == 3 or reaches != kernel:
            for axis, size in enumerate(sizes):
                starts = [i * steps[axis] - pads[axis] for i in range(counts[axis])]
                taps = range(0, reaches[axis], dilations[axis])
                windows = [[start + tap for tap in taps if 0 <= start + tap < size] for start in starts]
                image = _window_maxima(b, image, axis + 1, windows)
            return image
        common, pad = math.gcd(*steps), pads[0]
        if pads[0] != pads[1] or counts != floors:
            pad = 0
            for axis, size in enumerate(sizes):
                reach = (counts[axis] - 1) * steps[axis] + kernel[axis] - pads[axis]
                indices = [min(max(i, 0), size - 1) for i in range(-pads[axis], max(reach, size))]
                image = b.select(image, axis + 1, indices)
        result = b.pool(MAX_POOL, image, kernel, [common, common], [pad, pad])
        return _thin(b, result, steps, common, counts)

    return _on_images(b, x, rank, pool)


def _window_maxima(b: GraphBuilder, x: Value, axis: int, windows: Sequence[Sequence[int]]) -> Value:
    """For each window of entries of an axis their maximum; shorter ones are filled up with an entry of theirs."""
    size = x.shape[axis]
    if list(windows) == [[i] for i in range(size)]:
        return x
    longest = max(map(len, windows))
    rank = len(x.shape)
    last = [i for i in range(rank) if i != axis] + [axis]
    moved = b.permute(x, last)
    rows = b.reshape(moved, (math.prod(moved.shape[:-1]), 1, size))
    step = windows[1][0] - windows[0][0] if len(windows) > 1 else longest
    regular = [list(range(i * step, i * step + longest)) for i in range(len(windows))]
    if step < 1 or list(windows) != regular or (size - longest) // step + 1 != len(windows):
        filled = [[*window, *[window[-1]] * (longest - len(window))] for window in windows]
        rows = b.select(rows, 2, [entry for window in filled for entry in window])
        step = longest
    largest = b.pool(MAX_POOL, rows, (1, longest), (step, step), (0, 0))
    shaped = b.reshape(largest, (*moved.shape[:-1], len(windows)))
    return b.permute(shaped, [last.index(i) for i in range(rank)])


def _thin(b: GraphBuilder, x: Value, steps: Sequence[int], common: int, counts: Sequence[int]) -> Value:
    """Of windows at a common stride, those at each axis' own."""
    for axis in (0, 1):
        step = steps[axis] // common
        x = b.select(x, axis + 1, [i * step for i in range(counts[axis])])
    return x


@lowers(aten.avg_pool2d.default)
def avg_pool2d(
    b: GraphBuilder,
    x: Value,
    kernel_size: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0, 0),
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Value:
    """A pool node; see `_avg_pool`."""
    return _avg_pool(b, x, 2, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


@lowers(aten.avg_pool1d.default)
def avg_pool1d(
    b: GraphBuilder,
    x: Value,
    kernel_size: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Value:
    """As `avg_pool2d` with height 1."""
    return _avg_pool(b, x, 1, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


@lowers(aten.avg_pool3d.default)
def avg_pool3d(
    b: GraphBuilder,
    x: Value,
    kernel_size: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0, 0, 0),
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Value:
    """One constant matrix per axis; see `_avg_pool`."""
    return _avg_pool(b, x, 3, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def _avg_pool(
    b: GraphBuilder,
    x: Value,
    rank: int,
    kernel_size: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    ceil_mode: bool,
    count_include_pad: bool,
    divisor: int | None,
) -> Value:
    """One pool node where all windows divide by their size; else one constant matrix per axis."""
    kernel = _spread(kernel_size, rank)
    steps = _spread(stride or kernel_size, rank)
    pads = _spread(padding, rank)
    counts_all = divisor is None and (count_include_pad or not any(pads))
    direct = _direct(b, AVG_POOL, x, kernel, steps, pads, ceil_mode) if counts_all else None
    if direct is not None:
        return direct
    if rank == 1:
        kernel, steps, pads = [1, *kernel], [*steps, *steps], [0, *pads]

    def pool(image: Value) -> Value:
        sizes = image.shape[1:]
        counts = [_outputs(*each, ceil_mode) for each in zip(sizes, kernel, steps, pads, strict=True)]
        floors = [_outputs(*each, False) for each in zip(sizes, kernel, steps, pads, strict=True)]
        plain = rank < 3 and counts_all
        if plain and steps[0] == steps[1] and pads[0] == pads[1] and counts == floors:
            return b.pool(AVG_POOL, image, kernel, steps, pads)
        for axis in range(len(sizes)):
            windows = []
            for i in range(counts[axis]):
                start = i * steps[axis] - pads[axis]
                end = min(start + kernel[axis], sizes[axis] + pads[axis])
                inside = (max(start, 0), min(end, sizes[axis]))
                weight = end - start if count_include_pad else inside[1] - inside[0]
                if divisor is not None:
                    weight = divisor if axis == 0 else 1
                windows.append((*inside, weight))
            image = _window_means(b, image, axis + 1, windows)
        return image

    return _on_images(b, x, rank, pool)


def _direct(
    b: GraphBuilder,
    operator: Operator,
    x: Value,
    kernel: Sequence[int],
    steps: Sequence[int],
    pads: Sequence[int],
    ceil_mode: bool,
) -> Value | None:
    """A pool of the tensor as it is; None where the dialect has no node for that, or windows reach over its end."""
    sizes = x.shape[len(x.shape) - len(kernel) :]
    windows = list(zip(sizes, kernel, steps, pads, strict=True))
    if any(_outputs(*each, ceil_mode) != _outputs(*each, False) for each in windows):
        return None
    return b.say(operator, x, kernel=tuple(kernel), stride=tuple(steps), padding=tuple(pads))


def _window_means(b: GraphBuilder, x: Value, axis: int, windows: Sequence[tuple[int, int, int]]) -> Value:
    """For each (start, end, divisor): the sum over the window, divided."""
    size = x.shape[axis]
    if list(windows) == [(i, i + 1, 1) for i in range(size)]:
        return x
    matrix = torch.zeros(len(windows), size, dtype=torch.float64)
    for row, (start, end, divisor) in enumerate(windows):
        matrix[row, start:end] = 1.0 / divisor
    return apply_matrix(b, x, axis, matrix, "window means")


@lowers(aten.adaptive_avg_pool2d.default, aten._adaptive_avg_pool2d.default)
def adaptive_avg_pool2d(b: GraphBuilder, x: Value, output_size: Sequence[int]) -> Value:
    """Equal windows: a pool node; else one constant matrix per axis."""
    return _adaptive_avg(b, x, 2, output_size)


@lowers(aten.adaptive_avg_pool1d.default)
def adaptive_avg_pool1d(b: GraphBuilder, x: Value, output_size: Sequence[int]) -> Value:
    """As `adaptive_avg_pool2d` with height 1."""
    return _adaptive_avg(b, x, 1, output_size)


@lowers(aten.adaptive_avg_pool3d.default, aten._adaptive_avg_pool3d.default)
def adaptive_avg_pool3d(b: GraphBuilder, x: Value, output_size: Sequence[int]) -> Value:
    """One constant matrix per axis."""
    return _adaptive_avg(b, x, 3, output_size)


def _adaptive_avg(b: GraphBuilder, x: Value, rank: int, output_size: Sequence[int]) -> Value:
    direct = _adaptive_direct(b, AVG_POOL, x, rank, output_size)
    if direct is not None:
        return direct
    counts = [1, *output_size] if rank == 1 else list(output_size)

    def pool(image: Value) -> Value:
        window = _equal_windows(image, counts)
        if window is not None:
            return b.pool(AVG_POOL, image, *window)
        for axis, bounds in enumerate(_adaptive_bounds(image, counts)):
            image = _window_means(b, image, axis + 1, [(start, end, end - start) for start, end in bounds])
        return image

    return _on_images(b, x, rank, pool)


def _adaptive_bounds(image: Value, counts: Sequence[int]) -> list[list[tuple[int, int]]]:
    """Start and end of every window along every axis, as PyTorch has them."""
    return [
        [(i * size // count, -(-((i + 1) * size) // count)) for i in range(count)]
        for size, count in zip(image.shape[1:], counts, strict=True)
    ]


def _adaptive_direct(
    b: GraphBuilder, operator: Operator, x: Value, rank: int, counts: Sequence[int]
) -> Value | None:
    """Equal windows of the tensor as it is, as one node; None where they are not equal, or there is no such node."""
    sizes = x.shape[len(x.shape) - rank :]
    if any(size % count for size, count in zip(sizes, counts, strict=True)):
        return None
    kernel = tuple(size // count for size, count in zip(sizes, counts, strict=True))
    steps = {k for k, count in zip(kernel, counts, strict=True) if count > 1}
    stride = kernel if len(steps) > 1 else (steps.pop() if steps else 1,) * rank
    return b.say(operator, x, kernel=kernel, stride=stride, padding=(0,) * rank)


def _equal_windows(
    image: Value, counts: Sequence[int]
) -> tuple[Sequence[int], Sequence[int], Sequence[int]] | None:
    """Size, step and padding of the pool whose windows the adaptive ones are, or None."""
    sizes = image.shape[1:]
    if len(sizes) != 2 or any(size % count for size, count in zip(sizes, counts, strict=True)):
        return None
    kernel = [size // count for size, count in zip(sizes, counts, strict=True)]
    strides = {k for k, count in zip(kernel, counts, strict=True) if count > 1}
    if len(strides) > 1:
        return None
    step = strides.pop() if strides else 1
    return kernel, (step, step), (0, 0)


@lowers(aten.adaptive_max_pool2d.default)
def adaptive_max_pool2d(b: GraphBuilder, x: Value, output_size: Sequence[int]) -> tuple[Value, None]:
    """Equal windows: a pool node; else one for each axis. The indices have no form here and may not be used."""
    return _adaptive_max(b, x, 2, output_size), None


@lowers(aten.adaptive_max_pool1d.default)
def adaptive_max_pool1d(b: GraphBuilder, x: Value, output_size: Sequence[int]) -> tuple[Value, None]:
    """As `adaptive_max_pool2d` with height 1."""
    return _adaptive_max(b, x, 1, output_size), None


@lowers(aten.adaptive_max_pool3d.default)
def adaptive_max_pool3d(b: GraphBuilder, x: Value, output_size: Sequence[int]) -> tuple[Value, None]:
    """Axis by axis. The indices have no form here and may not be used."""
    return _adaptive_max(b, x, 3, output_size), None


def _adaptive_max(b: GraphBuilder, x: Value, rank: int, output_size: Sequence[int]) -> Value:
    direct = _adaptive_direct(b, MAX_POOL, x, rank, output_size)
    if direct is not None:
        return direct
    counts = [1, *output_size] if rank == 1 else list(output_size)

    def pool(image: Value) -> Value:
        window = _equal_windows(image, counts)
        if window is not None:
            return b.pool(MAX_POOL, image, *window)
        for axis, bounds in enumerate(_adaptive_bounds(image, counts)):
            image = _window_maxima(b, image, axis + 1, [range(start, end) for start, end in bounds])
        return image

    return _on_images(b, x, rank, pool)
