"""Paths as the system sees them: links followed, and the working directory, which may be gone."""

from __future__ import annotations

import errno
import os
from pathlib import Path


def real(path: Path, *, strict: bool = False) -> Path:
    """The file that a path stands for, links followed.

    `Path.resolve` has an exception of its own for links that form a circle, in some versions of Python, and none in
    others; here they are what everything is that cannot be looked at.

    Args:
        path: The path.
        strict: Whether the file must be there.

    Raises:
        OSError: Links form a circle; the file is not there, and must be; the path is relative to a working directory
            that is gone.
    """
    found = os.path.realpath(path, strict=strict)
    if os.path.islink(found):  # noqa: PTH114 - what is left of a circle
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    return Path(found)


def working_folder() -> Path | None:
    """The working directory; None where it was removed."""
    try:
        return Path.cwd()
    except OSError:
        return None
