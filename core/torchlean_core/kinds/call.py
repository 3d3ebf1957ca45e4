"""Operators: what kinds of all dialects compute, and the source text that computes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Shape = Sequence[int]
"""Dimensions of a tensor, outermost first; `[]` is a scalar. Dimensions are integers of any size."""


@dataclass(frozen=True, slots=True)
class Call:
    """One use of an operator, as its code template sees it.

    Attributes:
        args: Source text of the parents' values, in order.
        params: Source text of the node's parameters by role (`W`, `bias`, ...).
        fields: The operator's fields (see `operators`).
        parent_shapes: Shapes of the parents.
        shape: Shape of the result.
        id: Tensor id of the node (after lowering), which the deterministic generators are keyed by.
        batched: For a batch: which operands carry it; empty otherwise.
        lead: For a batch: axes that it adds in front of the artifact's own, 1 or 0 (see `kinds.batched`).
        absent: Roles of parameters that the model does not have.
        compact: Whether a grouped convolution's kernel is given without the zeros off its blocks.
    """

    args: Sequence[str]
    params: Mapping[str, str]
    fields: Mapping[str, Any]
    parent_shapes: Sequence[Shape]
    shape: Shape
    id: int
    batched: Sequence[bool] = ()
    lead: int = 0
    absent: frozenset[str] = frozenset()
    compact: bool = False


Code = str | Callable[[Call], str]
"""Source text of the torch expression that computes the kind.

A string is a template with `{0}`, `{1}` for the parents, `{W}` and the like for parameters and
`{axis}` and the like for fields; a function builds what depends on shapes. Names in scope: `torch`, `F`
(torch.nn.functional), and the helpers that the kind lists.
"""

Batched = str | Callable[[Call], str | None]
"""As `Code`, for many samples at once; a function gives None where it has no form (see `kinds.batched`)."""


Modules = tuple[str, ...]
"""Source texts of the modules that one node becomes, in order; the last one has the parameters."""


@dataclass(frozen=True, slots=True)
class LayerView:
    """A kind as layers.

    Attributes:
        modules: The modules of one use; None where torch has no such module.
        state: Names in the last module's `state_dict`, each with the role of the parameter that it holds.
    """

    modules: Callable[[Call], Modules | None]
    state: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Operator:
    """What is computed: the one form that kinds of all dialects are lowered to.

    Interpreter, emitter, trainer and pictures see operators only, and never ask which kind one came from.

    Attributes:
        name: Its name among operators.
        code: Template of the torch expression.
        batched: Template of the expression for a batch; None where `torch.func.vmap` of `code` serves.
        helpers: Names of functions of `torchlean_core.kinds.helpers` that the code may call.
        layer: The operator as a module of `torch.nn`; None where it has no layer view.
        elementwise: Whether the result's elements are made of the operands' elements at the same place.
        spreads: Whether the result is the operand copied along axes.
        keeps_order: Whether the result is the operand's elements in the same row-major order.
        stops_gradients: Whether no gradient reaches the operands.
        draws: Whether its values are drawn by the node's id.
    """

    name: str
    code: Code
    batched: Batched | None = None
    helpers: tuple[str, ...] = ()
    layer: LayerView | None = None
    elementwise: bool = False
    spreads: bool = False
    keeps_order: bool = False
    stops_gradients: bool = False
    draws: bool = False

    def expression(self, call: Call) -> str:
        """Source text of the torch expression that computes this use of the operator."""
        if callable(self.code):
            return self.code(call)
        return self.code.format(*call.args, **call.params, **call.fields)

    def batch_expression(self, call: Call) -> str | None:
        """Source text of the expression that computes this use for a batch; None where there is none."""
        if callable(self.batched):
            return self.batched(call)
        return None if self.batched is None else self.batched.format(*call.args, **call.params, **call.fields)


class Step(NamedTuple):
    """One operator of what a kind computes.

    Attributes:
        operator: The operator.
        fields: Its fields.
        shape: Shape of its result.
    """

    operator: Operator
    fields: Mapping[str, Any]
    shape: tuple[int, ...]
