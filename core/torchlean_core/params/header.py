"""The header of a safetensors file, read and checked with nothing but the standard library.

So the checker and the language server can judge a parameter file of any size where neither numpy nor torch is
installed. What the `safetensors` library refuses is refused here.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from torchlean_core.basics.reading import open_regular
from torchlean_core.basics.visible import shortened
from torchlean_core.errors import UsageError, UserError

MAX_HEADER = 100_000_000
"""Bytes that a header may have; as in the library."""

_MAX_DIM = 2**63 - 1
MAX_RANK = 64
"""Dimensions that arrays have, in numpy and torch alike."""

_MOST_ENTRIES = (
    2**59
)  # of eight bytes each, those of an array fit into memory's addresses: zero dimensions aside


class DType(NamedTuple):
    """One tensor type: its name in PyTorch, and its size in bits."""

    word: str
    bits: int


DTYPES: dict[str, DType] = {
    "F64": DType("float64", 64),
    "F32": DType("float32", 32),
    "F16": DType("float16", 16),
    "BF16": DType("bfloat16", 16),
    "I64": DType("int64", 64),
    "I32": DType("int32", 32),
    "I16": DType("int16", 16),
    "I8": DType("int8", 8),
    "U64": DType("uint64", 64),
    "U32": DType("uint32", 32),
    "U16": DType("uint16", 16),
    "U8": DType("uint8", 8),
    "BOOL": DType("bool", 8),
    "C64": DType("complex64", 64),
    "F8_E5M2": DType("float8_e5m2", 8),
    "F8_E4M3": DType("float8_e4m3fn", 8),
    "F8_E5M2FNUZ": DType("float8_e5m2fnuz", 8),
    "F8_E4M3FNUZ": DType("float8_e4m3fnuz", 8),
    "F8_E8M0": DType("float8_e8m0fnu", 8),
    "F6_E2M3": DType("float6_e2m3", 6),
    "F6_E3M2": DType("float6_e3m2", 6),
    "F4": DType("float4", 4),
}
"""The tensor types of safetensors."""

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


class Header(NamedTuple):
    """What a header says: its tensors by name, and the metadata."""

    tensors: Mapping[str, TensorInfo]
    metadata: Mapping[str, str]


def read_header(path: Path) -> Header:
    """Read the header of a parameter file; the tensors themselves are not touched.

    Raises:
        UsageError: The file cannot be read.
        UserError: It is not a safetensors file.
    """
    if path.is_dir():
        raise UsageError(f"{path}: is a folder, not a parameter file")
    if path.exists() and not path.is_file():
        raise UsageError(f"{path}: is a device or a pipe, not a parameter file")
    try:
        with open_regular(path) as file:
            total = os.fstat(file.fileno()).st_size
            size = int.from_bytes(file.read(8), "little")
            if total < 8 or size > min(MAX_HEADER, total - 8):
                file.seek(0)
                raise _Bad(
                    _other_format(file.read(64)) or f"a header of {size:,} bytes in a file of {total:,}"
                )
            text = file.read(size)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error
    except _Bad as error:
        raise UserError(f"{path}: not a safetensors file ({error})") from error
    try:
        return _parsed(text, 8 + size, total)
    except _Bad as error:
        raise UserError(f"{path}: not a safetensors file ({error})") from error


class _Bad(Exception):
    """Why a header is none."""


def _other_format(start: bytes) -> str | None:
    """What a file is, where it is one that can be converted."""
    if start.lstrip().startswith(b"{"):
        return "but perhaps JSON weights, which `torchlean params convert` takes"
    if start.startswith((b"PK\x03\x04", b"\x80")):
        return "but perhaps a PyTorch checkpoint, which `torchlean params convert` takes"
    return None


def _parsed(text: bytes, data: int, total: int) -> Header:
    if not text.startswith(b"{"):
        raise _Bad("the header is no JSON object")
    try:
        root: dict[str, Any] = json.loads(text.decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deep" if isinstance(error, RecursionError) else str(error)
        raise _Bad(f"its header cannot be read: {reason[:200]}") from error
    metadata = root.pop("__metadata__", None)
    if metadata is None:
        metadata = {}
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise _Bad("its metadata are not texts by name")
    tensors = {name: _tensor(name, entry, data) for name, entry in root.items()}
    position = data
    for info in sorted(tensors.values(), key=lambda info: (info.begin, info.end)):
        if info.begin != position:
            raise _Bad(
                f"the bytes of {shortened(info.name)} begin at {info.begin - data}, expected {position - data}"
            )
        position = info.end
    if position != total:
        raise _Bad(f"its tensors have {position - data:,} bytes, but {total - data:,} follow the header")
    return Header(tensors, metadata)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names: set[str] = set()
        for name, _ in pairs:
            if name in names:
                raise _Bad(f"its header names {shortened(name)} twice")
            names.add(name)
    return found


def _tensor(name: str, entry: Any, data: int) -> TensorInfo:
    shown = shortened(name)
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise _Bad(f"{shown} needs dtype, shape and data_offsets, and nothing else")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise _Bad(f"{shown} has the unknown type {shortened(str(dtype))}")
    if not _naturals(shape):
        raise _Bad(f"the shape of {shown} is no array of natural numbers")
    if len(shape) > MAX_RANK or math.prod(filter(None, shape)) > _MOST_ENTRIES:
        raise _Bad(f"{shown} has a shape that no array has: at most {MAX_RANK} dimensions, and 2^59 entries")
    if not _naturals(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise _Bad(f"the data_offsets of {shown} are not a begin and an end")
    bits = math.prod(shape) * DTYPES[dtype].bits
    if bits % 8 or offsets[1] - offsets[0] != bits // 8:
        raise _Bad(
            f"{shown} has {offsets[1] - offsets[0]:,} bytes, but its type and shape ask for {bits / 8:,.0f}"
            if bits < 2**80
            else f"the shape of {shown} is larger than any file"
        )
    return TensorInfo(name, dtype, tuple(shape), data + offsets[0], data + offsets[1])


def _naturals(values: Any) -> bool:
    return (
        isinstance(values, list)
        and len(values) <= 1000
        and all(type(value) is int and 0 <= value <= _MAX_DIM for value in values)
    )
