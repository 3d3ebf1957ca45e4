"""Linear layers and matrix products."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from torchlean_core.capture.builder import GraphBuilder, broadcast_shape
from torchlean_core.capture.errors import Refused
from torchlean_core.capture.lowerings.masks import has_minus_infinity, masked_sum
from torchlean_core.capture.lowerings.reduction import sum_axes, vector_norm
from torchlean_core.capture.registry import lowers
from torchlean_core.capture.values import Known, Masked, Tensor, Value, absent
from torchlean_core.graph.views import expand, permute
from torchlean_core.kinds.operators import MATMUL

aten = torch.ops.aten


def linear_node(b: GraphBuilder, x: Value, weight: Known, bias: Known | None) -> Value:
    """A `linear` node; a missing bias is marked as absent."""
    out, wanted = weight.shape[0], (*x.shape[:-1], weight.shape[0])
    b.check_size(math.prod(weight.shape), "a weight")
    if len(x.shape) == 2 and b.draft(x).kind == "reshape":
        rows = b.parent(x)  # merged for a matrix product, which a layer does not need
        if len(rows.shape) > 2 and rows.shape[-1] == x.shape[-1]:
            x = rows
    if bias is None:
        bias = absent(torch.zeros(out))
    elif bias.shape != (out,):
        bias = bias.moved(expand((out,)))
    payload = {"W": weight, "b": bias}
    return b.reshape(b.add("linear", x, shape=(*x.shape[:-1], out), params=payload), wanted)


@lowers(aten.linear.default)
def linear(b: GraphBuilder, input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Value:
    """Direct where the weight is known; else a product with the transposed weight, plus the bias."""
    if not isinstance(input, Value) or not isinstance(weight, Known) or isinstance(bias, Value):
        transposed = b.permute(b.value(weight), (1, 0))
        product = matmul(b, input, transposed)
        return product if bias is None else b.plus(product, bias)
    if len(weight.shape) == 1:  # F.linear with a vector as weight gives a scalar for each row
        row = linear_node(b, input, weight.reshape(1, *weight.shape), None)
        row = b.reshape(row, input.shape[:-1])
        return row if bias is None else b.plus(row, bias)
    return linear_node(b, input, weight, bias)


def _is_transposed(x: Tensor) -> bool:
    """Whether a known matrix is the transpose of what is stored, as the weight of a linear layer is."""
    return (
        isinstance(x, Known)
        and len(x.shape) == 2
        and not x.tensor.is_contiguous()
        and x.tensor.T.is_contiguous()
    )


@lowers(aten.mm.default)
def mm(b: GraphBuilder, x: Tensor, mat2: Tensor) -> Value:
    """Direct; `linear` for a product with a transposed weight."""
    if isinstance(x, Value) and isinstance(mat2, Known) and _is_transposed(mat2):
        return linear_node(b, x, mat2.moved(permute(1, 0)), None)
    return b.said(MATMUL, b.value(x), b.value(mat2))


@lowers(aten.addmm.default)
def addmm(b: GraphBuilder, x: Tensor, mat1: Tensor, mat2: Tensor, beta: float = 1, alpha: float = 1) -> Value:
    """`linear` where matrix and summand are known; else beta * summand + alpha * product."""
    if (
        isinstance(mat1, Value)
        and isinstance(mat2, Known)
        and isinstance(x, Known)
        and _is_transposed(mat2)
        and len(x.shape) <= 1
        and alpha == beta == 1
    ):
        return linear_node(b, mat1, mat2.moved(permute(1, 0)), x)
    product = b.times(mm(b, mat1, mat2), float(alpha))
    return b.plus(product, x) if beta == 1 else b.plus(product, b.times(b.value(x), float(beta)))


@lowers(aten.bmm.default)
def bmm(b: GraphBuilder, x: Tensor, mat2: Tensor) -> Value:
    """Direct."""
    return b.said(MATMUL, b.value(x), b.value(mat2))


@lowers(aten.baddbmm.default)
def baddbmm(
    b: GraphBuilder, x: Tensor, batch1: Tensor, batch2: Tensor, beta: float = 1, alpha: float = 1
) -> Value | Masked:
    """Beta * summand + alpha * product."""
    product = b.times(bmm(b, batch1, batch2), float(alpha))
    if beta == 1 and has_minus_infinity(x):
        return masked_sum(b, product, x)
    return b.plus(product, x) if beta == 1 else b.plus(product, b.times(b.value(x), float(beta)))


@lowers(aten.dot.default)
def dot(b: GraphBuilder, x: Tensor, tensor: Tensor) -> Value:
    """Product of vectors, where there is one; else the sum of products."""
    if b.can_multiply(x.shape, tensor.shape):
        return b.said(MATMUL, b.value(x), b.value(tensor))
    return b.add("sum", b.binary("mul_elem", x, tensor))


@lowers(aten.vdot.default)
def vdot(b: GraphBuilder, x: Tensor, other: Tensor) -> Value:
    """Sum of products, of real numbers."""
    return dot(b, x, other)


@lowers(aten.mv.default)
def mv(b: GraphBuilder, x: Tensor, vec: Tensor) -> Value:
    """Matrix times vector."""
    return matmul(b, x, vec)


@lowers(aten.matmul.default)
def matmul(b: GraphBuilder, x: Tensor, other: Tensor) -> Value:
    """Direct where one node says it; else vectors become matrices, and batch axes are broadcast and merged."""
    if not x.shape or not other.shape:
        raise Refused("matmul of a scalar")
    if isinstance(x, Value) and isinstance(other, Known) and _is_transposed(other):
        return linear_node(b, x, other.moved(permute(1, 0)), None)
    left, right = b.value(x), b.value(other)
    direct = b.say(MATMUL, left, right)
    if direct is not None:
        return direct
    drop_row, drop_column = len(left.shape) == 1, len(right.shape) == 1
    if drop_row:
        left = b.reshape(left, (1, *left.shape))
    if drop_column:
        right = b.reshape(right, (*right.shape, 1))
    result = _batched(b, left, right)
    shape = list(result.shape)
    if drop_column:
        shape.pop()
    if drop_row:
        shape.pop(-1 if drop_column else -2)
    return b.reshape(result, shape)


def _batched(b: GraphBuilder, left: Value, right: Value) -> Value:
    """Product of tensors of rank 2 or more, as rank 2 or rank 3."""
    if len(right.shape) == 2:  # one matrix for all rows
        rows = b.reshape(left, (math.prod(left.shape[:-1]), left.shape[-1]))
        return b.reshape(b.said(MATMUL, rows, right), (*left.shape[:-1], right.shape[-1]))
    batch = broadcast_shape(left.shape[:-2], right.shape[:-2])
    merged = [
        b.reshape(b.broadcast(side, (*batch, *side.shape[-2:])), (math.prod(batch), *side.shape[-2:]))
        for side in (left, right)
    ]
    return b.reshape(b.said(MATMUL, *merged), (*batch, left.shape[-2], right.shape[-1]))


@lowers(aten._trilinear.default, ignores=["unroll_dim"])
def trilinear(
    b: GraphBuilder,
    i1: Tensor,
    i2: Tensor,
    i3: Tensor,
    expand1: Sequence[int],
    expand2: Sequence[int],
    expand3: Sequence[int],
    sumdim: Sequence[int],
) -> Value:
    """Three tensors with axes of size 1 put in, multiplied, and summed over axes."""
    factors = []
    for tensor, axes in ((i1, expand1), (i2, expand2), (i3, expand3)):
        shape = list(tensor.shape)
        for axis in sorted(axes):
            shape.insert(axis, 1)
        factors.append(b.reshape(b.value(tensor), shape))
    return sum_axes(b, b.times(b.times(factors[0], factors[1]), factors[2]), sumdim)


@lowers(aten._cdist_forward.default, ignores=["compute_mode"])
def cdist(b: GraphBuilder, x1: Tensor, x2: Tensor, p: float) -> Value:
    """A norm of all differences of rows."""
    left, right = b.value(x1), b.value(x2)
    left = b.reshape(left, (*left.shape[:-1], 1, left.shape[-1]))
    right = b.reshape(right, (*right.shape[:-2], 1, *right.shape[-2:]))
    return vector_norm(b, b.minus(left, right), p, [-1])


@lowers(aten._pdist_forward.default)
def pdist(b: GraphBuilder, x: Value, p: float = 2) -> Value:
    """The distance of each row to those behind it."""
    count = x.shape[0]
    first, second = torch.triu_indices(count, count, 1).tolist()
    return vector_norm(b, b.minus(b.select(x, 0, first), b.select(x, 0, second)), p, [-1])
