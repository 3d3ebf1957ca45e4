"""URIs and files."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from pygls.uris import from_fs_path, to_fs_path


def file_name(uri: str) -> str:
    """Last part of a URI's path, decoded; works for every scheme (`untitled:`, `git:`)."""
    return unquote(urlsplit(uri).path).rsplit("/", 1)[-1]


def file_path(uri: str) -> Path | None:
    """The file a `file:` URI names; None for other schemes."""
    if urlsplit(uri).scheme != "file":
        return None
    path = to_fs_path(uri)
    return Path(path) if path else None


def file_uri(path: Path) -> str:
    """The `file:` URI of a path."""
    uri = from_fs_path(str(path))
    if uri is None:
        raise ValueError(f"no URI for {path}")
    return str(uri)
