"""The text of a property file, plain or compressed."""

from __future__ import annotations

import errno
import zlib
from pathlib import Path
from typing import Final

from torchlean_core.basics.gzipped import MAGIC, unpacked
from torchlean_core.basics.reading import read_regular

MOST_PROPERTY: Final = 1 << 29
"""Bytes of a property's text: the largest that are known have 100 MB."""


def read_property(path: Path) -> str:
    """The text of a `.vnnlib` file, or of one that gzip has compressed (known by its first bytes, as by its name).

    Raises:
        OSError: It is no regular file, too large (also when it is decompressed), damaged, no text, or cannot be read.
    """
    content = read_regular(path, MOST_PROPERTY)
    if content.startswith(MAGIC):
        try:
            content = unpacked(path, content, MOST_PROPERTY)
        except EOFError as error:
            raise OSError(errno.EIO, "is a gzip file that ends too early", str(path)) from error
        except zlib.error as error:
            raise OSError(errno.EIO, "is a damaged gzip file", str(path)) from error
    elif path.suffix == ".gz":
        raise OSError(errno.EINVAL, "is no gzip file", str(path))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise OSError(errno.EILSEQ, f"is no text in UTF-8 (byte {error.start:,})", str(path)) from error
