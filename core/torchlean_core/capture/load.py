"""From the user's file to a module: imported as `python model.py` would, constructed, in eval mode."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import io
import os
import random
import sys
import types
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from torchlean_core.basics.paths import real
from torchlean_core.capture.errors import CaptureError
from torchlean_core.capture.meaning import Meaning, meaning_of
from torchlean_core.capture.packages import package_of
from torchlean_core.capture.places import Stacks, UserCode, user_code
from torchlean_core.capture.scripted import in_python
from torchlean_core.capture.target import (
    Target,
    decode_source,
    definition_line,
    read_content,
    syntax_error,
)
from torchlean_core.capture.workspace import project_folders
from torchlean_core.errors import UsageError, type_name


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Another program that computes what a file says.

    Attributes:
        words: What it is called (`onnxruntime 1.32.0`), by the type that it computes in.
        module: Computes it in the place of a module; has no parameters.
    """

    words: Mapping[torch.dtype, str]
    module: torch.nn.Module


@dataclass(frozen=True)
class Loaded:
    """A model that was constructed.

    Attributes:
        module: The module, in eval mode.
        file: Absolute path of its file.
        shown: The file as the user wrote it.
        name: Name of the class or function in it.
        line: Line of its definition, where it is defined in the file itself.
        sha256: Hash of the file's bytes; None where there is no file (a model made in a session).
        construct: Constructs the module once more, from the same seeds; None where it is a module of the file.
        namespace: The globals of the file.
        source: The text that ran; None where it is that of the file.
        meaning: What of the file and of others the model uses; None where that cannot be told.
        format: What the file is, where it is no Python file (`pt2`, `onnx`).
        export: Gives the program of the module for an example, where it comes from `torch.export` and is not to be
            traced; it may be changed.
        about: What else the artifact says of the file (`opset`, `producer`).
        evaluation: Gives another program that computes what the file says, where the module was made of it here; None
            where the module itself is what is captured.
    """

    module: torch.nn.Module
    file: Path
    shown: str
    name: str
    line: int | None
    sha256: str | None
    construct: Callable[[], torch.nn.Module] | None = None
    namespace: dict[str, Any] = field(default_factory=dict)
    source: str | None = None
    meaning: Meaning | None = None
    format: str | None = None
    export: Callable[[torch.nn.Module, torch.Tensor, Stacks], torch.export.ExportedProgram] | None = None
    about: Mapping[str, object] = field(default_factory=dict)
    evaluation: Callable[[], Evaluation] | None = None

    @cached_property
    def user(self) -> UserCode:
        """Tells the user's code from libraries'."""
        return UserCode(self.file, self.source)


