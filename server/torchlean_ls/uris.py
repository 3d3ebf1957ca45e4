"""URIs and files."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from pygls.uris import from_fs_path, to_fs_path


def file_name(uri: str) -> str:
    """Last part of a URI's path, decoded; works for every scheme (`untitled:`, `git:`)."""
    parts = _split(uri)
    return unquote(uri if parts is None else parts.path).rsplit("/", 1)[-1]


def file_path(uri: str) -> Path | None:
    """The file a `file:` URI names; None for other schemes, and for what can be no file."""
    parts = _split(uri)
    if parts is None or parts.scheme != "file":
        return None
    path = to_fs_path(uri)
    return Path(path) if path and "\0" not in path else None


def _split(uri: str) -> SplitResult | None:
    """The parts of a URI; None where it is none (a bracket that nobody closes)."""
    try:
        return urlsplit(uri)
    except ValueError:
        return None


def file_uri(path: Path) -> str:
    """The `file:` URI of a path."""
    uri = from_fs_path(str(path))
    if uri is None:
        raise ValueError(f"no URI for {path}")
    return str(uri)


def plain_uri(path: Path) -> str:
    """The URI of a path without `..` in it, as editors have it, where that is the same file."""
    plain = Path(os.path.normpath(path))
    # Behind a symbolic link, `..` leads elsewhere.
    return file_uri(plain if os.path.realpath(plain) == os.path.realpath(path) else path)
