"""Pools."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from torchlean_core.capture.errors import Refused
from torchlean_core.onnx.graph import Node
from torchlean_core.onnx.operators.movement import padded
from torchlean_core.onnx.operators.registry import only, operator
from torchlean_core.onnx.operators.windows import Windows, windows_of

_AVERAGES = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
_MAXIMA = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}


def _is_plain(windows: Windows) -> bool:
    """Whether torch has such windows: as much before as after, at most half a kernel."""
    return all(
        before == after <= kernel // 2
        for (before, after), kernel in zip(windows.pads, windows.kernel, strict=True)
    )


def _needed(windows: Windows, sizes: list[int]) -> list[tuple[int, int]]:
    """Entries that windows take before and after the axes; less than none behind where some are in no window."""
    found = []
    for axis, size in enumerate(sizes):
        before = windows.pads[axis][0]
        last = (windows.count(axis, size) - 1) * windows.strides[axis] + windows.reach(axis)
        found.append((before, last - before - size))
    return found


def _checked(node: Node, windows: Windows, x: torch.Tensor) -> list[int]:
    sizes = list(x.shape[2:])
    if node.get("auto_pad", "NOTSET").startswith("SAME"):
        for axis, size in enumerate(sizes):
            stride = windows.strides[axis]
            if (-(-size // stride) - 1) * stride + windows.reach(axis) < size:
                raise Refused(
                    f"auto_pad {node['auto_pad']} would have to cut an axis of {size}, not to pad it, for windows of "
                    f"{windows.kernel[axis]} at every {stride}; evaluators do not agree on that"
                )
    if any(windows.count(axis, size) < 1 for axis, size in enumerate(sizes)):
        raise Refused(f"windows of {list(windows.kernel)} have no place in {sizes}")
    if any(max(windows.pads[axis]) >= windows.reach(axis) for axis in range(windows.axes)):
        raise Refused("a window would lie in the padding alone")
    return sizes


@operator("MaxPool")
def max_pool(node: Node, x: torch.Tensor) -> torch.Tensor:
    """The largest entries of windows; what lies around does not count."""
    if node.wants(1):
        raise Refused("the places of its maxima are used, which have no form")
    windows = windows_of(node, x, node["kernel_shape"])
    sizes = _checked(node, windows, x)
    function = _MAXIMA[windows.axes]
    if _is_plain(windows):
        padding = [before for before, _ in windows.pads]
        return function(x, windows.kernel, windows.strides, padding, windows.dilations, windows.ceil)
    around = _needed(windows, sizes)
    padding = [
        max(0, min(before, after, kernel // 2))
        for (before, after), kernel in zip(around, windows.kernel, strict=True)
    ]
    rest = [(before - p, after - p) for (before, after), p in zip(around, padding, strict=True)]
    if all(one == 1 for one in windows.dilations):
        # An entry at the edge once more: every window that has it there has the entry itself, too.
        for axis, (before, after) in enumerate(rest, start=2):
            x = _with_edges(x, axis, before, after)
    else:
        x = padded(x, [(0, 0), (0, 0), *rest], torch.finfo(torch.float32).min)
    return function(x, windows.kernel, windows.strides, padding, windows.dilations)


def _with_edges(x: torch.Tensor, axis: int, before: int, after: int) -> torch.Tensor:
    if after < 0:
        x = x.narrow(axis, 0, x.shape[axis] + after)
    parts = [x.narrow(axis, 0, 1)] * before + [x] + [x.narrow(axis, x.shape[axis] - 1, 1)] * max(after, 0)
    return torch.cat(parts, axis) if len(parts) > 1 else x


@operator("AveragePool")
def average_pool(node: Node, x: torch.Tensor) -> torch.Tensor:
    """Means of windows, of what lies around as zeros or not at all."""
    windows = windows_of(node, x, node["kernel_shape"])
    if any(one != 1 for one in windows.dilations):
        raise Refused(f"dilations {list(windows.dilations)} are not supported")
    include = bool(node["count_include_pad"])
    sizes = _checked(node, windows, x)
    function = _AVERAGES[windows.axes]
    if _is_plain(windows):
        padding = [before for before, _ in windows.pads]
        return function(x, windows.kernel, windows.strides, padding, windows.ceil, include)
    around = _needed(windows, sizes)
    found = function(padded(x, [(0, 0), (0, 0), *around]), windows.kernel, windows.strides)
    return found if include and not windows.ceil else found * _factors(windows, sizes, include, x)


def _factors(windows: Windows, sizes: list[int], include: bool, x: torch.Tensor) -> torch.Tensor:
    """Of each window its size, divided by the number of entries that count."""
    counts = []
    for axis, size in enumerate(sizes):
        before, after = windows.pads[axis]
        low, high = (-before, size + after) if include else (0, size)
        starts = [place * windows.strides[axis] - before for place in range(windows.count(axis, size))]
        counts.append(
            [windows.kernel[axis] / (min(high, s + windows.kernel[axis]) - max(low, s)) for s in starts]
        )
    factors = [torch.tensor(one, dtype=torch.float64) for one in counts]
    product = factors[0]
    for one in factors[1:]:
        product = product[..., None] * one
    return product.to(x.dtype).to(x.device)


def _spatial(x: torch.Tensor) -> list[int]:
    if x.dim() < 3:
        raise Refused(f"of a tensor with {x.dim()} axes")
    return list(range(2, x.dim()))


@operator("GlobalAveragePool")
def global_average_pool(node: Node, x: torch.Tensor) -> torch.Tensor:
    """The mean of each channel."""
    return torch.mean(x, _spatial(x), keepdim=True)


@operator("GlobalMaxPool")
def global_max_pool(node: Node, x: torch.Tensor) -> torch.Tensor:
    """The largest entry of each channel."""
    return torch.amax(x, _spatial(x), keepdim=True)


@operator("GlobalLpPool")
def global_lp_pool(node: Node, x: torch.Tensor) -> torch.Tensor:
    """The norm of each channel."""
    only(node, "p", 1, 2)
    found: torch.Tensor = torch.linalg.vector_norm(x, node["p"], _spatial(x), keepdim=True)
    return found


@operator("LpPool")
def lp_pool(node: Node, x: torch.Tensor) -> torch.Tensor:
    """Norms of windows."""
    only(node, "p", 1, 2)
    windows = windows_of(node, x, node["kernel_shape"])
    if any(one != 1 for one in windows.dilations):
        raise Refused(f"dilations {list(windows.dilations)} are not supported")
    sizes = _checked(node, windows, x)
    powers = padded(
        x.abs() if node["p"] == 1 else torch.square(x), [(0, 0), (0, 0), *_needed(windows, sizes)]
    )
    count = math.prod(windows.kernel)
    sums = _AVERAGES[windows.axes](powers, windows.kernel, windows.strides) * count
    return sums if node["p"] == 1 else torch.sqrt(sums)
