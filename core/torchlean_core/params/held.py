"""Parameters that stand in the artifact itself, read as a parameter file is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from torchlean_core.graph import Program, Use
from torchlean_core.params.content import CARRIED
from torchlean_core.params.header import TensorInfo
from torchlean_core.params.store import ParameterStore
from torchlean_core.params.uses import gathered

if TYPE_CHECKING:
    from torchlean_core.params.format import Array

_PIECE = 1 << 18
"""Elements that are given at a time."""


class HeldStore(ParameterStore):
    """Parameters of which some or all stand in an artifact, and the others in the parameter file beside it.

    Attributes:
        path: The artifact.
        base: The parameter file, if there is one.
        held: Names of the tensors that stand in the artifact.
    """

    def __init__(self, path: Path, arrays: Mapping[str, Array], base: ParameterStore | None) -> None:
        tensors = {} if base is None else dict(base.tensors)
        for name, array in arrays.items():
            tensors[name] = TensorInfo(name, "F32", tuple(array.shape), 0, array.nbytes)
        metadata = {} if base is None else {k: v for k, v in base.metadata.items() if k != "sha256"}
        if all(name in arrays or name.startswith(CARRIED) for name in tensors):
            metadata.pop("artifact", None)  # whichever version the file was made for, nothing of it counts
        super().__init__(path, tensors, metadata)
        self.base = base
        self._arrays = arrays

    @property
    def file_name(self) -> str:
        """Name of the parameter file, or of the artifact where there is none."""
        return (self.path if self.base is None else self.base.path).name

    @property
    def held(self) -> frozenset[str]:
        """Names of the tensors that stand in the artifact."""
        return frozenset(self._arrays)

    def numpy(self, name: str) -> Array:
        """The values of a tensor.

        Raises:
            KeyError: There is no tensor of that name.
        """
        if name in self._arrays:
            return self._arrays[name]
        if self.base is None:
            raise KeyError(name)
        return self.base.numpy(name)

    def pieces(self, name: str) -> Iterator[bytes]:
        """The bytes of a tensor, some at a time, little-endian.

        Raises:
            KeyError: There is no tensor of that name.
            UsageError: The parameter file cannot be read any more.
        """
        if name not in self._arrays:
            if self.base is None:
                raise KeyError(name)
            yield from self.base.pieces(name)
            return
        flat = self._arrays[name].reshape(-1)
        for start in range(0, flat.size, _PIECE):
            yield flat[start : start + _PIECE].astype("<f4", copy=False).tobytes()


def inline_arrays(program: Program, where: str) -> dict[str, Array]:
    """The stored tensors whose values stand in the artifact, float32, by name.

    A tensor that nodes share stands in each of them.

    Args:
        program: The program.
        where: What messages begin with: the artifact.

    Raises:
        UserError: Copies of one tensor do not agree.
    """
    uses: dict[str, Array] = {}
    for node in program.nodes:
        for role, use in node.params.items():
            if use is not None and use.inline is not None:
                uses[use.name] = _array(use)
                if role == "kernel" and use.view and node.compact and node.fields["groups"] != 1:
                    _clear_off_blocks(uses[use.name], node.fields["groups"])
    return gathered(uses, program, where, of_uses=True) if uses else {}


def _clear_off_blocks(kernel: Array, groups: int) -> None:
    """Zero what a grouped convolution never reads of a dense kernel, in place."""
    rows, columns = kernel.shape[0] // groups, kernel.shape[1] // groups
    for group in range(groups):
        own = slice(group * columns, (group + 1) * columns)
        block = kernel[group * rows : (group + 1) * rows]
        block[:, : own.start], block[:, own.stop :] = 0, 0


def _array(use: Use) -> Array:
    """The values of one use in its own shape: a `const`'s are flat, an attention's scale is one number."""
    import numpy as np

    assert use.inline is not None
    found: Array = use.inline.array()
    if found.shape == use.shape:
        return found
    return np.full(use.shape, found) if found.shape == () else found.reshape(use.shape)
