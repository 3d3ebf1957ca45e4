"""A program of `torch.export` as a module: its parameters and buffers by their names, and its graph as forward."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from torchlean_core.capture.program.results import Results


@dataclass(frozen=True)
class Source:
    """What forward does.

    Attributes:
        graph: The graph; nothing is registered in it but regions.
        operands: For each of its inputs the name of a parameter, buffer or constant; None for the network's input.
        places: Which of its outputs are results.
        results: How they are returned.
    """

    graph: torch.fx.GraphModule
    operands: tuple[str | None, ...]
    places: tuple[int, ...]
    results: Results


class Program(torch.nn.Module):
    """A program. Two names of one tensor are two names of one tensor here, too."""

    def __init__(
        self, source: Source, state: Mapping[str, torch.Tensor], constants: Mapping[str, torch.Tensor]
    ) -> None:
        """Take the tensors by their names.

        Args:
            source: What forward does.
            state: What the model's `state_dict` has.
            constants: Buffers that are not in it, and tensors that are neither.

        Raises:
            KeyError: A name is none that a module can have.
        """
        super().__init__()
        for part in source.graph.modules():
            if isinstance(part, torch.fx.GraphModule):
                for node in part.graph.nodes:
                    node.meta = {_IS: _what(node.meta.get("val"))}  # nothing else is needed where it is run
        self._source = _Held(source)
        self._state = tuple(state)
        self._constants = tuple(constants)
        for name, tensor in state.items():
            _register(self, name, tensor, persistent=True)
        for name, tensor in constants.items():
            _register(self, name, tensor, persistent=False)

    def forward(self, x: torch.Tensor) -> Any:
        """The results for an input, containers as dicts.

        Raises:
            ValueError: In the first run, in which all is float32, a value is another than the program says.
        """
        source = self._source.source
        interpreter = torch.fx.Interpreter if self._source.ran else _Comparing
        tensors = {**self.tensors()[0], **self.tensors()[1]}
        operands = [x if name is None else tensors[name] for name in source.operands]
        outputs = interpreter(source.graph).run(*operands, enable_io_processing=False)
        self._source.ran = True
        return source.results.of([outputs[place] for place in source.places])

    def tensors(self) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        """State and constants by name."""
        return (
            {name: _tensor(self, name) for name in self._state},
            {name: _tensor(self, name) for name in self._constants},
        )


_IS = "is"


def _what(value: Any) -> tuple[torch.dtype, tuple[int, ...]] | None:
    """Type and shape of a tensor."""
    return (value.dtype, tuple(value.shape)) if isinstance(value, torch.Tensor) else None


def _words(what: tuple[torch.dtype, tuple[int, ...]] | None) -> str:
    return "no tensor" if what is None else f"{str(what[0]).removeprefix('torch.')} {list(what[1])}"


class _Comparing(torch.fx.Interpreter):
    """Runs a program, and compares what it computes with what it says of it, which lowering relies on."""

    def run_node(self, node: torch.fx.Node) -> Any:
        """The result of a node.

        Raises:
            ValueError: It has another type or shape than the program says.
        """
        result = super().run_node(node)
        said, found = node.meta.get(_IS), _what(result)
        if said is not None and found != said and node.users:  # kernels differ in what they give besides
            raise ValueError(
                f"the program says that `{node.name}` is {_words(said)}, and it is {_words(found)}"
            )
        return result

    def get_attr(self, target: Any, args: Any, kwargs: Any) -> Any:
        """An attribute: regions are looked into as well."""
        found = super().get_attr(target, args, kwargs)
        if not isinstance(found, torch.fx.GraphModule):
            return found
        return lambda *operands: _Comparing(found).run(*operands, enable_io_processing=False)


class _Held:
    """Keeps a graph out of a module's parts: it is no part of the model; copies of a module share it."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.ran = False

    def __deepcopy__(self, memo: dict[int, Any]) -> _Held:
        return self


def _register(module: torch.nn.Module, path: str, tensor: torch.Tensor, *, persistent: bool) -> None:
    *parts, name = path.split(".")
    for part in parts:
        if part not in module._modules:
            module.add_module(part, torch.nn.Module())
        inner = module._modules[part]
        assert inner is not None
        module = inner
    if isinstance(tensor, torch.nn.Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor, persistent=persistent)


def _tensor(module: torch.nn.Module, path: str) -> torch.Tensor:
    *parts, name = path.split(".")
    for part in parts:
        inner = module._modules[part]
        assert inner is not None
        module = inner
    found = module._parameters.get(name)
    buffer = module._buffers.get(name) if found is None else found
    assert buffer is not None
    return buffer
