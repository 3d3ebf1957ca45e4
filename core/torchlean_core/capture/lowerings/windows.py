"""Windows of images as columns, and back (`nn.Unfold`, `nn.Fold`): one constant matrix per axis."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from torchlean_core.capture.assemble import apply_matrix
from torchlean_core.capture.builder import GraphBuilder
from torchlean_core.capture.lowerings.convolution_axes import Axis
from torchlean_core.capture.registry import lowers
from torchlean_core.capture.values import Value

aten = torch.ops.aten


def _taps(size: int, kernel: int, dilation: int, padding: int, stride: int) -> tuple[torch.Tensor, int]:
    """The matrix (kernel * windows, size) that lists an axis' windows tap by tap, and the number of windows."""
    axis = Axis(size, kernel, stride, padding, padding, dilation)
    return axis.windows().reshape(-1, size), axis.outputs


@lowers(aten.im2col.default)
def im2col(
    b: GraphBuilder,
    x: Value,
    kernel_size: Sequence[int],
    dilation: Sequence[int],
    padding: Sequence[int],
    stride: Sequence[int],
) -> Value:
    """(…, C, H, W) to (…, C * kernel, windows)."""
    *lead, channels, height, width = x.shape
    n = len(lead)
    rows, down = _taps(height, kernel_size[0], dilation[0], padding[0], stride[0])
    columns, across = _taps(width, kernel_size[1], dilation[1], padding[1], stride[1])
    x = apply_matrix(b, x, n + 1, rows, "windows")
    x = apply_matrix(b, x, n + 2, columns, "windows")
    parts = b.reshape(x, (*lead, channels, kernel_size[0], down, kernel_size[1], across))
    order = [*range(n + 1), n + 1, n + 3, n + 2, n + 4]
    return b.reshape(
        b.permute(parts, order), (*lead, channels * kernel_size[0] * kernel_size[1], down * across)
    )


@lowers(aten.col2im.default)
def col2im(
    b: GraphBuilder,
    x: Value,
    output_size: Sequence[int],
    kernel_size: Sequence[int],
    dilation: Sequence[int],
    padding: Sequence[int],
    stride: Sequence[int],
) -> Value:
    """(…, C * kernel, windows) to (…, C, H, W): what falls on one place is added."""
    *lead, taps, _ = x.shape
    n = len(lead)
    channels = taps // (kernel_size[0] * kernel_size[1])
    rows, down = _taps(output_size[0], kernel_size[0], dilation[0], padding[0], stride[0])
    columns, across = _taps(output_size[1], kernel_size[1], dilation[1], padding[1], stride[1])
    parts = b.reshape(x, (*lead, channels, kernel_size[0], kernel_size[1], down, across))
    parts = b.permute(parts, [*range(n + 1), n + 1, n + 3, n + 2, n + 4])
    image = b.reshape(parts, (*lead, channels, kernel_size[0] * down, kernel_size[1] * across))
    image = apply_matrix(b, image, n + 1, rows.T, "sums of windows")
    return apply_matrix(b, image, n + 2, columns.T, "sums of windows")
