"""Names of the files that belong to an artifact (semantics section 2)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from torchlean_core.basics.reading import open_regular
from torchlean_core.errors import UsageError

ARTIFACT_SUFFIXES = (".ir.json", ".torchlean.json")
"""File names that say "this JSON file is an artifact"."""

PARAMS, TRAINED = ".params.safetensors", ".trained.safetensors"
CHECKPOINT, WEIGHTS = ".checkpoint.safetensors", ".weights.safetensors"
TENSOR_FILES = (PARAMS, TRAINED, CHECKPOINT, WEIGHTS)
"""How the names of files of tensors end that commands write: beside an artifact, or (`WEIGHTS`) a module."""

GENERATED_MARK = "# torchlean-provenance: "
"""How the line of a generated module begins that says where it came from."""

_MAX_HEADER = 4096


def is_artifact_name(name: str) -> bool:
    """Whether a file's name alone makes it an artifact."""
    return name.endswith(ARTIFACT_SUFFIXES)


def stem(path: Path) -> str:
    """`m` of `m.ir.json`, `m.torchlean.json` and `m.json`."""
    for suffix in (*ARTIFACT_SUFFIXES, ".json"):
        if path.name.endswith(suffix) and path.name != suffix:
            return path.name.removesuffix(suffix)
    return path.stem


def params_path(artifact: Path) -> Path:
    """`m.params.safetensors` beside the artifact."""
    return _beside(artifact, PARAMS)


def generated_module_paths(artifact: Path) -> tuple[Path, ...]:
    """Where the generated module may be: `m.py`, or `m_module.py` where `m.py` is somebody's own file."""
    return _beside(artifact, ".py"), _beside(artifact, "_module.py")


def generated_module_path(artifact: Path) -> Path:
    """Where the generated module is, or else will be: for lenses, links, commands and the command line alike.

    `m.py` beside the artifact; `m_module.py` where that was generated already, or where `m.py` is somebody's own file,
    as the model that the artifact was captured from often is.
    """
    usual, other = generated_module_paths(artifact)
    if is_generated_module(usual):
        return usual
    return other if is_generated_module(other) or os.path.lexists(usual) else usual


def generated_module(artifact: Path) -> Path | None:
    """The generated module of an artifact, where there is one."""
    path = generated_module_path(artifact)
    return path if is_generated_module(path) else None


def is_generated_module(path: Path) -> bool:
    """Whether a file begins as generated modules do; costs a look at its beginning."""
    try:
        with open_regular(path) as file:
            return GENERATED_MARK.encode() in file.read(_MAX_HEADER)
    except (OSError, ValueError):
        return False  # it cannot be read, or its name is none: nobody generated it


def trained_params_path(artifact: Path) -> Path:
    """`m.trained.safetensors` beside the artifact."""
    return _beside(artifact, TRAINED)


class RunPaths(NamedTuple):
    """The files of a training.

    Attributes:
        params: Trained parameters.
        metrics: Metrics as JSON lines.
        curve: The loss over the steps, drawn.
        checkpoint: The last checkpoint.
    """

    params: Path
    metrics: Path
    curve: Path
    checkpoint: Path


def run_paths(params: Path) -> RunPaths:
    """`m.metrics.jsonl`, `m.loss.svg`, `m.checkpoint.safetensors` beside `m.trained.safetensors`."""
    name = params.name.removesuffix(".safetensors").removesuffix(".trained")
    return RunPaths(
        params,
        params.with_name(f"{name}.metrics.jsonl"),
        params.with_name(f"{name}.loss.svg"),
        params.with_name(f"{name}{CHECKPOINT}"),
    )


def companion_paths(artifact: Path) -> tuple[Path, ...]:
    """Where the files beside an artifact are, if there are any."""
    return params_path(artifact), *generated_module_paths(artifact)


def has_files_beside(artifact: Path) -> bool:
    """Whether there is a parameter file or a module beside an artifact; costs three looks at the folder."""
    return any(os.path.lexists(path) for path in companion_paths(artifact))


def names_model(text: str) -> bool:
    """Whether an artifact's text may say which model it was captured from; costs one look through the text."""
    return '"captured_from"' in text


def _beside(artifact: Path, ending: str) -> Path:
    if not artifact.name:
        raise UsageError(f"{artifact}: is a folder, not an artifact")
    return artifact.with_name(stem(artifact) + ending)
