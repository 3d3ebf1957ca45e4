"""The text of a property file, plain or compressed."""

from __future__ import annotations

import errno
import zlib
from pathlib import Path
from typing import Final

from torchlean_core.reading import TooLargeError, read_regular

MOST_PROPERTY: Final = 1 << 29
"""Bytes of a property's text: the largest that are known have 100 MB."""

_GZIP = b"\x1f\x8b"
_AT_ONCE = 1 << 22


def read_property(path: Path) -> str:
    """The text of a `.vnnlib` file, or of one that gzip has compressed (known by its first bytes, as by its name).

    Raises:
        OSError: It is no regular file, too large (also when it is decompressed), damaged, no text, or cannot be read.
    """
    content = read_regular(path, MOST_PROPERTY)
    if content.startswith(_GZIP):
        content = _decompressed(path, content)
    elif path.suffix == ".gz":
        raise OSError(errno.EINVAL, "is no gzip file", str(path))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise OSError(errno.EILSEQ, f"is no text in UTF-8 (byte {error.start:,})", str(path)) from error


def _decompressed(path: Path, content: bytes) -> bytes:
    """What gzip compressed, in any number of members; never more than `MOST_PROPERTY` at a time."""
    parts: list[bytes] = []
    size = 0
    rest = content
    try:
        while rest.startswith(_GZIP):
            decoder = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
            while not decoder.eof:
                part = decoder.decompress(rest, _AT_ONCE)
                rest = decoder.unconsumed_tail
                if not part and not rest and not decoder.eof:
                    raise OSError(errno.EIO, "is a gzip file that ends too early", str(path))
                parts.append(part)
                size += len(part)
                if size > MOST_PROPERTY:
                    raise TooLargeError(path, MOST_PROPERTY)
            rest = decoder.unused_data
    except zlib.error as error:
        raise OSError(errno.EIO, "is a damaged gzip file", str(path)) from error
    return b"".join(parts)
