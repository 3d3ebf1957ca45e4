"""Convolutions: dense `conv2d` on unbatched images, which groups, dilation and rank 1 are brought to."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from torchlean_core.capture.builder import GraphBuilder
from torchlean_core.capture.errors import Refused
from torchlean_core.capture.lowerings.selection import select_indices
from torchlean_core.capture.lowerings.shape import constant_pad
from torchlean_core.capture.registry import lowers
from torchlean_core.capture.values import Known, Tensor, Value

aten = torch.ops.aten


@lowers(aten.conv2d.default)
def conv2d(
    b: GraphBuilder,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sequence[int] = (1, 1),
    padding: Sequence[int] = (0, 0),
    dilation: Sequence[int] = (1, 1),
    groups: int = 1,
) -> Value:
    """`conv2d` on (C, H, W); a batch of one is reshaped."""
    return _convolution(b, input, weight, bias, stride, [(p, p) for p in padding], dilation, groups)


@lowers(aten.conv2d.padding)
def conv2d_named_padding(
    b: GraphBuilder,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sequence[int] = (1, 1),
    padding: str = "valid",
    dilation: Sequence[int] = (1, 1),
    groups: int = 1,
) -> Value:
    """Padding `valid` (none) or `same` (the odd cell goes to the right)."""
    sides = _named_padding(padding, weight.shape[2:], dilation)
    return _convolution(b, input, weight, bias, stride, sides, dilation, groups)


@lowers(aten.conv1d.default)
def conv1d(
    b: GraphBuilder,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sequence[int] = (1,),
    padding: Sequence[int] = (0,),
    dilation: Sequence[int] = (1,),
    groups: int = 1,
) -> Value:
    """As `conv2d` with height 1."""
    return _convolution(b, input, weight, bias, stride, [(p, p) for p in padding], dilation, groups)


@lowers(aten.conv1d.padding)
def conv1d_named_padding(
    b: GraphBuilder,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sequence[int] = (1,),
    padding: str = "valid",
    dilation: Sequence[int] = (1,),
    groups: int = 1,
) -> Value:
    """Padding `valid` (none) or `same` (the odd cell goes to the right)."""
    sides = _named_padding(padding, weight.shape[2:], dilation)
    return _convolution(b, input, weight, bias, stride, sides, dilation, groups)


@lowers(aten.convolution.default)
def convolution(
    b: GraphBuilder,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
) -> Value:
    """The general form that the other ones come down to; arguments of length 1 stand for all axes."""
    if transposed:
        raise Refused("transposed convolution is not supported yet")
    rank = len(weight.shape) - 2
    sides = [(p, p) for p in _spread(padding, rank)]
    return _convolution(b, input, weight, bias, _spread(stride, rank), sides, _spread(dilation, rank), groups)


def _spread(values: Sequence[int], rank: int) -> list[int]:
    return list(values) * rank if len(values) == 1 else list(values)


def _named_padding(padding: str, kernel: Sequence[int], dilation: Sequence[int]) -> list[tuple[int, int]]:
    if padding == "valid":
        return [(0, 0)] * len(kernel)
    spread = _spread(dilation, len(kernel))
    totals = [step * (size - 1) for step, size in zip(spread, kernel, strict=True)]
    return [(total // 2, total - total // 2) for total in totals]


def _convolution(
    b: GraphBuilder,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[tuple[int, int]],
    dilation: Sequence[int],
    groups: int,
) -> Value:
    if not isinstance(weight, Known) or isinstance(bias, Value):
        raise Refused("the kernel depends on the input")
    rank = len(weight.shape) - 2
    if rank not in (1, 2):
        raise Refused(f"convolution over {rank} axes: supported are conv1d and conv2d")
    value = b.value(x)
    batched = len(value.shape) == rank + 2
    if batched:
        if value.shape[0] != 1:
            raise Refused(
                f"a batch of {value.shape[0]} images: capture with batch 1 or unbatched (torchlean.ir.v1 has "
                "convolution of one image only)"
            )
        value = b.reshape(value, value.shape[1:])
    kernel = weight.tensor
    stride, padding, dilation = list(stride), list(padding), list(dilation)
    if rank == 1:
        value = b.reshape(value, (value.shape[0], 1, value.shape[1]))
        kernel = kernel[:, :, None]
        stride, padding, dilation = [stride[0], stride[0]], [(0, 0), *padding], [1, *dilation]
    result = _dense(b, value, kernel, bias, stride, padding, dilation, groups)
    shape = result.shape if rank == 2 else (result.shape[0], result.shape[2])
    return b.reshape(result, (1, *shape) if batched else shape)


def _dense(
    b: GraphBuilder,
    x: Value,
    kernel: torch.Tensor,
    bias: Known | None,
    stride: list[int],
    padding: list[tuple[int, int]],
    dilation: list[int],
    groups: int,
) -> Value:
    """The `conv2d` node of a (C, H, W) image; what one stride and padding cannot say goes around it."""
    extra: dict[str, object] = {}
    before = kernel.numel()
    if groups != 1:
        kernel, extra["groups"] = _block_diagonal(b, kernel, groups), groups
    if dilation != [1, 1]:
        kernel = _dilated(b, kernel, dilation)
        extra["dilation"] = dilation[0] if dilation[0] == dilation[1] else dilation
    if kernel.numel() > before:
        b.note(
            "TL606",
            f"a dense kernel of {kernel.numel():,} scalars stands for a grouped or dilated one of {before:,}",
        )
    sides = {side for pair in padding for side in pair}
    if len(sides) == 1:
        pad = sides.pop()
    else:
        (top, bottom), (left, right) = padding
        x, pad = constant_pad(b, x, [left, right, top, bottom]), 0
    step = math.gcd(*stride)
    out, channels, height, width = kernel.shape
    result = b.add(
        "conv2d",
        x,
        params={"kernel": kernel, "bias": torch.zeros(out) if bias is None else bias.tensor},
        extra=extra,
        inC=channels,
        outC=out,
        kH=height,
        kW=width,
        stride=step,
        padding=pad,
    )
    for axis, wanted in ((1, stride[0]), (2, stride[1])):
        result = select_indices(b, result, axis, range(0, result.shape[axis], wanted // step))
    return result


def _block_diagonal(b: GraphBuilder, kernel: torch.Tensor, groups: int) -> torch.Tensor:
    """The dense kernel (out, in, …) of a grouped one (out, in / groups, …), zero outside its blocks."""
    out, per_group = kernel.shape[:2]
    b.check_size(kernel.numel() * groups, "the dense kernel of a grouped convolution")
    dense = torch.zeros(out, per_group * groups, *kernel.shape[2:], dtype=kernel.dtype)
    rows = out // groups
    for group in range(groups):
        block = slice(group * rows, (group + 1) * rows)
        dense[block, group * per_group : (group + 1) * per_group] = kernel.detach()[block]
    return dense


def _dilated(b: GraphBuilder, kernel: torch.Tensor, dilation: Sequence[int]) -> torch.Tensor:
    """The kernel with zeros between its elements."""
    sizes = [step * (size - 1) + 1 for step, size in zip(dilation, kernel.shape[2:], strict=True)]
    b.check_size(math.prod([*kernel.shape[:2], *sizes]), "the dense kernel of a dilated convolution")
    dense = torch.zeros(*kernel.shape[:2], *sizes, dtype=kernel.dtype)
    dense[:, :, :: dilation[0], :: dilation[1]] = kernel.detach()
    return dense
