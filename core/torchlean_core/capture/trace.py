"""From a module to ATen operators: `torch.export`, or FX symbolic tracing retraced with `make_fx`."""

from __future__ import annotations

import functools
import io
import logging
import operator
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch.export.graph_signature import InputKind, OutputKind
from torch.fx.experimental.proxy_tensor import make_fx
from torch.fx.traceback import preserve_node_meta
from torch.nn.utils.stateless import _reparametrize_module
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from torchlean_core.capture.attention_operator import KeepingAttention
from torchlean_core.capture.autocast import refusing_autocast, without_autocast
from torchlean_core.capture.decompositions import decompositions, without_steps
from torchlean_core.capture.errors import CaptureError, CaptureFinding, Refused
from torchlean_core.capture.fx_tracer import Tracer
from torchlean_core.capture.gradient_flow import Unseen, detach_data, inline_regions, reached, watching
from torchlean_core.capture.in_place import is_composite, rename_in_place, without_identities
from torchlean_core.capture.places import Stack, Stacks, located
from torchlean_core.capture.plain_answers import plain_answers
from torchlean_core.capture.regions import rename_outputs
from torchlean_core.capture.registry import LOWERINGS
from torchlean_core.capture.returned import flatten_results, tensors_of
from torchlean_core.capture.state_values import Asked, StateValues, asks_for_values, is_open
from torchlean_core.capture.value_checks import without_checks
from torchlean_core.capture.values import Known
from torchlean_core.errors import text_of, told

Export = Callable[[torch.nn.Module, torch.Tensor, Stacks], torch.export.ExportedProgram]

TORCH_EXPORT = "torch.export"
FX = "FX symbolic tracing"


@dataclass(frozen=True, slots=True)
class Traced:
    """A module as a graph of ATen operators.

    Attributes:
        module: Holds the graph, and the tensors that its `get_attr` nodes name.
        known: What each placeholder is bound to; None for the network's input.
        outputs: What forward returns; the graph may return more (an input that was changed in place).
        path: `TORCH_EXPORT` or `FX`.
        reason: Why that path was taken.
        stacks: Where in the user's code the nodes were made.
        unseen: What changes gradients and is not in the graph.
        asked: What the model was told of values.
    """

    module: torch.fx.GraphModule
    known: Mapping[str, Known | None]
    outputs: Sequence[torch.fx.Node]
    path: str
    reason: str
    stacks: Stacks
    unseen: Sequence[Unseen] = ()
    asked: Asked = field(default_factory=Asked)

    @property
    def operators(self) -> int:
        """Number of operators in the graph."""
        nodes = self.module.graph.nodes
        return sum(node.op == "call_function" and node.target is not operator.getitem for node in nodes)


def trace(
    new: Callable[[], torch.nn.Module],
    example: torch.Tensor,
    *,
    prefer_torch_export: bool,
    file: Path,
    shown: str,
    stacks: Stacks,
    flat: bool = False,
    export: Export | None = None,
) -> Traced:
    """Trace a module in eval mode.

    Args:
        new: Gives an instance that never ran, for each attempt.
        example: An input.
        prefer_torch_export: Try `torch.export` first, FX only where it fails; else FX alone.
        file: Absolute path of the model file, for places.
        shown: The file as the user wrote it.
        stacks: Takes where in the user's code the operators are.
        flat: Whether forward returns a container of tensors, which are the outputs in their order.
        export: Gives the module's program, where it has one already; then nothing is traced.

    Raises:
        CaptureError: No path works, or the module has state or several inputs.
    """
    unseen: list[Unseen] = []
    # Gradients are on, so that the trace shows where the model switches them off.
    with _hushed(), torch.enable_grad(), watching(stacks, unseen), plain_answers():
        if export is not None:
            traced = _of_program(new(), example, export, file, shown, stacks)
        else:
            traced = _traced(new, example, prefer_torch_export, file, shown, stacks, unseen, flat)
    nodes = {node.name: node for node in traced.module.graph.nodes if node.op == "placeholder"}
    found = reached(traced.module.graph, traced.outputs, stacks)
    known = {
        name: one if one is None else replace(one, trainable=one.trainable and nodes[name] in found)
        for name, one in traced.known.items()
    }
    return replace(traced, known=known, unseen=tuple(dict.fromkeys(unseen)))


