"""What a graph comes to for one shape of its input: numbers that are known are computed, the rest becomes steps.

Every step is tried on shapes alone (torch's meta device), so that what does not fit, or would be too large, is found
before anything of that size is there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from torchlean_core.basics.visible import visible
from torchlean_core.capture.errors import CaptureError, CaptureFinding, Refused, refused
from torchlean_core.capture.places import lack_of_memory
from torchlean_core.capture.refusals import refused_operators
from torchlean_core.errors import first_line
from torchlean_core.onnx import operators as _operators  # noqa: F401 -- fills the table
from torchlean_core.onnx.errors import quoted
from torchlean_core.onnx.graph import Graph, Node
from torchlean_core.onnx.layers import with_layers
from torchlean_core.onnx.memory import Memory, too_much
from torchlean_core.onnx.operators.constants import MOST
from torchlean_core.onnx.operators.registry import OPERATORS, Operator
from torchlean_core.onnx.reasons import why_not
from torchlean_core.onnx.steps import Computed, Held, Operand, Plain, Plan, Step
from torchlean_core.onnx.tensors import INTEGERS

_SIZE_OVERFLOW = "Storage size calculation overflowed"
"""How torch says that a shape has more elements than it can count."""


def planned(graph: Graph, shape: Sequence[int], shown: str) -> Plan:
    """Plan a graph.

    Args:
        graph: The graph.
        shape: Shape of its input.
        shown: The file as the user wrote it.

    Raises:
        CaptureError: Operators have no form (all of them are in it), or something does not fit.
    """
    planner = _Planner(graph, shown)
    with torch.no_grad():
        planner.run(shape)
    if planner.findings:
        raise refused_operators(shown, planner.findings)
    return planner.plan()


def known_beforehand(graph: Graph, shape: Sequence[int], shown: str) -> Mapping[str, torch.Tensor]:
    """All numbers of a graph that do not depend on its input, by name; see `planned`."""
    planner = _Planner(graph, shown, forgets=False)
    with torch.no_grad():
        planner.run(shape)
    if planner.findings:
        raise refused_operators(shown, planner.findings)
    return planner.known


@dataclass(slots=True)
class _Planner:
    """Goes through a graph once.

    Attributes:
        graph: The graph.
        shown: The file as the user wrote it.
        known: Numbers that are known, by name.
        shapes: Of what is computed, and of parameters that are, a tensor without numbers.
        unknown: Names of what cannot be computed.
        learned: Names of the file's tensors that are parameters.
        varying: Names of what depends on the network's input.
        held: Names of tensors that steps take.
        copies: Further copies of parameters, which stay as they are.
        forgets: Whether known numbers go when nothing takes them any more.
        memory: What the known numbers that were computed take.
    """

    graph: Graph
    shown: str
    known: dict[str, torch.Tensor] = field(default_factory=dict)
    shapes: dict[str, torch.Tensor] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    learned: set[str] = field(default_factory=set)
    varying: set[str] = field(default_factory=set)
    held: dict[str, None] = field(default_factory=dict)
    copies: dict[str, torch.Tensor] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    findings: list[CaptureFinding] = field(default_factory=list)
    forgets: bool = True
    memory: Memory = field(default_factory=Memory)

    def run(self, shape: Sequence[int]) -> None:
        self.known.update(self.graph.tensors)
        nodes = []
        for node in self.graph.nodes:
            if node.operator == "Constant":
                self._node(node)  # a tensor of the file like any other
            else:
                nodes.append(node)
        nodes = _without_aliases(nodes, self.known, self.graph.outputs)
        self.learned = _learned(nodes, self.known)
        self.varying.add(self.graph.input)
        self.shapes[self.graph.input] = torch.empty(tuple(shape), device="meta")
        self.memory = Memory.beside(self.known.values())
        made = {name for node in nodes for name in node.outputs}
        last = {
            name: number
            for number, node in enumerate(nodes)
            for name in (*node.inputs, *node.outputs)
            if name in made
        }
        ends: dict[int, list[str]] = {}
        for name, number in last.items():
            ends.setdefault(number, []).append(name)
        for number, node in enumerate(nodes):
            self._node(node)
            if self.forgets:
                self._forget(ends.get(number, ()))

    def _forget(self, names: Iterable[str]) -> None:
        """Drop known numbers that no later node takes."""
        for name in names:
            if name in self.known and name not in self.held and name not in self.graph.outputs:
                self.memory.release(self.known.pop(name))

    def plan(self) -> Plan:
        outputs = {name: self._output(name) for name in self.graph.outputs}
        held = {name: self.known[name] for name in self.held}
        learned = {name: one for name, one in held.items() if name in self.learned}
        ranks = {name: one.dim() for name, one in self.shapes.items()}
        steps = with_layers(self.steps, learned, ranks, [*outputs])
        return Plan(
            self.graph.input,
            tuple(_forgetting(steps, outputs.values())),
            learned,
            {name: one for name, one in held.items() if name not in self.learned},
            outputs,
        )

    def _output(self, name: str) -> Operand:
        dtype = (self.shapes[name] if name in self.shapes else self.known[name]).dtype
        if dtype != torch.float32:
            kind = str(dtype).removeprefix("torch.")
            raise refused(
                self.shown, f"its output {quoted(name)} is {kind}; those of an artifact are float32", "TL603"
            )
        if name in self.shapes:
            return Computed(name)
        self.held[name] = None
        return Held(name)

    def _refuse(self, node: Node, message: str) -> None:
        where = f"node {quoted(node.name)}"
        finding = CaptureFinding(
            "TL601",
            visible(message),
            operator=visible(node.operator[:100]),
            module=where,
            modules=(visible(node.name[:100]),),
        )
        self.findings.append(finding)
        self.unknown.update(filter(None, node.outputs))

    def _node(self, node: Node) -> None:
        operator = OPERATORS.get(node.operator)
        if operator is None:
            self._refuse(node, why_not(node.operator))
            return
        if any(name in self.unknown for name in node.inputs):
            self.unknown.update(filter(None, node.outputs))
            return
        try:
            operands = [self._operand(node, operator, place) for place in range(len(node.inputs))]
            results = self._results(node, operator, operands)
        except Refused as error:
            self._refuse(node, str(error))
            return
        except Exception as error:  # torch's own, of many classes: what does not fit together
            if _SIZE_OVERFLOW in str(error):
                self._refuse(node, f"its result has more than {MOST:,} elements")
                return
            reason = lack_of_memory(error) or visible(first_line(error))
            message = f"node {quoted(node.name)} ({node.operator}) cannot be computed: {reason}"
            raise CaptureError.at(self.shown, "TL603", message) from error
        if any(name in self.varying for name in _read(node)):
            self.varying.update(node.outputs)
        for name, result in zip(node.outputs, results, strict=False):
            if not name or result is None:
                continue
            if result.numel() > MOST:
                self._refuse(
                    node, f"its result of shape {list(result.shape)} has more than {MOST:,} elements"
                )
            elif result.is_meta:
                self.shapes[name] = result
            elif self.memory.take(result):
                self.known[name] = result
            else:
                self._refuse(node, too_much())

    def _operand(self, node: Node, operator: Operator, place: int) -> Operand:
        name = node.inputs[place]
        if not name:
            return Plain(None)
        if place in operator.settings:
            if name not in self.known:
                raise Refused(
                    f"its input {quoted(name)} depends on {self._cause([name])}; it has to be known beforehand"
                )
            return Plain(self.known[name].tolist())
        if name in self.shapes:
            return Computed(name)
        if place in operator.fixed and name in self.learned:
            return Held(self._copied(name))
        return Held(name)

    def _cause(self, names: Iterable[str]) -> str:
        """What makes values unknown, in words."""
        return "the network's input" if any(name in self.varying for name in names) else "a parameter"

    def _copied(self, name: str) -> str:
        """The same numbers under another name: exporters write equal tensors once, whatever they are."""
        copy = f"{name}_fixed"
        while copy in self.known and self.known[copy] is not self.copies.get(name):
            copy += "_"
        self.copies[name] = self.known[copy] = self.copies.get(name, self.known[name].clone())
        return copy

    def _results(self, node: Node, operator: Operator, operands: list[Operand]) -> Sequence[Any]:
        """The results: numbers where all operands are known, else shapes, with a step that computes them."""
        depends = any(
            isinstance(one, Computed) or (isinstance(one, Held) and one.name in self.learned)
            for place, one in enumerate(operands)
            if place not in operator.bare
        )
        if depends and operator.beforehand:
            cause = self._cause(_read(node))
            raise Refused(f"its operands depend on {cause}; they have to be known beforehand")
        if not depends:
            return self._computed(node, operator, operands)
        if operator.scalars:
            operands = self._with_numbers(operands)
        arguments = [self._shape(one) for one in operands]
        results = _several(operator.function(node, *arguments))
        if any(one is not None and one.is_meta for one in results):
            self.held.update({one.name: None for one in operands if isinstance(one, Held)})
            self.steps.append(Step(node, operator.function, tuple(operands)))
        return results

    def _computed(self, node: Node, operator: Operator, operands: Sequence[Operand]) -> Sequence[Any]:
        if not operator.beforehand:
            _require_size(operator, node, [self._shape(one) for one in operands])
        return _several(operator.function(node, *map(self._value, operands)))

    def _value(self, operand: Operand) -> Any:
        if isinstance(operand, Plain):
            return operand.value
        found = self.known.get(operand.name)
        return self.shapes[operand.name] if found is None else found

    def _shape(self, operand: Operand) -> Any:
        """An operand without its numbers."""
        if isinstance(operand, Plain):
            return operand.value
        found = self.shapes.get(operand.name)
        return torch.empty_like(self.known[operand.name], device="meta") if found is None else found

    def _with_numbers(self, operands: list[Operand]) -> list[Operand]:
        """Tensors of one number as that number, where the result's shape is that of the other operand."""
        found = list(operands)
        for place, operand in enumerate(operands):
            other = found[1 - place]
            if not isinstance(operand, Held) or operand.name in self.learned or isinstance(other, Plain):
                continue
            tensor = self.known[operand.name]
            if tensor.numel() == 1 and tensor.dim() <= self._shape(other).dim():
                found[place] = Plain(tensor.item())
        return found


