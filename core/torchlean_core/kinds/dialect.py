"""A dialect: everything that two versions of `torchlean.ir.v1` do not have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from torchlean_core.kinds.call import Operator, Shape
from torchlean_core.kinds.common import FORMAT
from torchlean_core.kinds.spec import Field, Kind, Problems, TupleKind

INPUT = "input"
"""The tag of input nodes, in every dialect."""

INPUT_FIELD = "input_id"
"""The root field that names the input, in every dialect."""


class Form(NamedTuple):
    """How a dialect says one use of an operator: as one node.

    Attributes:
        kind: The node's kind.
        fields: The kind's own fields.
        shape: Shape of the result.
    """

    kind: Kind
    fields: dict[str, Any]
    shape: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Dialect:
    """A dialect, decided once at an artifact's root and handed on.

    Nothing outside `kinds` asks for its name but to print it.

    Attributes:
        name: As people write it.
        doc: One sentence.
        tensor_kinds: Every tensor kind by its wire tag.
        tuple_kinds: Tuple-valued kinds that mean something, by tag; any other is allowed, but cannot be lowered.
        getitem: The projection of a tuple.
        root_fields: Fields of the root with their documentation, in canonical order.
        output_field: The root field that names the outputs.
        many_outputs: Whether it names any number of them, in an array.
        requires_format: Whether `format` must be there.
        one_input: Whether there is exactly one `input` node.
        inline: Whether nodes can hold their parameters.
        broadcast: (source, target) to the source's shape with a 1 for every new axis; None where there is no broadcast.
        refused: Tags that TorchLean knows, and takes from no file, with the reason.
        equivalents: What kinds of other dialects are called here, for messages.
    """

    name: str
    doc: str
    tensor_kinds: Mapping[str, Kind]
    tuple_kinds: Mapping[str, TupleKind]
    getitem: Kind
    root_fields: Mapping[str, str]
    output_field: str
    many_outputs: bool
    requires_format: bool
    one_input: bool
    inline: bool
    broadcast: Callable[[Shape, Shape], list[int] | None]
    refused: Mapping[str, str] = field(default_factory=dict)
    equivalents: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        tags = (*self.tensor_kinds, self.getitem.name, *self.tuple_kinds)
        object.__setattr__(self, "tags", tags)
        payload = [
            *(name for kind in self._holders() for name in (*(s.role for s in kind.params),)),
            *(fact.name for kind in self._holders() for fact in kind.facts),
        ]
        object.__setattr__(self, "payload_fields", frozenset(payload) if self.inline else frozenset())
        keyed = [kind.name for kind in self._holders() if kind.params]
        keyed += [kind.name for kind in self.tensor_kinds.values() if kind.operator.draws]
        object.__setattr__(self, "keyed", frozenset(keyed))

    tags: tuple[str, ...] = field(init=False, default=())
    """Every tag that means something."""
    payload_fields: frozenset[str] = field(init=False, default=frozenset())
    """Names of the fields of inline parameters."""
    keyed: frozenset[str] = field(init=False, default=frozenset())
    """Tags of the nodes whose ids name something outside the artifact: parameters, or a stream of random numbers."""

    def _holders(self) -> Iterator[Kind | TupleKind]:
        yield from self.tensor_kinds.values()
        yield from self.tuple_kinds.values()

    @property
    def own_fields(self) -> list[Field]:
        """The fields of all kinds, each as often as there are kinds with it."""
        tensor_kinds = [field for kind in self.all_kinds for field in kind.fields]
        return tensor_kinds + [field for kind in self.tuple_kinds.values() for field in kind.fields]

    @property
    def param_prefixes(self) -> list[str]:
        """First parts of the names of parameters."""
        return [kind.param_prefix for kind in self._holders() if kind.params]

    def __repr__(self) -> str:
        return f"<dialect {self.name}>"

    @property
    def end_fields(self) -> tuple[str, str]:
        """The root fields that name nodes: the input, the outputs."""
        return INPUT_FIELD, self.output_field

    def ends_of(self, root: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
        """Everything in a root that names a node: its place, and what stands there, whatever that is."""
        if INPUT_FIELD in root:
            yield (INPUT_FIELD,), root[INPUT_FIELD]
        for place, value in enumerate(self.outputs_of(root)):
            yield (self.output_field, place) if self.many_outputs else (self.output_field,), value

    @property
    def all_kinds(self) -> Iterable[Kind]:
        """Every tensor-valued kind, the projection of tuples included."""
        return (*self.tensor_kinds.values(), self.getitem)

    @property
    def attention(self) -> TupleKind:
        """The tuple kind that lowers."""
        return next(kind for kind in self.tuple_kinds.values() if kind.lowers)

    def kind(self, tag: str) -> Kind | TupleKind | None:
        """What a tag means, tuple-valued or not."""
        if tag == self.getitem.name:
            return self.getitem
        return self.tensor_kinds.get(tag) or self.tuple_kinds.get(tag)

    def kinds_of(self, operator: Operator) -> list[Kind]:
        """The kinds that an operator can be said with, in the order of the table."""
        return [
            kind
            for kind in self.tensor_kinds.values()
            if kind.operator is operator and kind.saying is not None
        ]

    def form(self, operator: Operator, asked: Mapping[str, Any], parents: Iterable[Shape]) -> Form | None:
        """How one node says a use of an operator; None where none can.

        Args:
            operator: The operator.
            asked: What is asked of it (see `spec.Saying`).
            parents: Shapes of the operands.
        """
        shapes = [list(parent) for parent in parents]
        for kind in self.kinds_of(operator):
            assert kind.saying is not None
            said = kind.saying(asked, shapes)
            if said is None:
                continue
            fields = {name: list(v) if isinstance(v, list | tuple) else v for name, v in said.items()}
            shape = kind.infer(fields, shapes, None)
            if shape is not None and not isinstance(shape, Problems):
                return Form(kind, fields, tuple(shape))
        return None

    def is_foreign(self, tag: str) -> bool:
        """Whether a tag is none here, but one of another dialect."""
        return tag in self.equivalents

    def outputs_json(self, output_ids: Iterable[int]) -> int | list[int]:
        """The value of the root's output field.

        Raises:
            ValueError: There are several, and this dialect has one.
        """
        found = list(output_ids)
        if self.many_outputs:
            return found
        (only,) = found
        return only

    def outputs_of(self, root: Mapping[str, Any]) -> list[Any]:
        """What a root says of its outputs, one entry each, whatever they are; none where it says nothing readable."""
        value = root.get(self.output_field)
        if self.many_outputs:
            return value if type(value) is list else []
        return [] if value is None else [value]

    def root_json(self, input_id: int, output_ids: Iterable[int], extra: Mapping[str, Any]) -> dict[str, Any]:
        """A root object without its nodes."""
        return {
            "format": FORMAT,
            **extra,
            INPUT_FIELD: input_id,
            self.output_field: self.outputs_json(output_ids),
        }
