"""TorchScript in a model: which submodule it is, and where the user's code puts it there."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import torch

from torchlean_core.capture.errors import CaptureError, CaptureFinding, Span
from torchlean_core.capture.places import Place, UserCode, located
from torchlean_core.capture.pyfile import parse


def in_python(module: torch.nn.Module, user: UserCode, shown: str, line: int | None) -> torch.nn.Module:
    """The module whose forward is Python code: what `torch.compile` wraps.

    Args:
        module: The model.
        user: Tells the user's code.
        shown: The file as the user wrote it.
        line: Line of the model's definition.

    Raises:
        CaptureError: It is TorchScript, or a part of it is.
    """
    original = getattr(module, "_orig_mod", None)
    if isinstance(original, torch.nn.Module) and type(module).__name__ == "OptimizedModule":
        module = original
    for path, part in module.named_modules():
        if isinstance(part, torch.jit.ScriptModule):
            what = f"`{path}` is" if path else "the model is"
            message = (
                f"{what} TorchScript (torch.jit.script or torch.jit.trace), whose operators cannot be traced "
                "exactly; capture the module that it was made from"
            )
            place = _assignment(module, path, user)
            stack = () if place is None else (place,)
            finding = located(CaptureFinding("TL603", message, line), stack, Path(user.file))
            raise CaptureError.of(shown, finding)
    return module


def _assignment(module: torch.nn.Module, path: str, user: UserCode) -> Place | None:
    """The statement of the user's that puts a submodule, or what holds it, into its place: `self.m = …`."""
    found = None
    owner = module
    for name in filter(None, path.split(".")):
        found = _attribute(type(owner), name, user) or found
        owner = getattr(owner, name)
    return found


def _attribute(kind: type, name: str, user: UserCode) -> Place | None:
    """Where the code of a class, or of the class above it that does, assigns an attribute of an instance."""
    for base in kind.__mro__:
        file = getattr(sys.modules.get(base.__module__), "__file__", None)
        if file is None or not user.is_own(file):
            continue
        tree = parse("\n".join(user.lines(file)))
        for definition in ast.walk(tree) if tree is not None else ():  # it may have been saved again since
            if not isinstance(definition, ast.ClassDef) or definition.name != base.__name__:
                continue
            for node in ast.walk(definition):
                if isinstance(node, ast.Assign | ast.AnnAssign) and f"self.{name}" in _targets(node):
                    end = node.end_lineno or node.lineno, node.end_col_offset or node.col_offset
                    span = Span(node.lineno, node.col_offset, *end)
                    return Place(file, f"{base.__qualname__}.__init__", span)
    return None


def _targets(node: ast.Assign | ast.AnnAssign) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    flat = [one for target in targets for one in (target.elts if isinstance(target, ast.Tuple) else [target])]
    return [ast.unparse(one) for one in flat]
