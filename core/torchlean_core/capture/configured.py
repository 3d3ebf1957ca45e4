"""The request of a capture, from what the user gives and what the settings say (no torch here)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from torchlean_core.basics.paths import real
from torchlean_core.capture.directives import options_in_source, shape_in_source
from torchlean_core.capture.errors import CaptureError
from torchlean_core.capture.target import Shape, Target, read_source, shape_unknown
from torchlean_core.config import SettingsFinder
from torchlean_core.dialect_around import AUTO
from torchlean_core.dialect_choice import choose_for
from torchlean_core.options.capture import Options


def configured(target: Target, finder: SettingsFinder | None = None) -> dict[str, Any]:
    """What the nearest settings file says about a target, by names as in the program (`example_shape`).

    The file has it under `[capture."model.py:Name"]`, relative to itself; `output` becomes a path. What it says of
    all captures (`dialect`) holds where the target's own table does not say otherwise.

    Args:
        target: The model.
        finder: Finds settings files, for who asks of many models.

    Raises:
        UsageError: The settings file cannot be read, or something in it is wrong.
    """
    settings = (finder or SettingsFinder()).of_file(real(target.file))
    if settings.path is None:
        return {}
    found: dict[str, Any] = {} if settings.dialect == AUTO else {"dialect": settings.dialect}
    if not settings.capture:
        return found
    file = Path(os.path.relpath(real(target.file), real(settings.path.parent))).as_posix()
    entry = settings.capture.get(file if target.is_program else f"{file}:{target.name}", {})
    found |= {name.replace("-", "_"): value for name, value in entry.items()}
    if "output" in found:
        found["output"] = settings.path.parent / found["output"]
    return found


def named_in_settings(file: Path) -> frozenset[str]:
    """Names of the classes and functions of a file that the nearest settings file has a table for.

    Raises:
        UsageError: The settings file cannot be read, or something in it is wrong.
    """
    settings = SettingsFinder().of_file(real(file))
    if settings.path is None or not settings.capture:
        return frozenset()
    shown = Path(os.path.relpath(real(file), real(settings.path.parent))).as_posix()
    targets = (target.rpartition(":") for target in settings.capture)
    return frozenset(name for known, _, name in targets if known == shown)


def needed_shape(target: Target) -> Shape | None:
    """The example shape of a model, or None for a program of `torch.export` of which the settings give none: it has it.

    Raises:
        UsageError: A model has none, or a file cannot be read.
        CaptureError: The model file is not Python.
    """
    if not target.is_program:
        return example_shape(target)
    given = configured(target).get("example_shape")
    return None if given is None else tuple(given)


def example_shape(target: Target) -> Shape:
    """The example shape that the model file, or the settings beside or above it, give for a target.

    Raises:
        UsageError: There is none, or a file cannot be read.
        CaptureError: The model file is not Python.
    """
    source = read_source(target.file)
    shape = shape_in_source(source, target)
    if shape is None:
        shape = configured(target).get("example_shape")
    if shape is None:
        raise shape_unknown(target, is_there=re.search(rf"\b{re.escape(target.name)}\b", source) is not None)
    return tuple(shape)


def capture_request(
    target: Target,
    output: Path,
    shape: Shape | None,
    given: Mapping[str, Any] | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What the capture job is asked: directives over the model win over settings, and what is given over both.

    Args:
        target: The model.
        output: Where to write the artifact.
        shape: Shape of its input; None for a program of `torch.export`, which says it itself.
        given: Options that were given.
        defaults: Options that hold where neither directives nor settings say otherwise.

    Raises:
        UsageError: The model file or the settings file cannot be read, or something in them is wrong.
    """
    try:
        said = {} if target.is_program else options_in_source(read_source(target.file), target)
    except CaptureError:
        said = {}  # the file is not Python: the capture finds that, too, and reports it like all that it finds
    options = {**(defaults or {}), **configured(target), **said, **(given or {})}
    return {
        "file": str(target.file),
        "name": target.name,
        # Absolute: the model's own code may change the working directory.
        "out": os.path.abspath(output),  # noqa: PTH100 -- a symbolic link stays one
        "example_shape": None if shape is None else list(shape),
        **{item.name: options[item.name] for item in fields(Options) if item.name in options},
    }


def with_dialect(request: Mapping[str, Any]) -> dict[str, Any]:
    """A request with the dialect's name in place of `auto`: the worker knows neither settings nor projects.

    Raises:
        UsageError: A settings file cannot be read, or something in it is wrong.
    """
    if request.get("dialect", AUTO) != AUTO:
        return dict(request)
    return {**request, "dialect": choose_for(Path(request["out"])).dialect.name}
