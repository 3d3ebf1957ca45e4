"""FX symbolic tracing of a model as it is called: with one input, with its hooks, and with what it does in place."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch

_IN_PLACE = [
    f"i{name}" for name in "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift".split()
]


class InPlaceProxy(torch.fx.Proxy):
    """A value that is traced; `y += 1` is an operator of its own.

    With torch's own proxies it is `y = y + 1`, which other names of the same tensor do not see.
    """

    def __setitem__(self, index: Any, value: Any) -> None:
        """Trace `y[index] = value`."""
        self.tracer.create_proxy("call_function", operator.setitem, (self, index, value), {})


def _traced_in_place(function: Callable[[Any, Any], Any]) -> Callable[[InPlaceProxy, Any], Any]:
    def method(self: InPlaceProxy, other: Any) -> Any:
        return self.tracer.create_proxy("call_function", function, (self, other), {})

    return method


for _name in _IN_PLACE:
    setattr(InPlaceProxy, f"__{_name}__", _traced_in_place(getattr(operator, _name)))


class Tracer(torch.fx.Tracer):
    """Traces a module called with one input: its other arguments have their defaults, as in a plain run.

    FX alone makes an input of every argument, so that `if mask is not None` is true; and it leaves out the hooks
    of the outermost module.
    """

    record_stack_traces = True
    proxy_buffer_attributes = True

    def proxy(self, node: torch.fx.Node) -> torch.fx.Proxy:
        """A value that is traced."""
        return InPlaceProxy(node, self)

    def create_args_for_root(
        self, root_fn: Callable[..., Any], is_module: bool, concrete_args: Any = None
    ) -> tuple[Any, list[Any]]:
        """The function that is traced, and its arguments."""

        def call(module: torch.nn.Module, x: Any) -> Any:
            return torch.nn.Module._call_impl(module, x)  # type: ignore[no-untyped-call]

        return call, [self.root, self.create_proxy("placeholder", "x", (), {})]
