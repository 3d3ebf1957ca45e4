"""From what a `.pt2` file holds to a module that can be run and traced. Nothing in it is unpickled."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch._export.serde import schema
from torch._export.serde.serialize import ExportedProgramDeserializer, _dict_to_dataclass
from torch.utils._pytree import tree_structure, treespec_dumps

from torchlean_core.capture.errors import CaptureError, Span, refused
from torchlean_core.capture.load import Loaded
from torchlean_core.capture.places import Place, Stacks
from torchlean_core.capture.program.archive import Archive
from torchlean_core.capture.program.description import Description
from torchlean_core.capture.program.module import Program, Source
from torchlean_core.capture.program.traces import places_of
from torchlean_core.capture.program.values import TYPES
from torchlean_core.capture.regions import AUTOCAST, NO_GRAD
from torchlean_core.errors import first_line

_DTYPES = {number: getattr(torch, name) for number, name in TYPES.items()}


class _View(NamedTuple):
    """A tensor in a file; the same tensor under two names has two equal views."""

    entry: str
    dtype: int
    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int
    is_param: bool
    requires_grad: bool


def load_program(archive: Archive, description: Description) -> Loaded:
    """The program of a file as a model.

    Args:
        archive: What the file holds.
        description: What was found of its program.

    Raises:
        CaptureError: Its tensors are not what is said of them, or this torch cannot read it.
    """
    shown = archive.shown
    tensors = _Tensors(archive)
    state, constants = tensors.named("weights"), tensors.named("constants")
    exported = _exported(description, state, constants, shown)
    for name in (*exported.graph_signature.parameters, *exported.graph_signature.buffers):
        if name not in state and name not in constants:
            raise refused(shown, f"holds no values of `{name}`")
    module = _module(exported, state, constants, description, shown)
    unused = [exported]

    def export(
        module: torch.nn.Module, example: torch.Tensor, stacks: Stacks
    ) -> torch.export.ExportedProgram:
        assert isinstance(module, Program)
        # Reading it again takes about as long as an export.
        program = unused.pop() if unused else _exported(description, *module.tensors(), shown)
        _take_places(program.graph_module, stacks)
        return program

    return Loaded(
        module, archive.file, shown, "", None, archive.sha256, source="", format="pt2", export=export
    )


def _exported(
    description: Description,
    state: Mapping[str, torch.Tensor],
    constants: Mapping[str, torch.Tensor],
    shown: str,
) -> torch.export.ExportedProgram:
    """Torch's own reading of a description that was looked through.

    Raises:
        CaptureError: It cannot be read.
    """
    program = copy.deepcopy(description.program)
    signature = program["graph_module"]["module_call_graph"][0]["signature"]
    results = list(range(len(signature["outputs"])))
    signature["in_spec"] = treespec_dumps(tree_structure(((0,), {})))
    signature["out_spec"] = treespec_dumps(
        tree_structure(0 if description.results.names is None else tuple(results))
    )
    for node in _nodes(program["graph_module"]["graph"]):
        _check_operator(node["target"], shown)
    try:
        parsed = _dict_to_dataclass(schema.ExportedProgram, program)  # type: ignore[no-untyped-call]
        # Sample inputs, which are a pickle, are left where they are.
        read = ExportedProgramDeserializer().deserialize(parsed, dict(state), dict(constants), None)
    except Exception as error:
        reason = str(error).strip().splitlines()
        saved = f" (saved with torch {description.torch[:30]})" if description.torch else ""
        last = reason[-1].strip()[:300] if reason else type(error).__name__
        raise refused(shown, f"torch {torch.__version__} cannot read the program{saved}: {last}") from error
    for entry in read.module_call_graph:
        if entry.signature is not None:
            # Names of results, which need not outlive a decomposition; torch then takes the program for a broken one.
            entry.signature.inputs, entry.signature.outputs = [], []
    return read


def _nodes(graph: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for node in graph["nodes"]:
        yield node
        for one in node["inputs"]:
            if "as_graph" in one["arg"]:
                yield from _nodes(one["arg"]["as_graph"]["graph"])


def _check_operator(target: str, shown: str) -> None:
    """Refuse what is no tensor operator: some of TorchScript's have names like those, and write files."""
    _, _, namespace, packet, *overload = target.split(".")
    if namespace == "higher_order":
        return
    found = getattr(getattr(torch.ops, namespace), packet, None)
    operator = getattr(found, overload[0], None) if isinstance(found, torch._ops.OpOverloadPacket) else None
    name = f"{namespace}::{packet}" + (f".{overload[0]}" if overload[0] != "default" else "")
    if not isinstance(operator, torch._ops.OpOverload) or not torch._C._dispatch_has_kernel(name):
        shown_name = f"{namespace}.{packet}.{overload[0]}"
        raise refused(
            shown, f"has the operator `{shown_name[:100]}`, which torch {torch.__version__} has not"
        )