class Namespace:
    """What the globals of a file, its classes' attributes and its containers hold now."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self._globals = namespace
        self._names = dict(namespace)
        name = namespace.get("__name__")
        values = [value for key, value in namespace.items() if not key.startswith("__")]
        self._containers = [(value, value.copy()) for value in values if type(value) in (list, dict, set)]
        self._classes = [
            (value, dict(vars(value)))
            for value in values
            if isinstance(value, type) and value.__module__ == name
        ]

    def restore(self) -> None:
        """Put all of it back."""
        self._globals.clear()
        self._globals.update(self._names)
        for container, content in self._containers:
            container.clear()
            if isinstance(container, list):
                container.extend(content)
            else:
                container.update(content)
        for kind, attributes in self._classes:
            for name in [name for name in vars(kind) if name not in attributes]:
                delattr(kind, name)
            for name, value in attributes.items():
                if vars(kind).get(name) is not value:
                    setattr(kind, name, value)


def load_model(target: Target, text: str | None = None) -> Loaded:
    """Import a model file and construct the module it names. Runs the user's code.

    Args:
        target: The model.
        text: What to run in place of what is in the file: the text of an editor that was not saved.

    Raises:
        UsageError: There is no such file or name, or it needs arguments.
        CaptureError: The file is not Python, or its code raises.
    """
    file, shown = real(target.file), str(target.file)
    content = read_content(target.file) if text is None else text.encode("utf-8", "surrogatepass")
    source = decode_source(target.file, content) if text is None else text
    user = UserCode(file, source)
    line = definition_line(source, target, decorators=False)
    # Before anything is imported: files may be saved again while it runs.
    meaning = meaning_of(file, target.name, read=lambda path: source if path == file else None)
    seed()
    module_object = _imported(user, shown, source)
    if target.name not in vars(module_object):
        raise UsageError(f"{shown}: no `{target.name}` in it{_candidates(module_object)}")
    namespace = vars(module_object)
    constructor = namespace[target.name]
    construct = None
    if isinstance(constructor, torch.nn.Module):
        model = in_python(constructor, user, shown, line)
    else:
        _check_constructor(constructor, target)
        imported = Namespace(namespace)

        def construct_once() -> torch.nn.Module:
            seed()
            with user_code(user, shown, "TL602", line=line):
                result = constructor()
                if isinstance(result, torch.nn.Module):
                    result.eval()
            if isinstance(result, torch.nn.Module):
                return in_python(result, user, shown, line)
            raise CaptureError.at(
                shown, "TL602", f"{target.name}() gives {describe(result)}, expected a torch.nn.Module", line
            )

        def construct() -> torch.nn.Module:
            imported.restore()
            # What it prints was shown the first time.
            with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                return construct_once()

        model = construct_once()
    model.eval()
    # Of the bytes that ran: the file may have been saved again since.
    sha256 = hashlib.sha256(content).hexdigest()
    return Loaded(model, file, shown, target.name, line, sha256, construct, namespace, source, meaning)


def seed() -> None:
    """The same random weights in every capture of an unchanged file."""
    random.seed(0)
    torch.manual_seed(0)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(0)


def _imported(user: UserCode, shown: str, source: str) -> types.ModuleType:
    file = Path(user.file)
    try:
        code = compile(source, str(file), "exec", dont_inherit=True)
    except SyntaxError as error:
        raise syntax_error(Path(shown), error) from error
    sys.argv = [shown]
    # Python takes compiled code for that of a file of the same size and second: too coarse where saving captures.
    sys.dont_write_bytecode = True
    # What torch.compile makes is neither faster for one call nor to be seen into: functions stay as they are written.
    os.environ["TORCHDYNAMO_DISABLE"] = "1"
    package = package_of(file, source)
    projects = [str(folder) for folder in project_folders(file)]
    if package is not None:
        parent, name = package.parent, package.name
        # The rest behind everything else, where its modules hide none of Python's own.
        sys.path[:] = [str(package.root), *sys.path, str(file.parent), *projects]
        with user_code(user, shown, "TL602"):
            importlib.import_module(parent)
        if name in sys.modules:
            # The package itself imports it: a second time would define all of it twice.
            return sys.modules[name]
    else:
        parent = ""
        sys.path[:] = [str(file.parent), *sys.path, *projects]
        name = file.stem if file.stem not in sys.modules else f"_torchlean_model_{file.stem}"
    module = types.ModuleType(name)
    module.__file__ = str(file)
    module.__spec__ = importlib.util.spec_from_file_location(name, file)
    module.__package__ = parent
    sys.modules[name] = module
    with user_code(user, shown, "TL602"):
        exec(code, vars(module))
    return module


def _check_constructor(constructor: Any, target: Target) -> None:
    shown = f"{target.file}: TL602 `{target.name}`"
    if not callable(constructor):
        raise UsageError(
            f"{shown} is {describe(constructor)}, expected a class or a function without arguments"
        )
    if isinstance(constructor, type) and not issubclass(constructor, torch.nn.Module):
        raise UsageError(f"{shown} is a class, but no torch.nn.Module")
    needed = needed_arguments(constructor)
    if needed:
        arguments = ", ".join(needed)
        raise UsageError(
            f"{shown} needs arguments ({arguments}); write a function without arguments that builds it, "
            f"such as `def {target.name.lower()}_model(): return {target.name}(…)`, and capture that"
        )


def needed_arguments(function: Callable[..., Any]) -> list[str]:
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
            or (inspect.isfunction(value) and not needed_arguments(value))
        )
    ]
    return f"; it has {', '.join(names)}" if names else ", and no model either"


def describe(value: Any) -> str:
    """The value in a message."""
    return f"a value of type {type_name(value)}"
