"""The bytes of a parameter file: safetensors, with one byte sequence for one content.

The `safetensors` library reads what is written here. It does not write it, because its metadata comes in
an order that changes from run to run, and because it would need all bytes at once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from torchlean_core.files import replacing

Array = npt.NDArray[Any]

FORMAT_NAME = "torchlean.params.v1"
"""Value of the metadata key `format`."""

NUMPY_TYPES: dict[str, str] = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "|i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "|u1",
    "BOOL": "|b1",
}
"""Tensor types of safetensors that numpy has, little-endian as in the file."""

WORDS: dict[str, str] = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
}
"""The same types in the words of PyTorch."""

FLOAT_TYPES = ("F32", "F64")
"""Types a stored parameter may have: those that every reader here takes without rounding."""


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One tensor of a file, as its header tells it.

    Attributes:
        name: Its name.
        dtype: Its type as safetensors spells it (`F32`).
        shape: Its shape.
        begin: Offset of its first byte in the file.
        end: Offset past its last byte in the file.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def write_store(path: Path, tensors: Mapping[str, Array], artifact: str, source: str) -> str:
    """Write a parameter file whole or not at all; equal content gives equal bytes.

    Args:
        path: The file.
        tensors: float32 or float64 arrays by parameter name.
        artifact: Hash of the artifact they belong to (`artifact.artifact_hash`).
        source: What made the values: scheme and seed, or the model they were taken from.

    Returns:
        The content's SHA-256, which the metadata holds too.

    Raises:
        ValueError: An array is of another type.
        OSError: The file cannot be written.
    """
    return write_tensors(path, tensors, {"artifact": artifact, "format": FORMAT_NAME, "source": source})


def write_tensors(path: Path, tensors: Mapping[str, Array], metadata: Mapping[str, str]) -> str:
    """Write tensors with any metadata, to which their hash is added, whole or not at all.

    Returns:
        The content's SHA-256, which the metadata holds too.

    Raises:
        ValueError: An array is neither float32 nor float64.
        OSError: The file cannot be written.
    """
    arrays = {name: _contiguous(name, tensors[name]) for name in sorted(tensors)}
    digest = content_hash(arrays)
    header = _header(arrays, dict(sorted({**metadata, "sha256": digest}.items())))
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(len(header).to_bytes(8, "little"))
        file.write(header)
        for array in arrays.values():
            file.write(_bytes_of(array))
    return digest


def content_hash(tensors: Mapping[str, Array]) -> str:
    """SHA-256, in hex, of names, types, shapes and values in the order of names; of nothing else."""
    return hash_tensors(
        (name, _tag(tensors[name]), tuple(tensors[name].shape), _bytes_of(tensors[name]))
        for name in sorted(tensors)
    )


def hash_tensors(tensors: Iterator[tuple[str, str, tuple[int, ...], memoryview]]) -> str:
    """SHA-256, in hex, of (name, type, shape, bytes) in the order given."""
    digest = hashlib.sha256()
    for name, tag, shape, content in tensors:
        digest.update(json.dumps([name, tag, list(shape)]).encode())
        digest.update(content)
    return digest.hexdigest()


def _contiguous(name: str, array: Array) -> Array:
    if array.dtype not in (np.dtype("<f4"), np.dtype("<f8")):
        raise ValueError(f"{name} is {array.dtype}; a parameter file holds float32 or float64")
    # `ascontiguousarray` would turn a scalar into a vector.
    return array if array.flags.c_contiguous else array.copy(order="C")


def _tag(array: Array) -> str:
    return "F32" if array.dtype.itemsize == 4 else "F64"


def _bytes_of(array: Array) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


def _header(arrays: Mapping[str, Array], metadata: Mapping[str, str]) -> bytes:
    table: dict[str, Any] = {"__metadata__": dict(metadata)}
    offset = 0
    for name, array in arrays.items():
        table[name] = {
            "dtype": _tag(array),
            "shape": list(array.shape),
            "data_offsets": [offset, offset + array.nbytes],
        }
        offset += array.nbytes
    text = json.dumps(table, separators=(",", ":")).encode()
    return text + b" " * (-len(text) % 8)