def _without_aliases(
    nodes: Iterable[Node], given: Mapping[str, torch.Tensor], outputs: Collection[str]
) -> list[Node]:
    """The nodes without those that give a tensor of the file another name, as exporters do with equal tensors."""
    names: dict[str, str] = {}
    found = []
    for node in nodes:
        node = replace(node, inputs=tuple(names.get(name, name) for name in node.inputs))
        if node.operator == "Identity" and node.inputs[0] in given and node.outputs[0] not in outputs:
            names[node.outputs[0]] = node.inputs[0]
        else:
            found.append(node)
    return found


def _several(result: Any) -> Sequence[Any]:
    return result if isinstance(result, tuple | list) else (result,)


def _require_size(operator: Operator, node: Node, shapes: Sequence[Any]) -> None:
    """Refuse what would be too large before it is computed, as far as shapes tell."""
    try:
        results = _several(operator.function(node, *shapes))
    except Exception:  # an operator that needs numbers; what does not fit is found when it is computed
        return
    for one in results:
        if one is not None and one.numel() > MOST:
            raise Refused(f"its result of shape {list(one.shape)} has more than {MOST:,} elements")


def _learned(nodes: Sequence[Node], given: Mapping[str, torch.Tensor]) -> set[str]:
    """Names of the tensors of the file that are parameters: what learned operators take, also by way of others."""
    static = set(given)
    for node in nodes:
        if all(name in static for name in _read(node)):
            static.update(node.outputs)
    wanted: set[str] = set()
    for node in reversed(nodes):
        operator = OPERATORS.get(node.operator)
        if operator is None or operator.beforehand or _makes_integers(node, given):
            continue
        through = any(name in static and name in wanted for name in node.outputs)
        for place, name in enumerate(node.inputs):
            if name not in static or place in operator.settings or place in operator.bare:
                continue
            if through or (place in operator.learned and not all(one in static for one in _read(node))):
                wanted.add(name)
    single = _single_numbers(nodes, given)
    return {
        name for name in wanted if name in given and given[name].dtype == torch.float32 and name not in single
    }


