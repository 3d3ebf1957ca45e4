"""A lowered program for a batch of inputs: one straight function made of the kinds' batched forms.

Where the artifact's input has a first axis of size 1, the batch takes its place through as much of the graph
as the kinds allow ("folded"), so that what was captured from one image runs as its model does on many.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional

from torchlean_core.graph import Program, TensorNode, Use
from torchlean_core.graph.views import HELPERS
from torchlean_core.kinds import helpers
from torchlean_core.kinds.code import ints
from torchlean_core.kinds.operators import INPUT

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """A program as a function of many inputs at once.

    Attributes:
        results: (parameters by name, inputs) to all outputs, folded; pure, nothing is checked.
        source: Its text.
        folds_input: Whether inputs are (n, …) for an input of shape (1, …).
        folds: Of each output, whether it is.
    """

    results: Callable[[Mapping[str, torch.Tensor], torch.Tensor], tuple[torch.Tensor, ...]]
    source: str
    folds_input: bool
    folds: tuple[bool, ...]

    def function(self, params: Mapping[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        """The first output, folded, of parameters by name and inputs; pure, nothing is checked."""
        return self.results(params, x)[0]

    @property
    def folds_output(self) -> bool:
        """Whether the first output is (n, …) for one of shape (1, …)."""
        return self.folds[0]

    def fold_input(self, x: torch.Tensor) -> torch.Tensor:
        """Inputs (n, *shape) as `function` takes them."""
        return x.squeeze(1) if self.folds_input else x

    def fold_output(self, y: torch.Tensor, place: int = 0) -> torch.Tensor:
        """Anything with the axes of outputs (n, *shape) as `results` gives them."""
        return y.squeeze(1) if self.folds[place] else y


@dataclass(frozen=True, slots=True)
class _Value:
    """A value in the function: its text, and how it carries the batch."""

    text: str
    shape: Shape
    lead: int | None
    """Axes that the batch adds: 1, or 0 where it is in the place of a first axis of 1; None: no batch."""
    thin: bool = False
    """Whether torch's own broadcasting makes it what it should be, from an operand of full shape."""

    def full(self) -> str:
        """The text of the value in its full shape."""
        return f"{self.text}.expand({ints(self.shape)})" if self.thin else self.text

    def own(self) -> Shape:
        """The axes behind the batch's."""
        return self.shape[1:] if self.lead == 0 else self.shape

    def led(self, lead: int) -> str:
        """The text of the value with another `lead`."""
        if self.lead is None or self.lead == lead:
            return self.full()
        return f"{self.text}.unsqueeze(1)" if lead else f"{self.text}.squeeze(1)"


def compile_batch(program: Program) -> Batch:
    """The function of a program for batches.

    Raises:
        UserError: A field that the checker leaves alone (`eps`) has no meaning.
    """
    writer = _Writer(program)
    return writer.batch()


