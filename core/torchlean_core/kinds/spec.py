"""The types of the kind table: what one entry says about a kind."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from torchlean_core.kinds.call import Operator, Shape, Step

Path = tuple[str | int, ...]
"""A place inside a node object, as keys and array positions: `("parents", 1)`."""


class FieldType(enum.Enum):
    """JSON type of a kind's own field, with the words messages use for it."""

    NATURAL = "a natural number"
    SHAPE = "an array of natural numbers"
    AXES = "an array of axis numbers"
    GEOMETRY = "an array of natural numbers, one per spatial axis"
    BOOLEAN = "true or false"


Forced = Callable[[Mapping[str, Any], Sequence[Shape], Shape | None], Any]
"""(known fields, parents' shapes, declared shape or None) to the only value that a field can have; None: several."""

Guess = Callable[[Mapping[str, Any], Sequence[Shape], Shape | None], Sequence[Any]]
"""(known fields, parents' shapes, declared shape or None) to values that may be meant, the likeliest first."""


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
        is_axis: Whether it holds axes of the operand, which PyTorch also counts from the end (negative).
        repeats: Whether it repeats the operand's shape.
        forced: The only value that it can have over some operands.
        guess: Values that it may be meant to have; `example` where None.
        neutral: For geometry, the number that an axis has where nothing was said of it.
        presumed: Whether the first guess is worth adding where the field is missing, whatever the shapes are.
    """

    name: str
    type: FieldType
    doc: str
    required: bool = True
    positive: bool = False
    example: str = "0"
    is_axis: bool = False
    repeats: bool = False
    forced: Forced | None = None
    guess: Guess | None = None
    neutral: int = 0
    presumed: bool = False


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


Lowering = Callable[[Mapping[str, Any], Sequence[Shape], Shape], tuple[Step, ...]]
"""(fields and meaningful extra fields, parents' shapes, own shape) to the operators of a kind: the first takes the
parents and the payload, each other one the result before it. With none, the node is its parent."""


Saying = Callable[[Mapping[str, Any], Sequence[Shape]], "Mapping[str, Any] | None"]
"""(what is asked of an operator, parents' shapes) to a kind's own fields; None where the kind cannot say it.

What is asked is spelled as the operator's fields, but that reductions are asked for all at once: `axes`, `keepdim`.
"""


@dataclass(frozen=True, slots=True)
class ParamSpec:
    """One tensor of a kind's payload.

    Attributes:
        role: What the artifact calls it: its key in the field `parameters`, and in dialects with inline parameters
            its field.
        shape: (fields, parent shapes, own shape) to the tensor's shape.
        trainable: Whether training changes it (a `const` can say otherwise, see `trainable`).
        doc: One sentence.
        neutral: What all elements are where the model has no such tensor (`bias=False`), and the kind's code does
            without; None where it cannot.
        stored: The last part of its name in the parameter store; `role` where None; "" for none at all.
        operand: What the operator calls it; `role` where None.
        inline: Shape as the artifact's field holds it, where that is another one.
        optional: Whether a node without any of it computes the same as with the neutral values.
    """

    role: str
    shape: Callable[[Mapping[str, Any], Sequence[Shape], Shape], tuple[int, ...]]
    trainable: bool
    doc: str
    neutral: float | None = None
    stored: str | None = None
    operand: str | None = None
    inline: Callable[[tuple[int, ...]], tuple[int, ...]] | None = None
    optional: bool = False

    @property
    def inner(self) -> str:
        """What the operator calls it."""
        return self.role if self.operand is None else self.operand

    def inline_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the artifact's field for a tensor of a shape."""
        return shape if self.inline is None else self.inline(shape)


class Fact(NamedTuple):
    """A field beside inline tensors that says once more what follows from the graph.

    Attributes:
        name: The JSON key.
        type: What the value must be; None: any number.
        value: (fields, parent shapes, own shape) to what it must be; None where anything of the type will do.
        doc: One sentence.
    """

    name: str
    type: FieldType | None
    value: Callable[[Mapping[str, Any], Sequence[Shape], Shape], Any] | None
    doc: str


@dataclass(frozen=True, slots=True)
class Kind:
    """Everything the project knows of one tensor kind of a dialect.

    Attributes:
        name: The wire tag.
        arity: Least and greatest number of parents; None for no upper bound.
        infer: The shape rule.
        summary: One sentence: what it computes.
        formula: The meaning, as a formula a PyTorch user reads.
        shape_doc: The shape rule in words.
        torch: What it becomes in PyTorch, in words.
        operator: What it computes, or the first of what it computes.
        fields: The kind's own fields.
        lowering: How its fields become those of operators; None where they are the operator's.
        saying: The way back: what is asked of the operator as the kind's fields; None where it is never chosen for
            that.
        param_prefix: First part of the payload's tensor names (`linear` in `linear_3_W`).
        params: The payload.
        facts: Further fields of an inline payload, in dialects that have it.
        extras: Extra fields, unknown to the importer, that mean something here (`eps`, `trainable`).
        declared: Whether the output shape is what the node declares.
        advice: (fields, own shape) to a finding that is no error: code, message, field that it points at.
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
    operator: Operator
    fields: tuple[Field, ...] = ()
    lowering: Lowering | None = None
    saying: Saying | None = None
    param_prefix: str = ""
    params: tuple[ParamSpec, ...] = ()
    facts: tuple[Fact, ...] = ()

    extras: tuple[str, ...] = ()
    declared: bool = False
    advice: Advice | None = None
    category: str = "elementwise"
    usual: int = 100

    @property
    def repeated(self) -> str | None:
        """The field that repeats the operand's shape, if there is one."""
        return next((field.name for field in self.fields if field.repeats), None)

    def steps(self, fields: Mapping[str, Any], parents: Sequence[Shape], shape: Shape) -> tuple[Step, ...]:
        """The operators of one node; see `Lowering`."""
        if self.lowering is None:
            return (Step(self.operator, fields, tuple(shape)),)
        return self.lowering(fields, parents, shape)

    def param_name(self, spec: ParamSpec, node_id: int) -> str:
        """Name of a payload tensor in the store, in generated code and in messages."""
        return payload_name(self.param_prefix, spec, node_id)

    @property
    def payload(self) -> tuple[ParamSpec | Fact, ...]:
        """Every field of an inline payload, in dialects that have it."""
        return (*self.params, *self.facts)

    def role(self, operand: str) -> str:
        """What the artifact calls the tensor that the operator calls by a name."""
        return next(spec.role for spec in self.params if spec.inner == operand)

    @property
    def takes(self) -> frozenset[str]:
        """What the operator calls the tensors of the payload."""
        return frozenset(spec.inner for spec in self.params)


def payload_name(prefix: str, spec: ParamSpec, node_id: int) -> str:
    """Name of a payload tensor in the store, in generated code and in messages."""
    last = spec.role if spec.stored is None else spec.stored
    return f"{prefix}_{node_id}_{last}" if last else f"{prefix}_{node_id}"


class Note(NamedTuple):
    """What is no error, but worth knowing of a node.

    Attributes:
        code: Rule code.
        message: In words.
        field: The field that it points at.
    """

    code: str
    message: str
    field: str


Advice = Callable[[Mapping[str, Any], Shape | None], Note | None]
"""(own and extra fields, declared shape or None) to what is worth knowing."""


@dataclass(frozen=True, slots=True)
class TupleKind:
    """A tuple-valued kind that the project knows: it never becomes a tensor node by itself.

    Attributes:
        name: The wire tag.
        summary: One sentence.
        lowers: Whether a projection of it can be lowered to tensor nodes.
        fields: Fields read when a component is projected.
        doc: More, for hover.
        param_prefix: First part of the payload's tensor names.
        params: The payload of the attention: shapes are asked for with the output's shape (batch, seq, embed).
        facts: As of `Kind`.
        category: As of `Kind`.
    """

    name: str
    summary: str
    lowers: bool = False
    fields: tuple[Field, ...] = field(default=())
    doc: str = ""
    param_prefix: str = ""
    params: tuple[ParamSpec, ...] = ()
    facts: tuple[Fact, ...] = ()
    category: str = "tuple"

    @property
    def payload(self) -> tuple[ParamSpec | Fact, ...]:
        """As of `Kind`."""
        return (*self.params, *self.facts)
