"""Operators that change no value: copies, views of the same shape, dropout in eval mode."""

from __future__ import annotations

import torch

from torchlean_core.capture.builder import GraphBuilder
from torchlean_core.capture.errors import Refused
from torchlean_core.capture.registry import lowers
from torchlean_core.capture.values import Value

aten = torch.ops.aten


@lowers(
    aten.clone.default,
    aten.contiguous.default,
    aten.alias.default,
    aten.lift_fresh_copy.default,
    aten.positive.default,
    ignores=["memory_format"],
    moves=True,
)
def same(b: GraphBuilder, x: Value) -> Value:
    """The operand itself."""
    return x


@lowers(aten.detach.default, moves=True)
def detach(b: GraphBuilder, x: Value) -> Value:
    """Identity that stops gradients."""
    return b.unary("detach", x)


@lowers(
    aten._to_copy.default,
    ignores=["layout", "device", "pin_memory", "non_blocking", "memory_format"],
    moves=True,
)
def to_copy(b: GraphBuilder, x: Value, dtype: torch.dtype | None = None) -> Value:
    """A conversion to the type it has already (the type of the result is checked for every operator)."""
    return x


@lowers(
    aten.dropout.default, aten.feature_dropout.default, aten.alpha_dropout.default, ignores=["p"], moves=True
)
def dropout(b: GraphBuilder, input: Value, train: bool) -> Value:
    """Dropout in eval mode."""
    if train:
        raise Refused("dropout in training mode draws random numbers")
    return input
