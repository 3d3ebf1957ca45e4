"""An interpreter as a project has one: torch, numpy and safetensors, and nothing of what this package brings along."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

ABSENT = ("msgspec", "pathspec", "rich", "ruff", "torchlean_core")
"""What is not there; the package's own sources neither, a worker brings them along."""

_BLOCKER = """
import sys
from importlib.machinery import PathFinder

class Absent:
    def find_spec(self, name, path=None, target=None):
        # A part of a package that was found is looked for in its folder.
        if path is None and name in ABSENT:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
"""


def bare_interpreter(folder: Path, *absent: str) -> Path:
    """A program that runs Python without these packages; `ABSENT` where none are given."""
    names = absent or ABSENT
    (folder / "without").mkdir(parents=True)
    (folder / "without" / "sitecustomize.py").write_text(_BLOCKER.replace("ABSENT", repr(names)))
    program = folder / "python"
    program.write_text(
        f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(folder / "without"))} exec {shlex.quote(sys.executable)} "$@"\n'
    )
    os.chmod(program, 0o755)  # noqa: PTH101
    return program
