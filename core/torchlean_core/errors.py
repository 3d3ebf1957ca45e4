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
