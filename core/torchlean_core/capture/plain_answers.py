"""While a model is traced, its code is told what it would be told in a plain run: that nothing traces it.

A model that asks `torch.compiler.is_compiling()` has other code for compilers; what is captured is what it does.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType

QUESTIONS = (
    ("torch.compiler", "is_compiling"),
    ("torch.compiler", "is_exporting"),
    ("torch.compiler", "is_dynamo_compiling"),
    ("torch._dynamo.external_utils", "is_compiling"),
    ("torch._utils", "is_compiling"),
    ("torch.fx._symbolic_trace", "is_fx_tracing"),
    ("torch.fx._symbolic_trace", "is_fx_symbolic_tracing"),
    ("torch.jit._trace", "is_tracing"),
    ("torch.onnx", "is_in_onnx_export"),
)
"""Functions of torch that tell whether something traces: module and name."""


def _answer(*, true: Callable[[], bool]) -> bool:
    """The true answer for torch's own code, which must not be deceived; False for everybody else."""
    import sys  # runs with the globals of another module

    asker = sys._getframe(1).f_globals.get("__name__") or ""
    return (asker == "torch" or asker.startswith("torch.")) and true()


@contextmanager
def plain_answers() -> Iterator[None]:
    """Around tracing.

    The functions' code is replaced, not their names: a file may have imported them under any name before.
    """
    replaced: list[tuple[FunctionType, FunctionType]] = []
    for module, name in QUESTIONS:
        # A module that nobody has imported cannot be asked.
        function = getattr(sys.modules.get(module), name, None)
        if isinstance(function, FunctionType) and not function.__code__.co_freevars:
            replaced.append((function, FunctionType(function.__code__, function.__globals__, name)))
    try:
        for function, true in replaced:
            function.__kwdefaults__ = {"true": true}
            function.__code__ = _answer.__code__
        yield
    finally:
        for function, true in replaced:
            function.__code__ = true.__code__
            function.__kwdefaults__ = None
