"""Float values as source text that reads back exactly."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from torchlean_core.kinds.code import ints


def tensor_literal(values: npt.NDArray[np.floating]) -> str:
    """A `torch.tensor(…)` of the values, in the type that is called `dtype` where it stands.

    It is read in the type it was stored in first, so that another dtype sees the very same values.
    """
    if values.size == 0:
        return f"torch.empty({ints(values.shape)}, dtype=dtype)"
    return f"torch.tensor({literal(values)}, dtype=torch.{values.dtype.name}).to(dtype)"


def literal(values: npt.NDArray[np.floating]) -> str:
    """The values as nested lists (a scalar as itself), each the shortest text that gives the same float back."""
    if values.ndim == 0:
        return _scalar(values.reshape(1)[0])
    if values.ndim == 1:
        return "[" + ", ".join(map(_scalar, values)) + "]"
    return "[" + ", ".join(map(literal, values)) + "]"


def _scalar(value: np.floating) -> str:
    exact = float(value)
    if math.isnan(exact):
        return 'float("nan")'
    if math.isinf(exact):
        return 'float("inf")' if exact > 0 else 'float("-inf")'
    text = np.format_float_positional(value, unique=True, trim="0")
    if len(text) > 14:
        text = np.format_float_scientific(value, unique=True, trim="0", exp_digits=2)
    # torch reads a literal as a double first; where rounding twice would differ, the double is written out.
    return text if type(value)(float(text)) == value else repr(exact)
