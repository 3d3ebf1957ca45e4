"""The dialect that a new artifact is written in, where nobody says which.

The settings decide, then the project's TorchLean, then the artifacts around it.
"""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from torchlean_core.kinds.common import FORMAT
from torchlean_core.kinds.dialect import Dialect
from torchlean_core.kinds.dialects import DEFAULT, DIALECTS

AUTO = "auto"
"""Stands for the choice, among names of dialects."""

CHOICES = (AUTO, *DIALECTS)
"""What the option `--dialect` takes."""

_MOST_FILES = 64
_SNIFFED = 1 << 16


class Choice(NamedTuple):
    """A dialect, and why.

    Attributes:
        dialect: The dialect.
        reason: In words, to stand behind its name.
    """

    dialect: Dialect
    reason: str


def choose(folder: Path) -> Choice:
    """The dialect for a new artifact in a folder.

    The nearest settings file decides, unless it leaves that open; then what the TorchLean of the Lake project above
    reads; then most artifacts in the folder; else it is the default.

    Raises:
        UsageError: The settings file cannot be read, or something in it is wrong.
    """
    from torchlean_core.config import SettingsFinder
    from torchlean_core.lean import find_project

    settings = SettingsFinder().of_folder(folder)
    if settings.dialect != AUTO:
        return Choice(DIALECTS[settings.dialect], f"as {settings.path} sets")
    project = find_project(folder)
    if project is not None and project.dialect is not None:
        return Choice(project.dialect, project.reason)
    return among(folder)


def among(folder: Path) -> Choice:
    """The dialect of most artifacts that are in a folder, else the default.

    A bounded number of files is looked at, and of each the beginning.
    """
    try:
        files = sorted(islice((path for path in folder.iterdir() if path.suffix == ".json"), _MOST_FILES))
    except OSError:  # no such folder, or none that may be read: who writes there says so
        files = []
    found = [dialect for path in files if (dialect := spoken(path)) is not None]
    if not found:
        return Choice(DEFAULT, "the default")
    most = max(DIALECTS.values(), key=found.count)  # of equally many the first, which is the default
    return Choice(most, f"as of {found.count(most)} of {len(found)} artifacts in the folder")


def choose_for(output: Path) -> Choice:
    """The dialect for an artifact that is written to a file: that of the one which it replaces, else as `choose` says.

    Raises:
        UsageError: The settings file cannot be read, or something in it is wrong.
    """
    replaced = spoken(output)
    return (
        choose(output.parent) if replaced is None else Choice(replaced, "as of the artifact that is replaced")
    )


def spoken(path: Path) -> Dialect | None:
    """The dialect of an artifact, as the beginning of its file tells it; None where that is none, or tells nothing."""
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            start = file.read(_SNIFFED).decode("utf-8", "replace")
    except OSError:
        return None
    if f'"{FORMAT}"' not in start:
        return None
    for dialect in reversed(DIALECTS.values()):  # of both fields the newer one counts
        if re.search(rf'"{dialect.output_field}"\s*:', start):
            return dialect
    return None
