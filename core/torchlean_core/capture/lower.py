"""From ATen operators to nodes: every operator through its lowering, every refusal collected."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch.utils import _pytree

import torchlean_core.capture.lowerings  # noqa: F401 -- fills the registry
from torchlean_core.basics.visible import visible
from torchlean_core.capture.builder import GraphBuilder, Provenance
from torchlean_core.capture.complex_numbers import Complex, of_complex, pair
from torchlean_core.capture.errors import CaptureError, CaptureFinding, Refused, TooLarge
from torchlean_core.capture.folding import folded
from torchlean_core.capture.formulas import in_pieces, meet
from torchlean_core.capture.known_views import fixed, view_of
from torchlean_core.capture.linear_rule import by_matrix
from torchlean_core.capture.lowerings.ties import at_least, at_most
from torchlean_core.capture.memory import UNINITIALIZED, Memory, combined, moved, unwritten
from torchlean_core.capture.needed import leave_out, needed_of, part_of
from torchlean_core.capture.pieces import Pieces, compared, joined
from torchlean_core.capture.places import FileNode, line_in, located, module_of_node
from torchlean_core.capture.refusals import refused_operators
from torchlean_core.capture.registry import LOWERINGS, Lowering, arguments
from torchlean_core.capture.state_values import gives_open_size
from torchlean_core.capture.steps import (
    ADVICE,
    CONDITIONS,
    Bend,
    bend_of,
    extreme_of,
    lower_bend,
    serves_bends,
)
from torchlean_core.capture.trace import Traced
from torchlean_core.capture.values import Known, Masked, Unknown, Value

_SHAPE_ONLY = frozenset(
    f"aten::{name}"
    for name in (
        "full_like zeros_like ones_like empty_like new_full new_zeros new_ones new_empty new_empty_strided"
    ).split()
)
"""Operators that read nothing of a tensor but its shape and type."""

_APPLIED_TO = {torch.ops.aten.addmm.default: 1, torch.ops.aten.baddbmm.default: 1}
"""Place of the argument that stands for a layer's input, where it is not the first."""

_UNWRITTEN = "uses memory that nothing was written to"
_MASKED = (
    "an infinite constant (-inf) was added or filled in before; it has a meaning only where a softmax follows "
    "directly"
)


