"""Convolutions and pools in ONNX, whose operators have one batch axis and one of channels."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from torchlean_core.emit.onnx.writer import Writer
from torchlean_core.graph import TensorNode
from torchlean_core.params.format import Array

_LARGEST_STEP = 1 << 31


def conv(writer: Writer, node: TensorNode, operands: Sequence[str]) -> str:
    """`Conv`; axes before the channels are one, and a convolution over no axis is one over an axis of size 1."""
    f = node.fields
    axis, rank = f["axis"], len(f["kernel"])
    before = writer.program.nodes[node.parents[0]].shape
    extra = () if rank else (1,)
    bias = writer.parameter(node, "bias")
    if 0 in before:  # sums of nothing
        if bias is None:
            return writer.filled(node.shape, 0.0)
        column = writer.reshaped(bias, (f["outputs"],), (f["outputs"], *[1] * rank))
        return writer.op("Expand", [column, writer.integers(node.shape)])

    def change(kernel: Array) -> Array:
        if f["groups"] != 1 and not node.compact:
            kernel = _diagonal_blocks(kernel, f["groups"])
        return kernel.reshape(*kernel.shape, *extra)

    is_changed = bool(extra) or (f["groups"] != 1 and not node.compact)
    kernel = writer.parameter(node, "kernel", change if is_changed else None, "_conv" if is_changed else "")
    assert kernel is not None, "a convolution has a kernel"
    merged = (prod(before[:axis]), *before[axis:], *extra)
    result = (prod(node.shape[:axis]), *node.shape[axis:], *extra)
    extents = [x + a + b for x, a, b in zip(before[axis + 1 :], f["before"], f["after"], strict=True)]
    attributes: dict[str, Any] = {
        "kernel_shape": [*f["kernel"], *extra],
        "strides": [*_steps(f["stride"], extents), *extra],
        "pads": [*f["before"], *(0 for _ in extra), *f["after"], *(0 for _ in extra)],
        "dilations": [*(d if k > 1 else 1 for d, k in zip(f["dilation"], f["kernel"], strict=True)), *extra],
        "group": f["groups"],
    }
    inputs = [writer.reshaped(operands[0], before, merged), kernel, *([bias] if bias is not None else [])]
    return writer.reshaped(writer.op("Conv", inputs, **attributes), result, node.shape)


def max_pool(writer: Writer, node: TensorNode, operands: Sequence[str]) -> str:
    """`MaxPool`: padded cells never win."""
    return _pool(writer, node, operands[0], "MaxPool", float("-inf"), {})


def avg_pool(writer: Writer, node: TensorNode, operands: Sequence[str]) -> str:
    """`AveragePool`: padded cells count as zeros."""
    return _pool(writer, node, operands[0], "AveragePool", 0.0, {"count_include_pad": 1})


def _pool(
    writer: Writer, node: TensorNode, value: str, kind: str, fill: float, options: dict[str, Any]
) -> str:
    """A pool over the last axes; over more than three of them one after the other, as few programs take more."""
    f = node.fields
    kernel, padding, rank = list(f["kernel"]), list(f["padding"]), len(f["kernel"])
    shape = list(writer.program.nodes[node.parents[0]].shape)
    lead = len(shape) - rank
    if 0 in shape:  # all windows are padding
        return writer.filled(node.shape, fill)
    if any(p >= k for p, k in zip(padding, kernel, strict=True)):
        # ONNX pads pools by less than a window.
        amounts = writer.integers([*[0] * lead, *padding, *[0] * lead, *padding])
        value = writer.op("Pad", [value, amounts, writer.filled((), fill)])
        shape = [*shape[:lead], *(x + 2 * p for x, p in zip(shape[lead:], padding, strict=True))]
        padding = [0] * rank
    extents = [x + 2 * p for x, p in zip(shape[lead:], padding, strict=True)]
    stride = _steps(f["stride"], extents)
    places = [list(range(rank))] if rank <= 3 else [[place] for place in range(rank)]
    for axes in places:
        first, last = lead + axes[0] if axes else lead, lead + (axes[-1] if axes else -1)
        inner = shape[first : last + 1]
        behind = shape[last + 1 :] if rank > 3 else []
        windows = [
            (x + 2 * padding[a] - kernel[a]) // stride[a] + 1 for x, a in zip(inner, axes, strict=True)
        ]
        value = writer.reshaped(value, shape, (1, prod(shape[:first]), *inner, *_one(behind)))
        ones, zeros = [1] * len(_one(behind)), [0] * len(_one(behind))
        pads = [padding[a] for a in axes] + zeros
        if axes:
            value = writer.op(
                kind,
                [value],
                kernel_shape=[*(kernel[a] for a in axes), *ones],
                strides=[*(stride[a] for a in axes), *ones],
                pads=[*pads, *pads],
                **options,
            )
        merged = (1, prod(shape[:first]), *windows, *_one(behind))
        shape = [*shape[:first], *windows, *behind]
        value = writer.reshaped(value, merged, shape)
    return value


def _one(axes: Sequence[int]) -> tuple[int, ...]:
    """Axes as one, where there are any."""
    return (prod(axes),) if axes else ()


def _steps(stride: Sequence[int], extents: Sequence[int]) -> list[int]:
    """The strides, or equal ones of 31 bits: one past the padded extent takes one window."""
    return [
        step if step < _LARGEST_STEP else max(extent, 1) for step, extent in zip(stride, extents, strict=True)
    ]


def _diagonal_blocks(kernel: Array, groups: int) -> Array:
    """Of a dense kernel (out, in, …) what a grouped convolution reads, (out, in / groups, …)."""
    rows, columns = kernel.shape[0] // groups, kernel.shape[1] // groups
    return np.concatenate(
        [kernel[g * rows : (g + 1) * rows, g * columns : (g + 1) * columns] for g in range(groups)]
    )
