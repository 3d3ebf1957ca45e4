"""Models whose numbers are not float32: what makes them so, and how they can be captured."""

from __future__ import annotations

import ast

import torch

from torchlean_core.capture.load import Loaded
from torchlean_core.capture.target import read_source
from torchlean_core.errors import UserError

_SETTERS = ("set_default_dtype", "set_default_tensor_type")


def why_not_float32(loaded: Loaded, module: torch.nn.Module) -> str:
    """The end of a message about a model that does not compute in float32; empty where nothing of it tells why."""
    default = torch.get_default_dtype()
    set_here = f"torch.{_SETTERS[0]}({default}){_where(loaded)}" if default != torch.float32 else ""
    named = [*module.named_parameters(), *module.named_buffers()]
    other = next(
        ((name, one.dtype) for name, one in named if one.is_floating_point() and one.dtype != torch.float32),
        None,
    )
    if other is not None:
        because = f", as {set_here} makes them" if set_here and other[1] == default else ""
        instance = loaded.name if loaded.construct is None else f"{loaded.name}()"
        function = f"def {loaded.name.lower()}_float32(): return {instance}.float()"
        return (
            f"; its parameters are {_shown(other[1])} (`{other[0]}`){because}, and an artifact's are float32: "
            f"capture a function that converts them, `{function}`"
        )
    if set_here:
        return (
            f"; {set_here} is in force: tensors that forward makes without a dtype are {_shown(default)}; make them "
            "with dtype=x.dtype"
        )
    return ""


def _shown(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _where(loaded: Loaded) -> str:
    """The line of the model file that sets the default type, where one does."""
    try:
        tree = ast.parse(read_source(loaded.file) if loaded.source is None else loaded.source)
    except (UserError, SyntaxError, ValueError):  # a model of a session has no file
        return ""
    lines = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in _SETTERS
    ]
    return f" (line {lines[-1]})" if lines else ""