def _of_program(
    module: torch.nn.Module, example: torch.Tensor, export: Export, file: Path, shown: str, stacks: Stacks
) -> Traced:
    try:
        return _lowerable(export(module, example, stacks), module, shown, stacks)
    except CaptureError:
        raise
    except Exception as error:
        raise _failure([(TORCH_EXPORT, error)], file, shown, stacks) from error


def _traced(
    new: Callable[[], torch.nn.Module],
    example: torch.Tensor,
    prefer_torch_export: bool,
    file: Path,
    shown: str,
    stacks: Stacks,
    unseen: list[Unseen],
    flat: bool,
) -> Traced:
    if not prefer_torch_export:
        try:
            return _fx(new(), example, "torch.export was switched off", stacks)
        except Exception as error:
            raise _failure([(FX, error)], file, shown, stacks) from error
    try:
        return _exported(new, example, shown, stacks, unseen, flat)
    except CaptureError:
        raise
    except Exception as error:
        export_error = error
    unseen.clear()
    try:
        return _fx(new(), example, f"torch.export failed: {_reason(export_error)}", stacks)
    except Exception as error:
        failures = [(TORCH_EXPORT, export_error), (FX, error)]
        raise _failure(failures, file, shown, stacks) from error


def _exported(
    new: Callable[[], torch.nn.Module],
    example: torch.Tensor,
    shown: str,
    stacks: Stacks,
    unseen: list[Unseen],
    flat: bool,
) -> Traced:
    """By `torch.export`; where it asks for values, once more with those of the model's state."""
    try:
        traced = _export(new(), example, shown, stacks, flat=flat)
        if not is_open(traced.module):
            return traced
    except CaptureError:
        raise
    except Exception as error:
        if not asks_for_values(error):
            raise
    unseen.clear()
    module, asked = new(), Asked()
    state = _state_of(module)
    forward = module.forward

    @functools.wraps(forward)  # its code keeps its name, which `value_checks.OUTERMOST` is
    def told_of_state(*args: Any, **kwargs: Any) -> Any:
        with StateValues(module, state, stacks, asked):
            return forward(*args, **kwargs)

    module.forward = told_of_state
    traced = _export(module, example, shown, stacks, flat=flat)
    first = first_names(module)
    numbers: list[tuple[Collection[str], Stack]]
    numbers = [({first.get(name, name) for name in names}, stack) for names, stack in asked.numbers]
    return replace(traced, asked=Asked(numbers, [*asked.checks, *traced.asked.checks]))


