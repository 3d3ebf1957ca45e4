"""Parameter files in terms of numpy: types of tensors, and arrays written as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from torchlean_core.params.content import Content, write_content

Array = npt.NDArray[Any]

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
    """Write arrays as a parameter file, whole or not at all; see `params.content.write_content`.

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
    return write_content(path, {name: _content(name, tensors[name]) for name in tensors}, artifact, source)


def _content(name: str, array: Array) -> Content:
    if array.dtype not in (np.dtype("<f4"), np.dtype("<f8")):
        raise ValueError(f"{name} is {array.dtype}; a parameter file holds float32 or float64")
    # `ascontiguousarray` would turn a scalar into a vector.
    array = array if array.flags.c_contiguous else array.copy(order="C")
    tag = "F32" if array.dtype.itemsize == 4 else "F64"
    return Content(tag, array.shape, array.reshape(-1).view(np.uint8).data)