def _read(node: Node) -> Iterator[str]:
    """Names of what it takes numbers of, not shape and type alone."""
    operator = OPERATORS.get(node.operator)
    bare: Collection[int] = () if operator is None else operator.bare
    return (name for place, name in enumerate(node.inputs) if name and place not in bare)


def _makes_integers(node: Node, given: Mapping[str, torch.Tensor]) -> bool:
    """Whether it makes whole numbers of real ones: behind that nothing can be learned."""
    if node.operator == "Cast":
        return node["to"] in INTEGERS
    if node.operator == "CastLike":
        like = given.get(node.inputs[1])
        return like is not None and not like.is_floating_point() and like.dtype != torch.bool
    return False


def _single_numbers(nodes: Iterable[Node], given: Mapping[str, torch.Tensor]) -> set[str]:
    """Names of tensors of one number that arithmetic alone takes: factors and the like, which nobody trains."""
    arithmetic: set[str] = set()
    others: set[str] = set()
    for node in nodes:
        operator = OPERATORS.get(node.operator)
        plain = operator is not None and operator.scalars
        (arithmetic if plain else others).update(node.inputs)
    return {name for name in arithmetic - others if name in given and given[name].numel() == 1}


def _forgetting(steps: Sequence[Step], outputs: Iterable[Operand]) -> Iterator[Step]:
    """The steps, each with the values that are used for the last time there."""
    last: dict[str, int] = {}
    for number, step in enumerate(steps):
        for operand in step.operands:
            if isinstance(operand, Computed):
                last[operand.name] = number
    for one in outputs:
        if isinstance(one, Computed):
            last.pop(one.name, None)
    ends: dict[int, list[str]] = {}
    for name, number in last.items():
        ends.setdefault(number, []).append(name)
    for number, step in enumerate(steps):
        yield Step(step.node, step.function, step.operands, tuple(ends.get(number, ())))
