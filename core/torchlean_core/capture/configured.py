"""The request of a capture, from what the user gives and what the settings say (no torch here)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from torchlean_core.capture.options import Options
from torchlean_core.capture.target import Shape, Target, read_source, shape_in_source, shape_unknown
from torchlean_core.config import SettingsFinder


def configured(target: Target) -> dict[str, Any]:
    """What the nearest settings file says about a target, by names as in the program (`example_shape`).

    The file has it under `[capture."model.py:Name"]`, relative to itself; `output` becomes a path.

    Raises:
        UsageError: The settings file cannot be read, or something in it is wrong.
    """
    settings = SettingsFinder().of_file(target.file.resolve())
    if settings.path is None:
        return {}
    file = Path(os.path.relpath(target.file.resolve(), settings.path.parent.resolve())).as_posix()
    entry = settings.capture.get(f"{file}:{target.name}", {})
    found = {name.replace("-", "_"): value for name, value in entry.items()}
    if "output" in found:
        found["output"] = settings.path.parent / found["output"]
    return found


def example_shape(target: Target) -> Shape:
    """The example shape that the model file, or the settings beside or above it, give for a target.

    Raises:
        UsageError: There is none, or a file cannot be read.
        CaptureError: The model file is not Python.
    """
    shape = shape_in_source(read_source(target.file), target)
    if shape is None:
        shape = configured(target).get("example_shape")
    if shape is None:
        raise shape_unknown(target)
    return tuple(shape)


def capture_request(
    target: Target, output: Path, shape: Shape, given: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What the capture job is asked.

    Args:
        target: The model.
        output: Where to write the artifact.
        shape: Shape of its input.
        given: Options that were given and win over those of the settings.

    Raises:
        UsageError: The settings file cannot be read, or something in it is wrong.
    """
    options = {**configured(target), **(given or {})}
    return {
        "file": str(target.file),
        "name": target.name,
        # Absolute: the model's own code may change the working directory.
        "out": os.path.abspath(output),  # noqa: PTH100 -- a symbolic link stays one
        "example_shape": list(shape),
        **{item.name: options[item.name] for item in fields(Options) if item.name in options},
    }
