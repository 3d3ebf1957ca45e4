"""Reading a parameter file: its header at once, its values by memory map when they are asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from torchlean_core.basics.reading import open_regular
from torchlean_core.errors import UsageError, UserError
from torchlean_core.graph import Program
from torchlean_core.params.content import CARRIED, Content, content_hash
from torchlean_core.params.header import DTYPES, TensorInfo, read_header
from torchlean_core.params.validate import ParamIssue, ensure_fits, validate

if TYPE_CHECKING:
    from torchlean_core.params.format import Array

_PIECE = 1 << 20


class ParameterStore:
    """A parameter file that was opened.

    Attributes:
        path: The file.
        tensors: What its header says of each tensor, by name.
        metadata: Its metadata: `format`, `artifact`, `sha256`, `source`; any may be missing in foreign files.
    """

    def __init__(self, path: Path, tensors: Mapping[str, TensorInfo], metadata: Mapping[str, str]) -> None:
        self.path = path
        self.tensors = tensors
        self.metadata = metadata

    @classmethod
    def load(cls, path: Path) -> ParameterStore:
        """Open a parameter file. Only its header is read.

        Raises:
            UsageError: The file cannot be read.
            UserError: It is not a safetensors file.
        """
        return cls(path, *read_header(path))

    @property
    def file_name(self) -> str:
        """Name of the file, for messages."""
        return self.path.name

    @property
    def names(self) -> list[str]:
        """Names of all tensors, sorted."""
        return sorted(self.tensors)

    @cached_property
    def _map(self) -> Array:
        import numpy as np

        return np.memmap(self.path, dtype=np.uint8, mode="r")

    def numpy(self, name: str) -> Array:
        """The values of a tensor, a view of the memory-mapped file that cannot be written to.

        Raises:
            KeyError: There is no tensor of that name.
            UserError: Its type is one that numpy does not have.
        """
        from torchlean_core.params.format import NUMPY_TYPES

        info = self.tensors[name]
        if info.dtype not in NUMPY_TYPES:
            raise UserError(f"{self.path}: {name} is {DTYPES[info.dtype].word}, expected float32")
        return self._map[info.begin : info.end].view(NUMPY_TYPES[info.dtype]).reshape(info.shape)

    def carried(self, known: Collection[str] | None = None) -> dict[str, Content]:
        """Entries of the model's `state_dict` that no node uses, by their names there; if any are named, of those."""
        return {
            name: Content(info.dtype, info.shape, memoryview(b"".join(self.pieces(info.name))))
            for name, info in self.carried_infos(known).items()
        }

    def carried_infos(self, known: Collection[str] | None = None) -> dict[str, TensorInfo]:
        """What the header says of those entries: nothing is read."""
        found = {
            name.removeprefix(CARRIED): info
            for name, info in self.tensors.items()
            if name.startswith(CARRIED)
        }
        return {name: info for name, info in found.items() if known is None or name in known}

    def pieces(self, name: str) -> Iterator[bytes]:
        """The bytes of a tensor, a megabyte at a time: what is read is not kept.

        Raises:
            KeyError: There is no tensor of that name.
            UsageError: The file cannot be read any more, or became shorter.
        """
        info = self.tensors[name]
        try:
            with open_regular(self.path) as file:
                file.seek(info.begin)
                left = info.end - info.begin
                while left:
                    piece = file.read(min(_PIECE, left))
                    if len(piece) < min(_PIECE, left):
                        raise UsageError(f"{self.path}: changed while it was read")
                    left -= len(piece)
                    yield piece
        except OSError as error:
            raise UsageError(f"{self.path}: {error.strerror or error}") from error

    @cached_property
    def sha256(self) -> str:
        """Hash of the content: from the metadata, where it was written once, else computed."""
        recorded = self.metadata.get("sha256")
        return self.computed_sha256() if recorded is None else recorded

    def computed_sha256(self) -> str:
        """Hash of the content as it is now."""
        infos = (self.tensors[name] for name in self.names)
        return content_hash(
            (info.name, Content(info.dtype, info.shape, self.pieces(info.name))) for info in infos
        )

    def validate(self, program: Program, *, values: bool = True) -> list[ParamIssue]:
        """What is wrong with this store for a program; see `params.validate.validate`."""
        return validate(self, program, values=values)

    def require(self, program: Program) -> None:
        """Refuse a store that a program cannot run with; see `params.validate.ensure_fits`.

        Raises:
            UserError: A tensor is missing, extra, or of another shape or type.
        """
        ensure_fits(self, program)
