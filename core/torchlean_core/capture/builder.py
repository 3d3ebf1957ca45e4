"""The graph that a capture builds: nodes through the kind table, constants, and nothing trivial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from torchlean_core.capture.errors import CaptureFinding, Refused
from torchlean_core.capture.values import Known, NodeIndex, Operand, Shape, Tensor, Value
from torchlean_core.graph import Graph, Node
from torchlean_core.kinds import TENSOR_KINDS, Problems
from torchlean_core.kinds.numbers import show_shape
from torchlean_core.kinds.shapes import broadcast_axes, torch_broadcast_axes

_PURE = ("reshape", "flatten", "permute", "broadcast_to")
"""Kinds whose equal uses become one node."""


@dataclass(slots=True)
class _Draft:
    kind: str
    parents: tuple[NodeIndex, ...]
    shape: Shape
    fields: Mapping[str, Any]
    params: Mapping[str, torch.Tensor]
    extra: dict[str, Any]


@dataclass(slots=True)
class Provenance:
    """Where the nodes that are being added come from.

    Attributes:
        debug_target: The source operator (`aten.relu.default`).
        line: Line in the user's file.
        module: Path of the submodule.
    """

    debug_target: str | None = None
    line: int | None = None
    module: str | None = None


@dataclass(slots=True)
class GraphBuilder:
    """Adds nodes, in order; `finish` gives the artifact's graph and its parameters.

    Attributes:
        max_parameters: Most scalars that all parameters together may have.
        debug_targets: Whether nodes carry `debug_target`.
        provenance: Given to each node that is added.
        notes: What the user should know of an exact capture (TL606).
    """

    max_parameters: int = 250_000_000
    debug_targets: bool = True
    provenance: Provenance = field(default_factory=Provenance)
    notes: list[CaptureFinding] = field(default_factory=list)
    _drafts: list[_Draft] = field(default_factory=list)
    _shared: dict[Any, Value] = field(default_factory=dict)
    _alive: list[Known] = field(default_factory=list)

    # -- nodes ---------------------------------------------------------------------------------------

    def add(
        self,
        kind: str,
        *parents: Value,
        shape: Sequence[int] | None = None,
        params: Mapping[str, torch.Tensor] | None = None,
        extra: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> Value:
        """Add a node; its shape is what the kind table infers.

        Args:
            kind: Wire tag.
            parents: Operands.
            shape: The declared shape, for kinds that declare it.
            params: The payload by role.
            extra: Extra fields (`eps`, `trainable`).
            fields: The kind's own fields.

        Raises:
            Refused: The kind table knows no such node.
        """
        entry = TENSOR_KINDS[kind]
        key = (kind, tuple(parent.index for parent in parents), repr(sorted(fields.items())))
        if kind in _PURE and key in self._shared:
            return self._shared[key]
        fields = {name: tuple(v) if isinstance(v, list | tuple) else v for name, v in fields.items()}
        parent_shapes = [list(parent.shape) for parent in parents]
        lists = {name: list(v) if isinstance(v, tuple) else v for name, v in fields.items()}
        inferred = entry.infer(lists, parent_shapes, None if shape is None else list(shape))
        if inferred is None or isinstance(inferred, Problems):
            raise Refused("; ".join(problem.message for problem in inferred or ()) or f"no shape for {kind}")
        result = Value(NodeIndex(len(self._drafts)), tuple(inferred))
        payload = dict(params or {})
        for spec in entry.params:
            expected = spec.shape(fields, parent_shapes, inferred)
            found = tuple(payload[spec.role].shape)
            assert found == tuple(expected), f"{kind}: {spec.role} is {found}, expected {expected}"
        self._drafts.append(
            _Draft(
                kind,
                tuple(parent.index for parent in parents),
                result.shape,
                fields,
                payload,
                {**(extra or {}), **self._origin()},
            )
        )
        if kind in _PURE:
            self._shared[key] = result
        return result

    def _origin(self) -> dict[str, Any]:
        where = self.provenance
        extra: dict[str, Any] = {}
        if self.debug_targets and where.debug_target is not None:
            extra["debug_target"] = where.debug_target
        source = {"line": where.line, "module": where.module}
        source = {name: value for name, value in source.items() if value is not None}
        if source:
            extra["source"] = source
        return extra

    def input(self, shape: Sequence[int]) -> Value:
        """The network's input."""
        return self.add("input", shape=shape)

    def stub(self, shape: Sequence[int]) -> Value:
        """Stands for the result of a refused operator, so that what follows can be judged too."""
        return self.add("input", shape=shape)

    def note(self, code: str, message: str) -> None:
        """Tell the user something about the operator that is being lowered."""
        where = self.provenance
        self.notes.append(CaptureFinding(code, message, where.line, where.debug_target, where.module))

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
        if not bool((torch.isfinite(tensor) | (mask & (tensor == -torch.inf))).all()):
            raise Refused("a constant with values that are not finite (infinite or NaN)")
        tensor = tensor.to(torch.float32)
        key: Any
        if known.trainable and known.name is not None:
            key = ("const", known.name, tensor.data_ptr(), tuple(tensor.shape), tensor.stride())
        elif known.trainable:
            key = ("const", id(known))
        else:
            content = tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
            key = ("const", tuple(tensor.shape), content)
        if key in self._shared:
            return self._shared[key]
        before = self.provenance
        if known.name is not None:
            self.provenance = Provenance(known.name, before.line, before.module)
        extra = {} if known.trainable else {"trainable": False}
        result = self.add("const", shape=known.shape, params={"value": tensor}, extra=extra)
        self.provenance = before
        self._shared[key] = result
        self._alive.append(known)  # so that its id and its address are not taken by another
        return result

    def full(self, number: float, shape: Sequence[int]) -> Value:
        """A tensor whose elements are all one number: a scalar `const`, broadcast."""
        return self.broadcast(self.const(Known(torch.tensor(float(number), dtype=torch.float64))), shape)

    def value(self, x: Tensor) -> Value:
        """A tensor as a node: a known one becomes a `const`."""
        return self.const(x) if isinstance(x, Known) else x

    def check_size(self, scalars: int, what: str) -> None:
        """Refuse a tensor that alone is larger than all parameters together may be.

        Raises:
            Refused: It is.
        """
        if scalars > self.max_parameters:
            raise Refused(
                f"{what} of {scalars:,} scalars, more than the limit of {self.max_parameters:,} "
                "(--max-parameters)"
            )

    # -- shapes --------------------------------------------------------------------------------------

    def reshape(self, x: Value, shape: Sequence[int]) -> Value:
        """The same elements in another shape; a reshape of a reshape is one."""
        target = tuple(shape)
        while self._drafts[x.index].kind in ("reshape", "flatten"):
            parent = self._drafts[x.index].parents[0]
            x = Value(parent, self._drafts[parent].shape)
        if x.shape == target:
            return x
        if len(target) == 1 and len(x.shape) > 1:
            return self.add("flatten", x, value_shape=x.shape)
        return self.add("reshape", x, in_shape=x.shape, out_shape=target)

    def permute(self, x: Value, perm: Sequence[int]) -> Value:
        """Axes in another order; a permutation of a permutation is one, and a trivial one none."""
        perm = list(perm)
        while self._drafts[x.index].kind == "permute":
            draft = self._drafts[x.index]
            inner = draft.fields["perm"]
            perm = [inner[axis] for axis in perm]
            x = Value(draft.parents[0], self._drafts[draft.parents[0]].shape)
        if perm == list(range(len(perm))):
            return x
        target = [x.shape[axis] for axis in perm]
        if [axis for axis in perm if x.shape[axis] != 1] == [a for a in range(len(perm)) if x.shape[a] != 1]:
            return self.reshape(x, target)  # only axes of size 1 move
        return self.add("permute", x, perm=perm)

    def broadcast(self, x: Value, shape: Sequence[int]) -> Value:
        """PyTorch's broadcast: where TorchLean's witness would read it differently, a reshape goes first.

        Raises:
            Refused: The shapes do not broadcast.
        """
        target = tuple(shape)
        if x.shape == target:
            return x
        aligned = torch_broadcast_axes(x.shape, target)
        if aligned is None:
            raise Refused(f"no broadcast from {show_shape(x.shape)} to {show_shape(target)}")
        if broadcast_axes(x.shape, target) != aligned:
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

    # -- the end -------------------------------------------------------------------------------------

    def finish(
        self, source: Value, output: Value, extra: Mapping[str, Any]
    ) -> tuple[Graph, dict[str, torch.Tensor]]:
        """The graph of what the output needs, and its parameters by name.

        Raises:
            Refused: The parameters are more than `max_parameters` scalars together.
        """
        live = {source.index, output.index}
        for index in reversed(range(len(self._drafts))):
            if index in live:
                live.update(self._drafts[index].parents)
        ids: dict[NodeIndex, int] = {}
        nodes: list[Node] = []
        tensors: dict[str, torch.Tensor] = {}
        for index in [source.index, *(i for i in sorted(live) if i != source.index)]:
            draft = self._drafts[index]
            ids[index] = len(nodes)
            entry = TENSOR_KINDS[draft.kind]
            for spec in entry.params:
                tensors[entry.param_name(spec, len(nodes))] = draft.params[spec.role]
            parents = tuple(ids[parent] for parent in draft.parents)
            nodes.append(Node(len(nodes), draft.kind, parents, draft.shape, None, draft.fields, draft.extra))
        self.check_size(sum(tensor.numel() for tensor in tensors.values()), "parameters")
        stored = {name: _as_stored(tensor) for name, tensor in tensors.items()}
        return Graph(tuple(nodes), ids[source.index], ids[output.index], dict(extra)), stored


def broadcast_shape(*shapes: Shape) -> Shape:
    """The shape that tensors of these shapes broadcast to in PyTorch."""
    return tuple(torch.broadcast_shapes(*shapes))  # type: ignore[no-untyped-call]


def _as_stored(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().to(device="cpu", dtype=torch.float32).contiguous().clone()
