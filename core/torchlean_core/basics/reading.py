"""Opening files for reading: regular files of bounded size, and nothing else.

A name in a project may stand for anything: a repository can carry a link to a device or to a pipe, which would be read
without end or waited for. Whoever reads a file that he did not write himself opens it here.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import BinaryIO, Final

from torchlean_core.basics.paths import real, working_folder

MOST_SETTINGS: Final = 1 << 20
"""Bytes of a file of settings, and of one of ignored files."""

MOST_SOURCE: Final = 1 << 26
"""Bytes of a Python file that somebody named."""

MOST_ARTIFACT: Final = 1 << 32
"""Bytes of an artifact, of weights in JSON and of data: they may hold all values of a network as text."""

_CHUNK = 1 << 20


class NotRegularError(OSError):
    """A name stands for something that is no file of bytes: a device, a pipe, a socket."""

    def __init__(self, path: Path, mode: int) -> None:
        is_device = stat.S_ISCHR(mode) or stat.S_ISBLK(mode)
        kind = "device" if is_device else "file of the system" if stat.S_ISREG(mode) else "pipe or socket"
        super().__init__(errno.EINVAL, f"is a {kind}, no regular file", str(path))


class TooLargeError(OSError):
    """A file has more bytes than one of its sort may have."""

    def __init__(self, path: Path, most: int) -> None:
        super().__init__(errno.EFBIG, f"has more than {most:,} bytes", str(path))


class LeadsOutError(OSError):
    """A link in a project leads out of it."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            errno.EACCES, "is a link that leads out of the project; it is not followed", str(path)
        )


def names_host(name: str) -> bool:
    r"""Whether a file name that stands in a file leads to another computer, as `\\host\share` does on Windows.

    Such a name is not followed anywhere: to look at the file is to log in there, and a file that somebody sent must not
    make a computer do that. Windows takes both slashes for one another; the rule is the same on every system.
    """
    return name[:2].replace("\\", "/") == "//"


def require_within_project(path: Path) -> None:
    """Check that a file which is read because of its name alone lies in its project, links followed.

    The project is the nearest folder above with a `.git`, else the working directory where that is above, else the
    file's own folder.

    Raises:
        LeadsOutError: It is a link to somewhere else.
        OSError: It cannot be looked at; its links form a circle.
    """
    if not path.is_symlink():
        return
    folder = real(path.parent)
    above = (folder, *folder.parents)
    cwd = working_folder()
    top = cwd if cwd is not None and cwd in above else folder
    project = next((one for one in above if (one / ".git").exists()), top)
    if not real(path, strict=True).is_relative_to(project):
        raise LeadsOutError(path)


def require_readable(path: Path, most: int | None = None) -> os.stat_result:
    """Check that a path is a regular file, links followed, for libraries that open files themselves.

    Args:
        path: The file.
        most: Bytes that it may have; None for any number.

    Returns:
        What the system says of it.

    Raises:
        NotRegularError: It is a device, a pipe or a socket.
        TooLargeError: It has more bytes.
        OSError: It is not there, is a folder, or may not be looked at.
    """
    status = path.stat()
    _require(path, status, most)
    return status


def open_regular(path: Path, most: int | None = None) -> BinaryIO:
    """Open a regular file, links followed; see `require_readable`.

    Raises:
        OSError: It is none, has more than `most` bytes, or cannot be opened.
    """
    require_readable(path, most)  # first of all: to open some devices is to do something
    flags = os.O_RDONLY
    for name in ("O_BINARY", "O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_NOINHERIT"):
        flags |= getattr(os, name, 0)
    descriptor = os.open(path, flags)
    try:
        _require(path, os.fstat(descriptor), most)  # another one may have been put in its place
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_regular(path: Path, most: int) -> bytes:
    """The bytes of a regular file, links followed.

    Raises:
        OSError: It is none, has more than `most` bytes, or cannot be read.
    """
    with open_regular(path, most) as file:
        content = file.read(os.fstat(file.fileno()).st_size)
        # It may grow.
        while more := file.read(_CHUNK):
            content += more
            if len(content) > most:
                raise TooLargeError(path, most)
    return content


def read_lines(path: Path, most: int) -> str:
    """The text of a regular file in UTF-8, every line end as a line feed, what is no UTF-8 replaced.

    Raises:
        OSError: It is none, has more than `most` bytes, or cannot be read.
    """
    text = read_regular(path, most).decode("utf-8", "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


@cache
def _made_up() -> frozenset[int]:
    """Devices of files that the system makes while they are read, some without end, and that it calls regular."""
    found = set()
    for folder in ("/proc", "/sys", "/sys/kernel/debug", "/sys/kernel/tracing"):
        with suppress(OSError):
            found.add(Path(folder).stat().st_dev)
    with suppress(OSError):
        found.discard(Path("/").stat().st_dev)  # not mounted, the folders are as any other
    return frozenset(found)


def _require(path: Path, status: os.stat_result, most: int | None) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(status.st_mode) or status.st_dev in _made_up():
        raise NotRegularError(path, status.st_mode)
    if most is not None and status.st_size > most:
        raise TooLargeError(path, most)
