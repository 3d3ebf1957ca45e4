"""Errors that are messages: what a command prints on stderr, and the exit code it ends with."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any


class UserError(Exception):
    """Something the user can act on; shown as a message, never as a traceback.

    Attributes:
        exit_code: 1 where a file's content is at fault, 2 for usage or a file that cannot be read.
        data: What a program may want to know beside the message; JSON-able. Under `plain`: the message without what
            one would type in a terminal, for editors.
    """

    exit_code = 1
    data: Mapping[str, Any] = MappingProxyType({})


class UsageError(UserError):
    """Wrong options, a missing file, a missing dependency."""

    exit_code = 2


_MOST_SHOWN = 400
"""Characters of somebody's exception that a message repeats."""


def text_of(error: BaseException) -> str:
    """An exception's message; a user's exception may have none that can be had."""
    try:
        return str(error)
    except Exception:
        return ""


def first_line(error: BaseException) -> str:
    """First line of an exception's message, not endless: what a user's code raises can hold a whole file."""
    lines = text_of(error).strip().splitlines()
    return cut_off(lines[0].strip()) if lines else ""


def told(error: BaseException) -> str:
    """An exception as a message says it: its type, and the first line of what it says."""
    return f"{type_name(error)}: {first_line(error)}".rstrip(": ")


def type_name(value: object) -> str:
    """The name of a value's type; a user's type may have an endless one."""
    return cut_off(type(value).__name__)


def exit_told(error: SystemExit) -> str:
    """The call that ended a program, as the program has it."""
    try:
        code = repr(error.code)
    except Exception:
        code = "…"
    return f"sys.exit({cut_off(code)})"


def cut_off(text: str) -> str:
    """A text as a message repeats it; the end of a long one is left out, which it says."""
    if len(text) <= _MOST_SHOWN:
        return text
    return f"{text[:_MOST_SHOWN]}… ({len(text):,} characters)"
