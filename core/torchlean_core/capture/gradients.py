"""Whether training the artifact is training the model: gradients of both, as values are compared (semantics 2a)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from operator import mul
from pathlib import Path
from typing import Any

import torch

from torchlean_core.capture.assemble import Finished
from torchlean_core.capture.compact import compact
from torchlean_core.capture.errors import CaptureFinding
from torchlean_core.capture.gradient_flow import Unseen
from torchlean_core.capture.instances import Instances
from torchlean_core.capture.places import Stack, located
from torchlean_core.capture.precision import converted
from torchlean_core.capture.probes import is_small
from torchlean_core.capture.returned import tensors_of
from torchlean_core.capture.state_values import Asked
from torchlean_core.capture.verify import float64_calls
from torchlean_core.errors import first_line
from torchlean_core.graph import Program, lower
from torchlean_core.interp import Interpreter
from torchlean_core.kinds import TRAINING_DIFFERS

CODE = "TL407"

_INPUT = ""
"""Stands for the network's input among names of parameters."""

_SHOWN = 4
_LIMITS = {torch.float64: (1e-6, 1e-11), torch.float32: (2e-3, 1e-5)}
"""Largest difference that is rounding: of the greatest entry of the same gradient, and of all gradients."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One reason for which training the artifact is not training the model.

    Attributes:
        reason: In words.
        finding: The same, at its place.
        nodes: Ids of the nodes concerned.
    """

    reason: str
    finding: CaptureFinding
    nodes: tuple[int, ...]

    def json(self) -> dict[str, Any]:
        """An entry of the root field `training_differs`."""
        found = self.finding
        line = found.span.line if found.span is not None else found.line
        entry = {"reason": self.reason, "operator": found.operator, "file": found.file, "line": line}
        return {name: value for name, value in entry.items() if value is not None} | {
            "nodes": list(self.nodes)
        }


def differences(
    instances: Instances, artifact: Finished, unseen: Sequence[Unseen], asked: Asked, *, verify: bool
) -> list[Difference]:
    """What is known to make training the artifact another thing than training the model.

    Args:
        instances: Gives instances of the module.
        artifact: The graph and its parameters.
        unseen: What changes gradients and is not in the trace.
        asked: What the model was told of values while it was traced.
        verify: Whether to compare gradients; else only what was folded is told.
    """
    program = lower(artifact.graph)
    folded = [
        *_folded(program, artifact, instances.loaded.file),
        *_taken(program, instances, asked),
        *_of_the_model(program, instances),
    ]
    if not verify:
        return folded
    try:
        wrong = _wrong(instances, program, artifact, bare=bool(unseen))
    except _CannotRun as error:
        return [*folded, _at((), str(error), instances, ())]
    told = {name for parameter in program.parameters() for name in parameter.derived}
    left = [name for name in wrong if name not in told]
    if not left:
        return folded
    names = _listed(left)
    nodes = _nodes_of(program, left)
    model = instances.loaded.module
    hooked = [name for name in left if name and model.get_parameter(name)._backward_hooks]
    if hooked and set(left) <= {_INPUT, *hooked}:
        return [*folded, _at((), f"a hook changes a gradient: {names}", instances, nodes)]
    if unseen:
        return [
            *folded,
            *(_at(one.stack, f"{one.what}: {names}", instances, nodes) for one in _distinct(unseen)),
        ]
    stack = artifact.origins[nodes[0]].stack if nodes else ()
    operator = artifact.origins[nodes[0]].debug_target if nodes else None
    return [*folded, _at(stack, names, instances, nodes, operator)]


def _distinct(unseen: Sequence[Unseen]) -> list[Unseen]:
    return list({(one.what, one.stack): one for one in unseen}.values())


def _folded(program: Program, artifact: Finished, file: Path) -> Iterator[Difference]:
    """A finding for each payload tensor that was computed of parameters of the model."""
    for parameter in program.parameters():
        if not parameter.derived:
            continue
        origin = artifact.origins[parameter.node]
        of = ", ".join(f"`{name}`" for name in parameter.derived)
        what = "is trained by itself" if parameter.trainable else "stays as it is"
        reason = f"{parameter.name} was computed from {of} and {what}"
        finding = CaptureFinding(
            CODE, TRAINING_DIFFERS + reason, origin.line, origin.debug_target, origin.module
        )
        yield Difference(reason, located(finding, origin.stack, file), (parameter.node,))


