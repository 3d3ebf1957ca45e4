"""Reading files of somebody's project: regular ones of bounded size, and never a device or a pipe."""

from __future__ import annotations

import stat
from pathlib import Path

MOST_BYTES = 1_000_000
"""Largest file that is read."""


class Unreadable(Exception):
    """A file is there and cannot be read; the text says why."""


def read_regular(path: Path, most: int = MOST_BYTES) -> bytes | None:
    """Content of a file; None where there is none.

    Raises:
        Unreadable: It is no regular file, is too large, or the system refuses.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise Unreadable(f"{path.name} is not a regular file")
        if found.st_size > most:
            raise Unreadable(f"{path.name} has {found.st_size:,} bytes, more than {most:,}")
        with path.open("rb") as file:
            content = file.read(most + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:  # of a loop of links, too
        raise Unreadable(f"{path.name}: {error.strerror or error}") from error
    if len(content) > most:
        raise Unreadable(f"{path.name} has more than {most:,} bytes")
    return content


def is_folder(path: Path) -> bool:
    """Whether a folder is there, as far as one may know."""
    try:
        return path.is_dir()
    except OSError:
        return False
