"""Finding the artifacts in a folder: by name, or by what a JSON file holds; ignored files are skipped."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pathspec

from torchlean_core.artifact.companions import is_artifact_name
from torchlean_core.artifact.detect import looks_like_artifact
from torchlean_core.basics.reading import MOST_ARTIFACT, MOST_SETTINGS, read_lines, require_within_project
from torchlean_core.config import SettingsFinder
from torchlean_core.errors import UsageError

_NEVER = {"node_modules", "__pycache__"}
_Ignores = list[tuple[Path, pathspec.GitIgnoreSpec]]
_OnError = Callable[[Path, OSError], None]


def find_artifacts(
    folder: Path,
    exclude: list[str] | None,
    settings: SettingsFinder,
    on_error: _OnError,
    declared: Callable[[Path], bool] = lambda path: False,
) -> list[Path]:
    """Artifacts below a folder, sorted; hidden folders and what `.gitignore` files name are skipped.

    Args:
        folder: Where to search.
        exclude: Patterns as in `.gitignore`, relative to the folder; None takes those of the settings files.
        settings: Finds the settings of a folder.
        on_error: Told of folders that cannot be listed, and of files of patterns that cannot be read.
        declared: Whether a JSON file is said to be an artifact, whatever it is called and holds.

    Raises:
        UsageError: A settings file is wrong, or a pattern is none.
    """
    patterns: _Ignores = []
    if exclude is not None:
        patterns.append((folder, exclude_spec(exclude)))
    walk = _Walk(settings if exclude is None else None, on_error)
    return sorted(path for path in walk.files(folder, patterns) if declared(path) or _is_artifact(path))


def exclude_spec(patterns: list[str]) -> pathspec.GitIgnoreSpec:
    """The patterns of `--exclude`.

    Raises:
        UsageError: One of them is none.
    """
    try:
        return pathspec.GitIgnoreSpec.from_lines(patterns)
    except ValueError as error:
        raise UsageError(f"--exclude: expected a pattern as in .gitignore: {error}") from error


class _Walk:
    """The JSON files below a folder."""

    def __init__(self, settings: SettingsFinder | None, on_error: _OnError) -> None:
        self._settings = settings
        self._on_error = on_error

    def files(self, folder: Path, ignores: _Ignores) -> Iterator[Path]:
        """The files of one folder, and of the folders in it."""
        pending = [(folder, ignores)]  # no recursion: folders may be nested as deep as somebody likes
        while pending:
            folder, ignores = pending.pop()
            ignores = [*ignores, *self._gitignore(folder)]
            here = self._settings.of_folder(folder) if self._settings is not None else None
            try:
                with os.scandir(folder) as listed:
                    entries = sorted(listed, key=lambda entry: entry.name)
            except OSError as error:
                self._on_error(folder, error)
                continue
            for entry in entries:
                path = Path(entry.path)
                is_folder = entry.is_dir(follow_symlinks=False)
                if _ignored(path, is_folder, ignores) or (here and here.excludes(path, folder=is_folder)):
                    continue
                if is_folder:
                    if not entry.name.startswith(".") and entry.name not in _NEVER:
                        pending.append((path, ignores))
                elif entry.name.endswith(".json") and _may_be_file(path):
                    yield path

    def _gitignore(self, folder: Path) -> _Ignores:
        path = folder / ".gitignore"
        try:
            require_within_project(path)
            lines = read_lines(path, MOST_SETTINGS).splitlines()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return []
        except OSError as error:
            self._on_error(path, error)
            return []
        return _patterns(folder, lines)


def _may_be_file(path: Path) -> bool:
    """Whether there is a file, or what the check says something of: a link that leads nowhere, an artifact's name."""
    try:
        return path.is_file() or not path.exists() or (is_artifact_name(path.name) and not path.is_dir())
    except OSError:  # a circle of links
        return True


def _patterns(folder: Path, lines: list[str]) -> _Ignores:
    try:
        return [(folder, pathspec.GitIgnoreSpec.from_lines(lines))]
    except ValueError:  # git skips a line that is no pattern
        return [(folder, pathspec.GitIgnoreSpec.from_lines(filter(_is_pattern, lines)))]


def _is_pattern(line: str) -> bool:
    try:
        pathspec.GitIgnoreSpec.from_lines([line])
    except ValueError:
        return False
    return True


def _ignored(path: Path, is_folder: bool, ignores: _Ignores) -> bool:
    for root, spec in ignores:
        name = path.relative_to(root).as_posix()
        if spec.match_file(name + "/" if is_folder else name):
            return True
    return False


def _is_artifact(path: Path) -> bool:
    if is_artifact_name(path.name):
        return True
    try:
        return looks_like_artifact(read_lines(path, MOST_ARTIFACT))
    except OSError:
        return True  # the check reports that it cannot be read
