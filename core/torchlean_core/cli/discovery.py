"""Finding the artifacts in a folder: by name, or by what a JSON file holds; ignored files are skipped."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pathspec

from torchlean_core.artifact.companions import is_artifact_name
from torchlean_core.artifact.detect import looks_like_artifact

_NEVER = {"node_modules", "__pycache__"}


def find_artifacts(folder: Path, exclude: list[str]) -> list[Path]:
    """Artifacts below a folder, sorted; hidden folders and what `.gitignore` files name are skipped."""
    patterns = pathspec.GitIgnoreSpec.from_lines(exclude)
    found = [
        path
        for path in _walk(folder, [])
        if not patterns.match_file(path.relative_to(folder).as_posix()) and _is_artifact(path)
    ]
    return sorted(found)


def _walk(folder: Path, ignores: list[tuple[Path, pathspec.GitIgnoreSpec]]) -> Iterator[Path]:
    try:
        lines = (folder / ".gitignore").read_text("utf-8", "replace").splitlines()
        ignores = [*ignores, (folder, pathspec.GitIgnoreSpec.from_lines(lines))]
    except OSError:
        pass  # no .gitignore here
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            path = Path(entry.path)
            is_folder = entry.is_dir(follow_symlinks=False)
            if _ignored(path, is_folder, ignores):
                continue
            if is_folder:
                if not entry.name.startswith(".") and entry.name not in _NEVER:
                    yield from _walk(path, ignores)
            elif entry.name.endswith(".json"):
                yield path


def _ignored(path: Path, is_folder: bool, ignores: list[tuple[Path, pathspec.GitIgnoreSpec]]) -> bool:
    for root, spec in ignores:
        name = path.relative_to(root).as_posix()
        if spec.match_file(name + "/" if is_folder else name):
            return True
    return False


def _is_artifact(path: Path) -> bool:
    if is_artifact_name(path.name):
        return True
    try:
        return looks_like_artifact(path.read_text("utf-8", "replace"))
    except OSError:
        return True  # the check reports that it cannot be read
