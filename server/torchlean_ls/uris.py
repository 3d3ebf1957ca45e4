"""URIs and files."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import SplitResult, quote, unquote, urlsplit

_DRIVE = re.compile(r"/[a-zA-Z]:")


def file_name(uri: str) -> str:
    """Last part of a URI's path, decoded; works for every scheme (`untitled:`, `git:`)."""
    parts = _split(uri)
    return unquote(uri if parts is None else parts.path).rsplit("/", 1)[-1]


def file_path(uri: str) -> Path | None:
    """The file a `file:` URI names; None for other schemes, and for what can be no file."""
    parts = _split(uri)
    if parts is None or parts.scheme != "file":
        return None
    host, path = unquote(parts.netloc), unquote(parts.path)
    if host and path:
        path = f"//{host}{path}"  # a share of another computer
    elif _DRIVE.match(path):
        path = path[1].lower() + path[2:]
    if os.name == "nt":
        path = path.replace("/", "\\")
    return Path(path) if path and "\0" not in path else None


def _split(uri: str) -> SplitResult | None:
    """The parts of a URI; None where it is none (a bracket that nobody closes)."""
    try:
        return urlsplit(uri)
    except ValueError:
        return None


def file_uri(path: Path) -> str:
    """The `file:` URI of a path, as editors write it: drive letters are small.

    Raises:
        ValueError: Its name is no UTF-8.
    """
    text, host = str(path), ""
    if os.name == "nt":
        text = text.replace("\\", "/")
    if text.startswith("//"):
        host, _, text = text[2:].partition("/")
    text = "/" + text.removeprefix("/")
    if _DRIVE.match(text):
        return f"file://{quote(host)}/{text[1].lower()}:{quote(text[3:])}"
    return f"file://{quote(host)}{quote(text)}"


def plain_uri(path: Path) -> str:
    """The URI of a path without `..` in it, as editors have it, where that is the same file."""
    plain = Path(os.path.normpath(path))
    # Behind a symbolic link, `..` leads elsewhere.
    return file_uri(plain if os.path.realpath(plain) == os.path.realpath(path) else path)
