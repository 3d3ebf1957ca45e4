"""The interpreter that workers run in, looked at before any work: is it one, and has it what a worker needs.

The server may run in an environment without torch, and a project have torch in one without anything of this package.
Nothing of the other environment is imported to find out.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

from torchlean_core.environment.extras import TORCH
from torchlean_core.errors import UsageError

NEEDED = tuple(package.name for package in TORCH.packages)
"""What a worker's interpreter must have; nothing else."""

OLDEST = (3, 11)
"""The oldest Python that this package's sources run in."""

_TIMEOUT = 30.0
_LOOK = """
import importlib.util, json, sys
sys.path[:] = [path for path in sys.path if path]
def is_there(name):
    try:
        return importlib.util.find_spec(name) is not None
    except Exception:
        return False
missing = [name for name in sys.argv[1:] if not is_there(name)]
print(json.dumps(["torchlean", list(sys.version_info[:2]), missing]))
"""
_fit: set[tuple[str, float]] = set()
"""Interpreters that were found fit, each with the time of its last change; what is unfit may be mended at any time."""


class UnfitInterpreter(UsageError):
    """No work can be done in an interpreter.

    Attributes:
        data: `{"interpreter": {"path": …, "missing": [packages], "install": command as a list, or null}}`.
    """

    def __init__(self, message: str, path: str, missing: Sequence[str] = ()) -> None:
        super().__init__(message)
        install = [path, "-m", "pip", "install", *missing] if missing else None
        self.data: dict[str, Any] = {
            "interpreter": {"path": path, "missing": list(missing), "install": install}
        }


def require_interpreter(python: str | None) -> None:
    """Check that an interpreter can do the work; what was found fit once is not asked again until it changes.

    Args:
        python: A path, or the name of a program; the running interpreter where None.

    Raises:
        UnfitInterpreter: It is none, is too old, or lacks a package; the message says what to do.
    """
    if python is None:
        missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
        if missing:
            raise _lacks(sys.executable, missing, "the server's own interpreter")
        return
    program = shutil.which(python)
    if program is None:
        raise UnfitInterpreter(f"the interpreter {python} {_why_none(python)}; select another one", python)
    key = program, os.stat(program).st_mtime  # noqa: PTH116 -- of what a link points at
    if key in _fit:
        return
    version, missing = _look(program)
    if version < OLDEST:
        found, needed = (".".join(map(str, one)) for one in (version, OLDEST))
        message = (
            f"the interpreter {program} is Python {found}, {needed} or newer is needed; select another one"
        )
        raise UnfitInterpreter(message, program)
    if missing:
        raise _lacks(program, missing, "the interpreter")
    _fit.add(key)


def _lacks(program: str, missing: Sequence[str], what: str) -> UnfitInterpreter:
    names = missing[0] if len(missing) == 1 else f"{', '.join(missing[:-1])} and {missing[-1]}"
    them = "it" if len(missing) == 1 else "them"
    message = f"{what} {program} has no {names}: select another one, or install {them} there"
    return UnfitInterpreter(message, program, missing)


def _why_none(python: str) -> str:
    if os.path.isdir(python):  # noqa: PTH112 -- any text, not only a path
        return "is a folder"
    return "cannot be executed" if os.path.exists(python) else "does not exist"  # noqa: PTH110


def _look(program: str) -> tuple[tuple[int, ...], list[str]]:
    """Version and missing packages of an interpreter.

    Raises:
        UnfitInterpreter: The program does not answer as Python does.
    """
    with tempfile.TemporaryFile() as answer:
        try:
            process = subprocess.Popen(
                [program, "-c", _LOOK, *NEEDED],
                stdin=subprocess.DEVNULL,
                stdout=answer,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            why = f"the interpreter {program} cannot be executed ({error.strerror or error}); select another one"
            raise UnfitInterpreter(why, program) from error
        try:
            process.wait(_TIMEOUT)
        except subprocess.TimeoutExpired as error:
            why = f"the interpreter {program} did not answer within {_TIMEOUT:g} s; select another one"
            raise UnfitInterpreter(why, program) from error
        finally:
            _end(process)
        answer.seek(0)
        said = answer.read(1 << 16).decode("utf-8", "replace").strip()
    try:
        mark, version, missing = json.loads(said.splitlines()[-1])
        if mark != "torchlean":
            raise ValueError
        return tuple(version), list(missing)
    except (ValueError, TypeError, IndexError) as error:
        told = f": it said {said.splitlines()[-1][:200]!r}" if said else ""
        raise UnfitInterpreter(
            f"{program} is no Python interpreter{told}; select another one", program
        ) from error


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program and what it started."""
    if sys.platform != "win32":
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()
