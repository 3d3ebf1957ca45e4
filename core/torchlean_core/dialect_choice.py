"""The dialect that a new artifact is written in, where nobody says which.

The settings decide, then the project's TorchLean, then the artifacts around it.
"""

from __future__ import annotations

from pathlib import Path

from torchlean_core.config import SettingsFinder
from torchlean_core.dialect_around import AUTO, Choice, among, of_output
from torchlean_core.kinds.dialects import DIALECTS
from torchlean_core.lean import find_project


def choose(folder: Path) -> Choice:
    """The dialect for a new artifact in a folder.

    The nearest settings file decides, unless it leaves that open; then what the TorchLean of the Lake project above
    reads; then most artifacts in the folder; else it is the default.

    Raises:
        UsageError: The settings file cannot be read, or something in it is wrong.
    """
    settings = SettingsFinder().of_folder(folder)
    if settings.dialect != AUTO:
        return Choice(DIALECTS[settings.dialect], f"as {settings.path} sets")
    project = find_project(folder)
    if project is not None and project.dialect is not None:
        return Choice(project.dialect, project.reason)
    return among(folder)


def choose_for(output: Path) -> Choice:
    """The dialect for an artifact that is written to a file: that of the one which it replaces, else as `choose` says.

    Raises:
        UsageError: The settings file cannot be read, or something in it is wrong.
    """
    return of_output(output) or choose(output.parent)
