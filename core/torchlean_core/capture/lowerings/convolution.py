"""Convolutions: one node where the dialect has one for them, and its kernel is not much larger than the model's."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

import torch

from torchlean_core.capture.builder import GraphBuilder
from torchlean_core.capture.errors import Refused
from torchlean_core.capture.lowerings.convolution_axes import Axis
from torchlean_core.capture.lowerings.convolution_image import dense_scalars, is_one_node, on_images, one_node
from torchlean_core.capture.lowerings.convolution_products import by_products, shaped, with_bias
from torchlean_core.capture.ranges import range_of
from torchlean_core.capture.registry import lowers
from torchlean_core.capture.values import Known, NodeIndex, Shape, Tensor, Value
from torchlean_core.graph.views import narrow, permute

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
    """Zeros between the entries of each axis, then a convolution; see `_transposed`."""
    return _transposed(b, input, weight, bias, stride, padding, output_padding, groups, dilation)


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
    rank = len(weight.shape) - 2
    sizes = zip(
        x.shape[-rank:],
        weight.shape[2:],
        _spread(stride, rank),
        padding,
        _spread(dilation, rank),
        strict=True,
    )
    axes = [Axis(size, taps, step, *sides, apart) for size, taps, step, sides, apart in sizes]
    return _lowered(b, b.value(x), weight, bias, axes, groups)


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

    Its kernel is the given one backwards, with inputs and outputs of each group exchanged; the padding is
    dilation * (size - 1) - padding on both sides, and the output padding more on the right.
    """
    inputs, outputs, *sizes = weight.shape
    rank = len(sizes)
    steps, pads, extra, dilations = (
        _spread(values, rank) for values in (stride, padding, output_padding, dilation)
    )
    axes = []
    for place, (size, taps) in enumerate(zip(x.shape[-rank:], sizes, strict=True)):
        left = dilations[place] * (taps - 1) - pads[place]
        right = left + extra[place]
        axes.append(Axis(size, taps, 1, left, right, dilations[place], steps[place], backwards=True))
    kernel = shaped(b, weight, (groups, inputs // groups, outputs, *sizes))
    order = (0, 2, 1, *range(3, 3 + rank))
    kernel = kernel.moved(permute(*order)) if isinstance(kernel, Known) else b.permute(kernel, order)
    kernel = shaped(b, kernel, (groups * outputs, inputs // groups, *sizes))
    return _lowered(b, b.value(x), kernel, bias, axes, groups)


def _depends_on_input(b: GraphBuilder, x: Tensor) -> bool:
    seen: set[NodeIndex] = set()
    pending = [x.index] if isinstance(x, Value) else []
    while pending:
        index = pending.pop()
        if b.drafts[index].kind == "input":
            return True
        if index not in seen:
            seen.add(index)
            pending += b.drafts[index].parents
    return False


def _lowered(
    b: GraphBuilder, x: Value, weight: Tensor, bias: Tensor | None, axes: Sequence[Axis], groups: int
) -> Value:
    """A convolution in the form that the size of its kernel decides.

    Raises:
        Refused: There is nothing to convolve; or kernel or bias of a node are computed of parameters alone: their
            values serve instead.
    """
    form = None if _depends_on_input(b, weight) else _node_form(b, x, weight.shape, axes, groups)
    if form is None:
        if 0 in x.shape:
            raise Refused("a convolution of nothing")
        products = partial(by_products, b, kernel=weight, bias=bias, axes=axes, groups=groups)
        return _on_batch(b, x, axes, products)
    if isinstance(weight, Value) or (isinstance(bias, Value) and not _depends_on_input(b, bias)):
        raise Refused("the kernel or the bias is computed of parameters")
    if isinstance(bias, Value):
        return with_bias(b, form(weight, None), bias, len(axes))
    return form(weight, bias)


_Form = Callable[[Known, Known | None], Value]
"""A convolution with a kernel and a bias."""


def _node_form(b: GraphBuilder, x: Value, kernel: Shape, axes: Sequence[Axis], groups: int) -> _Form | None:
    """The form that has the dialect's node; None where its kernel would be too large.

    Where the kernel has zeros between its taps, the outer ones that see padding only may be left out.
    """
    own = math.prod(kernel)
    if is_one_node(b, x.shape, kernel, axes, groups):
        if not _is_affordable(b, x, own, own * groups):
            return None
        return lambda known, bias: one_node(b, x, known, bias, axes, groups)
    if 0 in x.shape:
        return None
    cropped = [axis.cropped() for axis in axes]
    for sizes in (list(axes), cropped):
        written = dense_scalars((*kernel[:2], *(axis.taps for axis in sizes)), sizes, groups)
        there = min(axis.spread(*axis.padded).size for axis in sizes) > 0
        if there and _is_affordable(b, x, own, written):
            parts = [(place + 2, *axis.kept()) for place, axis in enumerate(axes)] if sizes is cropped else []
            return partial(_on_images, b, x, sizes, parts, groups)
    return None


def _on_images(
    b: GraphBuilder,
    x: Value,
    axes: Sequence[Axis],
    parts: Sequence[tuple[int, int, int]],
    groups: int,
    kernel: Known,
    bias: Known | None,
) -> Value:
    """`on_images` with a part of the kernel."""
    shown = kernel.moved(narrow(*parts))
    return _on_batch(b, x, axes, partial(on_images, b, kernel=shown, bias=bias, axes=axes, groups=groups))


def _on_batch(b: GraphBuilder, x: Value, axes: Sequence[Axis], form: Callable[[Value], Value]) -> Value:
    """Apply a form for (N, C, …); a tensor without a batch is one of one."""
    if len(x.shape) == len(axes) + 2:
        return form(x)
    result = form(b.reshape(x, (1, *x.shape)))
    return b.reshape(result, result.shape[1:])


def _is_affordable(b: GraphBuilder, x: Value, own: int, written: int) -> bool:
    """Whether a node holds a kernel with all its zeros; else it is multiplied by what its taps see (`by_products`).

    A convolution's own node says best what the model is, to those who read, initialize and print it: it is taken
    where its kernel is hardly more than the model's. But a depthwise kernel of 1152 channels is written 1152 times
    as large, which is more than all else in a model; a product holds the model's numbers, and nothing more than
    them is in the artifact. Of what can be infinite only the node keeps windows apart: in a product every other
    entry is multiplied by zero.

    Args:
        b: The builder.
        x: The operand.
        own: Scalars of the kernel in the model.
        written: Scalars of the kernel that the node has.
    """
    few = _FEW_OF_INFINITIES if range_of(b, x.index).wild else _FEW
    return written == own or written <= min(b.max_parameters, max(_TIMES * own, few))


_TIMES = 3
"""Times the model's own scalars that a kernel may have."""
_FEW = 1 << 16
"""Scalars of a kernel that are little beside any model."""
_FEW_OF_INFINITIES = 1 << 22
"""Scalars of one that are taken for windows that an infinity must not leave."""
