"""Places in the user's model file: of exceptions, and of traced operators."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import torch

from torchlean_core.capture.errors import CaptureError

_FRAME = re.compile(r'File "(?P<file>[^"\n]+)", line (?P<line>\d+), in ')


def line_of_exception(error: BaseException, file: Path) -> int | None:
    """Line of the innermost frame of an exception's traceback that lies in a file."""
    if isinstance(error, SyntaxError) and error.filename == str(file):
        return error.lineno
    line = None
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(file):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def user_error(
    error: BaseException, file: Path, shown: str, code: str, *, line: int | None = None, hint: str = ""
) -> CaptureError:
    """The message for an exception in the user's code: `model.py:12: ValueError: …`.

    Args:
        error: The exception.
        file: Absolute path of the model file.
        shown: The file as the user wrote it.
        code: Rule code of the finding.
        line: The line where the traceback has none in the file.
        hint: Added to the message.
    """
    if isinstance(error, SystemExit):
        text = f"sys.exit({error.code!r}) was called"
    else:
        text = f"{type(error).__name__}: {first_line(error)}".rstrip(": ")
    if isinstance(error, ModuleNotFoundError):
        text += (
            f" (with the interpreter {sys.executable}; "
            "an editor's setting `torchlean.python.interpreter` selects another)"
        )
    elif isinstance(error, ImportError) and "no known parent package" in text:
        text += " (an `__init__.py` beside the file makes it a module of a package)"
    found = line_of_exception(error, file)
    return CaptureError.at(shown, code, text + hint, line if found is None else found)


@contextmanager
def user_code(
    file: Path, shown: str, code: str, *, line: int | None = None, hint: str = ""
) -> Iterator[None]:
    """Around a call of the user's code: whatever it raises is its `user_error`, even a KeyboardInterrupt."""
    try:
        yield
    except BaseException as error:
        if getattr(error, "ends_job", False):
            raise
        raise user_error(error, file, shown, code, line=line, hint=hint) from error


def text_of(error: BaseException) -> str:
    """An exception's message; a user's exception may have none that can be had."""
    try:
        return str(error)
    except Exception:
        return ""


def first_line(error: BaseException) -> str:
    """First line of an exception's message."""
    lines = text_of(error).strip().splitlines()
    return lines[0].strip() if lines else ""


def line_of_node(node: torch.fx.Node, file: Path) -> int | None:
    """Line in the model file that a traced operator comes from."""
    frames = _FRAME.findall(node.meta.get("stack_trace") or "")
    lines = [int(line) for name, line in frames if name == str(file)]
    return lines[-1] if lines else None


def module_of_node(node: torch.fx.Node) -> tuple[str, str] | None:
    """Path and class name of the submodule that a traced operator comes from; None for the model itself."""
    stack: dict[str, tuple[str, Any]] = node.meta.get("nn_module_stack") or {}
    for path, kind in reversed(list(stack.values())):
        if path:
            name = kind if isinstance(kind, str) else kind.__name__
            return path.removeprefix("L['self']."), name.rpartition(".")[2]
        break
    return None
