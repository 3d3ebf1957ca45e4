"""Masks that are constants: `where`, `masked_fill`, triangles, and -inf on its way to a softmax."""

from __future__ import annotations

import math

import torch

from torchlean_core.capture.builder import GraphBuilder, broadcast_shape
from torchlean_core.capture.errors import Refused
from torchlean_core.capture.registry import lowers
from torchlean_core.capture.values import Known, Masked, Operand, Tensor, Value

aten = torch.ops.aten


LARGEST = torch.finfo(torch.float32).max
"""The largest float32."""


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
    """As `softmax`, but of a row that is masked whole it gives zeros: computed without a mask, then left out."""
    if not isinstance(x, Masked) or not x.shape:
        return softmax(b, x, dim, dtype)
    axis = dim % len(x.shape)
    empty = _empty_rows(x, axis)
    if not bool(empty.any()):
        return softmax(b, x, dim, dtype)
    mask = torch.where(empty, 0.0, x.mask.tensor.expand(x.shape))
    kept = torch.where(empty, 0.0, 1.0)
    return b.times(softmax(b, Masked(x.value, _smallest(mask)), dim, dtype), _smallest(kept))


def _smallest(tensor: torch.Tensor) -> Known:
    """A constant without the copies of it along leading axes."""
    while tensor.dim() > 1 and bool((tensor == tensor[:1]).all()):
        tensor = tensor[0]
    return Known(tensor)


def _empty_rows(x: Masked, axis: int) -> torch.Tensor:
    """Where the mask leaves nothing of a row, with 1 for the axis."""
    return (x.mask.tensor.expand(x.shape) == -math.inf).all(dim=axis, keepdim=True)


def unmasked(b: GraphBuilder, x: Masked, axis: int) -> Value:
    """The sum itself, for a softmax over an axis.

    Raises:
        Refused: A whole row is masked: its softmax has no value.
    """
    if bool(_empty_rows(x, axis).any()):
        raise Refused("a mask that masks a whole row: its softmax has no value")
    return b.plus(x.value, b.const(Known(x.mask.tensor, x.mask.name), mask=True))


@lowers(aten.where.self, aten.where.ScalarSelf, aten.where.ScalarOther, masked=True)
def where(b: GraphBuilder, condition: Tensor, x: Operand | Masked, other: Operand | Masked) -> Value | Masked:
    """Each of two tensors between bounds that leave it as it is where it is taken, for a known condition.

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
    if isinstance(other, Value) and not isinstance(x, Value):
        x, other, keep = other, x, ~keep
    if not isinstance(x, Value):
        return b.plus(_kept(x, keep), _kept(other, ~keep))
    if isinstance(other, Value) or (isinstance(other, Known) and other.trainable):
        return b.binary("max_elem", _sunk(b, x, keep), _sunk(b, other, ~keep))
    return filled(b, x, keep, other)


def _sunk(b: GraphBuilder, x: Operand, keep: torch.Tensor) -> Value:
    """A tensor where a mask holds, elsewhere less than every number that float32 has."""
    return b.binary("min_elem", x, Known(torch.where(keep, LARGEST, -LARGEST)))


def filled(b: GraphBuilder, x: Value, keep: torch.Tensor, other: Known | bool | int | float) -> Value:
    """A tensor where a mask holds, a constant elsewhere: between bounds, which infinities cannot cross.

    A product with the mask would make NaN of them. Elsewhere it is first made less than the constant, so that it
    gets no gradient, also where it equals the constant.
    """
    constant = other.tensor if isinstance(other, Known) else torch.tensor(float(other), dtype=torch.float64)
    least = torch.where(keep, torch.tensor(-LARGEST, dtype=torch.float64), constant.double())
    return b.binary("max_elem", _sunk(b, x, keep), Known(least))


def _is_all(x: object, number: float) -> bool:
    if isinstance(x, bool | int | float):
        return x == number
    return isinstance(x, Known) and bool((x.tensor == number).all())


def _kept(x: Operand, keep: torch.Tensor) -> Known:
    """A known tensor where a mask holds, zero elsewhere."""
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
    """Zero above a diagonal."""
    return filled(b, x, torch.ones(x.shape[-2:], dtype=torch.bool).tril(diagonal), 0.0)


@lowers(aten.triu.default)
def triu(b: GraphBuilder, x: Value, diagonal: int = 0) -> Value:
    """Zero below a diagonal."""
    return filled(b, x, torch.ones(x.shape[-2:], dtype=torch.bool).triu(diagonal), 0.0)