@contextmanager
def _hushed() -> Iterator[None]:
    """Without torch's own warnings and log lines while it traces: errors are reported here, in one place."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        # What the user's code prints was shown when the model was run.
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _export(
    module: torch.nn.Module, example: torch.Tensor, shown: str, stacks: Stacks, *, flat: bool
) -> Traced:
    if flat:
        flatten_results(module)
    with stacks.recording():
        exported = torch.export.export(module, (example,), strict=False)
    return _lowerable(exported, module, shown, stacks)


def _lowerable(
    exported: torch.export.ExportedProgram, module: torch.nn.Module, shown: str, stacks: Stacks
) -> Traced:
    """An exported program, which is changed, in operators that have lowerings, as far as there are such.

    Args:
        exported: The program.
        module: What it is the program of: says which of its tensors are trained, and which are one.
        shown: The file as the user wrote it.
        stacks: Knows where the operators are.

    Raises:
        CaptureError: It has state, or computes in a shorter type.
    """
    without_autocast(exported, shown, stacks)
    rename_outputs(exported, inline_regions(exported.graph_module))
    without_steps(exported)
    checks = without_checks(exported.graph, stacks)
    without_identities(exported.graph)
    rename_in_place(exported.graph)
    if not _lowered_whole(exported):
        exported = exported.run_decompositions(dict[Any, Callable[..., Any]](decompositions()))
    signature = exported.graph_signature
    # Older releases of torch, 2.6 among them, know no parameters that a program changes: they refuse to export it.
    parameters = getattr(signature, "parameters_to_mutate", {})
    changed = [*signature.buffers_to_mutate.values(), *parameters.values()]
    if changed:
        names = ", ".join(f"`{name}`" for name in sorted(set(changed)))
        raise CaptureError.at(
            shown, "TL603", f"forward changes the module's own state ({names}); an artifact has no state"
        )
    parameters = dict(module.named_parameters(remove_duplicate=False))
    first = first_names(module)
    known: dict[str, Known | None] = {}
    for spec in signature.input_specs:
        name = spec.arg.name
        if spec.kind is InputKind.USER_INPUT:
            known[name] = None
            continue
        target = spec.target
        if target is None:
            raise CaptureError.at(shown, "TL603", "forward calls an operator for its side effects")
        tensor = exported.state_dict.get(target)
        if tensor is None:
            tensor = exported.constants.get(target)
        if not isinstance(tensor, torch.Tensor):
            raise CaptureError.at(shown, "TL603", f"`{target}` is no tensor ({spec.kind.name.lower()})")
        parameter = parameters.get(target)
        trainable = parameter is not None and parameter.requires_grad
        is_constant = spec.kind is InputKind.CONSTANT_TENSOR
        known[name] = Known(
            tensor, None if is_constant else first.get(target, target), trainable, not is_constant
        )
    # A caller's tensor that forward changes in place is no part of the function that is captured.
    returned = zip(signature.output_specs, _returned(exported.graph_module), strict=True)
    outputs = [node for spec, node in returned if spec.kind is OutputKind.USER_OUTPUT]
    return Traced(exported.graph_module, known, outputs, TORCH_EXPORT, "", stacks, asked=Asked(checks=checks))


def first_names(module: torch.nn.Module) -> dict[str, str]:
    """For every parameter and buffer, the first name that the same tensor has."""
    found: dict[int, str] = {}
    return {name: found.setdefault(id(tensor), name) for name, tensor in _state_of(module).items()}


def _state_of(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Parameters, then buffers, by every name that they have."""
    return {
        **dict(module.named_parameters(remove_duplicate=False)),
        **dict(module.named_buffers(remove_duplicate=False)),
    }


def _lowered_whole(exported: torch.export.ExportedProgram) -> bool:
    """Whether every operator on the way to the result has a lowering, or can't be taken apart, and none is in place.

    Then nothing has to be taken apart, which takes several times as long as the export itself. What depends on
    constants alone is computed whatever the operator.
    """
    ways = (InputKind.USER_INPUT, InputKind.PARAMETER)
    depends = {spec.arg.name for spec in exported.graph_signature.input_specs if spec.kind in ways}
    for node in exported.graph.nodes:
        if node.op != "call_function":
            continue
        touched = any(operand.name in depends for operand in node.all_input_nodes)
        if touched:
            depends.add(node.name)
        if node.target is operator.getitem:
            continue
        target = node.target
        if not isinstance(target, torch._ops.OpOverload) or target._schema.is_mutable:
            return False
        if touched and target not in LOWERINGS and (is_composite(target) or target in decompositions()):
            return False  # others are refused as they are
    return True


def _returned(module: torch.fx.GraphModule) -> list[torch.fx.Node]:
    results = next(node for node in module.graph.nodes if node.op == "output").args[0]
    return [results] if isinstance(results, torch.fx.Node) else list(results)


