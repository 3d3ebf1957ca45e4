"""Places that a file names: known numbers, some counted from the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from torchlean_core.capture.errors import Refused


def within(places: Any, size: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Places counted from the front.

    Args:
        places: A number, or lists of such.
        size: How many entries there are.

    Raises:
        Refused: One is outside.
    """
    found = np.array(places, dtype=np.int64)
    if found.size and not bool(((found >= -size) & (found < size)).all()):
        raise Refused(f"a place is outside of {size} entries")
    counted: np.ndarray[Any, np.dtype[np.int64]] = np.where(found < 0, found + size, found)
    return counted


def coordinates(places: Any, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """An index of the first axes of a tensor, from lists whose innermost ones are coordinates.

    Raises:
        Refused: They are none of the tensor.
    """
    found = np.array(places, dtype=np.int64)
    depth = found.shape[-1] if found.ndim else 0
    if not 0 < depth <= x.dim():
        raise Refused(f"places of {depth} coordinates in a tensor of {x.dim()} axes")
    index = (within(found[..., axis], x.shape[axis]) for axis in range(depth))
    return tuple(torch.tensor(one.tolist(), dtype=torch.int64, device=x.device) for one in index)


def number(value: Any) -> Any:
    """A number that a file may have as a list of one."""
    while isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 1:
        (value,) = value
    return value
