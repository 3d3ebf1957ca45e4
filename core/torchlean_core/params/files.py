"""Files of tensors in any of the formats that are known: told by what they hold when read, by name when written.

| format | read where it | written to |
|---|---|---|
| safetensors | begins with the length of a JSON header | `.safetensors` |
| TorchLean's JSON weights | begins with `{` | `.json` |
| PyTorch checkpoint | is a zip archive or a pickle | `.pt`, `.pth`, `.ckpt`, `.bin` |
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from torchlean_core.basics.reading import open_regular
from torchlean_core.basics.visible import shortened
from torchlean_core.errors import UsageError, UserError
from torchlean_core.params.content import CARRIED, write_with_metadata
from torchlean_core.params.format import NUMPY_TYPES, as_array, as_content, write_store
from torchlean_core.params.header import DTYPES
from torchlean_core.params.store import ParameterStore
from torchlean_core.params.weights import read_weights, write_weights

if TYPE_CHECKING:
    from torchlean_core.params.format import Array


class Format(enum.Enum):
    """A format of files of tensors; the values are its words in messages."""

    SAFETENSORS = "safetensors"
    JSON = "JSON weights"
    CHECKPOINT = "checkpoint"


SUFFIXES: dict[str, Format] = {
    ".safetensors": Format.SAFETENSORS,
    ".json": Format.JSON,
    ".pt": Format.CHECKPOINT,
    ".pth": Format.CHECKPOINT,
    ".ckpt": Format.CHECKPOINT,
    ".bin": Format.CHECKPOINT,
}
"""Formats by the ending of a file's name."""

_COUNTER = "num_batches_tracked"


@dataclass(frozen=True, slots=True)
class Tensors:
    """What a file of tensors holds.

    Attributes:
        format: The file's format.
        arrays: float32 and float64 arrays by name.
        metadata: Its metadata, for safetensors.
        left_out: Names of batch normalization's step counters, which are no parameters.
        carried: Entries of a model's `state_dict` that are no parameters, by their names there: those counters, too.
    """

    format: Format
    arrays: dict[str, Array]
    metadata: Mapping[str, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    carried: Mapping[str, Array] = field(default_factory=dict)


def format_of(path: Path) -> Format:
    """The format of a file, by its content.

    Raises:
        UsageError: It cannot be read.
        UserError: It is in none of the formats.
    """
    if path.is_dir():
        raise UsageError(f"{path}: is a folder, not a file of tensors")
    try:
        with open_regular(path) as file:
            start = file.read(64)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error
    if start[8:9] == b"{" and not start.startswith(b"{"):
        return Format.SAFETENSORS
    if start.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n").startswith((b"{", b"[")):
        return Format.JSON
    if start.startswith((b"PK\x03\x04", b"\x80")):
        return Format.CHECKPOINT
    by_name = SUFFIXES.get(path.suffix.lower())
    if by_name is not None:
        what = "checkpoint of plain tensors" if by_name is Format.CHECKPOINT else f"file of {by_name.value}"
        raise UserError(f"{path}: not a {what}")
    raise UserError(f"{path}: neither safetensors, nor TorchLean's JSON weights, nor a PyTorch checkpoint")


def format_for(path: Path) -> Format:
    """The format that a file of this name is written in.

    Raises:
        UsageError: The name does not say.
    """
    found = SUFFIXES.get(path.suffix.lower())
    if found is None:
        raise UsageError(f"{path}: the name must end in {', '.join(SUFFIXES)} to say the format")
    return found


def require_store_name(path: Path) -> None:
    """Refuse a name for a parameter file that says it is in another format.

    Raises:
        UsageError: It does.
    """
    kind = SUFFIXES.get(path.suffix.lower(), Format.SAFETENSORS)
    if kind is not Format.SAFETENSORS:
        raise UsageError(f"{path}: parameter files are safetensors; `torchlean params convert` makes others")


def read_tensors(path: Path) -> Tensors:
    """The tensors of a file in any format.

    Raises:
        UsageError: It cannot be read.
        UserError: It is in none of the formats, or holds a type that numpy does not have.
    """
    kind = format_of(path)
    if kind is Format.JSON:
        return Tensors(kind, read_weights(path))
    if kind is Format.SAFETENSORS:
        store = ParameterStore.load(path)
        carried = {name: as_array(content) for name, content in store.carried().items()}
        names, left_out = _without_counters([n for n in store.names if not n.startswith(CARRIED)])
        for name in names:
            if store.tensors[name].dtype not in NUMPY_TYPES:
                raise _not_a_parameter(path, name, DTYPES[store.tensors[name].dtype].word)
        carried.update((name, store.numpy(name)) for name in left_out)
        return Tensors(kind, {name: store.numpy(name) for name in names}, store.metadata, left_out, carried)
    from torchlean_core.params.checkpoint import read_checkpoint  # imports torch

    arrays = read_checkpoint(path)
    names, left_out = _without_counters(list(arrays))
    carried = {name: arrays[name] for name in left_out}
    return Tensors(kind, {name: arrays[name] for name in names}, {}, left_out, carried)


def require_floats(path: Path, arrays: Mapping[str, Array]) -> None:
    """Refuse tensors that a parameter file cannot hold.

    Raises:
        UserError: A tensor is of another type than float32 and float64.
    """
    for name, array in arrays.items():
        if array.dtype.name not in ("float32", "float64"):
            raise _not_a_parameter(path, name, array.dtype.name)


def write_state(path: Path, arrays: Mapping[str, Array], source: str) -> None:
    """Write a model's `state_dict` in the format that the file's name says: tensors of any type, under any names.

    Args:
        path: The file.
        arrays: The entries.
        source: Where they come from.

    Raises:
        UsageError: The name does not say the format, or the file cannot be written.
        UserError: JSON weights hold no integers.
    """
    kind = format_for(path)
    try:
        if kind is Format.SAFETENSORS:
            contents = {name: as_content(array) for name, array in arrays.items()}
            write_with_metadata(path, contents, {"format": "pt", "source": source})
        elif kind is Format.JSON:
            require_floats(path, arrays)
            write_weights(path, arrays)
        else:
            from torchlean_core.params.checkpoint import write_checkpoint  # imports torch

            write_checkpoint(path, arrays)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error


def write_tensors(
    path: Path, arrays: Mapping[str, Array], artifact: str | None, source: str, *, plain: bool = False
) -> None:
    """Write tensors in the format that the file's name says.

    Args:
        path: The file.
        arrays: float32 or float64 arrays by name.
        artifact: Hash of the artifact they belong to, where that is known.
        source: Where they come from.
        plain: For JSON weights: without `params` and `meta`.

    Raises:
        UsageError: The name does not say the format, or the file cannot be written.
        UserError: JSON has no number for a value.
    """
    kind = format_for(path)
    try:
        if kind is Format.SAFETENSORS:
            write_store(path, arrays, artifact, source)
        elif kind is Format.JSON:
            write_weights(path, arrays, plain=plain)
        else:
            from torchlean_core.params.checkpoint import write_checkpoint  # imports torch

            write_checkpoint(path, arrays)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error


def _without_counters(names: list[str]) -> tuple[list[str], tuple[str, ...]]:
    left_out = tuple(name for name in names if name.endswith(_COUNTER))
    return [name for name in names if name not in left_out], left_out


def _not_a_parameter(path: Path, name: str, word: str) -> UserError:
    return UserError(f"{path}: {shortened(name)} is {word}, expected float32 or float64")
