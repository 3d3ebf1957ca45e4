"""Tensors as the text that stands in a node: the shortest that reads back as the same float32 numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torchlean_core.text.float_text import nested_text

if TYPE_CHECKING:
    from torchlean_core.params.format import Array

_FEWEST, _MOST = 6, 9
"""Digits: six are always kept by a float32, and nine always tell it from its neighbours."""

_EXACT = 22
"""The largest power of ten that a float64 holds exactly; up to it, one division rounds a decimal correctly."""


def numbers_text(array: Array) -> str:
    """The JSON text of a float32 array: nested arrays of its shape, or a single number for a scalar.

    Every number is the shortest that reads back, as float64 and then rounded to float32, as the same bits; whole ones
    keep a fraction (`1.0`). Equal arrays give equal texts.

    Raises:
        ValueError: The array is not float32, or holds a NaN or an infinity, for which JSON has no number.
    """
    import numpy as np

    if array.dtype != np.float32:
        raise ValueError(f"expected float32, found {array.dtype}")
    if not np.isfinite(array).all():
        raise ValueError("JSON has no number for a NaN or an infinity")
    flat = array.reshape(-1)
    return nested_text(array.shape, lambda start, end: _short(flat[start:end]).tolist())


def _short(array: Array) -> Any:
    """For each float32 the float64 whose shortest decimal is its own shortest."""
    import numpy as np

    values = np.asarray(array, np.float64).reshape(-1)
    found = values.copy()
    size = np.abs(values)
    exponents = np.floor(np.log10(size, out=np.zeros_like(size), where=size > 0)).astype(np.int64)
    usual = (size > 0) & (np.abs(exponents) < _EXACT - _MOST)
    places = np.flatnonzero(usual)
    for digits in range(_FEWEST, _MOST + 1):
        if not places.size:
            break
        exact, shift = values[places], digits - 1 - exponents[places]
        scale = 10.0 ** np.abs(shift)
        decimal = np.rint(np.where(shift >= 0, exact * scale, exact / scale))
        decimal = np.where(shift >= 0, decimal / scale, decimal * scale)
        good = decimal.astype(np.float32) == exact
        found[places[good]] = decimal[good]
        places = places[~good]
    for place in (*np.flatnonzero((size > 0) & ~usual), *places):  # very large, very small: rare in weights
        shortest = float(str(np.float32(values[place])))
        if np.float32(shortest) == values[place]:
            found[place] = shortest
    return found.reshape(array.shape)
