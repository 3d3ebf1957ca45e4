"""Convolutions with a known kernel by the dialect's own node: of a tensor as it is, or of images below each other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from torchlean_core.capture.assemble import apply_matrix
from torchlean_core.capture.builder import GraphBuilder
from torchlean_core.capture.errors import Refused
from torchlean_core.capture.lowerings.convolution_axes import Axis
from torchlean_core.capture.lowerings.padding import constant_pad
from torchlean_core.capture.values import Known, Shape, Value
from torchlean_core.graph.views import blocks, embed, flip
from torchlean_core.kinds.numbers import show_shape

_Sizes = tuple[list[int], list[tuple[int, int]], list[int]]
"""Strides, paddings and dilations of the axes, as the builder takes them."""


def forward(kernel: Known, axes: Sequence[Axis]) -> Known:
    """The kernel with its first tap first on each axis."""
    first = len(kernel.shape) - len(axes)
    back = [first + place for place, axis in enumerate(axes) if axis.backwards]
    return kernel.moved(flip(*back)) if back else kernel


def _spread(
    b: GraphBuilder, x: Value, axes: Sequence[Axis], sides: Sequence[tuple[int, int]]
) -> tuple[Value, list[Axis]]:
    """The operand with zeros between and around entries, but for some on each side, by one matrix per axis."""
    first = len(x.shape) - len(axes)
    for place, (axis, left_over) in enumerate(zip(axes, sides, strict=True)):
        matrix = axis.spreading(*left_over)
        if matrix is not None:
            x = apply_matrix(b, x, first + place, matrix, "zero insertion" if axis.apart > 1 else "padding")
    return x, [axis.spread(*left_over) for axis, left_over in zip(axes, sides, strict=True)]


def is_one_node(b: GraphBuilder, x: Shape, kernel: Shape, axes: Sequence[Axis], groups: int) -> bool:
    """Whether the dialect has a node for a convolution of a tensor as it is, once its entries are spread."""
    plain = [axis.spread(*axis.padded) for axis in axes]
    shape = (*x[: len(x) - len(axes)], *(axis.size for axis in plain))
    return min(shape) >= 0 and b.can_convolve(shape, kernel, *_sizes(plain), groups)


def one_node(
    b: GraphBuilder, x: Value, kernel: Known, bias: Known | None, axes: Sequence[Axis], groups: int
) -> Value:
    """A convolution of a tensor as it is, for which `is_one_node` holds."""
    x, plain = _spread(b, x, axes, [axis.padded for axis in axes])
    return _node(b, x, forward(kernel, axes), bias, _sizes(plain), groups)


def _node(
    b: GraphBuilder,
    x: Value,
    kernel: Known,
    bias: Known | None,
    sizes: _Sizes,
    groups: int = 1,
    marks: Mapping[str, object] | None = None,
) -> Value:
    result = b.convolution(x, kernel, bias, *sizes, groups, extra=marks)
    if result is None:
        raise Refused(f"no convolution of {show_shape(x.shape)} with a kernel {show_shape(kernel.shape)}")
    return result


def _sizes(axes: Sequence[Axis]) -> _Sizes:
    return (
        [axis.stride for axis in axes],
        [(axis.before, axis.after) for axis in axes],
        [axis.dilation for axis in axes],
    )


def dense_scalars(kernel: Shape, axes: Sequence[Axis], groups: int) -> int:
    """Scalars of the kernel that `on_images` writes: zeros off the blocks, and between taps of the last two axes."""
    return math.prod(
        [*kernel[:2], groups, *(axis.taps for axis in axes[:-2]), *(axis.reach for axis in axes[-2:])]
    )


def on_images(
    b: GraphBuilder, x: Value, kernel: Known, bias: Known | None, axes: Sequence[Axis], groups: int
) -> Value:
    """A convolution (N, C, …) by a dense kernel (O, C, height, width) of images (C, H, W).

    Axes before the last two go into the channels, tap by tap, where the kernel has them, too; their windows are
    images of their own. One axis alone is the width of images of height 1.
    """
    if len(axes) > 2:
        return _by_depth(b, x, kernel, bias, axes, groups)
    if len(axes) == 1:
        (across,) = axes
        down = Axis(1, 1, stride=across.stride)
        image = b.reshape(x, (*x.shape[:2], 1, x.shape[2]))
        result = on_images(
            b, image, kernel.reshape(*kernel.shape[:2], 1, across.taps), bias, [down, across], groups
        )
        return b.reshape(result, (*result.shape[:2], result.shape[3]))
    kernel, marks = _dense(b, forward(kernel, axes), axes, groups)
    if not all(axis.is_plain for axis in axes):
        # What both axes have on both sides is the convolution's own padding.
        common = max(0, min(side for axis in axes for side in (axis.before, axis.after)))
        x, axes = _spread(b, x, axes, [(common, common)] * 2)
    down, across = (replace(axis, taps=axis.reach, dilation=1) for axis in axes)
    form = _of_one if x.shape[0] == 1 else _stacked
    return form(b, x, kernel, bias, down, across, marks)


def _by_depth(
    b: GraphBuilder, x: Value, kernel: Known, bias: Known | None, axes: Sequence[Axis], groups: int
) -> Value:
    """The first axis in the channels: what each tap sees is a channel of its own, each window an image."""
    (depth, *axes), (images, channels, size, *rest) = axes, x.shape
    matrix = depth.windows().reshape(-1, size)
    x = apply_matrix(b, x, 2, matrix, "windows")
    x = b.reshape(x, (images, channels, depth.taps, depth.outputs, *rest))
    x = b.permute(x, (0, 3, 1, 2, *range(4, 4 + len(rest))))
    x = b.reshape(x, (images * depth.outputs, channels * depth.taps, *rest))
    outputs, inputs, taps, *sizes = kernel.shape
    result = on_images(b, x, kernel.reshape(outputs, inputs * taps, *sizes), bias, axes, groups)
    result = b.reshape(result, (images, depth.outputs, *result.shape[1:]))
    return b.permute(result, (0, 2, 1, *range(3, 3 + len(rest))))


def _dense(
    b: GraphBuilder, kernel: Known, axes: Sequence[Axis], groups: int
) -> tuple[Known, dict[str, object]]:
    """The kernel with zeros off its blocks and between its taps, and the marks that say so."""
    marks: dict[str, object] = {}
    before, dense = math.prod(kernel.shape), dense_scalars(kernel.shape, axes, groups)
    if groups != 1:
        kernel, marks["groups"] = kernel.moved(blocks(groups)), groups
    apart = [axis.dilation for axis in axes]
    if apart != [1, 1]:
        marks["dilation"] = apart[0] if apart[0] == apart[1] else apart
        shape = (*kernel.shape[:2], *(axis.reach for axis in axes))
        kernel = kernel.moved(embed(shape, (0, 0, 0, 0), (1, 1, *apart)))
    if dense > before:
        b.note(
            "TL606",
            f"a dense kernel of {dense:,} scalars stands for a grouped or dilated one of {before:,}",
        )
    return kernel, marks


def _of_one(
    b: GraphBuilder,
    x: Value,
    kernel: Known,
    bias: Known | None,
    down: Axis,
    across: Axis,
    marks: Mapping[str, object],
) -> Value:
    """One image (1, C, H, W); what one stride and padding cannot say goes around its node."""
    image, pad = b.reshape(x, x.shape[1:]), _common_padding(down, across)
    if pad is None:
        image, pad = constant_pad(b, image, [across.before, across.after, down.before, down.after]), 0
    step = math.gcd(down.stride, across.stride)
    result = _node(b, image, kernel, bias, ([step] * 2, [(pad, pad)] * 2, [1, 1]), 1, marks)
    result = b.select(result, 1, range(0, result.shape[1], down.stride // step))
    result = b.select(result, 2, range(0, result.shape[2], across.stride // step))
    return b.reshape(result, (1, *result.shape))


def _common_padding(down: Axis, across: Axis) -> int | None:
    sides = {down.before, down.after, across.before, across.after}
    return sides.pop() if len(sides) == 1 else None


def _stacked(
    b: GraphBuilder,
    x: Value,
    kernel: Known,
    bias: Known | None,
    down: Axis,
    across: Axis,
    marks: Mapping[str, object],
) -> Value:
    """Images (N, C, H, W) below each other as one, with rows of zeros between them that no two share a window in.

    They are a multiple of the stride apart, and rows behind the last one give each the same number of windows:
    those that lie over an image's end are left out.
    """
    images, channels, height, _ = x.shape
    step, pad = math.gcd(down.stride, across.stride), _common_padding(down, across)
    if pad is not None and 0 < down.reach - 2 * pad <= step:
        # The padding of one image is that of the next, too.
        period, behind = -(-(height + pad) // step) * step, 0
        around = [0, 0, 0, period - height]
    else:
        pad, period = 0, -(-(down.before + height + down.after) // step) * step
        around, behind = (
            [across.before, across.after, down.before, period - down.before - height],
            max(0, down.reach - step),
        )
    padded = constant_pad(b, b.permute(x, (1, 0, 2, 3)), around)
    rows = b.reshape(padded, (channels, images * period, padded.shape[3]))
    rows = constant_pad(b, rows, [0, 0, 0, behind])
    result = _node(b, rows, kernel, bias, ([step] * 2, [(pad, pad)] * 2, [1, 1]), 1, marks)
    result = b.reshape(result, (result.shape[0], images, period // step, result.shape[2]))
    for axis, one in ((2, down), (3, across)):
        result = b.select(result, axis, [i * (one.stride // step) for i in range(one.outputs)])
    return b.permute(result, (1, 0, 2, 3))
