"""Which dialect an artifact speaks, and which ones those around a new one do.

The standalone capture script has this, and knows neither settings nor projects; `dialect_choice` asks those, too.
"""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from torchlean_core.basics.reading import open_regular
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


def of_output(output: Path) -> Choice | None:
    """The dialect of the artifact that a file would replace; None where it replaces none."""
    replaced = spoken(output)
    return None if replaced is None else Choice(replaced, "as of the artifact that is replaced")


def spoken(path: Path) -> Dialect | None:
    """The dialect of an artifact, as the beginning of its file tells it; None where that is none, or tells nothing."""
    try:
        with open_regular(path) as file:
            start = file.read(_SNIFFED).decode("utf-8", "replace")
    except OSError:
        return None
    if f'"{FORMAT}"' not in start:
        return None
    for dialect in reversed(DIALECTS.values()):  # of both fields the newer one counts
        if re.search(rf'"{dialect.output_field}"\s*:', start):
            return dialect
    return None
