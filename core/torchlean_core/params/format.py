"""Parameter files in terms of numpy: types of tensors, and arrays written as they are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torchlean_core.params.content import CARRIED, Content, Origin, write_content, write_with_metadata

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]
else:
    Array = Any  # who only judges files does without numpy

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


def write_store(
    path: Path,
    tensors: Mapping[str, Array],
    artifact: str | None,
    source: str,
    origin: Origin | None = None,
    uses: Mapping[str, Any] | None = None,
    carried: Mapping[str, Content] | None = None,
) -> str:
    """Write arrays as a parameter file, whole or not at all; see `params.content.write_content`.

    Args:
        path: The file.
        tensors: float32 or float64 arrays by parameter name.
        artifact: Hash of the artifact they belong to (`artifact.artifact_hash`), where it is known.
        source: What made the values: scheme and seed, or the model they were taken from.
        origin: Which command made them; None for what somebody brought along.
        uses: Further uses of the tensors, as `params.content.write_content` takes them.
        carried: Entries of the model's `state_dict` that are none of these.

    Returns:
        The content's SHA-256, which the metadata holds too.

    Raises:
        ValueError: An array is of another type.
        OSError: The file cannot be written.
    """
    content = {name: _content(name, tensors[name]) for name in tensors}
    content.update((CARRIED + name, one) for name, one in (carried or {}).items())
    return write_content(path, content, artifact, source, origin, uses)


def write_tensors(path: Path, tensors: Mapping[str, Array], metadata: Mapping[str, str]) -> str:
    """Write tensors with any metadata, to which their hash is added, whole or not at all.

    Returns:
        The content's SHA-256, which the metadata holds too.

    Raises:
        ValueError: An array is neither float32 nor float64.
        OSError: The file cannot be written.
    """
    return write_with_metadata(path, {name: _content(name, tensors[name]) for name in tensors}, metadata)


def _content(name: str, array: Array) -> Content:
    import numpy as np

    if array.dtype not in (np.dtype("<f4"), np.dtype("<f8")):
        raise ValueError(f"{name} is {array.dtype}; a parameter file holds float32 or float64")
    return as_content(array)


def as_content(array: Array) -> Content:
    """An array of any type that safetensors has as the content of a tensor, without a copy where it is contiguous.

    Raises:
        KeyError: Safetensors has no such type.
    """
    import numpy as np

    tags = {np.dtype(numpy): tag for tag, numpy in NUMPY_TYPES.items()}
    # `ascontiguousarray` would turn a scalar into a vector.
    array = array if array.flags.c_contiguous else array.copy(order="C")
    return Content(tags[array.dtype], array.shape, array.reshape(-1).view(np.uint8).data)


def as_array(content: Content) -> Array:
    """The content of a tensor as an array that cannot be written to; bytes, where numpy has no such type."""
    import numpy as np

    assert isinstance(content.data, memoryview), "what was read is whole"
    bits = np.frombuffer(content.data, dtype=np.uint8)
    if content.dtype not in NUMPY_TYPES:
        return bits
    return bits.view(NUMPY_TYPES[content.dtype]).reshape(content.shape)