class _Writer:
    def __init__(self, program: Program) -> None:
        self._program = program
        self._lines: list[str] = []
        self._values: dict[int, _Value] = {}
        self._views: dict[str, str] = {}
        self._scope: dict[str, Any] = {"torch": torch, "F": torch.nn.functional}

    def batch(self) -> Batch:
        program, live = self._program, self._program.live()
        nodes = [node for node in program.nodes if node.id in live]
        for node in nodes:
            self._scope.update((name, getattr(helpers, name)) for name in node.operator.helpers)
            self._values[node.id] = self._value(node)
        outputs = [self._values[output] for output in program.output_ids]
        self._lines.append(f"return ({', '.join(map(_result, outputs))},)")
        source = "def function(p, x):\n" + textwrap.indent("\n".join(self._lines), "    ") + "\n"
        # The text comes from the kind table; of the artifact it holds integers and floats only.
        exec(compile(source, "<batch>", "exec"), self._scope)
        input_shape = program.nodes[program.input_id].shape
        folds = tuple(output.lead == 0 for output in outputs)
        return Batch(self._scope["function"], source, _folds(input_shape), folds)

    def _value(self, node: TensorNode) -> _Value:
        if node.operator is INPUT:
            return _Value("x", node.shape, 0 if _folds(node.shape) else 1)
        operands = [self._values[parent] for parent in node.parents]
        params = {role: self._tensor(use) for role, use in node.params.items() if use is not None}
        params["like"] = "x"
        if all(operand.lead is None for operand in operands):
            if node.operator.spreads and _spreads_from_the_right(operands[0].shape, node):
                return _Value(operands[0].full(), node.shape, None, thin=True)
            text = self._program.expression(node, [operand.full() for operand in operands], params)
            return self._assign(node, text, None)
        if node.operator.keeps_order:
            return self._regrouped(node, operands[0], params)
        for lead in _leads(node, operands):
            args = [
                operand.text if operand.thin and node.operator.elementwise else operand.led(lead)
                for operand in operands
            ]
            batched = [operand.lead is not None for operand in operands]
            found = self._program.batch_expression(node, args, params, batched, lead)
            if found is not None:
                return self._assign(node, found, lead)
        return self._assign(node, self._mapped(node, operands, params), 1)

    def _tensor(self, use: Use) -> str:
        """The text of a use of a parameter; equal views of one tensor are made once."""
        text = use.expression(f'p["{use.parameter.name}"]')
        if not use.computed and not use.fixed:
            return text
        if text not in self._views:
            self._scope.update((name, getattr(helpers, name)) for name in HELPERS)
            self._views[text] = f"u{len(self._views)}"
            self._lines.append(f"{self._views[text]} = {text}")
        return self._views[text]

    def _regrouped(self, node: TensorNode, operand: _Value, params: Mapping[str, str]) -> _Value:
        """The same elements in another shape: often the batch's form stays, and nothing is computed."""
        leads = (0, 1) if _folds(node.shape) else (1,)
        for lead in leads:
            value = _Value(operand.text, node.shape, lead)
            if value.own() == operand.own():
                return value
        found = self._program.batch_expression(node, [operand.text], params, [True], leads[0])
        assert found is not None, "a kind that keeps the order of elements has a batched form"
        return self._assign(node, found, leads[0])

    def _mapped(self, node: TensorNode, operands: list[_Value], params: Mapping[str, str]) -> str:
        """A kind without a form for batches: `vmap` of its form for one sample."""
        names = [f"a{position}" for position in range(len(operands))]
        roles = [role for role in params if role != "like"]
        arguments = ", ".join([*names, *(f"p_{role}" for role in roles), "x"])
        inner = {**{role: f"p_{role}" for role in roles}, "like": "x"}
        expression = self._program.expression(node, names, inner)
        single = eval(f"lambda {arguments}: {expression}", dict(self._scope))
        axes = [None if operand.lead is None else 0 for operand in operands]
        name = f"map_{node.id}"
        self._scope[name] = torch.func.vmap(single, in_dims=(*axes, *[None] * len(roles), None))
        texts = [operand.led(1) for operand in operands]
        return f"{name}({', '.join([*texts, *(params[role] for role in roles), 'x'])})"

    def _assign(self, node: TensorNode, text: str, lead: int | None) -> _Value:
        name = f"v{node.id}"
        self._lines.append(f"{name} = {text}")
        return _Value(name, node.shape, lead)


def _result(output: _Value) -> str:
    """The text of an output with the batch."""
    if output.lead is not None:
        return output.full()
    return f"{output.full()}.expand(({', '.join(['x.shape[0]', *map(str, output.shape)])},))"


def _folds(shape: Shape) -> bool:
    """Whether the batch can take the place of a shape's first axis: behind it, something must be left."""
    return len(shape) > 1 and shape[0] == 1


def _spreads_from_the_right(source: Shape, node: TensorNode) -> bool:
    """Whether a broadcast is one that torch makes by itself: new axes are in front only."""
    return tuple(node.fields["aligned"]) == (1,) * (len(node.shape) - len(source)) + tuple(source)


def _leads(node: TensorNode, operands: list[_Value]) -> tuple[int, ...]:
    """Forms to try: folded where an operand is, and all others that carry the batch and the result can be."""
    batched = [operand for operand in operands if operand.lead is not None]
    can = all(_folds(operand.shape) for operand in batched) and _folds(node.shape)
    return (0, 1) if can and any(operand.lead == 0 for operand in batched) else (1,)
