"""Unpacking gzip files, whose size is known only when they are unpacked: never more than a bound."""

from __future__ import annotations

import zlib
from pathlib import Path

from torchlean_core.basics.reading import TooLargeError

MAGIC = b"\x1f\x8b"
"""The first bytes of a gzip file."""

_AT_ONCE = 1 << 22


def unpacked(path: Path, content: bytes, most: int) -> bytes:
    """What gzip packed, in any number of members.

    Args:
        path: The file, for messages.
        content: Its bytes.
        most: Bytes that may come out of them.

    Raises:
        TooLargeError: More come out.
        EOFError: The file ends too early.
        zlib.error: It is damaged, or no gzip file.
    """
    parts: list[bytes] = []
    size = 0
    rest = content
    while True:
        decoder = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        while not decoder.eof:
            part = decoder.decompress(rest, _AT_ONCE)
            rest = decoder.unconsumed_tail
            if not part and not rest and not decoder.eof:
                raise EOFError(f"{path}: the gzip file ends too early")
            parts.append(part)
            size += len(part)
            if size > most:
                raise TooLargeError(path, most)
        rest = decoder.unused_data
        if not rest.startswith(MAGIC):
            return b"".join(parts)
