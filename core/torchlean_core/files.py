"""Writing files whole or not at all."""

from __future__ import annotations

import filecmp
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from torchlean_core.basics.paths import real
from torchlean_core.errors import UsageError

if TYPE_CHECKING:
    import fcntl
else:
    try:
        import fcntl
    except ImportError:  # Windows, where a file that is open cannot be removed or replaced
        fcntl = None

_TEMPORARY = ".torchlean-tmp"
_SETTLED_SECONDS = 60.0
"""Age from which on a temporary file that nobody holds was left by a process that was killed."""

_AT_ONCE = 1 << 24
"""Characters that are encoded at a time."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends well, and goes otherwise.

    The file's permissions are kept where it exists. A symbolic link is followed: its target is replaced.

    Raises:
        UsageError: Something that is no regular file stands there (a device, a pipe, a folder).
        OSError: The folder cannot be written.
    """
    target = real(path)
    require_regular(path)
    _tidy(target.parent)
    try:
        descriptor, name = tempfile.mkstemp(
            prefix=f".{target.name[:40]}.", suffix=_TEMPORARY, dir=target.parent
        )
    except OSError as error:  # of a name that nobody asked for
        raise OSError(error.errno, error.strerror, str(path)) from error
    temporary = Path(name)
    try:
        with _held(descriptor), _named(path):
            yield temporary
            _sync(temporary)
        if target.exists():
            temporary.chmod(target.stat().st_mode & 0o7777)
        else:
            umask = os.umask(0)
            os.umask(umask)
            temporary.chmod(0o666 & ~umask)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """An error of the system that names no file is about this one: the disk is full."""
    try:
        yield
    except OSError as error:
        if error.filename is not None or error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def _sync(path: Path) -> None:
    """Have the system write a file's bytes to the disk before its name is given to them.

    Otherwise a machine that stops may find the name with nothing behind it, and what it stood for before is gone.
    """
    with path.open("rb+") as file:
        os.fsync(file.fileno())


@contextmanager
def _held(descriptor: int) -> Iterator[None]:
    """Say to other processes that a temporary file is being written, until the block ends."""
    if fcntl is None:
        os.close(descriptor)
        yield
        return
    try:
        with suppress(OSError):  # a file system without locks: the file's age alone protects it
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _tidy(folder: Path) -> None:
    """Remove what killed processes left in a folder: temporary files of ours that nobody writes any more."""
    if fcntl is None:
        return
    old = time.time() - _SETTLED_SECONDS
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.endswith(_TEMPORARY) or not entry.name.startswith("."):
                continue
            with suppress(OSError):  # somebody else's, or gone meanwhile
                if entry.is_file(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_mtime < old:
                    _remove_if_left(Path(entry.path))


def _remove_if_left(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # BlockingIOError where somebody writes it
        path.unlink()
    finally:
        os.close(descriptor)


def kept_name(path: Path) -> Path:
    """The name under which `keep_aside` would keep a file: `m.py.orig`, or the first of `m.py.orig2`, … that is free.

    A file that was kept with the same content already is not kept twice.
    """
    path = real(path)
    kept = path.with_name(path.name + ".orig")
    number = 1
    while kept.exists() and not _same_content(kept, path):
        number += 1
        kept = path.with_name(f"{path.name}.orig{number}")
    return kept


def keep_aside(path: Path) -> Path:
    """Keep a copy of a file that is about to be replaced; see `kept_name`.

    Returns:
        The copy.

    Raises:
        UsageError: It cannot be written; the file must not be replaced then.
    """
    kept = kept_name(path)
    try:
        if not kept.exists():
            with replacing(kept) as temporary:
                shutil.copyfile(path, temporary)
    except OSError as error:
        raise UsageError(f"{kept}: cannot be written ({error.strerror or error})") from error
    return kept


def _same_content(one: Path, other: Path) -> bool:
    return one.is_file() and other.is_file() and filecmp.cmp(one, other, shallow=False)


def require_regular(path: Path) -> None:
    """Check that a path is a regular file, or nothing yet.

    Raises:
        UsageError: It is a device, a pipe, a folder.
    """
    if path.exists() and not path.is_file():
        is_device = path.is_char_device() or path.is_block_device()
        kind = "folder" if path.is_dir() else "device" if is_device else "pipe or socket"
        raise UsageError(f"{path}: is a {kind}, no regular file; it is not replaced")


def write_text(path: Path, text: str) -> None:
    """Write a text file, UTF-8 with line feeds as line ends, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_pieces(path: Path, pieces: Iterable[str]) -> None:
    """As `write_text`, a text in pieces, of which none is encoded as a whole where it is long."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        for piece in pieces:
            for start in range(0, len(piece), _AT_ONCE):
                file.write(piece[start : start + _AT_ONCE])


def refuse_overwriting(output: Path, *inputs: Path | None) -> None:
    """Check, before the work, that an output replaces a regular file or none, and no input of the command.

    Raises:
        UsageError: It is something else (a device, a pipe, a folder), or an input, by whatever name; it is a link to
            where nothing can be written.
        OSError: It is one of links that form a circle.
    """
    if output.is_symlink() and not real(output).parent.is_dir():
        raise UsageError(f"{output}: is a link into a folder that is not there")
    if not output.exists():
        return
    require_regular(output)
    for path in inputs:
        if path is not None and path.exists() and path.samefile(output):
            raise UsageError(f"{output}: the output is the input {path}; name another file with -o")


def relative_path(path: Path, folder: Path) -> str:
    """The way from a folder to a file, with slashes; the absolute path where there is none (another drive)."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:
        return path.as_posix()
