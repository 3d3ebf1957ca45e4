"""Errors that are messages: what a command prints on stderr, and the exit code it ends with."""

from __future__ import annotations


class UserError(Exception):
    """Something the user can act on; shown as a message, never as a traceback.

    Attributes:
        exit_code: 1 where a file's content is at fault, 2 for usage or a file that cannot be read.
    """

    exit_code = 1


class UsageError(UserError):
    """Wrong options, a missing file, a missing dependency."""

    exit_code = 2