class _Tensors:
    """The tensors of a file: names that share one have the same object."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._storages: dict[tuple[str, int], torch.Tensor] = {}
        self._known: dict[_View, torch.Tensor] = {}

    def named(self, kind: str) -> dict[str, torch.Tensor]:
        """All of a kind (`weights`, `constants`) by their names."""
        payloads = self._archive.weights if kind == "weights" else self._archive.constants
        found = {}
        for name, payload in payloads.items():
            try:
                view = _view(f"data/{kind}/{payload['path_name']}", payload)
            except (KeyError, TypeError, ValueError) as error:
                raise self._wrong(name, "what it is cannot be read") from error
            if view not in self._known:
                self._known[view] = self._tensor(name, view)
            found[name] = self._known[view]
        return found

    def _wrong(self, name: str, what: str) -> CaptureError:
        return refused(self._archive.shown, f"tensor `{name[:100]}`: {what}")

    def _tensor(self, name: str, view: _View) -> torch.Tensor:
        dtype = _DTYPES.get(view.dtype)
        if dtype is None:
            raise self._wrong(name, f"its type (number {view.dtype}) has no place in an artifact")
        if len(view.sizes) != len(view.strides) or min((*view.sizes, *view.strides, view.offset, 0)) < 0:
            raise self._wrong(name, f"expected as many strides as sizes, none negative, found {view.sizes}")
        content = self._archive.contents[view.entry]
        numbers = self._numbers(name, view, dtype, content)
        reach = (
            view.offset
            + sum((size - 1) * stride for size, stride in zip(view.sizes, view.strides, strict=True))
            + 1
        )
        if math.prod(view.sizes) and reach > numbers.numel():
            held = f"`{view.entry}` holds {numbers.numel():,} numbers"
            raise self._wrong(name, f"expected {reach:,} numbers for the shape {list(view.sizes)}; {held}")
        tensor = torch.as_strided(numbers, view.sizes, view.strides, view.offset)
        if view.is_param:
            floats = tensor.is_floating_point() or tensor.is_complex()
            return torch.nn.Parameter(tensor, requires_grad=view.requires_grad and floats)
        return tensor

    def _numbers(self, name: str, view: _View, dtype: torch.dtype, content: bytearray) -> torch.Tensor:
        """All numbers of an entry, in a row."""
        key = view.entry, view.dtype
        if key not in self._storages:
            if len(content) % dtype.itemsize:
                raise self._wrong(name, f"{len(content):,} bytes are no whole numbers of {dtype}")
            self._storages[key] = (
                torch.frombuffer(content, dtype=dtype) if content else torch.empty(0, dtype=dtype)
            )
        return self._storages[key]


def _view(entry: str, payload: Mapping[str, Any]) -> _View:
    meta = payload["tensor_meta"]

    def number(value: Mapping[str, Any]) -> int:
        found = value["as_int"]
        if type(found) is not int or abs(found) > 2**62:
            raise ValueError("no size")
        return found

    if meta["layout"] != 7:
        raise ValueError("sparse")
    return _View(
        entry,
        int(meta["dtype"]),
        tuple(map(number, meta["sizes"])),
        tuple(map(number, meta["strides"])),
        number(meta["storage_offset"]),
        payload["is_param"] is True,
        meta["requires_grad"] is True,
    )


def _module(
    exported: torch.export.ExportedProgram,
    state: Mapping[str, torch.Tensor],
    constants: Mapping[str, torch.Tensor],
    description: Description,
    shown: str,
) -> Program:
    operands = [spec.target for spec in exported.graph_signature.input_specs]
    try:
        return Program(
            Source(
                copy.deepcopy(exported.graph_module), tuple(operands), _places(exported), description.results
            ),
            state,
            constants,
        )
    except (KeyError, TypeError) as error:
        raise refused(shown, f"has a parameter that no module can have: {first_line(error)[:200]}") from error


def _places(exported: torch.export.ExportedProgram) -> tuple[int, ...]:
    """Which of the graph's outputs are results: it gives what it changes, too."""
    kinds = [spec.kind for spec in exported.graph_signature.output_specs]
    return tuple(
        place
        for place, kind in enumerate(kinds)
        if kind is torch.export.graph_signature.OutputKind.USER_OUTPUT
    )


def _take_places(module: torch.nn.Module, stacks: Stacks, *, grad: bool = True) -> None:
    """Give nodes the places that the program's own traces tell, as they have them when a module is traced here."""
    assert isinstance(module, torch.fx.GraphModule), "a region is a graph"
    for node in module.graph.nodes:
        if node.op == "placeholder" or node.op == "output":
            continue
        found = places_of(node.meta.pop("stack_trace", None))
        with stacks.grad_mode(grad):
            stacks.take(
                node, tuple(Place(file, name, Span(line, 0, line, 0), False) for file, line, name in found)
            )
        if node.target is NO_GRAD:
            region = module.get_submodule(str(node.args[1].target))
            _take_places(region, stacks, grad=node.args[0] is True)
        elif node.target is AUTOCAST:
            _take_places(module.get_submodule(str(node.args[4].target)), stacks, grad=grad)
