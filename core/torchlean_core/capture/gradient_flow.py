"""Where gradients flow through a traced model: regions without them, and what changes them unseen by a trace."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.autograd import Function

from torchlean_core.capture.places import Stack, Stacks
from torchlean_core.capture.regions import NO_GRAD, take_out

aten = torch.ops.aten

_STOPS = (aten.detach.default, aten.detach_copy.default)


@dataclass(frozen=True, slots=True)
class Unseen:
    """Something that changes gradients, and of which a trace of operators shows nothing.

    Attributes:
        what: In words: a custom function, or a hook.
        stack: The user's frames.
    """

    what: str
    stack: Stack


@contextmanager
def watching(stacks: Stacks, unseen: list[Unseen]) -> Iterator[None]:
    """Around tracing: notes what changes gradients unseen, and makes `.data` a `detach`, as which it is traced.

    The forward pass of a custom function runs without gradients, but that is how torch calls it and not what its
    author says: its operators count as those of the code around it.
    """
    apply, register, data = vars(Function)["apply"], torch.Tensor.register_hook, torch.Tensor.data

    def watched_apply(cls: type[Function], *args: Any, **kwargs: Any) -> Any:
        unseen.append(Unseen(f"the custom function {cls.__name__} has a backward of its own", stacks.here()))
        with stacks.grad_mode(stacks.grad_is_on):
            return apply.__func__(cls, *args, **kwargs)

    def watched_register(tensor: torch.Tensor, hook: Any) -> Any:
        unseen.append(Unseen("a hook changes a gradient", stacks.here()))
        return _Handle()

    def get_data(tensor: torch.Tensor) -> torch.Tensor:
        if stacks.code.file_of(sys._getframe(1).f_code) is not None:
            return tensor.detach()
        found: torch.Tensor = data.__get__(tensor)  # type: ignore[attr-defined]
        return found

    def set_data(tensor: torch.Tensor, value: torch.Tensor) -> None:
        data.__set__(tensor, value)  # type: ignore[attr-defined]

    Function.apply = classmethod(watched_apply)  # type: ignore[method-assign,assignment]
    torch.Tensor.register_hook = watched_register  # type: ignore[method-assign]
    torch.Tensor.data = property(get_data, set_data)  # type: ignore[assignment]
    try:
        yield
    finally:
        Function.apply = apply  # type: ignore[method-assign]
        torch.Tensor.register_hook = register  # type: ignore[method-assign]
        del torch.Tensor.data


class _Handle:
    """Stands for the handle of a hook that was not registered."""

    def remove(self) -> None:
        """Nothing is there to remove."""


def detach_data(graph: torch.fx.Graph) -> None:
    """Read `.data`, which a symbolic trace has as an attribute, as `detach`."""
    for node in graph.nodes:
        if node.target is getattr and node.args[1:] == ("data",):
            node.op, node.target, node.args = "call_method", "detach", node.args[:1]


def inline_regions(module: torch.fx.GraphModule) -> dict[str, str]:
    """Put the operators of regions without gradients (and with them, inside) where the regions stand.

    torch takes a region apart with the rest of the graph, and loses what its operators were marked with.

    Returns:
        New names of nodes by old ones, for results that were a region's.
    """
    renamed: dict[str, str] = {}
    for node in list(module.graph.nodes):
        if node.op != "call_function" or node.target is not NO_GRAD:
            continue
        _, body, *operands = node.args
        inline_regions(getattr(module, body.target))
        renamed.update(take_out(module, node, body, operands))
    return renamed


def reached(graph: torch.fx.Graph, outputs: Any, stacks: Stacks) -> set[torch.fx.Node]:
    """The nodes that a gradient of the outputs reaches, unless something on the way stops it."""
    found = set(outputs)
    for node in reversed(graph.nodes):
        if node in found and not stops(node, stacks):
            found.update(node.all_input_nodes)
    return found


def stops(node: torch.fx.Node, stacks: Stacks) -> bool:
    """Whether no gradient goes through an operator: it detaches, or stands where gradients are switched off."""
    return node.target in _STOPS or stacks.grad_is_off(node)
