"""What a training left beside its artifact, for those who show it (no torch here)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torchlean_core.artifact.companions import RunPaths, run_paths, trained_params_path
from torchlean_core.artifact.hashing import artifact_hash
from torchlean_core.artifact.load import load_graph
from torchlean_core.basics.reading import read_lines
from torchlean_core.errors import UsageError, UserError
from torchlean_core.params.store import ParameterStore

Entry = dict[str, Any]

MAX_ENTRIES = 2_000
"""Entries of metrics that are read at most: more than a picture has places for."""

_MAX_BYTES = 1 << 26
CHECKPOINT_FORMAT = "torchlean.checkpoint.v1"
"""Value of the metadata key `format` of checkpoints."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A checkpoint that a run can go on from.

    Attributes:
        path: The file.
        step: Steps that were taken.
        steps: Steps of the whole run.
        options: What the run was asked for, by name; without what does not apply.
    """

    path: Path
    step: int
    steps: int
    options: dict[str, Any]


def paths_of(artifact: Path, out: Path | None = None) -> RunPaths:
    """The files of a training of an artifact, whose parameters go to `out`."""
    return run_paths(out or trained_params_path(artifact))


def read_metrics(path: Path) -> list[Entry]:
    """The entries of a metrics file, of many a part that is spread evenly; none where there is no such file."""
    try:
        lines = read_lines(path, _MAX_BYTES).splitlines()
    except OSError:
        return []
    entries = []
    for line in thinned(lines, MAX_ENTRIES):
        try:
            entry = json.loads(line)
        except ValueError:
            continue  # somebody's own file, or a line that is being written
        if isinstance(entry, dict) and type(entry.get("step")) is int and _is_number(entry.get("loss")):
            entries.append({name: value for name, value in entry.items() if _is_number(value)})
    return entries


def thinned(items: list[Any], most: int) -> list[Any]:
    """A list with at most so many of its items, spread evenly, the last among them."""
    count = len(items)
    if count <= most:
        return items
    return [items[(place + 1) * count // most - 1] for place in range(most)]


def kept_run(artifact: Path, path: Path) -> Kept | None:
    """The checkpoint at a path, where a run of this artifact, as it is now, can go on from it.

    That its values are whole is seen when the run goes on.
    """
    if not path.is_file():
        return None
    try:
        metadata = ParameterStore.load(path).metadata
        if metadata.get("format") != CHECKPOINT_FORMAT:
            return None
        if metadata.get("artifact") != artifact_hash(load_graph(artifact)):
            return None
        progress = json.loads(metadata.get("progress", ""))
        step, steps = progress["step"], progress["steps"]
        asked = {**progress["options"], **progress["habits"]}
    except (UserError, UsageError, ValueError, KeyError, TypeError, RecursionError):
        return None  # not written by a training, or by another version: there is nothing to offer
    if not (type(step) is int and type(steps) is int and 0 < step < steps):
        return None
    return Kept(path, step, steps, {name: value for name, value in asked.items() if value is not None})


def is_unfinished(path: Path) -> bool:
    """Whether a file stands where a checkpoint is to be written that is more than one of a run that came to its end."""
    if not path.exists():
        return False
    try:
        metadata = ParameterStore.load(path).metadata
        progress = json.loads(metadata.get("progress", ""))
        return not progress["step"] >= progress["steps"]
    except (UserError, UsageError, OSError, ValueError, KeyError, TypeError, RecursionError):
        return True  # somebody's own file, or of another version


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)
