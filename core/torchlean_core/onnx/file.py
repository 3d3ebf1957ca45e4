"""An ONNX file: its bytes, unpacked and parsed. Nothing in it is run, and nothing else is opened (no torch here)."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError

from torchlean_core.basics.gzipped import MAGIC, unpacked
from torchlean_core.basics.paths import real
from torchlean_core.basics.reading import NotRegularError, TooLargeError, read_regular
from torchlean_core.capture.errors import refused
from torchlean_core.capture.onnx_files import PACKED
from torchlean_core.errors import first_line
from torchlean_core.onnx.texts import has_other_names

MOST = (1 << 31) - 1
"""Bytes of a model with its external data: what protobuf reads."""


@dataclass(frozen=True, slots=True)
class Document:
    """What a file holds.

    Attributes:
        file: Absolute path.
        shown: The file as the user wrote it.
        sha256: Hash of the file's bytes, as they lie there.
        size: Number of bytes, unpacked.
        proto: The model.
    """

    file: Path
    shown: str
    sha256: str
    size: int
    proto: onnx.ModelProto


def read_document(file: Path) -> Document:
    """Read a file.

    Raises:
        CaptureError: It cannot be read, or is no ONNX file.
    """
    shown = str(file)
    try:
        content = read_regular(file, MOST)
    except IsADirectoryError as error:
        raise refused(shown, "is a folder") from error
    except NotRegularError as error:
        raise refused(shown, "is no regular file") from error
    except TooLargeError as error:
        raise refused(shown, "has 2 GB or more, which no ONNX file has") from error
    except OSError as error:
        raise refused(shown, f"cannot be read: {error.strerror or error}") from error
    sha256 = hashlib.sha256(content).hexdigest()
    if file.name.lower().endswith(PACKED) or content.startswith(MAGIC):
        try:
            content = unpacked(file, content, MOST)
        except TooLargeError as error:
            raise refused(shown, "has 2 GB or more when it is unpacked, which no ONNX file has") from error
        except EOFError as error:
            raise refused(shown, "is a gzip file that is cut off") from error
        except zlib.error as error:
            raise refused(shown, f"is no gzip file, or a damaged one ({first_line(error)})") from error
    proto = onnx.ModelProto()
    try:
        proto.ParseFromString(content)
    except (DecodeError, ValueError, RecursionError) as error:
        raise refused(shown, f"is no ONNX file, or a damaged one ({_reason(content)})") from error
    if not proto.HasField("graph"):
        raise refused(shown, f"is no ONNX file: it holds no graph ({_reason(content)})")
    if has_other_names(proto):
        raise refused(shown, "is a damaged ONNX file: a name in it is no UTF-8")
    return Document(real(file), shown, sha256, len(content), proto)


def _reason(content: bytes) -> str:
    """What the bytes look like."""
    start = content[:256]
    if not content:
        return "the file is empty"
    if start.startswith(b"version https://git-lfs"):
        return "it is a pointer of Git LFS; `git lfs pull` fetches the file itself"
    if start.startswith(b"PK\x03\x04"):
        return "it is a zip archive"
    if start.isascii() and all(byte >= 32 or byte in b"\t\r\n" for byte in start):
        return "it is text"
    return "its bytes are no message of protobuf"
