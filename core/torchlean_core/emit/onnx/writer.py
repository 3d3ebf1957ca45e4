"""Nodes, initializers and their names, as a program's operators are written one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from torchlean_core.errors import UserError
from torchlean_core.graph import Parameter, Program, TensorNode, Use
from torchlean_core.params import ParameterStore
from torchlean_core.params.format import Array
from torchlean_core.params.uses import viewed

OPSET = 17
"""The version of ONNX's operators that is written: the first with LayerNormalization, which most readers know."""

IR_VERSION = 8
"""The version of the file format that came with it."""


class Writer:
    """What was written so far.

    Attributes:
        program: The program.
        nodes: Nodes, in order.
        initializers: Tensors.
    """

    def __init__(self, program: Program, store: ParameterStore | None, *, of_model: bool) -> None:
        """Begin.

        Args:
            program: What is written.
            store: Its parameters.
            of_model: Whether parameters have the names that they have in the model, where the artifact says those.
        """
        self.program = program
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self._store = store
        self._of_model = of_model
        self._known: dict[tuple[object, ...], str] = {}
        self._taken: set[str] = set()
        self._node_names: set[str] = set()
        self._base = ""
        self._reshaped: dict[str, tuple[str, tuple[int, ...]]] = {}
        self._spread: dict[str, str] = {}
        for parameter in program.parameters():
            self._taken.add(self._parameter_name(parameter))

    def fresh(self, name: str) -> str:
        """A name for a value that no other has: this, or this with a number."""
        return _unique(name, self._taken)

    def begin(self, name: str) -> None:
        """What follows is of one node; `name` is what it is called."""
        self._base = name

    def op(self, kind: str, inputs: Iterable[str], outputs: int = 1, **attributes: Any) -> str:
        """Add a node; returns the name of its first result."""
        name = _unique(self._base, self._node_names)
        results = [self.fresh(f"{self._base}_{kind.lower()}") for _ in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), results, name, **attributes))
        return results[0]

    def reshaped(self, value: str, before: Sequence[int], after: Sequence[int]) -> str:
        """A value with its elements in another shape: of what was reshaped before, what it was made of."""
        value, before = self._reshaped.get(value, (value, tuple(before)))
        if before == tuple(after):
            return value
        options = {"allowzero": 1} if 0 in after else {}
        result = self.op("Reshape", [value, self.integers(after)], **options)
        self._reshaped[result] = value, before
        if tuple(after) == (1,) * (len(after) - len(before)) + before:
            self._spread[result] = value
        return result

    def elementwise(self, kind: str, operands: Sequence[str], shape: Sequence[int]) -> str:
        """An operator on elements at one place: computed before a reshape of all operands, which stays outermost.

        So shapes are changed where they have to be, and not forth and back around every function between two
        convolutions.
        """
        inner = [self._reshaped.get(operand) for operand in operands]
        first = inner[0]
        if first is None or any(one is None or one[1] != first[1] for one in inner):
            return self.op(kind, self._narrow(operands))
        return self.reshaped(self.op(kind, [one[0] for one in inner if one is not None]), first[1], shape)

    def expanded(self, value: str, shape: Sequence[int]) -> str:
        """A value with its axes of size 1 repeated, and new ones in front."""
        result = self.op("Expand", [value, self.integers(shape)])
        self._spread[result] = value
        return result

    def _narrow(self, operands: Sequence[str]) -> list[str]:
        """The operands, one of two as it was before it was repeated: operators do that by themselves."""
        found = list(operands)
        place = 0 if found[-1] not in self._spread else 1
        while len(found) == 2 and found[place] in self._spread:
            found[place] = self._spread[found[place]]
        return found

    def finish(self, result: str, name: str) -> str:
        """Give the result of a node its name, where it was just made; returns the name that it has."""
        last = self.nodes[-1] if self.nodes else None
        if last is None or list(last.output) != [result] or name in self._taken:
            return result
        self._taken.discard(result)
        self._taken.add(name)
        last.output[0] = name
        if result in self._reshaped:
            self._reshaped[name] = self._reshaped.pop(result)
        if result in self._spread:
            self._spread[name] = self._spread.pop(result)
        return name

    def prune(self, outputs: Iterable[str]) -> None:
        """Remove what no output needs."""
        needed = set(outputs)
        kept = []
        for node in reversed(self.nodes):
            if needed.intersection(node.output):
                kept.append(node)
                needed.update(node.input)
        self.nodes = kept[::-1]
        self.initializers = [one for one in self.initializers if one.name in needed]

    # -- tensors --------------------------------------------------------------------------------------------

    def integers(self, values: Sequence[int]) -> str:
        """Integers, such as a shape."""
        key = ("integers", tuple(values))
        return self._tensor(
            key, "shape_" + "x".join(map(str, values)), lambda: np.array(values, dtype=np.int64)
        )

    def filled(self, shape: Sequence[int], value: float) -> str:
        """A tensor of equal numbers."""
        key = ("filled", tuple(shape), value)
        name = f"filled_{value:g}_{'x'.join(map(str, shape))}"
        return self._tensor(key, name, lambda: np.full(tuple(shape), value, dtype=np.float32))

    def array(self, key: tuple[object, ...], name: str, make: Callable[[], Array]) -> str:
        """A tensor that is made once for each key."""
        return self._tensor(key, name, make)

    def parameter(
        self, node: TensorNode, role: str, change: Callable[[Array], Array] | None = None, tag: str = ""
    ) -> str | None:
        """A parameter of a node; None where the model has none.

        Args:
            node: The node.
            role: The parameter's role.
            change: What is to be done with its values.
            tag: Says in names what that is.
        """
        use = node.params.get(role)
        if use is None:
            return None
        if change is None and not use.computed:
            return self.stored(use.parameter)
        key = ("parameter", use.parameter.name, use.computed, tag)

        def make() -> Array:
            values = self.values(use)
            return values if change is None else change(values)

        return self._tensor(key, f"{use.name}{tag}", make)

    def stored(self, parameter: Parameter) -> str:
        """A stored tensor as it is, by its own name."""
        key = ("stored", parameter.name)
        if key not in self._known:
            assert self._store is not None, "a program with parameters has a store"
            self._known[key] = self._parameter_name(parameter)
            self._add(self._known[key], self._store.numpy(parameter.name))
        return self._known[key]

    def values(self, use: Use) -> Array:
        """The values of a use of a parameter, as it is computed with."""
        assert self._store is not None, "a program with parameters has a store"
        return viewed(self._store.numpy(use.parameter.name), use.computed)

    def _parameter_name(self, parameter: Parameter) -> str:
        named = parameter.model if self._of_model else None
        return parameter.name if named is None else named

    def _tensor(self, key: tuple[object, ...], name: str, make: Callable[[], Array]) -> str:
        if key not in self._known:
            self._known[key] = self.fresh(name)
            self._add(self._known[key], make())
        return self._known[key]

    def _add(self, name: str, values: Array) -> None:
        kind = values.dtype if values.dtype == np.int64 else np.dtype(np.float32)
        self.initializers.append(numpy_helper.from_array(np.asarray(values, dtype=kind, order="C"), name))


def value_info(name: str, shape: Sequence[int]) -> onnx.ValueInfoProto:
    """A value's name, type and shape."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))


def refused(program: Program, node: TensorNode, why: str) -> UserError:
    """The error for a node that no operator of ONNX computes."""
    return UserError(f"node {node.raw} ({program.kind_of(node)}): {why}")


def _unique(name: str, taken: set[str]) -> str:
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    taken.add(found)
    return found