def _taken(program: Program, instances: Instances, asked: Asked) -> Iterator[Difference]:
    """A finding for each place where a number is taken from a parameter that training changes."""
    trained = {p.model for p in program.parameters() if p.trainable and p.model is not None}
    places = ((tuple(sorted(trained & {*names})), stack) for names, stack in asked.numbers)
    for names, stack in dict.fromkeys(places):
        if names:
            listed = ", ".join(f"`{name}`" for name in names)
            reason = f"values of {listed} are taken as numbers, and stay as they are"
            yield _at(stack, reason, instances, _nodes_of(program, names))


def _of_the_model(program: Program, instances: Instances) -> Iterator[Difference]:
    """What the model's own tensors show: code that runs after a gradient, shared memory, another type."""
    used = {p.model for p in program.parameters()}
    trained = {p.model for p in program.parameters() if p.trainable and p.model is not None}
    module = instances.pristine()
    parameters = dict(module.named_parameters())
    for name, parameter in parameters.items():
        if name not in trained:
            continue
        reasons = []
        if getattr(parameter, "_post_accumulate_grad_hooks", None):
            reasons.append(f"a hook runs after the gradient of `{name}` is there")
        if parameter.dtype != torch.float32:
            kind = str(parameter.dtype).removeprefix("torch.")
            reasons.append(f"`{name}` is {kind} in the model, and float32 here")
        for reason in reasons:
            yield _at((), reason, instances, _nodes_of(program, [name]))
    for name, other in _sharing(module):
        if {name, other} <= used and {name, other} & trained:
            reason = f"`{name}` and `{other}` share memory: in the model either changes both"
            yield _at((), reason, instances, _nodes_of(program, [name, other]))


def _sharing(module: torch.nn.Module) -> Iterator[tuple[str, str]]:
    """Names of parameters and buffers that are different tensors over the same elements."""
    by_storage: dict[int, list[tuple[str, torch.Tensor]]] = {}
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        if tensor.numel() and tensor.layout is torch.strided:
            others = by_storage.setdefault(tensor.untyped_storage().data_ptr(), [])
            yield from ((other, name) for other, one in others if one is not tensor and _overlap(one, tensor))
            others.append((name, tensor))


def _overlap(*tensors: torch.Tensor) -> bool:
    """Whether two tensors of one storage have elements between each other's first and last."""
    starts = [tensor.data_ptr() for tensor in tensors]
    ends = [
        start + tensor.element_size() * (1 + sum(map(mul, (n - 1 for n in tensor.shape), tensor.stride())))
        for start, tensor in zip(starts, tensors, strict=True)
    ]
    return bool(max(starts) < min(ends))


def _at(
    stack: Stack, reason: str, instances: Instances, nodes: Sequence[int], operator: str | None = None
) -> Difference:
    finding = CaptureFinding(CODE, TRAINING_DIFFERS + reason, instances.loaded.line, operator)
    return Difference(reason, located(finding, stack, instances.loaded.file), tuple(nodes))


def _listed(names: Sequence[str]) -> str:
    parameters = [f"`{name}`" for name in names if name]
    shown = [", ".join(parameters[:_SHOWN])] if parameters else []
    if len(parameters) > _SHOWN:
        shown.append(f"{len(parameters) - _SHOWN} more parameters")
    if _INPUT in names:
        shown.append("the input")
    return f"another gradient for {' and '.join(shown)}"


def _nodes_of(program: Program, names: Sequence[str]) -> tuple[int, ...]:
    found = [
        node.raw
        for node in program.nodes
        for use in node.params.values()
        if use is not None and use.parameter.model in names
    ]
    return tuple(dict.fromkeys(found))


# -- comparing ------------------------------------------------------------------------------------------------


class _CannotRun(Exception):
    """The module cannot be run with gradients."""


Gradients = dict[str, torch.Tensor]


def _wrong(instances: Instances, program: Program, artifact: Finished, *, bare: bool) -> list[str]:
    """Names of the parameters, and the input, whose gradient is another; in the model's order.

    Args:
        instances: Gives instances of the module.
        program: The artifact's graph, lowered.
        artifact: The graph and its parameters.
        bare: Whether to compare for inputs without gradients, too, as data are: functions can depend on that.

    Raises:
        _CannotRun: The module cannot be run with gradients.
    """
    tensors = {**artifact.tensors, **artifact.unrounded}

    def compared(dtype: torch.dtype) -> list[str]:
        return _compared(instances, program, tensors, dtype, bare)

    # Large models are compared in float32, and again in float64 only where that leaves a doubt.
    found = None if is_small(artifact) else compared(torch.float32)
    if found == []:
        return []
    first = torch.zeros(artifact.graph.input_shape, dtype=torch.float64)
    if float64_calls(instances, first) is not None:
        # What its forward converts to float32 may have a gradient in float32 alone.
        with suppress(_CannotRun):
            return compared(torch.float64)
    return compared(torch.float32) if found is None else found


