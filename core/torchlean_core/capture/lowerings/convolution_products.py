"""Convolutions as matrix products of the kernel with all that its taps see; the kernel may depend on the input.

The kernel stays what the model has, without zeros off its groups' blocks or between its taps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch

from torchlean_core.capture.assemble import apply_matrix
from torchlean_core.capture.builder import GraphBuilder
from torchlean_core.capture.lowerings.convolution_axes import Axis
from torchlean_core.capture.lowerings.convolution_image import is_one_node, on_images, one_node
from torchlean_core.capture.values import Known, Tensor, Value
from torchlean_core.kinds.operators import MATMUL

_FEW = 1 << 16
"""Scalars of an axis' matrices that nobody minds."""


def by_products(
    b: GraphBuilder, x: Value, kernel: Tensor, bias: Tensor | None, axes: Sequence[Axis], groups: int
) -> Value:
    """A convolution (N, C, …) as one product for each group: (O, C * taps) times (C * taps, N * windows)."""
    images, channels, *_ = x.shape
    outputs, inputs, *sizes = kernel.shape
    counts = [axis.outputs for axis in axes]
    taps, windows = math.prod(sizes), math.prod(counts)
    seen = b.reshape(windows_of(b, x, axes), (images, channels * taps, windows))
    columns = b.permute(seen, (1, 0, 2))
    if groups == 1:
        rows = b.value(shaped(b, kernel, (outputs, inputs * taps)))
        columns = b.reshape(columns, (channels * taps, images * windows))
    else:
        rows = b.value(shaped(b, kernel, (groups, outputs // groups, inputs * taps)))
        columns = b.reshape(columns, (groups, inputs * taps, images * windows))
    product = b.reshape(b.said(MATMUL, rows, columns), (outputs, images, windows))
    result = b.reshape(b.permute(product, (1, 0, 2)), (images, outputs, *counts))
    return result if bias is None else with_bias(b, result, bias, len(axes))


def with_bias(b: GraphBuilder, x: Value, bias: Tensor, rank: int) -> Value:
    """A number added to each channel, of `rank` axes."""
    return b.plus(x, shaped(b, bias, (*bias.shape, *(1,) * rank)))


def shaped(b: GraphBuilder, x: Tensor, shape: Sequence[int]) -> Tensor:
    """A tensor in another shape: of a known one it is a view, and no node."""
    return x.reshape(*shape) if isinstance(x, Known) else b.reshape(x, shape)


def windows_of(b: GraphBuilder, x: Value, axes: Sequence[Axis]) -> Value:
    """What each tap of each window sees: (N, C, …) to (N, C, taps of every axis, windows of every axis).

    A matrix of zeros and ones for each axis; along many entries, for which that is large, a convolution of every
    channel by itself with a kernel of zeros and ones.
    """
    images, channels, *_ = x.shape
    taps, counts = [axis.taps for axis in axes], [axis.outputs for axis in axes]
    of_matrices = sum(axis.taps * axis.outputs * axis.size for axis in axes)
    of_kernel = math.prod(taps) * math.prod(axis.reach for axis in axes)
    if of_matrices > _FEW and of_kernel < of_matrices:
        ahead = [replace(axis, backwards=False) for axis in axes]
        kernel = torch.eye(math.prod(taps)).reshape(*taps, *taps)
        kernel = kernel.flip([place for place, axis in enumerate(axes) if axis.backwards])
        shown = Known(kernel.reshape(-1, 1, *taps))
        alone = b.reshape(x, (images * channels, 1, *x.shape[2:]))
        with b.standing_for("windows"):
            form = one_node if is_one_node(b, alone.shape, shown.shape, ahead, 1) else on_images
            result = form(b, alone, shown, None, ahead, 1)
        return b.reshape(result, (images, channels, *taps, *counts))
    for place, axis in enumerate(axes):
        matrix = axis.windows().reshape(-1, axis.size)
        if not torch.equal(matrix, torch.eye(axis.size)):
            x = apply_matrix(b, x, 2 + place, matrix, "windows")
    rank = len(axes)
    pairs = [size for axis in axes for size in (axis.taps, axis.outputs)]
    order = (0, 1, *range(2, 2 + 2 * rank, 2), *range(3, 3 + 2 * rank, 2))
    return b.permute(b.reshape(x, (images, channels, *pairs)), order)