class _TraceGuard(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Stops what FX would do once, while it traces, and not in the graph: random draws, changes of state."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._made: list[torch.UntypedStorage] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if isinstance(func, torch._ops.OpOverload) and torch.Tag.nondeterministic_seeded in func.tags:
            raise Refused(f"forward draws random numbers ({func})")
        if isinstance(func, torch._ops.OpOverload) and func._schema.is_mutable:
            made = {storage._cdata for storage in self._made}
            if any(tensor.untyped_storage()._cdata not in made for tensor in _written(func, args)):
                raise Refused(f"forward changes the module's own state ({func})")
        result = func(*args, **(kwargs or {}))
        # Kept, so that no later tensor gets the same memory and passes for one made here.
        self._made += [t.untyped_storage() for t in tree_leaves(result) if isinstance(t, torch.Tensor)]
        return result


def _written(func: torch._ops.OpOverload[..., Any], args: tuple[Any, ...]) -> list[torch.Tensor]:
    """The tensors among the arguments that an operator writes to."""
    return [
        value
        for argument, value in zip(func._schema.arguments, args, strict=False)
        if argument.alias_info is not None
        and argument.alias_info.is_write
        and isinstance(value, torch.Tensor)
    ]


@contextmanager
def _state_kept(module: torch.nn.Module) -> Iterator[None]:
    """Put back parameters, buffers and attributes that were given a traced value, and refuse the model."""
    tables = [
        (f"{path}.{name}".removeprefix("."), table, name, value)
        for path, part in module.named_modules()
        for table in (part._parameters, part._buffers, vars(part))
        for name, value in list(table.items())
    ]
    try:
        yield
    finally:
        changed = [entry for entry in tables if isinstance(entry[1].get(entry[2]), torch.fx.Proxy)]
        for _, table, name, value in changed:
            table[name] = value
    if changed:
        raise Refused(f"forward changes the module's own state (`{changed[0][0]}`)")


def _fx(module: torch.nn.Module, example: torch.Tensor, reason: str, stacks: Stacks) -> Traced:
    with _TraceGuard(), _state_kept(module), stacks.recording(), refusing_autocast():
        graph = Tracer().trace(module)
    detach_data(graph)
    symbolic = torch.fx.GraphModule(module, graph)
    parameters = dict(symbolic.named_parameters(remove_duplicate=False))
    state = _state_of(symbolic)
    names = list(state)
    first = first_names(symbolic)

    def run(x: torch.Tensor, *tensors: torch.Tensor) -> Any:
        with _reparametrize_module(symbolic, dict(zip(names, tensors, strict=True))):
            # A copy, so that a first operator in place changes nothing of the caller's.
            return tensors_of(KeepingAttention(symbolic).run(x.clone()))

    traced = _retraced(run, example, state)
    if any(_is_mutable(node) for node in traced.graph.nodes):  # from inside a decomposition
        traced = _retraced(torch.fx.Interpreter(traced).run, example, state)
    placeholders = [node.name for node in traced.graph.nodes if node.op == "placeholder"]
    known: dict[str, Known | None] = {placeholders[0]: None}
    for placeholder, name in zip(placeholders[1:], names, strict=True):
        parameter = parameters.get(name)
        trainable = parameter is not None and parameter.requires_grad
        known[placeholder] = Known(state[name], first[name], trainable, True)
    return Traced(traced, known, _returned(traced), FX, reason, stacks)


def _retraced(
    run: Callable[..., Any], example: torch.Tensor, state: Mapping[str, torch.Tensor]
) -> torch.fx.GraphModule:
    """ATen operators of a function of input and state, without operators in place."""
    # Without MKL-DNN, which has one operator of its own for a whole LSTM.
    with preserve_node_meta(), torch.backends.mkldnn.flags(enabled=False):
        tracer = make_fx(
            torch.func.functionalize(run),
            decomposition_table=dict(decompositions()),
            tracing_mode="fake",
            _allow_non_fake_inputs=True,
        )
        return tracer(example, *state.values())


def _is_mutable(node: torch.fx.Node) -> bool:
    return isinstance(node.target, torch._ops.OpOverload) and node.target._schema.is_mutable


def _reason(error: BaseException) -> str:
    text = text_of(error)
    if isinstance(error, Refused):
        return text
    if "data-dependent" in text or "DataDependent" in type(error).__name__:
        return "control flow depends on the values of a tensor"
    if "symbolically traced variables cannot be used as inputs to control flow" in text:
        return "control flow depends on a tensor"
    return told(error)


def _failure(failures: list[tuple[str, Exception]], file: Path, shown: str, stacks: Stacks) -> CaptureError:
    """The error of all paths that were tried."""
    # An error inside of torch went through none of the user's frames: then it is where tracing came to last.
    stack = next((found for _, error in failures if (found := stacks.code.of_exception(error))), stacks.last)
    (_, first), *others = failures
    # A second way that does not get as far says nothing of the model; what it refuses with reason does.
    reasons = [_reason(first), *(f"{path}: {error}" for path, error in others if isinstance(error, Refused))]
    text = "the model cannot be traced: " + "; ".join(dict.fromkeys(reasons))
    return CaptureError.of(shown, located(CaptureFinding("TL603", text), stack, file))
