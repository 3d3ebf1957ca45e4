"""Reading files of a Lean project: what is not there is no error, and what cannot be read is one with a text."""

from __future__ import annotations

from pathlib import Path

from torchlean_core.basics import reading

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
        return reading.read_regular(path, most)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:  # of a loop of links, too
        raise Unreadable(f"{path.name}: {error.strerror or error}") from error


def is_folder(path: Path) -> bool:
    """Whether a folder is there, as far as one may know."""
    try:
        return path.is_dir()
    except OSError:
        return False
