"""The types of the kind table: what one entry says about a kind."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from torchlean_core.kinds.layers import LayerView

Shape = Sequence[int]
"""Dimensions of a tensor, outermost first; `[]` is a scalar. Dimensions are integers of any size."""

Path = tuple[str | int, ...]
"""A place inside a node object, as keys and array positions: `("parents", 1)`."""


class FieldType(enum.Enum):
    """JSON type of a kind's own field, with the words messages use for it."""

    NATURAL = "a natural number"
    SHAPE = "an array of natural numbers"
    AXES = "an array of axis numbers"
    BOOLEAN = "true or false"


@dataclass(frozen=True, slots=True)
class Field:
    """One field that a kind reads from its node, beside `id`, `kind`, `parents` and the value.

    Attributes:
        name: The JSON key.
        type: What the value must be.
        doc: One sentence for hover, completion and the schema.
        required: Whether a node without it is an error (TL010).
        positive: Whether 0 is refused (TL206); only for naturals.
        example: A value for snippets.
    """

    name: str
    type: FieldType
    doc: str
    required: bool = True
    positive: bool = False
    example: str = "0"


class Problem(NamedTuple):
    """Why a shape rule gives no shape.

    Attributes:
        code: Rule code, such as `TL203`.
        message: What was expected and what was found.
        path: Place in the node that the finding points at; `()` is the whole node (its opening brace).
        parents: Positions in `parents` of the operands involved, for related information.
    """

    code: str
    message: str
    path: Path = ()
    parents: tuple[int, ...] = ()


class Problems(tuple[Problem, ...]):
    """Everything a shape rule found wrong; empty where what is wrong was reported with the fields already."""

    __slots__ = ()


Infer = Callable[[Mapping[str, Any], Sequence[Shape], Shape | None], "Shape | Problems | None"]
"""A shape rule: (fields, parent shapes, declared shape or None if unreadable) to the output shape.

None means that nothing can be said because the declared shape, on which the rule depends, is unreadable.
Naturals that must be positive may be 0 here (they are reported with the fields), so rules guard divisions.
"""


@dataclass(frozen=True, slots=True)
class Call:
    """One use of a kind, as its code template sees it.

    Attributes:
        args: Source text of the parents' values, in order.
        params: Source text of the node's parameters by role (`W`, `bias`, ...).
        fields: The kind's own fields, plus the extra field `eps` where the node has it.
        parent_shapes: Shapes of the parents.
        shape: Shape of the result.
        id: Tensor id of the node (after lowering), which the deterministic generators are keyed by.
        batched: For a batch: which operands carry it; empty otherwise.
        lead: For a batch: axes that it adds in front of the artifact's own, 1 or 0 (see `kinds.batched`).
        absent: Roles of parameters that the model does not have.
        sparse: Groups and dilation of the convolution whose kernel is given in place of the dense one.
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
    sparse: tuple[int, tuple[int, int]] | None = None


Code = str | Callable[[Call], str]
"""Source text of the torch expression that computes the kind.

A string is a template with `{0}`, `{1}` for the parents, `{W}` and the like for parameters and
`{axis}` and the like for fields; a function builds what depends on shapes. Names in scope: `torch`, `F`
(torch.nn.functional), and the helpers that the kind lists.
"""

Batched = str | Callable[[Call], str | None]
"""As `Code`, for many samples at once; a function gives None where it has no form (see `kinds.batched`)."""


@dataclass(frozen=True, slots=True)
class ParamSpec:
    """One tensor of a kind's payload, kept in the parameter store.

    Attributes:
        role: Short name, the last part of the tensor's name (`W`, `kernel`; `value` of a const is left out).
        shape: (fields, parent shapes, own shape) to the tensor's shape.
        trainable: Whether training changes it (a `const` can say otherwise, see `trainable`).
        doc: One sentence.
        neutral: What all elements are where the model has no such tensor (`bias=False`), and the kind's code does
            without; None where it cannot.
    """

    role: str
    shape: Callable[[Mapping[str, Any], Sequence[Shape], Shape], tuple[int, ...]]
    trainable: bool
    doc: str
    neutral: float | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """Everything the project knows of one tensor kind.

    Attributes:
        name: The wire tag.
        arity: Least and greatest number of parents; None for no upper bound.
        fields: The kind's own fields.
        infer: The shape rule.
        summary: One sentence: what it computes.
        formula: The meaning, as a formula a PyTorch user reads.
        shape_doc: The shape rule in words.
        torch: What it becomes in PyTorch, in words.
        code: Template of the torch expression.
        batched: Template of the expression for a batch; None where `torch.func.vmap` of `code` serves.
        param_prefix: First part of the payload's tensor names (`linear` in `linear_3_W`).
        params: The payload.
        helpers: Names of functions of `torchlean_core.kinds.helpers` that the code calls.
        extras: Extra fields, unknown to the importer, that mean something here (`eps`, `trainable`).
        declared: Whether the output shape is what the node declares.
        layer: The kind as a module of `torch.nn`; None where it has no layer view.
        spreads: Whether the result is the operand copied along axes, as `broadcast_to`.
        keeps_order: Whether the result is the operand's elements in the same row-major order.
        stops_gradients: Whether no gradient reaches the operands.
        category: Group in the documentation and in completion.
        usual: Place among the kinds that fit, in completion: what is typed most comes first.
    """

    name: str
    arity: tuple[int, int | None]
    infer: Infer
    summary: str
    formula: str
    shape_doc: str
    torch: str
    code: Code
    batched: Batched | None = None
    fields: tuple[Field, ...] = ()
    param_prefix: str = ""
    params: tuple[ParamSpec, ...] = ()
    helpers: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    declared: bool = False
    layer: LayerView | None = None
    spreads: bool = False
    keeps_order: bool = False
    stops_gradients: bool = False
    category: str = "elementwise"
    usual: int = 100

    def expression(self, call: Call) -> str:
        """Source text of the torch expression that computes this use of the kind."""
        if callable(self.code):
            return self.code(call)
        return self.code.format(*call.args, **call.params, **call.fields)

    def batch_expression(self, call: Call) -> str | None:
        """Source text of the expression that computes this use for a batch; None where there is none."""
        if callable(self.batched):
            return self.batched(call)
        return None if self.batched is None else self.batched.format(*call.args, **call.params, **call.fields)

    def param_name(self, spec: ParamSpec, node_id: int) -> str:
        """Name of a payload tensor in the store, in generated code and in messages."""
        prefix = f"{self.param_prefix}_{node_id}"
        return prefix if spec.role == "value" else f"{prefix}_{spec.role}"


@dataclass(frozen=True, slots=True)
class TupleKind:
    """A tuple-valued kind that the project knows: it never becomes a tensor node by itself.

    Attributes:
        name: The wire tag.
        fields: Fields read when a component is projected.
        summary: One sentence.
        lowers: Whether a projection of it can be lowered to tensor nodes.
        doc: More, for hover.
    """

    name: str
    summary: str
    lowers: bool = False
    fields: tuple[Field, ...] = field(default=())
    doc: str = ""
