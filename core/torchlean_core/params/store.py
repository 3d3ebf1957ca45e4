"""Reading a parameter file: its header at once, its values by memory map when they are asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from torchlean_core.errors import UsageError, UserError
from torchlean_core.graph import Program
from torchlean_core.params.format import NUMPY_TYPES, WORDS, Array, TensorInfo, hash_tensors
from torchlean_core.params.validate import ParamIssue, ensure_fits, validate


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
        try:
            if path.is_dir():
                raise UsageError(f"{path}: is a folder, not a parameter file")
            with safe_open(path, framework="numpy"):
                pass  # the library's own checks of header and offsets
            with path.open("rb") as file:
                size = int.from_bytes(file.read(8), "little")
                header: dict[str, Any] = json.loads(file.read(size))
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror or error}") from error
        except (SafetensorError, ValueError) as error:
            raise UserError(f"{path}: not a safetensors file ({error})") from error
        metadata = header.pop("__metadata__", None) or {}
        data = 8 + size
        tensors = {
            name: TensorInfo(
                name,
                entry["dtype"],
                tuple(entry["shape"]),
                data + entry["data_offsets"][0],
                data + entry["data_offsets"][1],
            )
            for name, entry in header.items()
        }
        return cls(path, tensors, metadata)

    @property
    def names(self) -> list[str]:
        """Names of all tensors, sorted."""
        return sorted(self.tensors)

    @cached_property
    def _map(self) -> Array:
        return np.memmap(self.path, dtype=np.uint8, mode="r")

    def numpy(self, name: str) -> Array:
        """The values of a tensor, a view of the memory-mapped file that cannot be written to.

        Raises:
            KeyError: There is no tensor of that name.
            UserError: Its type is one that numpy does not have.
        """
        info = self.tensors[name]
        if info.dtype not in NUMPY_TYPES:
            raise UserError(f"{self.path}: {name} is {WORDS.get(info.dtype, info.dtype)}, expected float32")
        return self._map[info.begin : info.end].view(NUMPY_TYPES[info.dtype]).reshape(info.shape)

    @cached_property
    def sha256(self) -> str:
        """Hash of the content: from the metadata, where it was written once, else computed."""
        recorded = self.metadata.get("sha256")
        return self.computed_sha256() if recorded is None else recorded

    def computed_sha256(self) -> str:
        """Hash of the content as it is now."""
        infos = [self.tensors[name] for name in self.names]
        return hash_tensors(
            (info.name, info.dtype, info.shape, self._map[info.begin : info.end].data) for info in infos
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
