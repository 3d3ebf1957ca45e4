"""Questions whether a value is finite: known for what is computed of real numbers without a way to infinity."""

from __future__ import annotations

import torch

from torchlean_core.capture.builder import GraphBuilder
from torchlean_core.capture.errors import Refused
from torchlean_core.capture.ranges import range_of
from torchlean_core.capture.registry import lowers
from torchlean_core.capture.values import Known, Value

aten = torch.ops.aten


def _known(b: GraphBuilder, x: Value, answer: bool) -> Known:
    """The same answer everywhere.

    Raises:
        Refused: It can depend on the input: infinities or NaN come up on the way.
    """
    if range_of(b, x.index).wild:
        raise Refused(
            "asks whether a value is finite that need not be (a logarithm, a quotient or an exponential is in it)"
        )
    return Known(torch.full(x.shape, answer))


@lowers(aten.isnan.default, aten.isinf.default, aten.isposinf.default, aten.isneginf.default)
def is_not_finite(b: GraphBuilder, x: Value) -> Known:
    """False."""
    return _known(b, x, False)


@lowers(aten.isfinite.default)
def is_finite(b: GraphBuilder, x: Value) -> Known:
    """True."""
    return _known(b, x, True)


@lowers(aten.eq.Scalar)
def equals(b: GraphBuilder, x: Value, other: float) -> Known:
    """False, for an infinite number.

    Raises:
        Refused: Another number: a step has no exact form.
    """
    if abs(other) != float("inf"):
        raise Refused("has no exact form in torchlean.ir.v1")
    return _known(b, x, False)
