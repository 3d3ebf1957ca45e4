"""Masks that are constants: `where`, `masked_fill`, triangles, and -inf on its way to a softmax."""

from __future__ import annotations

import math

import torch

from torchlean_core.capture.builder import GraphBuilder, broadcast_shape
from torchlean_core.capture.errors import Refused
from torchlean_core.capture.registry import lowers
from torchlean_core.capture.values import Known, Masked, Operand, Tensor, Value

aten = torch.ops.aten


def has_minus_infinity(x: object) -> bool:
    """Whether an operand is a known tensor, or a number, with -inf in it and otherwise finite."""
    if isinstance(x, bool | int | float):
        return x == -math.inf
    if not isinstance(x, Known) or not x.tensor.is_floating_point():
        return False
    infinite = torch.isinf(x.tensor) & (x.tensor < 0)
    return bool(infinite.any()) and bool((infinite | torch.isfinite(x.tensor)).all())


def masked_sum(b: GraphBuilder, x: Operand | Masked, other: Operand | Masked) -> Masked:
    """A sum one of whose summands holds -inf: it waits for the softmax.

    Raises:
        Refused: Everything is -inf, or two such sums are added.
    """
    if isinstance(other, Masked) or isinstance(x, Known):
        x, other = other, x
    if isinstance(other, Masked) or -math.inf in (x, other):
        raise Refused("adds -inf to everything, or to a sum that holds -inf already")
    if isinstance(x, Masked):
        if not isinstance(other, Known) or not has_minus_infinity(other):
            return Masked(b.plus(x.value, other), x.mask)
        return Masked(x.value, Known(x.mask.tensor + other.tensor))
    assert isinstance(x, Value) and isinstance(other, Known)
    return Masked(b.broadcast(x, broadcast_shape(x.shape, other.shape)), other)


@lowers(aten.softmax.int, masked=True)
def softmax(b: GraphBuilder, x: Value | Masked, dim: int, dtype: torch.dtype | None = None) -> Value:
    """Direct; a constant with -inf in it is added directly before."""
    if not x.shape:
        return b.full(1.0, ())
    axis = dim % len(x.shape)
    return b.add("softmax", unmasked(b, x, axis) if isinstance(x, Masked) else x, axis=axis)


@lowers(aten._softmax.default, masked=True)
def softmax_core(b: GraphBuilder, x: Value | Masked, dim: int, half_to_float: bool) -> Value:
    """As `softmax`."""
    return softmax(b, x, dim)


@lowers(aten._safe_softmax.default, masked=True)
def safe_softmax(b: GraphBuilder, x: Value | Masked, dim: int, dtype: torch.dtype | None = None) -> Value:
    """As `softmax`; fully masked rows, for which it gives zeros, are refused."""
    return softmax(b, x, dim, dtype)


def unmasked(b: GraphBuilder, x: Masked, axis: int) -> Value:
    """The sum itself, for a softmax over an axis.

    Raises:
        Refused: A whole row is masked: its softmax has no value.
    """
    mask = x.mask.tensor
    if bool((mask.expand(x.shape) == -math.inf).all(dim=axis).any()):
        raise Refused("a mask that masks a whole row: its softmax has no value")
    return b.plus(x.value, b.const(Known(mask, x.mask.name), mask=True))


@lowers(aten.where.self, aten.where.ScalarSelf, aten.where.ScalarOther, masked=True)
def where(b: GraphBuilder, condition: Tensor, x: Operand | Masked, other: Operand | Masked) -> Value | Masked:
    """The sum condition * x + (1 - condition) * other, for a known condition.

    Raises:
        Refused: The condition depends on the input: a step has no exact form.
    """
    if not isinstance(condition, Known):
        raise Refused("the condition depends on the input; a step has no exact form in torchlean.ir.v1")
    keep = condition.tensor.bool()
    if _is_all(other, -math.inf):
        return _fill_minus_infinity(b, x, ~keep)
    if _is_all(x, -math.inf):
        return _fill_minus_infinity(b, other, keep)
    if isinstance(x, Masked) or isinstance(other, Masked):
        raise Refused(
            "mixes a sum that holds -inf with other values; -inf has a meaning only before a softmax"
        )
    return b.plus(_kept(b, x, keep), _kept(b, other, ~keep))


def _is_all(x: object, number: float) -> bool:
    if isinstance(x, bool | int | float):
        return x == number
    return isinstance(x, Known) and bool((x.tensor == number).all())


def _kept(b: GraphBuilder, x: Operand, keep: torch.Tensor) -> Operand:
    """A tensor where a mask holds, zero elsewhere."""
    if isinstance(x, Value):
        return b.times(x, Known(keep.float()))
    if isinstance(x, bool | int | float):
        x = Known(torch.tensor(float(x), dtype=torch.float64))
    assert isinstance(x, Known)
    return Known(torch.where(keep, x.tensor, torch.zeros_like(x.tensor)), None, x.trainable, x.state)


def _fill_minus_infinity(b: GraphBuilder, x: Operand | Masked, fill: torch.Tensor) -> Masked:
    mask = torch.zeros(fill.shape).masked_fill(fill, -math.inf)
    if not isinstance(x, Value | Masked):
        raise Refused("a constant with values that are not finite (infinite or NaN)")
    return masked_sum(b, x, Known(mask))


@lowers(aten.masked_fill.Scalar, aten.masked_fill.Tensor, masked=True)
def masked_fill(b: GraphBuilder, x: Tensor | Masked, mask: Tensor, value: Operand) -> Value | Masked:
    """As `where`."""
    return where(b, _negated(mask), x, value)


def _negated(mask: Tensor) -> Tensor:
    return Known(~mask.tensor.bool()) if isinstance(mask, Known) else mask


@lowers(aten.tril.default)
def tril(b: GraphBuilder, x: Value, diagonal: int = 0) -> Value:
    """Product with a triangle of ones."""
    return b.times(x, Known(torch.ones(x.shape[-2:]).tril(diagonal)))


@lowers(aten.triu.default)
def triu(b: GraphBuilder, x: Value, diagonal: int = 0) -> Value:
    """Product with a triangle of ones."""
    return b.times(x, Known(torch.ones(x.shape[-2:]).triu(diagonal)))
