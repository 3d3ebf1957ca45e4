"""Convolutions, and their transposes."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from torchlean_core.capture.errors import Refused
from torchlean_core.onnx.graph import Node
from torchlean_core.onnx.operators.movement import padded
from torchlean_core.onnx.operators.registry import operator
from torchlean_core.onnx.operators.windows import windows_of

_CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


def _kernel(node: Node, weight: torch.Tensor) -> list[int]:
    kernel = list(weight.shape[2:])
    if node.get("kernel_shape") not in (None, kernel):
        raise Refused(f"kernel_shape {node['kernel_shape']} is not that of its kernel, {kernel}")
    return kernel


@operator("Conv", learned=(1, 2))
def conv(node: Node, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """Over one to three axes."""
    windows = windows_of(node, x, _kernel(node, weight))
    group = node["group"]
    if group < 1 or x.shape[1] != weight.shape[1] * group or weight.shape[0] % group:
        raise Refused(f"{x.shape[1]} channels, kernels {list(weight.shape)} and {group} groups do not fit")
    function = _CONVOLUTIONS[windows.axes]
    if all(before == after for before, after in windows.pads):
        padding = [before for before, _ in windows.pads]
        return function(x, weight, bias, windows.strides, padding, windows.dilations, group)
    x = padded(x, [(0, 0), (0, 0), *windows.pads])
    return function(x, weight, bias, windows.strides, 0, windows.dilations, group)


@operator("ConvTranspose", learned=(1, 2))
def conv_transpose(
    node: Node, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None
) -> torch.Tensor:
    """Over one to three axes; what the pads leave out is cut off, and output_padding adds to the end."""
    kernel = _kernel(node, weight)
    windows = windows_of(node, x, kernel)
    count, group = windows.axes, node["group"]
    if group < 1 or x.shape[1] != weight.shape[0] or weight.shape[0] % group:
        raise Refused(f"{x.shape[1]} channels, kernels {list(weight.shape)} and {group} groups do not fit")
    further = list(node.get("output_padding") or [0] * count)
    if len(further) != count or min(further) < 0:
        raise Refused(f"output_padding {further} is to be {count} numbers that are not negative")
    whole = [
        windows.strides[axis] * (x.shape[2 + axis] - 1) + windows.reach(axis) + further[axis]
        for axis in range(count)
    ]
    pads = _cut(node, list(x.shape[2:]), whole, windows.strides, windows.pads)
    function = _TRANSPOSED[count]
    plain = all(
        before == after >= 0 and more < max(windows.strides[axis], windows.dilations[axis])
        for axis, ((before, after), more) in enumerate(zip(pads, further, strict=True))
    )
    if plain:
        padding = [before for before, _ in pads]
        return function(x, weight, bias, windows.strides, padding, further, group, windows.dilations)
    found = function(x, weight, None, windows.strides, 0, 0, group, windows.dilations)
    around = [(-before, more - after) for (before, after), more in zip(pads, further, strict=True)]
    found = padded(found, [(0, 0), (0, 0), *around])
    return found if bias is None else found + bias.reshape(-1, *[1] * count)


def _cut(
    node: Node,
    sizes: list[int],
    whole: list[int],
    strides: tuple[int, ...],
    pads: tuple[tuple[int, int], ...],
) -> list[tuple[int, int]]:
    """What is cut off before and after each axis."""
    auto, wanted = node["auto_pad"], node.get("output_shape")
    if wanted is None and auto.startswith("SAME"):
        wanted = [size * stride for size, stride in zip(sizes, strides, strict=True)]
    if wanted is None:
        return list(pads)
    wanted = list(wanted)[-len(sizes) :]
    if len(wanted) != len(sizes) or min(wanted) < 1:
        raise Refused(f"output_shape {wanted} is no shape of {len(sizes)} axes")
    found = []
    for have, want in zip(whole, wanted, strict=True):
        if want > have and node.get("output_shape") is None:
            raise Refused(f"its output is to have {want} along an axis where it computes {have}")
        total = max(0, have - want)
        small, large = total // 2, total - total // 2
        before, after = (small, large) if auto == "SAME_UPPER" else (large, small)
        found.append((before, after - max(0, want - have)))
    return found
