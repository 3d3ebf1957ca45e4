"""Convolutions: one node where the dialect has one for them; else a dense one on an unbatched image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from torchlean_core.capture.assemble import apply_matrix
from torchlean_core.capture.builder import GraphBuilder
from torchlean_core.capture.errors import Refused
from torchlean_core.capture.lowerings.padding import constant_pad
from torchlean_core.capture.registry import lowers
from torchlean_core.capture.values import Known, Tensor, Value
from torchlean_core.graph.views import blocks, embed, flip, permute
from torchlean_core.kinds.dialects import others
from torchlean_core.kinds.numbers import show_shape

aten = torch.ops.aten


@lowers(aten.conv1d.default, aten.conv2d.default, aten.conv3d.default)
def conv(
    b: GraphBuilder,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sequence[int] = (1,),
    padding: Sequence[int] = (0,),
    dilation: Sequence[int] = (1,),
    groups: int = 1,
) -> Value:
    """One node, where the dialect has it; where there are images only, on (C, H, W), and of a row with height 1."""
    sides = [(p, p) for p in _spread(padding, len(weight.shape) - 2)]
    return _convolution(b, input, weight, bias, stride, sides, dilation, groups)


@lowers(aten.conv1d.padding, aten.conv2d.padding, aten.conv3d.padding)
def conv_named_padding(
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
        return _transposed(b, input, weight, bias, stride, padding, output_padding, groups, dilation)
    return conv(b, input, weight, bias, stride, padding, dilation, groups)


@lowers(aten.conv_transpose1d.default, aten.conv_transpose2d.input, aten.conv_transpose3d.input)
def conv_transpose(
    b: GraphBuilder,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sequence[int] = (1,),
    padding: Sequence[int] = (0,),
    output_padding: Sequence[int] = (0,),
    groups: int = 1,
    dilation: Sequence[int] = (1,),
) -> Value:
    """Zeros between the entries of each axis, then a dense convolution; see `_transposed`."""
    return _transposed(b, input, weight, bias, stride, padding, output_padding, groups, dilation)


def _spread(values: Sequence[int], rank: int) -> list[int]:
    return list(values) * rank if len(values) == 1 else list(values)


def _named_padding(padding: str, kernel: Sequence[int], dilation: Sequence[int]) -> list[tuple[int, int]]:
    if padding == "valid":
        return [(0, 0)] * len(kernel)
    spread = _spread(dilation, len(kernel))
    totals = [step * (size - 1) for step, size in zip(spread, kernel, strict=True)]
    return [(total // 2, total - total // 2) for total in totals]


@dataclass(frozen=True, slots=True)
class _Image:
    """The operand of a convolution as (C, H, W), and the way back.

    Attributes:
        value: The image.
        rank: Number of axes that are convolved: 1 (then H is 1) or 2.
        batched: Whether the operand had a batch axis.
    """

    value: Value
    rank: int
    batched: bool

    def restored(self, b: GraphBuilder, result: Value) -> Value:
        """A result (C, H, W) with the axes that the operand had."""
        shape = result.shape if self.rank == 2 else (result.shape[0], result.shape[2])
        return b.reshape(result, (1, *shape) if self.batched else shape)


def _elsewhere(b: GraphBuilder, x: Tensor, kernel: Known, *sizes: Any) -> str:
    """What other dialects have a node for a convolution, as the end of a message."""
    names = [
        f"--dialect {other.name}"
        for other in others(b.dialect)
        if replace(b, dialect=other).can_convolve(x.shape, kernel.shape, *sizes)
    ]
    return f"; with {' or '.join(names)} it is one node" if names else ""


def _image(b: GraphBuilder, x: Tensor, weight: Known, hint: str = "") -> _Image:
    """One image, or a refusal, whose message ends with a hint.

    Raises:
        Refused: There are more images than one, or the rank is none that the dialect has.
    """
    rank = len(weight.shape) - 2
    if rank not in (1, 2):
        raise Refused(f"convolution over {rank} axes: supported are conv1d and conv2d{hint}")
    value = b.value(x)
    batched = len(value.shape) == rank + 2
    if batched:
        if value.shape[0] != 1:
            raise Refused(
                f"a batch of {value.shape[0]} images: capture with batch 1 or unbatched (torchlean.ir.v1 has "
                f"convolution of one image only){hint}"
            )
        value = b.reshape(value, value.shape[1:])
    if rank == 1:
        value = b.reshape(value, (value.shape[0], 1, value.shape[1]))
    return _Image(value, rank, batched)


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
    kernel, shift = _known(weight, bias)
    rank = len(kernel.shape) - 2
    stride, padding, dilation = _spread(stride, rank), list(padding), _spread(dilation, rank)
    direct = b.convolution(b.value(x), kernel, shift, stride, padding, dilation, groups)
    if direct is not None:
        return direct
    image = _image(b, x, kernel, _elsewhere(b, x, kernel, stride, padding, dilation, groups))
    if image.rank == 1:
        kernel = kernel.reshape(*kernel.shape[:2], 1, kernel.shape[2])
        stride, padding, dilation = [stride[0], stride[0]], [(0, 0), *padding], [1, *dilation]
    result = _dense(b, image.value, kernel, shift, stride, padding, dilation, groups)
    return image.restored(b, result)


def _known(weight: Tensor, bias: Tensor | None) -> tuple[Known, Known | None]:
    """Kernel and bias.

    Raises:
        Refused: They depend on the input.
    """
    if not isinstance(weight, Known) or isinstance(bias, Value):
        raise Refused("the kernel depends on the input")
    return weight, bias


def _transposed(
    b: GraphBuilder,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    output_padding: Sequence[int],
    groups: int,
    dilation: Sequence[int],
) -> Value:
    """Along each axis stride - 1 zeros between entries and the padding that is left, then a convolution.

    Its kernel is the given one reversed, with inputs and outputs of each group exchanged; the padding is
    dilation * (size - 1) - padding on both sides, and the output padding more on the right.
    """
    kernel, shift = _known(weight, bias)
    steps, pads, extra, apart = (
        _spread(values, len(kernel.shape) - 2) for values in (stride, padding, output_padding, dilation)
    )
    whole = _transposed_whole(b, x, kernel, shift, steps, pads, extra, groups, apart)
    if whole is not None:
        return whole
    image = _image(b, x, kernel)
    if image.rank == 1:
        kernel = kernel.reshape(*kernel.shape[:2], 1, kernel.shape[2])
        steps, pads, extra, apart = [1, *steps], [0, *pads], [0, *extra], [1, *apart]
    reversed_kernel = _reversed(kernel, groups)
    left, right = _margins(kernel, pads, extra, apart)
    # What both axes have on both sides is the convolution's own padding.
    common = max(0, min(*left, *right)) if image.rank == 2 else 0
    value = image.value
    for axis in (0, 1):
        places = _spread_places(value.shape[axis + 1], steps[axis], left[axis] - common, right[axis] - common)
        if places is not None:
            value = apply_matrix(b, value, axis + 1, places, "zero insertion")
    sides = [(common, common), (common, common)]
    return image.restored(b, _dense(b, value, reversed_kernel, shift, [1, 1], sides, apart, groups))


def _transposed_whole(
    b: GraphBuilder,
    x: Tensor,
    kernel: Known,
    bias: Known | None,
    stride: Sequence[int],
    padding: Sequence[int],
    output_padding: Sequence[int],
    groups: int,
    dilation: Sequence[int],
) -> Value | None:
    """A transposed convolution of a tensor as it is; None where the dialect has no node for that convolution."""
    left, right = _margins(kernel, padding, output_padding, dilation)
    rank = len(left)
    places = [
        _spread_places(size, step, min(before, 0), min(after, 0))
        for size, step, before, after in zip(x.shape[-rank:], stride, left, right, strict=True)
    ]
    sizes = [
        size if matrix is None else matrix.shape[0]
        for size, matrix in zip(x.shape[-rank:], places, strict=True)
    ]
    sides = [(max(before, 0), max(after, 0)) for before, after in zip(left, right, strict=True)]
    flipped = _reversed(kernel, groups)
    ones = [1] * rank
    if not b.can_convolve((*x.shape[:-rank], *sizes), flipped.shape, ones, sides, dilation, groups):
        return None
    value = b.value(x)
    for place, matrix in enumerate(places):
        if matrix is not None:
            value = apply_matrix(b, value, len(x.shape) - rank + place, matrix, "zero insertion")
    return b.convolution(value, flipped, bias, ones, sides, dilation, groups)


def _reversed(kernel: Known, groups: int) -> Known:
    """The kernel with its taps reversed, and inputs and outputs of each group exchanged."""
    inputs, outputs, *sizes = kernel.shape
    rank = len(sizes)
    order = (0, 2, 1, *range(3, 3 + rank))
    by_group = kernel.reshape(groups, inputs // groups, outputs, *sizes).moved(permute(*order))
    return by_group.reshape(groups * outputs, inputs // groups, *sizes).moved(flip(*range(2, 2 + rank)))


def _margins(
    kernel: Known, padding: Sequence[int], output_padding: Sequence[int], dilation: Sequence[int]
) -> tuple[list[int], list[int]]:
    """What is padded on each side before the kernel is applied; negative amounts are cut off."""
    left = [
        apart * (size - 1) - pad for apart, size, pad in zip(dilation, kernel.shape[2:], padding, strict=True)
    ]
    return left, [before + more for before, more in zip(left, output_padding, strict=True)]


def _spread_places(size: int, step: int, left: int, right: int) -> torch.Tensor | None:
    """The matrix that puts zeros between and around the entries of an axis; negative amounts cut off."""
    length = (size - 1) * step + 1
    matrix = torch.zeros(left + length + right, size)
    for entry in range(size):
        place = left + entry * step
        if 0 <= place < matrix.shape[0]:
            matrix[place, entry] = 1.0
    return None if torch.equal(matrix, torch.eye(size)) else matrix


def _dense(
    b: GraphBuilder,
    x: Value,
    kernel: Known,
    bias: Known | None,
    stride: list[int],
    padding: list[tuple[int, int]],
    dilation: list[int],
    groups: int,
) -> Value:
    """A dense convolution of a (C, H, W) image; what one stride and padding cannot say goes around its node."""
    extra: dict[str, object] = {}
    before = math.prod(kernel.shape)
    if groups != 1:
        kernel, extra["groups"] = _block_diagonal(b, kernel, groups), groups
    if dilation != [1, 1]:
        kernel = _dilated(b, kernel, dilation)
        extra["dilation"] = dilation[0] if dilation[0] == dilation[1] else dilation
    if (dense := math.prod(kernel.shape)) > before:
        b.note(
            "TL606",
            f"a dense kernel of {dense:,} scalars stands for a grouped or dilated one of {before:,}",
        )
    sides = {side for pair in padding for side in pair}
    if len(sides) == 1:
        pad = sides.pop()
    else:
        (top, bottom), (left, right) = padding
        x, pad = constant_pad(b, x, [left, right, top, bottom]), 0
    step = math.gcd(*stride)
    result = b.convolution(x, kernel, bias, [step, step], [(pad, pad)] * 2, [1, 1], extra=extra)
    if result is None:
        raise Refused(f"no convolution of {show_shape(x.shape)} with a kernel {show_shape(kernel.shape)}")
    for axis, wanted in ((1, stride[0]), (2, stride[1])):
        result = b.select(result, axis, range(0, result.shape[axis], wanted // step))
    return result


def _block_diagonal(b: GraphBuilder, kernel: Known, groups: int) -> Known:
    """The dense kernel (out, in, …) of a grouped one (out, in / groups, …), zero outside its blocks."""
    b.check_size(math.prod(kernel.shape) * groups, "the dense kernel of a grouped convolution")
    return kernel.moved(blocks(groups))


def _dilated(b: GraphBuilder, kernel: Known, dilation: Sequence[int]) -> Known:
    """The kernel with zeros between its elements."""
    sizes = [step * (size - 1) + 1 for step, size in zip(dilation, kernel.shape[2:], strict=True)]
    shape = (*kernel.shape[:2], *sizes)
    b.check_size(math.prod(shape), "the dense kernel of a dilated convolution")
    return kernel.moved(embed(shape, (0, 0, 0, 0), (1, 1, *dilation)))
