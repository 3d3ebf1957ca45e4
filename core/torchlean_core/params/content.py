"""Writing the bytes of a parameter file: safetensors, with one byte sequence for one content.

The `safetensors` library does not write it, because its metadata comes in an order that changes from run to
run, and because it would need all bytes at once. This module needs nothing but the standard library, so that
the standalone capture script can have it.
"""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from torchlean_core.files import replacing

FORMAT_NAME = "torchlean.params.v1"
"""Value of the metadata key `format`."""


CARRIED = "model:"
"""What names of tensors begin with that no node uses: entries of the model's `state_dict`, kept for the way back."""


class Origin(enum.StrEnum):
    """Who wrote a parameter file, as its metadata say: what one command wrote, it can write again."""

    CAPTURE = "capture"
    INIT = "init"
    TRAIN = "train"
    EMIT = "emit"
    CONVERT = "convert"


_ALIGNMENT = 64
"""Bytes; what processors load at once, at most."""


class Content(NamedTuple):
    """The content of one tensor.

    Attributes:
        dtype: Its type as safetensors spells it (`F32`).
        shape: Its shape.
        data: Its elements in C order, little-endian, whole or in pieces.
    """

    dtype: str
    shape: tuple[int, ...]
    data: memoryview | Iterable[bytes]


def write_content(
    path: Path,
    tensors: Mapping[str, Content],
    artifact: str | None,
    source: str,
    origin: Origin | None = None,
    uses: Mapping[str, Any] | None = None,
) -> str:
    """Write a parameter file whole or not at all; equal content gives equal bytes.

    Args:
        path: The file.
        tensors: float32 or float64 tensors by parameter name, each whole.
        artifact: Hash of the artifact they belong to (`artifact.artifact_hash`); None where that is unknown.
        source: What made the values: scheme and seed, or the model they were taken from.
        origin: Which command made them from nothing but that source; None for what somebody brought along.
        uses: Further uses of tensors, by name: the name under which each is stored, and the view.

    Returns:
        The content's SHA-256, which the metadata holds too.

    Raises:
        OSError: The file cannot be written.
    """
    metadata = {} if artifact is None else {"artifact": artifact}
    if origin is not None:
        metadata["origin"] = origin.value
    if uses:
        metadata["uses"] = json.dumps(uses, separators=(",", ":"))
    return write_with_metadata(path, tensors, {**metadata, "format": FORMAT_NAME, "source": source})


def write_with_metadata(path: Path, tensors: Mapping[str, Content], metadata: Mapping[str, str]) -> str:
    """Write tensors with any metadata, to which their hash is added, whole or not at all.

    Returns:
        The content's SHA-256.

    Raises:
        OSError: The file cannot be written.
    """
    digest = content_hash((name, tensors[name]) for name in sorted(tensors))
    ordered = sorted(tensors.items(), key=lambda item: (_looseness(item[1]), item[0]))
    header = _header(ordered, dict(sorted({**metadata, "sha256": digest}.items())))
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(len(header).to_bytes(8, "little"))
        file.write(header)
        for _, content in ordered:
            for piece in _pieces(content):
                file.write(piece)
    return digest


def _looseness(content: Content) -> int:
    """0 for tensors that leave those behind them aligned as they are, and more the less they do.

    A file has no gaps. In this order all tensors of usual sizes begin at a multiple of `_ALIGNMENT`, and all
    others at least at a multiple of their element's size, so that they can be used where they are.
    """
    assert isinstance(content.data, memoryview), "what is written is whole"
    odd = content.data.nbytes % _ALIGNMENT
    return 0 if odd == 0 else _LOOSE.get(content.dtype, 4)


_LOOSE = {"F64": 1, "I64": 1, "F32": 2, "I32": 2, "F16": 3, "BF16": 3, "I16": 3}


def content_hash(tensors: Iterable[tuple[str, Content]]) -> str:
    """SHA-256, in hex, of names, types, shapes and values in the order given; of nothing else."""
    digest = hashlib.sha256()
    for name, content in tensors:
        digest.update(json.dumps([name, content.dtype, list(content.shape)]).encode())
        for piece in _pieces(content):
            digest.update(piece)
    return digest.hexdigest()


def _pieces(content: Content) -> Iterator[memoryview | bytes]:
    if isinstance(content.data, memoryview):
        yield content.data
    else:
        yield from content.data


def _header(tensors: Iterable[tuple[str, Content]], metadata: Mapping[str, str]) -> bytes:
    table: dict[str, Any] = {"__metadata__": dict(metadata)}
    offset = 0
    for name, content in tensors:
        assert isinstance(content.data, memoryview), "what is written is whole"
        end = offset + content.data.nbytes
        table[name] = {"dtype": content.dtype, "shape": list(content.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(table, separators=(",", ":")).encode()
    return text + b" " * (-(8 + len(text)) % _ALIGNMENT)
