"""The error function, its complement and the normal distribution function: composed, where that was asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from torchlean_core.approximations import for_operator
from torchlean_core.capture.builder import GraphBuilder
from torchlean_core.capture.errors import Refused
from torchlean_core.capture.registry import lowers
from torchlean_core.capture.values import Known, Value
from torchlean_core.erf import forms
from torchlean_core.kinds.operators import REDUCE_SUM

aten = torch.ops.aten


class Nodes:
    """The algebra of the forms: what they say becomes nodes."""

    def __init__(self, builder: GraphBuilder) -> None:
        self._b = builder

    def unary(self, kind: str, x: Value) -> Value:
        """See `Algebra`."""
        return self._b.unary(kind, x)

    def binary(self, kind: str, x: Value, y: Value | float) -> Value:
        """See `Algebra`."""
        return self._b.binary(kind, x, y)

    def sum_of(self, x: float, y: float, like: Value) -> Value:
        """See `Algebra`."""
        return self._b.broadcast(self._b.plus(self._const([x], ()), self._const([y], ())), like.shape)

    def row(self, x: Value) -> Value:
        """See `Algebra`."""
        return self._b.reshape(x, (1, math.prod(x.shape)))

    def column(self, numbers: Sequence[float], like: Value) -> Value:
        """See `Algebra`."""
        return self._b.broadcast(self._const(numbers, (len(numbers), 1)), like.shape)

    def column_of_sums(self, x: Sequence[float], y: Sequence[float], like: Value) -> Value:
        """See `Algebra`."""
        shape = (len(x), 1)
        return self._b.broadcast(self._b.plus(self._const(x, shape), self._const(y, shape)), like.shape)

    def rows(self, x: Value) -> Value:
        """See `Algebra`."""
        return self._b.broadcast(x, (4, x.shape[1]))

    def total(self, x: Value, like: Value) -> Value:
        """See `Algebra`."""
        return self._b.reshape(self._b.reduce(REDUCE_SUM, x, [0]), like.shape)

    def _const(self, numbers: Sequence[float], shape: Sequence[int]) -> Value:
        return self._b.const(Known(torch.tensor(numbers, dtype=torch.float64).reshape(tuple(shape))))


def allowed(b: GraphBuilder, operator: str) -> str:
    """The form that was asked for in an operator's place.

    Args:
        b: The builder.
        operator: What is to be lowered (`erf`).

    Raises:
        Refused: None was; the message names those that there are.
    """
    known = for_operator(operator)
    for one in known:
        if b.may_approximate(one.operator, one.form):
            return one.form
    raise Refused(
        f"{_NAMES[operator]} has no exact form in torchlean.ir.v1; allow one that is right to the last digit in its "
        f"place{_HINTS.get(operator, '')}",
        allow=known[0].text,
        alternatives=[one.text for one in known[1:]],
    )


_NAMES = {"gelu": "exact-erf GELU", "erf": "erf", "erfc": "erfc", "ndtr": "the normal distribution function"}
_HINTS = {
    "gelu": ', or use the tanh form, nn.GELU(approximate="tanh"), which is another function by up to 1e-3',
    "erf": ", as for a GELU that is written with erf",
}


@lowers(aten.erf.default, aten.special_erf.default)
def erf(b: GraphBuilder, x: Value) -> Value:
    """tanh(x a / 2) (1 + exp(-a^2)) + exp(-a^2) x t P(t), a = abs(x), t = 1 / (a + 4); see `erf.forms`."""
    allowed(b, "erf")
    return forms.erf(Nodes(b), x)


@lowers(aten.erfc.default, aten.special_erfc.default)
def erfc(b: GraphBuilder, x: Value) -> Value:
    """exp(-a^2) t P(t), a = abs(x), and 2 minus that for a negative x; see `erf.forms`."""
    allowed(b, "erfc")
    return forms.erfc(Nodes(b), x)


@lowers(aten.special_ndtr.default)
def ndtr(b: GraphBuilder, x: Value) -> Value:
    """exp(-a^2 / 2) t P(t), a = abs(x), and 1 minus that for a positive x; see `erf.forms`."""
    allowed(b, "ndtr")
    return forms.normal_cdf(Nodes(b), x)
