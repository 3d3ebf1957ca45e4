"""The graph that a capture builds: nodes through the kind table, constants, and nothing trivial."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from torchlean_core.capture.early import selected_early
from torchlean_core.capture.errors import CaptureFinding, Refused, TooLarge
from torchlean_core.capture.forms import Forms
from torchlean_core.capture.places import FileNode, Stack, located
from torchlean_core.capture.ranges import Range
from torchlean_core.capture.values import (
    Known,
    NodeIndex,
    Operand,
    Shape,
    Tensor,
    Value,
    content,
    is_finite,
)
from torchlean_core.kinds import Dialect, Kind, Operator, Problems
from torchlean_core.kinds.alignment import right_aligned
from torchlean_core.kinds.dialects import DEFAULT
from torchlean_core.kinds.numbers import show_shape

SELECT = "select"
"""No kind of the format: entries of one axis, which `simplify` makes nodes of when all their uses are known."""

_PURE = ("reshape", "flatten", "permute", "broadcast_to", "detach", SELECT)
"""Kinds whose equal uses become one node."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the nodes that are being added come from.

    Attributes:
        debug_target: The source operator (`aten.relu.default`).
        line: Line in the user's file.
        module: Path of the submodule.
        stack: The user's frames, innermost last.
        node: The node of the model's file, where that is a graph; then `module` names it for messages.
    """

    debug_target: str | None = None
    line: int | None = None
    module: str | None = None
    stack: Stack = ()
    node: FileNode | None = None

    def marked(self, what: str) -> Provenance:
        """The same, where the node stands for something else than the operator itself."""
        if self.debug_target is None:
            return self
        return replace(self, debug_target=f"{self.debug_target} ({what})")


@dataclass(frozen=True, slots=True)
class Draft:
    """A node before it has an id.

    Attributes:
        kind: Wire tag, or `SELECT`.
        parents: Operands.
        shape: Shape of the value; of a tuple-valued node the shape of its first component.
        fields: The kind's own fields.
        params: The payload, by what the operator calls it; of a tuple-valued node by the last part of its names.
        extra: Extra fields.
        origin: Where it comes from.
        tuple_shapes: Shapes of the components of a tuple-valued node.
        operator: What the kind computes; None for `SELECT` and tuple-valued nodes.
        asked: What was asked of the operator, where that is spelled otherwise than `fields`.
    """

    kind: str
    parents: tuple[NodeIndex, ...]
    shape: Shape
    fields: Mapping[str, Any]
    params: Mapping[str, Known]
    extra: Mapping[str, Any]
    origin: Provenance
    tuple_shapes: tuple[Shape, ...] | None = None
    operator: Operator | None = None
    asked: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class GraphBuilder(Forms):
    """Adds nodes, in order; `assemble.finish` makes the artifact's graph of them.

    Attributes:
        max_parameters: Most scalars that all parameters together may have.
        debug_targets: Whether nodes carry `debug_target`.
        provenance: Given to each node that is added.
        notes: What the user should know of the capture (TL606).
        approximate: Substitutions that are not exact but were asked for: form by operator (`gelu`: `tanh`).
        approximated: Those of them that were made, and where.
        file: The model file.
        drafts: The nodes so far.
        ranges: Bounds of their values, where they were asked for.
        dialect: What the nodes are said in: lowerings ask for operators, and it knows the kinds.
        moves_left: Before how many further nodes parts of the current selection may go; None where there is none.
    """

    max_parameters: int = 250_000_000
    debug_targets: bool = True
    provenance: Provenance = field(default_factory=Provenance)
    notes: list[CaptureFinding] = field(default_factory=list)
    approximate: Mapping[str, str] = field(default_factory=dict)
    approximated: dict[str, list[Stack]] = field(default_factory=dict)
    file: Path = Path("model")
    drafts: list[Draft] = field(default_factory=list)
    ranges: dict[NodeIndex, Range] = field(default_factory=dict)
    dialect: Dialect = DEFAULT
    moves_left: int | None = None
    _shared: dict[Any, Value] = field(default_factory=dict)
    _alive: list[Known] = field(default_factory=list)

    # -- nodes ---------------------------------------------------------------------------------------

    def add(
        self,
        kind: str,
        *parents: Value,
        shape: Sequence[int] | None = None,
        params: Mapping[str, Known] | None = None,
        extra: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> Value:
        """Add a node; its shape is what the kind table infers.

        Args:
            kind: Wire tag, of a kind that is spelled alike in all dialects.
            parents: Operands.
            shape: The declared shape, for kinds that declare it.
            params: The payload, by what the operator calls it.
            extra: Extra fields (`eps`, `trainable`).
            fields: The kind's own fields.

        Raises:
            Refused: The kind table knows no such node.
        """
        entry = self.dialect.tensor_kinds[kind]
        parent_shapes = [list(parent.shape) for parent in parents]
        lists = {name: list(v) if isinstance(v, list | tuple) else v for name, v in fields.items()}
        inferred = entry.infer(lists, parent_shapes, None if shape is None else list(shape))
        if inferred is None or isinstance(inferred, Problems):
            raise Refused("; ".join(problem.message for problem in inferred or ()) or f"no shape for {kind}")
        return self._checked(entry, parents, tuple(inferred), fields, params or {}, extra or {})

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
        """Append a node of a kind whose payload has the shapes that its entry says."""
        shapes = [parent.shape for parent in parents]
        for spec in entry.params:
            expected = tuple(spec.shape(fields, shapes, shape))
            found = payload[spec.inner].shape
            assert found == expected, f"{entry.name}: {spec.inner} is {found}, expected {expected}"
        return self._append(
            entry.name, parents, shape, fields, payload, extra, operator=entry.operator, asked=asked
        )

    def _append(
        self,
        kind: str,
        parents: Sequence[Value],
        shape: Shape,
        fields: Mapping[str, Any],
        params: Mapping[str, Known] | None = None,
        extra: Mapping[str, Any] | None = None,
        tuple_shapes: tuple[Shape, ...] | None = None,
        operator: Operator | None = None,
        asked: Mapping[str, Any] | None = None,
    ) -> Value:
        indices = tuple(parent.index for parent in parents)
        fields = {name: tuple(v) if isinstance(v, list | tuple) else v for name, v in fields.items()}
        key = (kind, indices, *sorted(fields.items()))
        if kind in _PURE and key in self._shared:
            return self._shared[key]
        result = Value(NodeIndex(len(self.drafts)), shape)
        draft = Draft(
            kind,
            indices,
            shape,
            fields,
            params or {},
            extra or {},
            self.provenance,
            tuple_shapes,
            operator,
            fields if asked is None else asked,
        )
        self.drafts.append(draft)
        if kind in _PURE:
            self._shared[key] = result
        return result

    def draft(self, x: Value) -> Draft:
        """The node that gives a value."""
        return self.drafts[x.index]

    def parent(self, x: Value) -> Value:
        """The first operand of the node that gives a value."""
        index = self.draft(x).parents[0]
        return Value(index, self.drafts[index].shape)

    @contextmanager
    def standing_for(self, what: str) -> Iterator[None]:
        """Nodes added meanwhile say in `debug_target` what they stand for (`selection matrix`)."""
        before = self.provenance
        self.provenance = before.marked(what)
        try:
            yield
        finally:
            self.provenance = before

    def copy(self, draft: Draft, parents: Sequence[Value]) -> Value:
        """The node of another builder, on other operands of the same shapes."""
        return self._append(
            draft.kind,
            parents,
            draft.shape,
            draft.fields,
            draft.params,
            draft.extra,
            draft.tuple_shapes,
            draft.operator,
            draft.asked,
        )

    def add_tuple(
        self,
        kind: str,
        *parents: Value,
        shapes: Sequence[Shape],
        params: Mapping[str, Known],
        **fields: Any,
    ) -> Value:
        """Add a tuple-valued node and the projection of its first component, which is the result."""
        node = self._append(kind, parents, shapes[0], fields, params, None, tuple(shapes))
        return self._append(self.dialect.getitem.name, [node], shapes[0], {"index": 0})

    def input(self, shape: Sequence[int]) -> Value:
        """The network's input."""
        return self.add("input", shape=shape)

    def stub(self, shape: Sequence[int]) -> Value:
        """Stands for the result of a refused operator, so that what follows can be judged too."""
        return self.add("input", shape=shape)

    def note(self, code: str, message: str) -> None:
        """Tell the user something about the operator that is being lowered."""
        where = self.provenance
        finding = CaptureFinding(code, message, where.line, where.debug_target, where.module)
        self.notes.append(located(finding, where.stack, self.file))

    def may_approximate(self, operator: str, form: str) -> bool:
        """Whether a form that is not exact was asked for in an operator's place; says that it was taken."""
        if self.approximate.get(operator) != form:
            return False
        places = self.approximated.setdefault(operator, [])
        if self.provenance.stack not in places:
            places.append(self.provenance.stack)
        return True

    # -- constants -----------------------------------------------------------------------------------

    def const(self, known: Known, *, mask: bool = False) -> Value:
        """A `const` node of a known tensor: one for each parameter, one for equal other values.

        Args:
            known: The tensor.
            mask: Whether it is added directly before a softmax, where -inf has a meaning.

        Raises:
            Refused: It is too large, or holds values that are not finite.
        """
        tensor = known.tensor.detach()
        if tensor.is_complex():
            raise Refused("complex numbers")
        self.check_size(tensor.numel(), "a constant")
        if not is_finite(tensor) and not (
            mask and bool((torch.isfinite(tensor) | (tensor == -torch.inf)).all())
        ):
            raise Refused("a constant with values that are not finite (infinite or NaN)")
        asked, known = known, narrowed(known)
        key: Any
        if known.name is not None:
            key = ("const", known.name, known.view)
        elif known.trainable:
            key = ("const", id(asked))
        else:
            key = (
                "const",
                known.shape,
                bytes(content(known.tensor.detach().float().contiguous())),
                known.derived,
            )
        result = self._shared.get(key)
        if result is None:
            before = self.provenance
            if known.name is not None:
                self.provenance = replace(before, debug_target=known.name)
            extra = {} if known.trainable else {"trainable": False}
            payload = {"value": replace(known, fixed=False)}
            result = self.add("const", shape=known.shape, params=payload, extra=extra)
            self.provenance = before
            self._shared[key] = result
            self._alive.append(asked)  # so that its id is not taken by another
        return self.add("detach", result) if known.fixed and known.trainable else result

    def full(self, number: float, shape: Sequence[int]) -> Value:
        """A tensor whose elements are all one number: a scalar `const`, broadcast."""
        return self.broadcast(self.const(Known(torch.tensor(float(number), dtype=torch.float64))), shape)

    def value(self, x: Tensor) -> Value:
        """A tensor as a node: a known one becomes a `const`."""
        return self.const(x) if isinstance(x, Known) else x

    def check_size(self, scalars: int, what: str) -> None:
        """Refuse a tensor that alone is larger than all parameters together may be.

        Raises:
            TooLarge: It is.
        """
        if scalars > self.max_parameters:
            raise TooLarge(
                f"{what} of {scalars:,} scalars, more than the limit of {self.max_parameters:,} "
                "(--max-parameters)"
            )

    # -- shapes --------------------------------------------------------------------------------------

    def reshape(self, x: Value, shape: Sequence[int]) -> Value:
        """The same elements in another shape; a reshape of a reshape is one."""
        target = tuple(shape)
        while self.draft(x).kind in ("reshape", "flatten"):
            x = self.parent(x)
        if x.shape == target:
            return x
        if len(target) == 1 and len(x.shape) > 1:
            return self.add("flatten", x, value_shape=x.shape)
        return self.add("reshape", x, in_shape=x.shape, out_shape=target)

    def permute(self, x: Value, perm: Sequence[int]) -> Value:
        """Axes in another order; a permutation of a permutation is one, and a trivial one none.

        Axes of size 1 that come or go between two permutations make no difference.
        """
        perm = list(perm)
        target = [x.shape[axis] for axis in perm]
        while self.draft(x).kind == "permute":
            inner = self.draft(x).fields["perm"]
            perm = [inner[axis] for axis in perm]
            x = self.parent(x)
        order = [axis for axis in perm if x.shape[axis] != 1]
        if order == sorted(order):
            return self.reshape(x, target)  # no axis moves, or only axes of size 1
        if self.draft(x).kind == "reshape":
            moved = self.parent(x)
            sizes = [size for size in x.shape if size != 1]
            if self.draft(moved).kind == "permute" and [n for n in moved.shape if n != 1] == sizes:
                places = [axis for axis, size in enumerate(x.shape) if size != 1]
                inner_order = [
                    a for a in self.draft(moved).fields["perm"] if self.parent(moved).shape[a] != 1
                ]
                rank_of = {axis: rank for rank, axis in enumerate(sorted(inner_order))}
                both = [rank_of[inner_order[places.index(axis)]] for axis in order]
                source = self.parent(moved)
                dense = self.reshape(source, [size for size in source.shape if size != 1])
                return self.reshape(self.permute(dense, both), target)
        return self.add("permute", x, perm=perm)

    def select(self, x: Value, axis: int, indices: Sequence[int], *, early: bool = True) -> Value:
        """Entries of one axis, in the order given; all of them in order is the operand itself.

        Args:
            x: Operand.
            axis: The axis.
            indices: Places of the entries.
            early: Whether to select before what can be infinite.

        Raises:
            Refused: There are none.
        """
        indices = list(indices)
        while self.draft(x).kind == SELECT and self.draft(x).fields["axis"] == axis:
            inner = self.draft(x).fields["indices"]
            indices = [inner[index] for index in indices]
            x = self.parent(x)
        size = x.shape[axis]
        if indices == list(range(size)):
            return x
        if not indices:
            raise Refused("an empty selection")
        shape = (*x.shape[:axis], len(indices), *x.shape[axis + 1 :])
        if size == 1:
            return self.broadcast(x, shape)
        before = selected_early(self, x, axis, indices) if early else None
        if before is not None:
            return before
        self.check_size(len(indices) * size, "a selection matrix")
        return self._append(SELECT, [x], shape, {"axis": axis, "indices": indices})

    def broadcast(self, x: Value, shape: Sequence[int]) -> Value:
        """PyTorch's broadcast: where TorchLean's witness would read it differently, a reshape goes first.

        Raises:
            Refused: The shapes do not broadcast.
        """
        target = tuple(shape)
        if x.shape == target:
            return x
        aligned = right_aligned(x.shape, target)
        if aligned is None:
            raise Refused(f"no broadcast from {show_shape(x.shape)} to {show_shape(target)}")
        if self.dialect.broadcast(x.shape, target) != aligned or tuple(aligned) == target:
            x = self.reshape(x, aligned)
        if x.shape == target:
            return x
        return self.add("broadcast_to", x, from_shape=x.shape, to_shape=target)

    # -- arithmetic ----------------------------------------------------------------------------------

    def operands(self, *xs: Operand) -> list[Value]:
        """Operands of an elementwise operator as values of one shape, broadcast as PyTorch does."""
        shapes = [x.shape for x in xs if isinstance(x, Value | Known)]
        target = broadcast_shape(*shapes)
        return [
            self.broadcast(self.value(x), target)
            if isinstance(x, Value | Known)
            else self.full(float(x), target)
            for x in xs
        ]

    def binary(self, kind: str, a: Operand, b: Operand) -> Value:
        """An elementwise node of two operands, broadcast as PyTorch does."""
        return self.add(kind, *self.operands(a, b))

    def plus(self, a: Operand, b: Operand) -> Value:
        """Sum."""
        return self.binary("add", a, b)

    def minus(self, a: Operand, b: Operand) -> Value:
        """Difference."""
        return self.binary("sub", a, b)

    def times(self, a: Operand, b: Operand) -> Value:
        """Product; a factor 1 adds nothing."""
        if isinstance(a, Value) and isinstance(b, int | float) and b == 1:
            return a
        return self.binary("mul_elem", a, b)

    def unary(self, kind: str, x: Tensor) -> Value:
        """An elementwise node of one operand."""
        return self.add(kind, self.value(x))


def narrowed(known: Known) -> Known:
    """In float32, where that holds all values exactly."""

    def as_float32(tensor: torch.Tensor) -> torch.Tensor:
        stored = tensor.detach().to(torch.float32)
        is_exact = tensor.dtype != torch.float64 or bool((stored.double() == tensor).all())
        return stored if is_exact else tensor

    if not known.tensor.is_floating_point():  # a table of indices or a mask, of which this is made
        return replace(known, tensor=as_float32(known.tensor), name=None, base=None, view=())
    base = None if known.base is None else as_float32(known.base)
    return replace(known, tensor=as_float32(known.tensor), base=base)


def broadcast_shape(*shapes: Shape) -> Shape:
    """The shape that tensors of these shapes broadcast to in PyTorch."""
    return tuple(torch.broadcast_shapes(*shapes))  # type: ignore[no-untyped-call]
