"""The Lake project above a file that builds on TorchLean, and the dialect which that TorchLean reads."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from torchlean_core.kinds.dialect import Dialect
from torchlean_core.lean.importer import find_importer
from torchlean_core.lean.lake import FILES, NAME, Lake, is_project, read_project

_MOST_FOLDERS = 128
_MOST_KNOWN = 64
_SHOWN_REVISION = 7


@dataclass(frozen=True, slots=True)
class LeanProject:
    """A Lake project, as far as TorchLean is concerned.

    Attributes:
        folder: Its folder.
        required: Whether it requires TorchLean, or is TorchLean.
        package: The folder of TorchLean's sources; None where they are not there.
        revision: Revision of a git package; empty where there is none.
        dialect: The dialect that its importer reads; None where nothing tells.
        reason: How that is known, or what is missing, in words.
        remedy: What would help, in words; empty where nothing is to be done.
    """

    folder: Path
    required: bool
    package: Path | None
    revision: str
    dialect: Dialect | None
    reason: str
    remedy: str = ""


Stamp = tuple[tuple[str, int, int, int] | None, ...]


class _Known(NamedTuple):
    watched: tuple[Path, ...]
    stamp: Stamp
    project: LeanProject


_known: dict[Path, _Known] = {}
"""What was found in a folder, which holds while the files that told it are the same."""


def find_project(folder: Path) -> LeanProject | None:
    """The nearest Lake project, in a folder or above it, that requires TorchLean.

    Where none does, the nearest one that is there at all; None where there is none. What was found is kept, and found
    again once a file that told it changes.
    """
    nearest: LeanProject | None = None
    start = Path(os.path.abspath(folder))  # noqa: PTH100 -- links are kept: a file is where its user sees it
    for place in (start, *start.parents)[:_MOST_FOLDERS]:
        if not is_project(place):
            continue
        project = _project_in(place)
        if project.required:
            return project
        nearest = nearest or project
    return nearest


def _project_in(folder: Path) -> LeanProject:
    known = _known.get(folder)
    if known is not None and known.stamp == _stamp(known.watched):
        return known.project
    own = tuple(folder / name for name in FILES)
    before = _stamp(own)
    lake = read_project(folder)
    project, more = _judge(lake)
    watched = (*own, *more)
    if len(_known) >= _MOST_KNOWN:
        _known.clear()
    _known[folder] = _Known(watched, (*before, *_stamp(more)), project)
    return project


def _stamp(paths: tuple[Path, ...]) -> Stamp:
    found: list[tuple[str, int, int, int] | None] = []
    for path in paths:
        try:
            stat = path.stat()
        except OSError:
            found.append(None)
        else:
            found.append((str(path), stat.st_mtime_ns, stat.st_size, stat.st_ino))
    return tuple(found)


def _judge(lake: Lake) -> tuple[LeanProject, tuple[Path, ...]]:
    """What a project's files and TorchLean's sources tell, and the further paths that told it."""
    troubles = "".join(f"; {one}" for one in lake.troubles)
    if not lake.required:
        reason = f"the Lake project in {lake.folder} does not require {NAME}{troubles}"
        return LeanProject(lake.folder, False, None, "", None, reason), ()
    if lake.package is None:
        reason = f"{NAME} is required, but its sources are not at {lake.expected}{troubles}"
        project = LeanProject(
            lake.folder, True, None, lake.revision, None, reason, "run `lake update` in the project"
        )
        expected = Path(os.path.normpath(lake.folder / lake.expected))
        return project, (expected, expected.parent)
    name = f"{NAME} itself" if lake.is_torchlean else f"{NAME} at {_shown(lake.package, lake.folder)}"
    if lake.revision:
        name += f" (rev {_short(lake.revision)})"
    importer = find_importer(lake.package)
    if importer.dialect is None or importer.file is None:
        part = "" if importer.whole else ", as far as its sources were looked at"
        reason = f"{name} has no importer that tells which root field it reads{part}{troubles}"
        remedy = "name the dialect: `dialect` in torchlean.toml"
        found = LeanProject(lake.folder, True, lake.package, lake.revision, None, reason, remedy)
        return found, (lake.package, *importer.seen)
    reason = f"{name} reads `{importer.dialect.output_field}`{troubles}"
    found = LeanProject(lake.folder, True, lake.package, lake.revision, importer.dialect, reason)
    return found, (lake.package, importer.file)


def _shown(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()


def _short(revision: str) -> str:
    is_hash = len(revision) == 40 and all(char in "0123456789abcdef" for char in revision)
    return revision[:_SHOWN_REVISION] if is_hash else revision
