"""Formatting of generated source by ruff, whose program may be that of another environment."""

from __future__ import annotations

import importlib
import subprocess
from pathlib import Path

from torchlean_core.errors import UsageError


def find_ruff() -> str | None:
    """The ruff that is installed for this interpreter; None where there is none.

    A server hands it to its workers: the environment that has torch need not have ruff.
    """
    try:
        return str(importlib.import_module("ruff.__main__").find_ruff_bin())
    except (ImportError, FileNotFoundError):  # the latter: the module alone, without its program
        return None


def format_source(source: str, ruff: str | None = None) -> str:
    """The source in ruff's format, whatever configuration lies around.

    Args:
        source: Python source.
        ruff: The program; this interpreter's where None.

    Raises:
        UsageError: There is no such program.
    """
    program = ruff or find_ruff()
    if program is None:
        raise UsageError("formatting needs ruff: pip install ruff")
    command = [program, "format", "--isolated", "--quiet", "-"]
    try:
        done = subprocess.run(command, input=source.encode(), capture_output=True, check=False)
    except OSError as error:
        raise UsageError(f"{Path(program)}: {error.strerror or error}") from error
    if done.returncode != 0:
        message = done.stderr.decode("utf-8", "replace").strip()
        raise RuntimeError(f"the generated source is not valid: {message}")
    return done.stdout.decode()