def _compared(
    instances: Instances,
    program: Program,
    tensors: Mapping[str, torch.Tensor],
    dtype: torch.dtype,
    bare: bool,
) -> list[str]:
    shape = program.graph.input_shape
    program, tensors = compact(program, tensors)
    interpreter = Interpreter(program, tensors, dtype)
    generator = torch.Generator().manual_seed(2)
    found: dict[str, None] = {}
    # Constructed, where there are hooks on parameters: a copy has none.
    double = dtype == torch.float64 and instances.shares
    module = instances.in_float64() if double else converted(instances.new(), dtype)
    for _ in range(2):
        x = torch.randn(shape, generator=generator, dtype=dtype)
        expected = _of_module(module, x)
        ours = _of_artifact(interpreter, program, x)
        found.update(dict.fromkeys(_differing(ours, expected, dtype)))
        del expected  # each is as large as the model
        if bare:
            plain = {_INPUT: ours[_INPUT]} if _INPUT in ours else {}
            plain.update(_of_module(module, x, bare=True))
            found.update(dict.fromkeys(_differing(ours, plain, dtype)))
            del plain
        del ours
    return list(found)


def _functional(outputs: Sequence[torch.Tensor]) -> torch.Tensor | None:
    """A random linear functional of all outputs, each with weights of its own; None where none has a gradient."""
    terms = [
        (one * torch.randn(one.shape, generator=torch.Generator().manual_seed(3 + n), dtype=one.dtype)).sum()
        for n, one in enumerate(outputs)
        if one.requires_grad
    ]
    return sum(terms[1:], terms[0]) if terms else None


def _of_module(module: torch.nn.Module, x: torch.Tensor, *, bare: bool = False) -> Gradients:
    leaf = x.clone().requires_grad_(not bare)
    parameters = {name: p for name, p in module.named_parameters() if p.requires_grad}
    try:
        with torch.enable_grad():
            # No leaf, as a batch that went through another layer before: in-place operators may change it.
            loss = _functional(tensors_of(module(leaf.clone())))
            if loss is None:
                return {}
            # Not `torch.autograd.grad`, which recomputed activations (reentrant checkpoints) do not take.
            loss.backward()  # type: ignore[no-untyped-call]
        found = {name: p.grad for name, p in {_INPUT: leaf, **parameters}.items() if p.grad is not None}
        for parameter in parameters.values():
            parameter.grad = None
        return found
    except Exception as error:
        raise _CannotRun(f"the model cannot be run with gradients ({first_line(error)})") from error


def _of_artifact(interpreter: Interpreter, program: Program, x: torch.Tensor) -> Gradients:
    leaf = x.clone().requires_grad_()
    leaves = {
        p.name: interpreter.params[p.name].detach().requires_grad_()
        for p in program.parameters()
        if p.trainable and p.model is not None
    }
    named = {
        p.model: leaves[p.name] for p in program.parameters() if p.name in leaves and p.model is not None
    }
    with torch.enable_grad():
        outputs = interpreter.results({**interpreter.params, **leaves}, leaf)
        return _gradients(outputs, {_INPUT: leaf, **named})


def _gradients(outputs: Sequence[torch.Tensor], leaves: Mapping[str, torch.Tensor]) -> Gradients:
    loss = _functional(outputs)
    if loss is None:
        return {}
    values = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)
    return {name: value for name, value in zip(leaves, values, strict=True) if value is not None}


def _differing(ours: Gradients, expected: Gradients, dtype: torch.dtype) -> Iterator[str]:
    relative, of_all = _LIMITS[dtype]
    sizes = {name: _largest(gradient) for name, gradient in expected.items()}
    scale = max((size for size in sizes.values() if math.isfinite(size)), default=0.0)
    for name in dict.fromkeys([*expected, *ours]):
        a, b = ours.get(name), expected.get(name)
        if a is None or b is None:
            present = b if a is None else a
            difference, size = (0.0 if present is None else _largest(present)), 0.0
        else:
            size = sizes[name]
            difference = _largest(a - b)
            if not (math.isfinite(size) and math.isfinite(difference)):
                finite = torch.isfinite(a)
                same = bool((finite == torch.isfinite(b)).all())
                difference = _largest((a - b)[finite]) if same else math.inf
                size = _largest(b[finite]) if same else 0.0
        if difference > relative * size + of_all * scale:
            yield name


def _largest(tensor: torch.Tensor) -> float:
    """The largest absolute value; NaN where there is one."""
    if not tensor.numel():
        return 0.0
    if tensor.is_complex():
        tensor = tensor.abs()
    least, most = (float(one) for one in torch.aminmax(tensor))
    return max(-least, most)
