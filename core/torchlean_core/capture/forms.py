"""Operators that dialects say differently: as one node where there is one, else as what it is made of."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from torchlean_core.capture.errors import Refused
from torchlean_core.capture.values import Known, Operand, Shape, Tensor, Value, absent
from torchlean_core.graph.views import blocks
from torchlean_core.kinds import Dialect, Kind, Operator, Problems
from torchlean_core.kinds.numbers import show_shape
from torchlean_core.kinds.operators import CONV, LAYERNORM, MATMUL


class Forms:
    """The part of the builder that asks its dialect for more than one form."""

    __slots__ = ()

    if TYPE_CHECKING:
        dialect: Dialect

        def _checked(
            self,
            entry: Kind,
            parents: Sequence[Value],
            shape: Shape,
            fields: Mapping[str, Any],
            payload: Mapping[str, Known],
            extra: Mapping[str, Any],
            asked: Mapping[str, Any] | None = None,
        ) -> Value:
            """See `GraphBuilder`."""

        def reshape(self, x: Value, shape: Sequence[int]) -> Value:
            """See `GraphBuilder`."""

        def times(self, a: Operand, b: Operand) -> Value:
            """See `GraphBuilder`."""

        def plus(self, a: Operand, b: Operand) -> Value:
            """See `GraphBuilder`."""

        def check_size(self, scalars: int, what: str) -> None:
            """See `GraphBuilder`."""

    def say(
        self,
        operator: Operator,
        *parents: Value,
        params: Mapping[str, Known] | None = None,
        extra: Mapping[str, Any] | None = None,
        **asked: Any,
    ) -> Value | None:
        """Add the node that says a use of an operator; None where the dialect has none that does.

        Args:
            operator: The operator.
            parents: Operands.
            params: The payload, by what the operator calls it.
            extra: Extra fields (`eps`).
            asked: What is asked of it, as the operator's fields (`kinds.spec.Saying`).
        """
        form = self.dialect.form(operator, asked, [parent.shape for parent in parents])
        if form is None:
            return None
        return self._checked(form.kind, parents, form.shape, form.fields, params or {}, extra or {}, asked)

    def said(
        self,
        operator: Operator,
        *parents: Value,
        params: Mapping[str, Known] | None = None,
        extra: Mapping[str, Any] | None = None,
        **asked: Any,
    ) -> Value:
        """As `say`, for what the dialect is known to say.

        Raises:
            Refused: It does not: the operands do not fit.
        """
        result = self.say(operator, *parents, params=params, extra=extra, **asked)
        if result is not None:
            return result
        shapes = [list(parent.shape) for parent in parents]
        problems = []
        for kind in self.dialect.kinds_of(operator):
            assert kind.saying is not None
            said = kind.saying(asked, shapes)
            found = None if said is None else kind.infer(said, shapes, None)
            problems += [problem.message for problem in found or ()] if isinstance(found, Problems) else []
        shown = ", ".join(map(show_shape, shapes))
        raise Refused("; ".join(problems) or f"no `{operator.name}` of {shown} with these sizes")

    def reduce(self, operator: Operator, x: Value, axes: Sequence[int], keepdim: bool = False) -> Value:
        """A reduction over axes: in one node where the dialect has that, else one for each, from the last on.

        Raises:
            Refused: There is nothing to reduce, which the dialect refuses.
        """
        axes = sorted(axes)
        if not axes:
            return x
        whole = self.say(operator, x, axes=tuple(axes), keepdim=keepdim)
        if whole is not None:
            return whole
        result = x
        for axis in reversed(axes):
            result = self.said(operator, result, axes=(axis,), keepdim=False)
        kept = [1 if axis in axes else dim for axis, dim in enumerate(x.shape)]
        return self.reshape(result, kept) if keepdim else result

    def pool(
        self,
        operator: Operator,
        x: Value,
        kernel: Sequence[int],
        stride: Sequence[int],
        padding: Sequence[int],
    ) -> Value:
        """A pool over the last axes, as one node.

        Raises:
            Refused: The dialect has none like that.
        """
        return self.said(operator, x, kernel=tuple(kernel), stride=tuple(stride), padding=tuple(padding))

    def pools_rows(self, operator: Operator) -> bool:
        """Whether pools take any number of axes, and not images only."""
        row = {"kernel": (1,), "stride": (1,), "padding": (0,)}
        return self.dialect.form(operator, row, [(1,)]) is not None

    def can_multiply(self, left: Shape, right: Shape) -> bool:
        """Whether one node gives the matrix product of operands of these shapes."""
        return self.dialect.form(MATMUL, {}, [left, right]) is not None

    def convolution(
        self,
        x: Value,
        kernel: Known,
        bias: Known | None,
        stride: Sequence[int],
        sides: Sequence[tuple[int, int]],
        dilation: Sequence[int],
        groups: int = 1,
        extra: Mapping[str, Any] | None = None,
    ) -> Value | None:
        """A convolution over the last axes, as one node; None where the dialect has none for it.

        Args:
            x: Operand; the axis before the last ones is that of the channels.
            kernel: (outputs, inputs of a group, …).
            bias: (outputs,), if there is one.
            stride: For each axis.
            sides: Padding before and after each axis.
            dilation: For each axis.
            groups: Groups of channels.
            extra: Extra fields.

        Raises:
            Refused: The kernel, which is written with the zeros off its blocks, is too large.
        """
        if not self.can_convolve(x.shape, kernel.shape, stride, sides, dilation, groups):
            return None
        outputs = kernel.shape[0]
        asked = _asked(x.shape, kernel.shape, stride, sides, dilation, groups)
        if groups != 1:
            self.check_size(math.prod(kernel.shape) * groups, "the dense kernel of a grouped convolution")
            kernel = kernel.moved(blocks(groups))
        payload = {"kernel": kernel, "bias": absent(torch.zeros(outputs)) if bias is None else bias}
        return self.said(CONV, x, params=payload, extra=extra, **asked)

    def can_convolve(
        self,
        x: Shape,
        kernel: Shape,
        stride: Sequence[int],
        sides: Sequence[tuple[int, int]],
        dilation: Sequence[int],
        groups: int,
    ) -> bool:
        """Whether one node gives a convolution of operand and kernel of these shapes; see `convolution`."""
        asked = _asked(x, kernel, stride, sides, dilation, groups)
        return asked["axis"] >= 0 and self.dialect.form(CONV, asked, [x]) is not None

    def layer_norm(self, x: Value, axis: int, gamma: Tensor | None, beta: Tensor | None, eps: float) -> Value:
        """A layer normalization from an axis on, scaled and shifted: by its node, where that takes what is known."""
        extra, size = {"eps": eps}, x.shape[axis:]
        form = self.dialect.form(LAYERNORM, {"axis": axis}, [x.shape])
        takes = form is not None and bool(form.kind.takes)
        own = takes and not isinstance(gamma, Value) and not isinstance(beta, Value)
        scale, shift = (gamma, beta) if own else (None, None)
        payload = {
            "gamma": scale if isinstance(scale, Known) else absent(torch.ones(size)),
            "beta": shift if isinstance(shift, Known) else absent(torch.zeros(size)),
        }
        result = self.said(LAYERNORM, x, params=payload if takes else {}, extra=extra, axis=axis)
        if not own and gamma is not None:
            result = self.times(result, gamma)
        return result if own or beta is None else self.plus(result, beta)


def _asked(
    x: Shape,
    kernel: Shape,
    stride: Sequence[int],
    sides: Sequence[tuple[int, int]],
    dilation: Sequence[int],
    groups: int,
) -> dict[str, Any]:
    """A convolution as the operator's fields."""
    outputs, inputs, *sizes = kernel
    return {
        "axis": len(x) - len(sizes) - 1,
        "kernel": tuple(sizes),
        "stride": tuple(stride),
        "before": tuple(before for before, _ in sides),
        "after": tuple(after for _, after in sides),
        "dilation": tuple(dilation),
        "groups": groups,
        "inputs": inputs * groups,
        "outputs": outputs,
    }
