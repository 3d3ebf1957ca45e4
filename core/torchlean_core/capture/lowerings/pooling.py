"""Pooling of images (C, H, W); batches are merged with the channels, which pools keep apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

from torchlean_core.capture.builder import GraphBuilder
from torchlean_core.capture.errors import Refused
from torchlean_core.capture.lowerings.selection import apply_matrix, select_indices
from torchlean_core.capture.registry import lowers
from torchlean_core.capture.values import Value

aten = torch.ops.aten


def _two(values: Sequence[int], rank: int, fill: int) -> list[int]:
    """An argument for both axes of an image; `fill` is the height's where there is one axis only."""
    spread = list(values) * rank if len(values) == 1 else list(values)
    return spread if rank == 2 else [fill, *spread]


def _on_images(b: GraphBuilder, x: Value, rank: int, pool: Callable[[Value], Value]) -> Value:
    """Apply a pool of (C, H, W) to a tensor whose last `rank` axes are the image's."""
    lead, image = x.shape[: len(x.shape) - rank], x.shape[len(x.shape) - rank :]
    height_width = image if rank == 2 else (1, *image)
    result = pool(b.reshape(x, (math.prod(lead), *height_width)))
    return b.reshape(result, (*lead, *result.shape[3 - rank :]))


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
    """One pool node where one stride and one padding say it all.

    Else the image is extended by copies of its edges, which never change a maximum: a window that reaches
    over an edge holds the edge's element already. Unequal strides are a common stride, then a selection.
    """
    if any(step != 1 for step in dilation):
        raise Refused("max pool with dilation is not supported yet")
    kernel = _two(kernel_size, rank, 1)
    steps = _two(stride or kernel_size, rank, 0)
    pads = _two(padding, rank, 0)
    if rank == 1:
        steps[0] = steps[1]

    def pool(image: Value) -> Value:
        sizes = image.shape[1:]
        counts = [_outputs(*each, ceil_mode) for each in zip(sizes, kernel, steps, pads, strict=True)]
        floors = [_outputs(*each, False) for each in zip(sizes, kernel, steps, pads, strict=True)]
        common, pad = math.gcd(*steps), pads[0]
        if pads[0] != pads[1] or counts != floors:
            pad = 0
            for axis, size in enumerate(sizes):
                reach = (counts[axis] - 1) * steps[axis] + kernel[axis] - pads[axis]
                indices = [min(max(i, 0), size - 1) for i in range(-pads[axis], max(reach, size))]
                image = select_indices(b, image, axis + 1, indices)
        fields: dict[str, Any] = {"kH": kernel[0], "kW": kernel[1], "stride": common}
        if pad:
            result = b.add("max_pool2d_pad", image, **fields, padding=pad)
        else:
            result = b.add("max_pool2d", image, **fields)
        return _thin(b, result, steps, common, counts)

    return _on_images(b, x, rank, pool)


def _thin(b: GraphBuilder, x: Value, steps: Sequence[int], common: int, counts: Sequence[int]) -> Value:
    """Of windows at a common stride, those at each axis' own."""
    for axis in (0, 1):
        step = steps[axis] // common
        x = select_indices(b, x, axis + 1, [i * step for i in range(counts[axis])])
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
    kernel = _two(kernel_size, rank, 1)
    steps = _two(stride or kernel_size, rank, 0)
    pads = _two(padding, rank, 0)
    if rank == 1:
        steps[0] = steps[1]

    def pool(image: Value) -> Value:
        sizes = image.shape[1:]
        counts = [_outputs(*each, ceil_mode) for each in zip(sizes, kernel, steps, pads, strict=True)]
        floors = [_outputs(*each, False) for each in zip(sizes, kernel, steps, pads, strict=True)]
        plain = count_include_pad or pads == [0, 0]
        if divisor is None and plain and steps[0] == steps[1] and pads[0] == pads[1] and counts == floors:
            fields: dict[str, Any] = {"kH": kernel[0], "kW": kernel[1], "stride": steps[0]}
            if pads[0]:
                return b.add("avg_pool2d_pad", image, **fields, padding=pads[0])
            return b.add("avg_pool2d", image, **fields)
        for axis in (0, 1):
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
    return _adaptive(b, x, 2, output_size)


@lowers(aten.adaptive_avg_pool1d.default)
def adaptive_avg_pool1d(b: GraphBuilder, x: Value, output_size: Sequence[int]) -> Value:
    """As `adaptive_avg_pool2d` with height 1."""
    return _adaptive(b, x, 1, output_size)


def _adaptive(b: GraphBuilder, x: Value, rank: int, output_size: Sequence[int]) -> Value:
    counts = _two(output_size, rank, 1)

    def pool(image: Value) -> Value:
        window = _equal_windows(image, counts)
        if window is not None:
            return b.add("avg_pool2d", image, **window)
        for axis in (0, 1):
            size, count = image.shape[axis + 1], counts[axis]
            bounds = [(i * size // count, -(-((i + 1) * size) // count)) for i in range(count)]
            image = _window_means(b, image, axis + 1, [(s, e, e - s) for s, e in bounds])
        return image

    return _on_images(b, x, rank, pool)


def _equal_windows(image: Value, counts: Sequence[int]) -> dict[str, Any] | None:
    """Fields of the pool whose windows the adaptive ones are, or None."""
    sizes = image.shape[1:]
    if any(size % count for size, count in zip(sizes, counts, strict=True)):
        return None
    kernel = [size // count for size, count in zip(sizes, counts, strict=True)]
    strides = {k for k, count in zip(kernel, counts, strict=True) if count > 1}
    if len(strides) > 1:
        return None
    return {"kH": kernel[0], "kW": kernel[1], "stride": strides.pop() if strides else 1}


@lowers(aten.adaptive_max_pool2d.default)
def adaptive_max_pool2d(b: GraphBuilder, x: Value, output_size: Sequence[int]) -> tuple[Value, None]:
    """A pool node where the windows are equal; the indices have no form here and may not be used."""

    def pool(image: Value) -> Value:
        window = _equal_windows(image, output_size)
        if window is None:
            raise Refused("adaptive max pool with windows of different sizes is not supported")
        return b.add("max_pool2d", image, **window)

    return _on_images(b, x, 2, pool), None