@dataclass(slots=True)
class Lowerer:
    """Lowers one traced graph.

    Attributes:
        builder: Takes the nodes.
        traced: The graph.
        file: Absolute path of the model file, for places.
        shown: The file as the user wrote it.
        default_line: Line for what has none of its own: where the model is defined.
        refusals: What cannot be lowered.
        fold: Whether what is computed of parameters alone becomes a constant.
        folded: Names of the parameters and buffers that constants were computed from.
    """

    builder: GraphBuilder
    traced: Traced
    file: Path
    shown: str
    default_line: int | None = None
    refusals: list[CaptureFinding] = field(default_factory=list)
    fold: bool = False
    folded: set[str] = field(default_factory=set)
    _values: dict[torch.fx.Node, Any] = field(default_factory=dict)
    _constants: dict[torch.fx.Node, bool] = field(default_factory=dict)
    _folded: dict[torch.fx.Node, Any] = field(default_factory=dict)
    _steps: set[torch.fx.Node] = field(default_factory=set)
    _refused_nodes: set[FileNode] = field(default_factory=set)
    _pairs: dict[int, tuple[Known, Complex]] = field(default_factory=dict)

    def run(self, shape: Sequence[int]) -> tuple[Value, list[Value]]:
        """Lower everything; returns the input's value and those of the outputs, in order.

        Raises:
            CaptureError: Operators were refused (all of them are in it), or an output is no float tensor.
        """
        source = self.builder.input(shape)
        needed = needed_of(self.traced)
        leave_out(self.traced, needed)
        for node in self.traced.module.graph.nodes:
            if node not in needed and node.op != "placeholder":
                continue
            if node.op == "placeholder":
                known = self.traced.known[node.name]
                self._values[node] = source if known is None else known
            elif node.op == "get_attr":
                tensor = operator.attrgetter(node.target)(self.traced.module)
                self._values[node] = Known(tensor) if isinstance(tensor, torch.Tensor) else Unknown()
            elif node.op == "call_function":
                self._values[node] = self._call(node)
        self._refuse_partial_output()
        if self.refusals:
            raise refused_operators(self.shown, self.refusals)
        return source, [self._output(node) for node in self.traced.outputs]

    def _refuse_partial_output(self) -> None:
        for node in self.traced.outputs:
            if isinstance(found := self._values.get(node), Pieces):
                self._refuse_steps(found.conditions)
            elif isinstance(found, Masked):
                self._refuse(node, _MASKED)
            elif isinstance(self._values.get(node), Memory):
                self._refuse(node, "is returned, where not all of it was written")

    def _refuse(
        self,
        node: torch.fx.Node,
        message: str,
        allow: str | None = None,
        alternatives: tuple[str, ...] = (),
    ) -> None:
        self._locate(node)
        module = module_of_node(node)
        made = self.builder.provenance.node
        if made is not None:
            self._refuse_file_node(made, message, allow, alternatives)
            return
        finding = CaptureFinding(
            "TL601",
            message + part_of(node),
            self.builder.provenance.line or self.default_line,
            str(node.target),
            f"`{module[0]}` ({module[1]})" if module else None,
            modules=(module[0],) if module else (),
            allow=allow,
            alternatives=alternatives,
        )
        self.refusals.append(located(finding, self.builder.provenance.stack, self.file))

    def _refuse_file_node(
        self, made: FileNode, message: str, allow: str | None, alternatives: tuple[str, ...]
    ) -> None:
        """Refuse a node of the file, once for all that it comes to."""
        if made not in self._refused_nodes:
            self._refused_nodes.add(made)
            where = self.builder.provenance.module
            modules = (visible(made.name),)
            finding = CaptureFinding("TL601", message, None, visible(made.operator), where, modules=modules)
            self.refusals.append(replace(finding, allow=allow, alternatives=alternatives))

    def _refused(self, node: torch.fx.Node, error: Refused) -> Any:
        """Take up a refusal; what follows goes on with a stand-in."""
        self._refuse(node, str(error), error.allow, error.alternatives)
        return self._stub(node)

    def _output(self, node: torch.fx.Node) -> Value:
        result = self._operand(node, None)
        self.builder.provenance = Provenance()
        if isinstance(result, Known):
            try:
                return self.builder.const(result)
            except Refused as error:
                raise CaptureError.at(
                    self.shown, "TL603", f"the output: {error}", self.default_line
                ) from error
        if not isinstance(result, Value):
            raise CaptureError.at(self.shown, "TL603", "forward must return float tensors", self.default_line)
        return result

    # -- one operator --------------------------------------------------------------------------------

    def _call(self, node: torch.fx.Node) -> Any:
        if node.target is operator.getitem:
            container, index = self._operand(node.args[0], node), node.args[1]
            assert isinstance(index, int), "results are told by number"
            return container[index] if isinstance(container, tuple | list) else container
        self._locate(node)
        if serves_bends(node, self._values):
            return Unknown("a condition on the input")
        bend, extreme = bend_of(node, self._values), extreme_of(node, self._values)
        if bend is None and extreme is None and (pieces := self._pieces(node)) is not None:
            return self._in_pieces(node, pieces)
        if bend is not None or extreme is not None:
            try:
                return self._bent(node, bend, extreme)
            except Refused as error:
                return self._refused(node, error)
        if any(isinstance(self._values.get(one), Pieces) for one in node.all_input_nodes):
            return self._stub(node)  # refused with the comparisons
        args, kwargs = _pytree.tree_map_only(
            torch.fx.Node, lambda n: self._operand(n, node), (node.args, node.kwargs)
        )
        flat = _pytree.tree_leaves((args, kwargs))
        unknown = [leaf for leaf in flat if isinstance(leaf, Unknown)]
        if any(leaf.why is None for leaf in unknown):
            return Unknown()
        try:
            if unknown:
                raise Refused(f"uses {unknown[0].why}")
            if gives_open_size(node):
                raise Refused("the shape of its result depends on values")
            written = None
            if any(isinstance(leaf, Memory) for leaf in flat):
                args, kwargs, written = self._moved(node, args, kwargs)
                flat = _pytree.tree_leaves((args, kwargs))
            result = self._checked(node, self._result(node, args, kwargs, flat))
            return result if written is None else combined(result, written)
        except Refused as error:
            return self._refused(node, error)

    def _bent(self, node: torch.fx.Node, bend: Bend | None, extreme: Any) -> Any:
        """A function with one bend, or the larger or smaller of two values."""
        if bend is not None:
            operands = {one: self._operand(one, node) for one in bend.operands()}
            result = lower_bend(self.builder, bend, operands)
        else:
            first, second = (self._operand(one, node) for one in extreme[:2])
            choose = at_least if extreme[2] else at_most
            result = choose(self.builder, first, second, passes=extreme[3])
        return self._checked(node, self.builder.broadcast(result, tuple(node.meta["val"].shape)))

    def _pieces(self, node: torch.fx.Node) -> Pieces | None:
        """What a comparison, or an operator of what depends on comparisons, gives before its pieces meet."""
        parts = [value for one in node.all_input_nodes if isinstance(value := self._values.get(one), Pieces)]
        if not parts:
            return None if self._is_constant(node) else compared(node, self._values.get)
        found = joined(node, parts, self._values.get)
        if found is None:
            conditions = dict.fromkeys(condition for part in parts for condition in part.conditions)
            self._refuse_steps(list(conditions))
        return found

    def _in_pieces(self, node: torch.fx.Node, pieces: Pieces) -> Any:
        """A value where the pieces of a node meet; else they go on to what uses the node."""
        meta = node.meta["val"]
        if meta.dtype != torch.float32:
            return pieces
        found = next((one for one in pieces.readings() if meet(node, one, self._values.get)), None)
        if found is None:
            return pieces

        def lower(one: torch.fx.Node, args: Any, kwargs: Any) -> Any:
            return self._result(one, args, kwargs, _pytree.tree_leaves((args, kwargs)))

        try:
            return self._checked(node, in_pieces(self.builder, node, found, self._values.get, lower))
        except Refused as error:
            return self._refused(node, error)

    def _refuse_steps(self, conditions: Sequence[torch.fx.Node]) -> None:
        """Refuse comparisons whose pieces do not meet."""
        for condition in conditions:
            if condition not in self._steps:
                self._steps.add(condition)
                self._refuse(condition, f"has no exact form in torchlean.ir.v1{ADVICE}")

    def _moved(self, node: torch.fx.Node, args: Any, kwargs: Any) -> Any:
        """Arguments with values for memory, and which elements of the result are written; None where all are."""
        if isinstance(node.target, torch._ops.OpOverload) and node.target._schema.name in _SHAPE_ONLY:
            return *_pytree.tree_map_only(Memory, lambda memory: memory.value, (args, kwargs)), None
        found = moved(node.target, args, kwargs)
        if found is None:
            raise Refused(_UNWRITTEN)
        return found

    def _operand(self, source: Any, user: torch.fx.Node | None) -> Any:
        """A node's value as another takes it: detached where the one was made without gradients, but not the other.

        Args:
            source: The node.
            user: The other; None for the caller of the model.
        """
        value = self._values[source]
        stacks = self.traced.stacks
        if not stacks.grad_is_off(source) or (user is not None and stacks.grad_is_off(user)):
            return value
        if source.target is operator.getitem and user is not None and user.target is operator.getitem:
            return value

        def stopped(one: Any) -> Any:
            if isinstance(one, Known):
                return fixed(one)
            if isinstance(one, Masked):
                return Masked(self.builder.unary("detach", one.value), one.mask)
            if isinstance(one, Memory):
                return Memory(stopped(one.value), one.written)
            if isinstance(one, Complex):
                return Complex(stopped(one.re), stopped(one.im))
            return self.builder.unary("detach", one)

        return _pytree.tree_map_only(Value | Masked | Known | Memory | Complex, stopped, value)

    def _result(self, node: torch.fx.Node, args: Any, kwargs: Any, flat: Sequence[Any]) -> Any:
        """The result of an operator; parameters are folded into a constant only where nothing else is left."""
        target = node.target
        depends = any(isinstance(leaf, Value | Masked | Complex) for leaf in flat)
        if depends and (found := self._of_complex(target, args, kwargs)) is not None:
            return found
        if not depends and isinstance(target, torch._ops.OpOverload):
            if (view := view_of(target, args, kwargs)) is not None:
                return view
            if self._trains(node, flat):
                try:
                    return self._of_parameters(target, args, kwargs)
                except Refused:
                    return self._constant(node)
        try:
            return self._lowered(node, args, kwargs, depends)
        except Refused:
            # A kernel that is computed has no form; its value has.
            computed = [n for n in node.all_input_nodes if self._is_constant(n)]
            if not any(isinstance(self._values[n], Value) for n in computed):
                raise
            if len(computed) == len(node.all_input_nodes):
                return self._constant(node)
            args, kwargs = _pytree.tree_map_only(
                torch.fx.Node,
                lambda n: self._constant(n) if n in computed else self._operand(n, node),
                (node.args, node.kwargs),
            )
            return self._lowered(node, args, kwargs, depends)

    def _of_complex(self, target: Any, args: Any, kwargs: Any) -> Any:
        """The result of an operator of complex numbers; None for any other."""
        leaves = _pytree.tree_leaves((args, kwargs))
        if not isinstance(target, torch._ops.OpOverload) or any(
            isinstance(x, Masked | Memory) for x in leaves
        ):
            return None
        args, kwargs = _pytree.tree_map_only(Known, self._parted, (args, kwargs))
        return of_complex(self.builder, target, args, kwargs, self._of_parts)

    def _parted(self, known: Known) -> Any:
        """A known complex tensor as one pair, wherever it is used."""
        if not known.tensor.is_complex():
            return known
        _, found = self._pairs.setdefault(id(known), (known, pair(self.builder, known)))
        return found

    def _of_parts(self, target: Any, args: Any, kwargs: Any) -> Any:
        """An operator of real tensors, some of which may be known."""
        leaves = _pytree.tree_leaves((args, kwargs))
        if not any(isinstance(leaf, Value) for leaf in leaves):
            trains = any(isinstance(leaf, Known) and leaf.trainable for leaf in leaves)
            return self._of_parameters(target, args, kwargs) if trains else folded(target, args, kwargs)
        if target not in LOWERINGS:
            raise Refused("has no exact form in torchlean.ir.v1")
        return self._apply(target, LOWERINGS[target], args, kwargs)

    def _trains(self, node: torch.fx.Node, flat: Sequence[Any]) -> bool:
        """Whether an operator computes a number of parameters that train."""
        metas = node.meta.get("val")
        first = metas[0] if isinstance(metas, tuple | list) and metas else metas
        real = isinstance(first, torch.Tensor) and first.dtype in (torch.float32, torch.complex64)
        schema = node.target._schema.name if isinstance(node.target, torch._ops.OpOverload) else ""
        return (
            not self.fold
            and real
            and schema not in _SHAPE_ONLY
            and any(isinstance(leaf, Known) and leaf.trainable for leaf in flat)
        )

    def _of_parameters(self, target: torch._ops.OpOverload, args: Any, kwargs: Any) -> Any:
        """An operator of parameters alone, as nodes: the first tensor, or that which a layer is applied to, is one."""
        found = self._of_complex(target, args, kwargs)
        if found is not None:
            return found
        lowering = LOWERINGS.get(target)
        if lowering is None:
            raise Refused("has no exact form in torchlean.ir.v1")
        args = list(args)
        real = (n for n, x in enumerate(args) if isinstance(x, Known) and x.tensor.is_floating_point())
        place = _APPLIED_TO.get(target, next(real, None))
        if place is not None and isinstance(args[place], Known):
            args[place] = self.builder.value(args[place])
        return self._apply(target, lowering, args, kwargs)

    def _is_constant(self, node: torch.fx.Node) -> bool:
        """Whether a node's value does not depend on the network's input."""
        found = self._constants.get(node)
        if found is None:
            if node.op == "placeholder":
                found = isinstance(self._values[node], Known)
            else:
                found = all(self._is_constant(one) for one in node.all_input_nodes)
            self._constants[node] = found
        return found

    def _constant(self, node: torch.fx.Node) -> Any:
        """The value of a node that does not depend on the network's input, computed now."""
        if node in self._folded:
            return self._folded[node]
        value = self._values.get(node)
        if node.op != "call_function":
            return value
        if isinstance(value, Known):
            result: Any = value
        elif isinstance(value, Memory) and isinstance(value.value, Known):
            result = value.value
        else:
            args, kwargs = _pytree.tree_map_only(torch.fx.Node, self._constant, (node.args, node.kwargs))
            if node.target is operator.getitem:
                result = args[0][args[1]]
            else:
                assert isinstance(node.target, torch._ops.OpOverload), "others were refused"
                view = view_of(node.target, args, kwargs)
                result = self._computed(node.target, args, kwargs) if view is None else view
        self._folded[node] = result
        return result

    def _locate(self, node: torch.fx.Node) -> None:
        made = self.traced.stacks.file_node(node)
        if made is not None:
            named = f"node `{visible(made.name)}`"
            self.builder.provenance = Provenance(f"onnx.{made.operator}", module=named, node=made)
            return
        module = module_of_node(node)
        stack = self.traced.stacks.of_node(node)
        self.builder.provenance = Provenance(
            str(node.target), line_in(stack, self.file), module[0] if module else None, stack
        )

    def _lowered(self, node: torch.fx.Node, args: Any, kwargs: Any, depends_on_input: bool) -> Any:
        target = node.target
        if not isinstance(target, torch._ops.OpOverload):
            raise Refused("not an operator that torchlean.ir.v1 can express")
        if depends_on_input and target._schema.name in _SHAPE_ONLY:
            depends_on_input = False
            args, kwargs = _pytree.tree_map_only(
                Value | Masked, lambda x: Known(torch.empty(x.shape)), (args, kwargs)
            )
        lowering = LOWERINGS.get(target)
        if lowering is not None and (depends_on_input or not target._schema.returns):
            try:
                return self._apply(target, lowering, args, kwargs)
            except TooLarge:
                raise
            except Refused:
                if (found := by_matrix(self.builder, node, args, kwargs)) is None:
                    raise
                return found
        if torch.Tag.nondeterministic_seeded in target.tags:
            raise Refused("draws random numbers")
        if target._schema.name in UNINITIALIZED:
            return combined(*unwritten(node.meta["val"]))
        if target._schema.is_mutable:
            raise Refused("changes a tensor in place")
        if target is torch.ops.aten._local_scalar_dense.default:
            raise Refused("takes a number out of a tensor that depends on the input (`.item()`)")
        if depends_on_input:
            if (found := by_matrix(self.builder, node, args, kwargs)) is not None:
                return found
            raise Refused("has no exact form in torchlean.ir.v1" + (ADVICE if target in CONDITIONS else ""))
        return self._computed(target, args, kwargs)

    def _computed(self, target: torch._ops.OpOverload, args: Any, kwargs: Any) -> Any:
        leaves = _pytree.tree_leaves((args, kwargs))
        self.folded.update(leaf.name for leaf in leaves if isinstance(leaf, Known) and leaf.name is not None)
        return folded(target, args, kwargs)

    def _apply(self, target: torch._ops.OpOverload, lowering: Lowering, args: Any, kwargs: Any) -> Any:
        """The lowering's result; of a sum with -inf in it only what keeps its meaning."""

        def call(args: Any, kwargs: Any) -> Any:
            given = arguments(target, lowering, args, kwargs)
            for name in lowering.nodes & given.keys():
                if isinstance(given[name], Known):
                    given[name] = self.builder.value(given[name])
            return lowering.function(self.builder, **given)

        masked = [leaf for leaf in _pytree.tree_leaves((args, kwargs)) if isinstance(leaf, Masked)]
        if not masked or lowering.masked:
            return call(args, kwargs)
        if not lowering.moves or len(masked) != 1:
            raise Refused(_MASKED)
        values = call(*_pytree.tree_map_only(Masked, lambda x: x.value, (args, kwargs)))
        masks = folded(
            target,
            *_pytree.tree_map_only(Masked, lambda x: Known(x.mask.tensor.expand(x.shape)), (args, kwargs)),
        )
        if isinstance(values, tuple):
            return tuple(Masked(*pair) for pair in zip(values, masks, strict=True))
        return Masked(values, masks)

    def _checked(self, node: torch.fx.Node, result: Any) -> Any:
        """Hold every result against the type and shape that torch gives it."""
        metas = node.meta.get("val")
        pairs = (
            list(zip(result, metas or (), strict=True)) if isinstance(result, tuple) else [(result, metas)]
        )
        for value, meta in pairs:
            if isinstance(value, Complex) and isinstance(meta, torch.Tensor):
                _check_shape(node, value, meta)
            if not isinstance(value, Value | Masked) or not isinstance(meta, torch.Tensor):
                continue
            if meta.dtype not in (torch.float32, torch.float64):
                raise Refused(
                    f"gives {str(meta.dtype).removeprefix('torch.')}; values are float32 throughout"
                )
            if meta.dtype == torch.float64 and not any(map(self._gives_float64, node.all_input_nodes)):
                self._refuse_float64()
            _check_shape(node, value, meta)
        if not isinstance(result, tuple):
            return result
        missing = Unknown(f"a further result (such as indices) of {node.target}, which has no form here")
        return tuple(missing if value is None else value for value in result)

    def _gives_float64(self, node: torch.fx.Node) -> bool:
        """Whether a node depends on the input and gives float64."""
        meta = node.meta.get("val")
        value = self._values.get(node)
        depends = isinstance(value.value if isinstance(value, Memory) else value, Value | Masked)
        return depends and isinstance(meta, torch.Tensor) and meta.dtype == torch.float64

    def _refuse_float64(self) -> None:
        """Where float64 begins: what follows was refused with it.

        Raises:
            Refused: It was not allowed to compute in float32 instead.
        """
        if not self.builder.may_approximate("float64", "float32"):
            raise Refused(
                "computes in float64 from here on, where an artifact's values are float32; compute in float32, or "
                "allow it in its place",
                allow="float64=float32",
            )

    def _stub(self, node: torch.fx.Node) -> Any:
        def stand_in(meta: Any) -> Any:
            is_real = isinstance(meta, torch.Tensor) and meta.dtype in (torch.float32, torch.float64)
            if is_real and not gives_open_size(node):
                return self.builder.stub(tuple(meta.shape))
            return Unknown()

        metas = node.meta.get("val")
        if isinstance(metas, tuple | list):
            return tuple(stand_in(meta) for meta in metas)
        return stand_in(metas)


def _check_shape(node: torch.fx.Node, value: Value | Masked | Complex, meta: torch.Tensor) -> None:
    assert value.shape == tuple(meta.shape), (
        f"lowering of {node.target} gives shape {value.shape}, torch gives {tuple(meta.shape)}"
    )
