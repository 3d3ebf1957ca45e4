"""Interpolation: one constant matrix per axis, whose entries torch itself computes; copies where those do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from torchlean_core.capture.assemble import apply_matrix
from torchlean_core.capture.builder import GraphBuilder
from torchlean_core.capture.registry import lowers
from torchlean_core.capture.values import Value

aten = torch.ops.aten

Resample = Callable[[torch.Tensor, int, "float | None"], torch.Tensor]
"""(a batch of signals (1, n, n), new length, scale as the model gives it) to the signals at the new length."""


def _resampled(
    b: GraphBuilder, x: Value, sizes: Sequence[int], scales: Sequence[float | None], line: Resample
) -> Value:
    """Resample the last axes of (N, C, …), one after the other."""
    for place, (size, scale) in enumerate(zip(sizes, scales, strict=True)):
        axis = 2 + place
        length = x.shape[axis]
        # Row i of the result is how the i-th unit signal spreads: column i of the matrix.
        signals = torch.eye(length, dtype=torch.float64)[None]
        matrix = line(signals, size, scale)[0].T.contiguous()
        if torch.equal(matrix, signals[0]):
            continue
        times = size // length
        copies = torch.eye(length, dtype=torch.float64).repeat_interleave(times, 0)
        if size == times * length and torch.equal(matrix, copies):
            x = _repeated(b, x, axis, times)
        elif bool(((matrix == 0) | (matrix == 1)).all()) and bool((matrix.sum(1) == 1).all()):
            x = b.select(x, axis, matrix.argmax(1).tolist())
        else:
            x = apply_matrix(b, x, axis, matrix, "interpolation matrix")
    return x


def _repeated(b: GraphBuilder, x: Value, axis: int, times: int) -> Value:
    """Every entry of an axis several times in a row."""
    before, size, after = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    spread = b.reshape(x, (*before, size, 1, *after))
    copied = b.broadcast(spread, (*before, size, times, *after))
    return b.reshape(copied, (*before, size * times, *after))


def _sizes(x: Value, size: Sequence[int] | None, factors: Sequence[float] | None) -> list[int]:
    """The new sizes, as PyTorch computes them from scale factors."""
    if size is not None:
        return list(size)
    assert factors is not None
    return [int(length * factor) for length, factor in zip(x.shape[2:], factors, strict=True)]


def _with_factors(
    b: GraphBuilder, x: Value, size: Sequence[int] | None, factors: Sequence[float] | None, line: Resample
) -> Value:
    rank = len(x.shape) - 2
    scales = [None] * rank if factors is None else list(factors)
    return _resampled(b, x, _sizes(x, size, factors), scales, line)


def _nearest(signals: torch.Tensor, size: int, scale: float | None) -> torch.Tensor:
    result: torch.Tensor = aten.upsample_nearest1d.default(signals, [size], scale)
    return result


def _nearest_of_image(signals: torch.Tensor, size: int, scale: float | None) -> torch.Tensor:
    """Of images torch copies an axis that keeps its size, whatever the scale."""
    result: torch.Tensor = aten.upsample_nearest2d.default(signals[:, :, None], [1, size], None, scale)[
        :, :, 0
    ]
    return result


def _nearest_exact(signals: torch.Tensor, size: int, scale: float | None) -> torch.Tensor:
    result: torch.Tensor = aten._upsample_nearest_exact1d.default(signals, [size], scale)
    return result


def _linear(align_corners: bool) -> Resample:
    return lambda signals, size, scale: aten.upsample_linear1d.default(signals, [size], align_corners, scale)


def _plane(operator: Any, align_corners: bool) -> Resample:
    """An operator that is there for images only, on images of height 1."""

    def line(signals: torch.Tensor, size: int, scale: float | None) -> torch.Tensor:
        result: torch.Tensor = operator(signals[:, :, None], [1, size], align_corners, None, scale)[:, :, 0]
        return result

    return line


@lowers(aten.upsample_nearest1d.vec, aten.upsample_nearest2d.vec, aten.upsample_nearest3d.vec)
def nearest(
    b: GraphBuilder, input: Value, output_size: Sequence[int] | None, scale_factors: Sequence[float] | None
) -> Value:
    """Copies of the nearest entry below."""
    line = _nearest_of_image if len(input.shape) == 4 else _nearest
    return _with_factors(b, input, output_size, scale_factors, line)


@lowers(
    aten._upsample_nearest_exact1d.vec, aten._upsample_nearest_exact2d.vec, aten._upsample_nearest_exact3d.vec
)
def nearest_exact(
    b: GraphBuilder, input: Value, output_size: Sequence[int] | None, scale_factors: Sequence[float] | None
) -> Value:
    """Copies of the nearest entry."""
    return _with_factors(b, input, output_size, scale_factors, _nearest_exact)


@lowers(aten.upsample_linear1d.vec, aten.upsample_bilinear2d.vec, aten.upsample_trilinear3d.vec)
def linear(
    b: GraphBuilder,
    input: Value,
    output_size: Sequence[int] | None,
    align_corners: bool,
    scale_factors: Sequence[float] | None,
) -> Value:
    """Linear in each axis."""
    return _with_factors(b, input, output_size, scale_factors, _linear(align_corners))


@lowers(aten.upsample_bicubic2d.vec)
def bicubic(
    b: GraphBuilder,
    input: Value,
    output_size: Sequence[int] | None,
    align_corners: bool,
    scale_factors: Sequence[float] | None,
) -> Value:
    """Cubic in each axis."""
    return _with_factors(
        b, input, output_size, scale_factors, _plane(aten.upsample_bicubic2d.default, align_corners)
    )


@lowers(aten._upsample_bilinear2d_aa.vec)
def bilinear_plane(
    b: GraphBuilder,
    input: Value,
    output_size: Sequence[int] | None,
    align_corners: bool,
    scale_factors: Sequence[float] | None,
) -> Value:
    """A triangle filter in each axis."""
    line = _plane(aten._upsample_bilinear2d_aa.default, align_corners)
    return _with_factors(b, input, output_size, scale_factors, line)


@lowers(aten._upsample_bicubic2d_aa.vec)
def bicubic_plane(
    b: GraphBuilder,
    input: Value,
    output_size: Sequence[int] | None,
    align_corners: bool,
    scale_factors: Sequence[float] | None,
) -> Value:
    """A cubic filter in each axis."""
    line = _plane(aten._upsample_bicubic2d_aa.default, align_corners)
    return _with_factors(b, input, output_size, scale_factors, line)


# The forms that the FX path ends in give each axis' scale.


@lowers(aten.upsample_nearest1d.default, aten.upsample_nearest2d.default, aten.upsample_nearest3d.default)
def nearest_sized(
    b: GraphBuilder,
    x: Value,
    output_size: Sequence[int],
    scales: float | None = None,
    scales_d: float | None = None,
    scales_h: float | None = None,
    scales_w: float | None = None,
) -> Value:
    """As `nearest`."""
    line = _nearest_of_image if len(x.shape) == 4 else _nearest
    return _sized(b, x, output_size, [scales, scales_d, scales_h, scales_w], line)


@lowers(
    aten._upsample_nearest_exact1d.default,
    aten._upsample_nearest_exact2d.default,
    aten._upsample_nearest_exact3d.default,
)
def nearest_exact_sized(
    b: GraphBuilder,
    x: Value,
    output_size: Sequence[int],
    scales: float | None = None,
    scales_d: float | None = None,
    scales_h: float | None = None,
    scales_w: float | None = None,
) -> Value:
    """As `nearest_exact`."""
    return _sized(b, x, output_size, [scales, scales_d, scales_h, scales_w], _nearest_exact)


@lowers(aten.upsample_linear1d.default, aten.upsample_bilinear2d.default, aten.upsample_trilinear3d.default)
def linear_sized(
    b: GraphBuilder,
    x: Value,
    output_size: Sequence[int],
    align_corners: bool,
    scales: float | None = None,
    scales_d: float | None = None,
    scales_h: float | None = None,
    scales_w: float | None = None,
) -> Value:
    """As `linear`."""
    return _sized(b, x, output_size, [scales, scales_d, scales_h, scales_w], _linear(align_corners))


@lowers(aten.upsample_bicubic2d.default)
def bicubic_sized(
    b: GraphBuilder,
    x: Value,
    output_size: Sequence[int],
    align_corners: bool,
    scales: float | None = None,
    scales_d: float | None = None,
    scales_h: float | None = None,
    scales_w: float | None = None,
) -> Value:
    """As `bicubic`."""
    return _sized(
        b,
        x,
        output_size,
        [scales, scales_d, scales_h, scales_w],
        _plane(aten.upsample_bicubic2d.default, align_corners),
    )


def _sized(
    b: GraphBuilder, x: Value, size: Sequence[int], scales: Sequence[float | None], line: Resample
) -> Value:
    """The scales are those of one axis alone, then of depth, height and width."""
    return _resampled(b, x, size, scales[:1] if len(size) == 1 else scales[-len(size) :], line)
