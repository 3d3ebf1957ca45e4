"""An ONNX graph as a module: its tensors as parameters and buffers, its operators one after the other as forward."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import torch

from torchlean_core.capture.places import FileNode, Stacks
from torchlean_core.onnx.steps import Computed, Held, Operand, Plain, Plan


class OnnxModule(torch.nn.Module):
    """A graph. Tensors have the names of the file, as far as a module can have them."""

    def __init__(self, plan: Plan, persistent: frozenset[str]) -> None:
        """Take a plan.

        Args:
            plan: What forward does.
            persistent: Names of the tensors that the file holds; others were computed.
        """
        super().__init__()
        names = legal_names([*plan.parameters, *plan.constants])
        for name, tensor in plan.parameters.items():
            _owner(self, names[name]).register_parameter(_last(names[name]), torch.nn.Parameter(tensor))
        for name, tensor in plan.constants.items():
            _owner(self, names[name]).register_buffer(
                _last(names[name]), tensor.clone(), persistent=name in persistent
            )
        self._run = _Run(plan, names)

    def forward(self, x: torch.Tensor) -> Any:
        """The output, or a dict of several."""
        return self._run(self, x)

    @contextmanager
    def recorded(self, stacks: Stacks) -> Iterator[None]:
        """While it is traced: what each operator comes to is recorded with its place in the file."""
        self._run.stacks = stacks
        try:
            yield
        finally:
            self._run.stacks = None


class _Run:
    """Keeps a plan out of a module's parts: it is no part of the model; copies of a module share it."""

    def __init__(self, plan: Plan, names: Mapping[str, str]) -> None:
        self.plan = plan
        self.names = names
        self.stacks: Stacks | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> _Run:
        return self

    def __call__(self, module: torch.nn.Module, x: torch.Tensor) -> Any:
        values: dict[str, Any] = {self.plan.input: x}
        tensors = {name: _tensor(module, path) for name, path in self.names.items()}

        def value(operand: Operand) -> Any:
            match operand:
                case Computed(name):
                    return values[name]
                case Held(name):
                    return tensors[name]
                case Plain(plain):
                    return plain

        stacks = self.stacks
        for step in self.plan.steps:
            node = step.node
            made = FileNode(node.operator, node.name, next(filter(None, node.outputs), ""))
            with nullcontext() if stacks is None else stacks.in_file_node(made):
                found = step.function(node, *map(value, step.operands))
            found = found if isinstance(found, tuple | list) else (found,)
            values.update(zip(node.outputs, found, strict=False))
            for name in step.forgets:
                del values[name]
        results = {name: value(one) for name, one in self.plan.outputs.items()}
        return next(iter(results.values())) if len(results) == 1 else results


_TAKEN = frozenset(dir(torch.nn.Module())) | {"_run", "recorded"}


def legal_names(names: list[str]) -> dict[str, str]:
    """A name for each that a module can have: dots lead to parts of it, other signs become `_`; no two are the same."""
    leaves: set[str] = set()
    folders: set[str] = set()
    found: dict[str, str] = {}
    for name in names:
        parts = [re.sub(r"[^A-Za-z0-9_]", "_", part) for part in name.split(".")]
        parts = [f"{part}_" if part in _TAKEN else part or "_" for part in parts]
        path, count = ".".join(parts), 1
        while path in leaves or path in folders or any(above in leaves for above in _above(path)):
            count += 1
            path = "_".join(parts) + f"_{count}"
        found[name] = path
        leaves.add(path)
        folders.update(_above(path))
    return found


def _above(path: str) -> Iterator[str]:
    parts = path.split(".")
    return (".".join(parts[:count]) for count in range(1, len(parts)))


def _owner(module: torch.nn.Module, path: str) -> torch.nn.Module:
    for part in path.split(".")[:-1]:
        if part not in module._modules:
            module.add_module(part, torch.nn.Module())
        inner = module._modules[part]
        assert inner is not None
        module = inner
    return module


def _last(path: str) -> str:
    return path.rpartition(".")[2]


def _tensor(module: torch.nn.Module, path: str) -> torch.Tensor:
    found = module
    for part in path.split(".")[:-1]:
        inner = found._modules[part]
        assert inner is not None
        found = inner
    tensor = getattr(found, _last(path))
    assert isinstance(tensor, torch.Tensor)
    return tensor
