"""From the user's file to a module: imported as `python model.py` would, constructed, in eval mode."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import random
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from torchlean_core.capture.errors import CaptureError
from torchlean_core.capture.places import user_error
from torchlean_core.capture.target import Shape, Target, definition_line, read_source, syntax_error
from torchlean_core.errors import UsageError


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model that was constructed.

    Attributes:
        module: The module, in eval mode.
        file: Absolute path of its file.
        shown: The file as the user wrote it.
        name: Name of the class or function in it.
        line: Line of its definition, where it is defined in the file itself.
        sha256: Hash of the file's bytes.
    """

    module: torch.nn.Module
    file: Path
    shown: str
    name: str
    line: int | None
    sha256: str


def load_model(target: Target) -> Loaded:
    """Import a model file and construct the module it names. Runs the user's code.

    Raises:
        UsageError: There is no such file or name, or it needs arguments.
        CaptureError: The file is not Python, or its code raises.
    """
    file, shown = target.file.resolve(), str(target.file)
    source = read_source(target.file)
    line = definition_line(source, target, decorators=False)
    _seed()
    module_object = _imported(file, shown, source)
    if target.name not in vars(module_object):
        raise UsageError(f"{shown}: no `{target.name}` in it{_candidates(module_object)}")
    constructor = vars(module_object)[target.name]
    model = constructor if isinstance(constructor, torch.nn.Module) else None
    if model is None:
        _check_constructor(constructor, target)
        _seed()
        try:
            model = constructor()
        except (Exception, SystemExit) as error:
            raise user_error(error, file, shown, "TL602", line=line) from error
    if not isinstance(model, torch.nn.Module):
        raise CaptureError.at(
            shown, "TL602", f"{target.name}() gives {_a(model)}, expected a torch.nn.Module", line
        )
    model.eval()
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    return Loaded(model, file, shown, target.name, line, sha256)


def _seed() -> None:
    """The same random weights in every capture of an unchanged file."""
    random.seed(0)
    torch.manual_seed(0)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(0)


def _imported(file: Path, shown: str, source: str) -> types.ModuleType:
    try:
        code = compile(source, str(file), "exec", dont_inherit=True)
    except SyntaxError as error:
        raise syntax_error(Path(shown), error) from error
    sys.argv = [shown]
    sys.path.insert(0, str(file.parent))
    name = file.stem if file.stem not in sys.modules else f"_torchlean_model_{file.stem}"
    module = types.ModuleType(name)
    module.__file__ = str(file)
    module.__spec__ = importlib.util.spec_from_file_location(name, file)
    sys.modules[name] = module
    try:
        exec(code, vars(module))
    except (Exception, SystemExit) as error:
        raise user_error(error, file, shown, "TL602") from error
    return module


def _check_constructor(constructor: Any, target: Target) -> None:
    shown = f"{target.file}: `{target.name}`"
    if not callable(constructor):
        raise UsageError(f"{shown} is {_a(constructor)}, expected a class or a function without arguments")
    if isinstance(constructor, type) and not issubclass(constructor, torch.nn.Module):
        raise UsageError(f"{shown} is a class, but no torch.nn.Module")
    needed = _needed(constructor)
    if needed:
        arguments = ", ".join(needed)
        raise UsageError(
            f"{shown} needs arguments ({arguments}); write a function without arguments that builds it, "
            f"such as `def {target.name.lower()}_model(): return {target.name}(…)`, and capture that"
        )


def _needed(function: Callable[..., Any]) -> list[str]:
    """Names of the arguments without a default."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    return [
        parameter.name
        for parameter in parameters
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]


def _candidates(module: types.ModuleType) -> str:
    names = [
        name
        for name, value in vars(module).items()
        if getattr(value, "__module__", None) == module.__name__
        and (
            (isinstance(value, type) and issubclass(value, torch.nn.Module))
            or (inspect.isfunction(value) and not _needed(value))
        )
    ]
    return f"; it has {', '.join(names)}" if names else ", and no model either"


def _a(value: Any) -> str:
    return f"a value of type {type(value).__name__}"


def run_example(loaded: Loaded, shape: Shape) -> torch.Tensor:
    """An example input that the model was run with once: its own errors, at the user's lines, come first.

    Raises:
        CaptureError: The model cannot be run with it, or does not give one float tensor.
    """
    shown, line = loaded.shown, loaded.line
    if type(loaded.module).forward is torch.nn.Module.forward:
        raise CaptureError.at(shown, "TL603", f"{loaded.name} has no forward", line)
    needed = _needed(loaded.module.forward)
    if len(needed) > 1:
        raise CaptureError.at(
            shown,
            "TL603",
            f"forward takes {len(needed)} inputs ({', '.join(needed)}); an artifact has one",
            line,
        )
    example = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    try:
        with torch.no_grad():
            result = loaded.module(example.clone())
    except (Exception, SystemExit) as error:
        hint = f" (with an input of shape {list(shape)})"
        raise user_error(error, loaded.file, shown, "TL603", line=line, hint=hint) from error
    if not isinstance(result, torch.Tensor):
        what = f"{len(result)} values" if isinstance(result, tuple | list | dict) else _a(result)
        raise CaptureError.at(
            shown, "TL603", f"forward returns {what}; an artifact has one output tensor", line
        )
    if result.dtype != torch.float32:
        dtype = str(result.dtype).removeprefix("torch.")
        raise CaptureError.at(shown, "TL603", f"forward returns {dtype}, expected float32", line)
    return example
