"""Checkpoints: everything that a run needs to go on exactly, in one safetensors file with JSON metadata."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from torchlean_core.artifact import artifact_hash
from torchlean_core.errors import UsageError, UserError
from torchlean_core.graph import Program
from torchlean_core.kinds.numbers import show_shape
from torchlean_core.params import ParameterStore, write_tensors
from torchlean_core.runs import CHECKPOINT_FORMAT
from torchlean_core.train.options import COURSE, HABITS

Option = str | int | float | bool | None
"""The value of an option."""

_PARAMETER, _OPTIMIZER, _BEST = "parameter/", "optimizer/", "best/"


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands, but for its tensors.

    Attributes:
        step: Steps that were taken.
        steps: Steps of the whole run.
        options: The options that it keeps to its end (`options.COURSE`).
        habits: Options that it goes on with unless told otherwise (`options.HABITS`); a path of data from the
            checkpoint's folder.
        processes: How many processes there were.
        data: Hash of the samples; of those to train on.
        schedule: State of the schedule; None where there is none.
        best: The best validation so far (`Best.state`); None where there was none.
        metrics: Entries of the metrics so far.
    """

    step: int
    steps: int
    options: dict[str, Option]
    habits: dict[str, Option]
    processes: int
    data: str
    schedule: dict[str, Any] | None
    best: dict[str, Any] | None
    metrics: list[dict[str, int | float]]

    def require_sound(self) -> None:
        """Check what the types alone do not say.

        Raises:
            ValueError: Something is missing, too much, or impossible.
        """
        for found, expected in ((self.options, COURSE), (self.habits, HABITS)):
            if set(found) != set(expected):
                raise ValueError(f"expected the options {', '.join(expected)}")
        if not 0 < self.step <= self.steps:
            raise ValueError(f"it is of step {self.step} of {self.steps}")
        if not all(type(entry.get("step")) is int and {"loss", "lr"} <= set(entry) for entry in self.metrics):
            raise ValueError("its metrics have entries without a step, a loss or a rate")
        if self.options["best"] and self.best is None:
            raise ValueError("it keeps the best validation, and knows of none")
        if not self.metrics or (self.schedule is None) != (self.options["schedule"] == "constant"):
            raise ValueError("it has no metrics" if not self.metrics else "it has a schedule too many or few")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A run as it was after a step.

    Attributes:
        progress: Where it stood.
        params: All parameters by name.
        optimizer: State of the optimizer (`OptimState.tensors`).
        best: All parameters by name after the best validation; empty where they are not kept.
    """

    progress: Progress
    params: Mapping[str, torch.Tensor]
    optimizer: Mapping[str, torch.Tensor]
    best: Mapping[str, torch.Tensor]

    def save(self, path: Path, program: Program) -> None:
        """Write the checkpoint, whole or not at all.

        Raises:
            UsageError: The file cannot be written.
        """
        tensors = {_PARAMETER + name: tensor for name, tensor in self.params.items()}
        tensors |= {_OPTIMIZER + name: tensor for name, tensor in self.optimizer.items()}
        tensors |= {_BEST + name: tensor for name, tensor in self.best.items()}
        arrays = {name: tensor.detach().cpu().contiguous().numpy() for name, tensor in tensors.items()}
        progress = json.dumps(asdict(self.progress))
        metadata = {
            "format": CHECKPOINT_FORMAT,
            "artifact": artifact_hash(program.graph),
            "progress": progress,
            "progress_sha256": _sha256(progress),  # `sha256`, which is added, is of the tensors
        }
        try:
            write_tensors(path, arrays, metadata)
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror or error}") from error


def load_checkpoint(path: Path, program: Program) -> Checkpoint:
    """Read a checkpoint of a program's training.

    Raises:
        UsageError: The file cannot be read.
        UserError: It is no checkpoint, was damaged, or belongs to another artifact.
    """
    store = ParameterStore.load(path)
    if store.metadata.get("format") != CHECKPOINT_FORMAT:
        raise UserError(f"{path}: not a checkpoint ({CHECKPOINT_FORMAT}); --params takes parameter files")
    if store.metadata.get("artifact") != artifact_hash(program.graph):
        raise UserError(f"{path}: the checkpoint was made for another version of this artifact")
    text = store.metadata.get("progress", "")
    is_intact = store.metadata.get("progress_sha256") == _sha256(text)
    if not is_intact or store.metadata.get("sha256") != store.computed_sha256():
        raise UserError(f"{path}: the checkpoint is damaged: its content is not what its hash says")
    try:
        progress = _progress(text)
        progress.require_sound()
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: the checkpoint's metadata cannot be read ({error})") from error
    tensors = {name: torch.from_numpy(store.numpy(name).copy()) for name in store.names}
    params, best = _under(_PARAMETER, tensors), _under(_BEST, tensors)
    _require_parameters(path, program, params, "")
    if progress.options["best"]:
        _require_parameters(path, program, best, "of the best validation, ")
    return Checkpoint(progress, params, _under(_OPTIMIZER, tensors), best)


def _require_parameters(path: Path, program: Program, found: Mapping[str, torch.Tensor], which: str) -> None:
    """Check that tensors are a program's parameters.

    Raises:
        UserError: One is missing, or has another shape.
    """
    for parameter in program.parameters():
        tensor = found.get(parameter.name)
        if tensor is None or tuple(tensor.shape) != parameter.shape:
            what = "is missing" if tensor is None else f"has shape {show_shape(tensor.shape)}"
            expected = show_shape(parameter.shape)
            raise UserError(f"{path}: {which}{parameter.name} {what}, expected {expected}")


def _progress(text: str) -> Progress:
    """Progress from its JSON.

    Raises:
        ValueError: It is no JSON, a field is missing, or a value is of another type.
    """
    content = json.loads(text, parse_constant=_refuse_constant)
    if not isinstance(content, dict):
        raise ValueError("expected an object")
    found = {}
    for name, (expected, good) in _FIELDS.items():
        if name not in content:
            raise ValueError(f"`{name}` is missing")
        if not good(content[name]):
            raise ValueError(f"expected {expected} as `{name}`")
        found[name] = content[name]
    return Progress(**found)


def _refuse_constant(word: str) -> float:
    raise ValueError(f"{word} is no JSON")


def _is_count(value: Any) -> bool:
    return type(value) is int


def _is_options(value: Any) -> bool:
    return isinstance(value, dict) and all(
        one is None or type(one) in (str, int, float, bool) for one in value.values()
    )


def _is_metrics(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(entry, dict) and all(type(one) in (int, float) for one in entry.values())
        for entry in value
    )


def _is_best(value: Any) -> bool:
    kinds = {"step": (int,), "loss": (int, float), "since": (int,)}
    return (
        isinstance(value, dict)
        and set(value) == set(kinds)
        and all(type(value[name]) in kinds[name] for name in kinds)
    )


_FIELDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "step": ("a whole number", _is_count),
    "steps": ("a whole number", _is_count),
    "options": ("options", _is_options),
    "habits": ("options", _is_options),
    "processes": ("a whole number", _is_count),
    "data": ("a text", lambda value: isinstance(value, str)),
    "schedule": ("an object or null", lambda value: value is None or isinstance(value, dict)),
    "best": ("an object or null", lambda value: value is None or _is_best(value)),
    "metrics": ("a list of objects of numbers", _is_metrics),
}
"""Fields of `Progress` as JSON: what each must be, in words, and whether a value is that."""


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _under(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
