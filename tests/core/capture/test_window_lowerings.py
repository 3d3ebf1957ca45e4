"""Transposed convolutions, interpolation, windows, padding, and pools of every rank."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.core.capture.support import captured, exact, function, kinds

TRANSPOSED: dict[str, dict[str, Any]] = {
    "plain": {"kernel_size": 3},
    "stride": {"kernel_size": 2, "stride": 2},
    "stride larger than the kernel": {"kernel_size": 2, "stride": 3},
    "unequal stride": {"kernel_size": 3, "stride": (1, 2)},
    "padding": {"kernel_size": 3, "stride": 2, "padding": 1},
    "more padding than the kernel reaches": {"kernel_size": 1, "stride": 2, "padding": 1},
    "output padding": {"kernel_size": 3, "stride": 2, "padding": 1, "output_padding": 1},
    "unequal everything": {
        "kernel_size": (3, 2),
        "stride": (2, 3),
        "padding": (1, 0),
        "output_padding": (0, 2),
    },
    "groups": {"kernel_size": 3, "stride": 2, "groups": 2},
    "dilation": {"kernel_size": 3, "dilation": 2, "padding": 1},
    "groups and dilation": {
        "kernel_size": 2,
        "stride": 2,
        "groups": 2,
        "dilation": (1, 3),
        "output_padding": 1,
    },
    "no bias": {"kernel_size": 4, "stride": 2, "padding": 1, "bias": False},
}


@pytest.mark.parametrize("name", TRANSPOSED)
def test_conv_transpose2d_is_exact(name: str) -> None:
    torch.manual_seed(0)
    assert exact(captured(nn.ConvTranspose2d(4, 6, **TRANSPOSED[name]), (4, 3, 4)))


@pytest.mark.parametrize(
    "arguments", [{}, {"stride": 3, "padding": 1, "output_padding": 1, "groups": 2}], ids=str
)
@pytest.mark.parametrize("batch", [(), (1,)])
def test_conv_transpose1d_is_exact(arguments: dict[str, Any], batch: tuple[int, ...]) -> None:
    assert exact(captured(nn.ConvTranspose1d(4, 6, 3, **arguments), (*batch, 4, 5)))


@pytest.mark.parametrize("prefer_torch_export", [True, False], ids=["export", "fx"])
def test_a_transposed_convolution_is_traced_either_way(prefer_torch_export: bool) -> None:
    layer = nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1, output_padding=1)
    assert exact(captured(nn.Sequential(layer), (1, 2, 3, 3), prefer_torch_export=prefer_torch_export))


INTERPOLATIONS: dict[str, dict[str, Any]] = {
    "nearest": {"scale_factor": 2},
    "nearest to a size": {"size": (7, 3)},
    "nearest with a fraction": {"scale_factor": 1.7},
    "nearest-exact": {"size": (7, 3), "mode": "nearest-exact"},
    "bilinear": {"scale_factor": 2, "mode": "bilinear"},
    "bilinear, corners aligned": {"size": (5, 9), "mode": "bilinear", "align_corners": True},
    "bilinear with a fraction": {"scale_factor": (1.5, 0.6), "mode": "bilinear"},
    "bilinear, scale computed anew": {
        "scale_factor": 1.3,
        "mode": "bilinear",
        "recompute_scale_factor": True,
    },
    "bilinear, antialiased": {"size": (2, 3), "mode": "bilinear", "antialias": True},
    "bicubic": {"size": (6, 7), "mode": "bicubic"},
    "bicubic, corners aligned": {"scale_factor": 2, "mode": "bicubic", "align_corners": True},
    "bicubic, antialiased": {"size": (2, 3), "mode": "bicubic", "antialias": True},
    "area": {"size": (3, 2), "mode": "area"},
}


@pytest.mark.parametrize("name", INTERPOLATIONS)
@pytest.mark.parametrize("shape", [(1, 2, 4, 5), (2, 1, 4, 5)])
def test_interpolation_is_exact(name: str, shape: tuple[int, ...]) -> None:
    assert exact(function(lambda m, x: F.interpolate(x, **INTERPOLATIONS[name]), shape))


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "linear", "trilinear"])
@pytest.mark.parametrize("prefer_torch_export", [True, False], ids=["export", "fx"])
def test_interpolation_of_other_ranks_is_exact(mode: str, prefer_torch_export: bool) -> None:
    shape = (1, 2, 3, 2, 2) if mode == "trilinear" else (1, 2, 5)
    layer = nn.Upsample(scale_factor=2, mode=mode)
    assert exact(captured(layer, shape, prefer_torch_export=prefer_torch_export))


def test_copies_need_no_matrix() -> None:
    result = captured(nn.Upsample(scale_factor=2), (1, 2, 3, 3))
    assert set(kinds(result)) == {"reshape", "broadcast_to"}
    assert result.tensors == {}


REARRANGED = {
    "pixel_shuffle": lambda x: F.pixel_shuffle(x, 2),
    "pixel_unshuffle": lambda x: F.pixel_unshuffle(x, 2),
    "channel_shuffle": lambda x: F.channel_shuffle(x, 4),
    "unfold": lambda x: F.unfold(x, (3, 2), padding=1, stride=2),
    "unfold, dilated": lambda x: F.unfold(x, 2, dilation=2, padding=(0, 1)),
    "fold": lambda x: F.fold(x.reshape(1, 8, 16)[:, :, :9], (4, 4), 2),
    "fold, overlapping": lambda x: F.fold(
        F.unfold(x, 3, padding=1, stride=2), (4, 4), 3, padding=1, stride=2
    ),
    "tensor unfold": lambda x: x.unfold(2, 2, 1).unfold(3, 3, 1),
    "zero padding": lambda x: F.pad(x, (1, 0, 2, 1)),
    "negative padding": lambda x: F.pad(x, (-1, 1, 0, -2), value=2.0),
    "reflection": lambda x: F.pad(x, (1, 2, 3, 0), mode="reflect"),
    "replication": lambda x: F.pad(x, (1, 2, 3, 0), mode="replicate"),
    "circular": lambda x: F.pad(x, (1, 2, 3, 0), mode="circular"),
    "reflection in 3-D": lambda x: F.pad(x[None], (1, 1, 1, 0, 2, 1), mode="reflect"),
}


@pytest.mark.parametrize("name", REARRANGED)
def test_rearranged_images_are_exact(name: str) -> None:
    assert exact(function(lambda m, x: REARRANGED[name](x), (1, 8, 4, 4)))


POOLS = {
    "max_pool2d, dilated": lambda x: F.max_pool2d(x[0], 2, 2, 1, dilation=3),
    "max_pool1d, dilated": lambda x: F.max_pool1d(x[0, 0], 2, 1, 1, dilation=2),
    "max_pool3d": lambda x: F.max_pool3d(x, 2, 1, 1),
    "max_pool3d, ceil mode": lambda x: F.max_pool3d(x, (2, 3, 2), ceil_mode=True),
    "avg_pool3d": lambda x: F.avg_pool3d(x, 2, 1, 1, count_include_pad=False),
    "avg_pool3d, divisor": lambda x: F.avg_pool3d(x, (1, 2, 3), ceil_mode=True, divisor_override=5),
    "adaptive_avg_pool3d": lambda x: F.adaptive_avg_pool3d(x, (2, 3, 1)),
    "adaptive_max_pool1d": lambda x: F.adaptive_max_pool1d(x[0, 0], 4),
    "adaptive_max_pool2d": lambda x: F.adaptive_max_pool2d(x[0], (2, 4)),
    "adaptive_max_pool3d": lambda x: F.adaptive_max_pool3d(x, (2, 2, 4)),
}


@pytest.mark.parametrize("name", POOLS)
def test_pools_with_other_windows_are_exact(name: str) -> None:
    assert exact(function(lambda m, x: POOLS[name](x), (1, 2, 3, 5, 6)))


def test_statistics_of_the_input_itself() -> None:
    layer = nn.Sequential(nn.BatchNorm2d(2, track_running_stats=False))
    for prefer_torch_export in (True, False):
        assert exact(captured(layer, (2, 2, 3, 3), prefer_torch_export=prefer_torch_export))


@pytest.mark.parametrize("scale", [1.3, (1.3, 2.0), (2.5, 1.2)])
def test_an_axis_that_keeps_its_size_is_copied(scale: Any) -> None:
    """PyTorch copies an axis of an image that keeps its size, whatever the scale; one of a signal not."""
    assert exact(function(lambda m, x: F.interpolate(x, scale_factor=scale), (2, 1, 2, 3)))
    assert exact(function(lambda m, x: F.interpolate(x, scale_factor=1.3), (2, 1, 2)))


def test_windows_that_all_see_the_same() -> None:
    assert exact(function(lambda m, x: F.max_pool3d(x, (3, 1, 3), 1, (0, 0, 1)), (2, 3, 2, 2)))
