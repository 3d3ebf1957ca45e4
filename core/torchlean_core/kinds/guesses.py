"""What fields are likely to hold, and what shapes force them to hold: for completions, snippets and quick fixes.

Functions here take (the fields that are known, the parents' shapes, the declared shape or None), as shape rules do. A
guess gives values, the likeliest first, and none where the operand's rank does not fit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from torchlean_core.kinds.call import Shape
from torchlean_core.kinds.spec import Forced, Guess

_MAX_RANK = 16
"""Axes that are tried."""

_MAX_SPATIAL = 8
"""Spatial axes that geometry is made up for."""


def _operand(shapes: Sequence[Shape]) -> list[int]:
    return list(shapes[0]) if shapes else []


def _natural(fields: Mapping[str, Any], name: str) -> int | None:
    value = fields.get(name)
    return value if type(value) is int and value >= 0 else None


def operand_shape(fields: Mapping[str, Any], shapes: Sequence[Shape], shape: Shape | None) -> Any:
    """The operand's shape: what a field that repeats it must be."""
    return _operand(shapes)


def own_shape(fields: Mapping[str, Any], shapes: Sequence[Shape], shape: Shape | None) -> Any:
    """The node's shape."""
    return None if shape is None else list(shape)


def same_shape(fields: Mapping[str, Any], shapes: Sequence[Shape], shape: Shape | None) -> Sequence[Any]:
    """The operand's shape."""
    return [_operand(shapes)]


def one_axis(fields: Mapping[str, Any], shapes: Sequence[Shape], shape: Shape | None) -> Sequence[Any]:
    """All elements on one axis."""
    return [[math.prod(_operand(shapes))]]


def an_axis(fields: Mapping[str, Any], shapes: Sequence[Shape], shape: Shape | None) -> Sequence[Any]:
    """The last axis, and the others."""
    rank = min(len(_operand(shapes)), _MAX_RANK)
    return [rank - 1, *range(rank - 1)] if rank else []


def axes(fields: Mapping[str, Any], shapes: Sequence[Shape], shape: Shape | None) -> Sequence[Any]:
    """Each axis alone, the last first; every two neighbours; all."""
    rank = min(len(_operand(shapes)), _MAX_RANK)
    alone = [[axis] for axis in an_axis(fields, shapes, shape)]
    pairs = [[axis, axis + 1] for axis in range(rank - 1) if rank > 2]
    return [*alone, *pairs, *([list(range(rank))] if rank > 1 else [])] or [[]]


def permutation(fields: Mapping[str, Any], shapes: Sequence[Shape], shape: Shape | None) -> Sequence[Any]:
    """The axes backwards; where one is there that counts from 1, the same from 0."""
    present = fields.get("perm")
    if isinstance(present, list):
        return [[axis - 1 for axis in present]] if min(present, default=0) > 0 else []
    return [list(range(len(_operand(shapes))))[::-1]]


def dim(axis: int, rank: int) -> Guess:
    """The operand's extent of an axis, where it has a rank at least."""

    def guess(fields: Mapping[str, Any], shapes: Sequence[Shape], shape: Shape | None) -> Sequence[Any]:
        x = _operand(shapes)
        return [x[axis]] if len(x) >= rank else []

    return guess


def forced_dim(axis: int, rank: int) -> Forced:
    """The operand's extent of an axis, where it has exactly a rank and is not empty there."""

    def forced(fields: Mapping[str, Any], shapes: Sequence[Shape], shape: Shape | None) -> Any:
        x = _operand(shapes)
        return x[axis] if len(x) == rank and x[axis] > 0 else None

    return forced


def own_dim(axis: int, rank: int) -> Forced:
    """The node's extent of an axis, where it has exactly a rank."""
    return lambda fields, shapes, shape: shape[axis] if shape is not None and len(shape) == rank else None


def window(axis: int) -> Guess:
    """A small window over an axis of an image."""
    return lambda fields, shapes, shape: [min(3, d) for d in _operand(shapes)[axis : axis + 1]]


def values(*found: Any) -> Guess:
    """Values that do not depend on anything."""
    return lambda fields, shapes, shape: found


def image_stride(fields: Mapping[str, Any], shapes: Sequence[Shape], shape: Shape | None) -> Sequence[Any]:
    """1, or the window's size (as pools have it) where that is square."""
    size = fields.get("kH")
    return [1] if "inC" in fields or size != fields.get("kW") or size is None else [1, size]


# -- any number of spatial axes -------------------------------------------------------------------------------


def spatial_rank(fields: Mapping[str, Any], shapes: Sequence[Shape], shape: Shape | None) -> Sequence[Any]:
    """As many axes as the geometry has numbers; else those behind the channels; else all but two of a batch."""
    geometry = [fields.get(name) for name in ("kernel", "stride", "padding")]
    found = [len(value) for value in geometry if isinstance(value, list)][:1]
    rank, axis = len(_operand(shapes)), _natural(fields, "channel_axis")
    if axis is not None and rank > axis:
        found.append(rank - axis - 1)
    if rank > 1:
        found.append(max(rank - 2, 1))
    return list(dict.fromkeys(found))


def channel_axis(fields: Mapping[str, Any], shapes: Sequence[Shape], shape: Shape | None) -> Sequence[Any]:
    """The axis before the spatial ones; 1 where nothing says how many there are."""
    rank, spatial = len(_operand(shapes)), _natural(fields, "spatial_rank")
    if spatial is not None:
        return [rank - spatial - 1] if rank > spatial else []
    return [1] if rank > 1 else [0] if rank else []


def channels(fields: Mapping[str, Any], shapes: Sequence[Shape], shape: Shape | None) -> Any:
    """The operand's extent of `channel_axis`."""
    x, axis = _operand(shapes), _natural(fields, "channel_axis")
    return x[axis] if axis is not None and axis < len(x) and x[axis] > 0 else None


def own_channels(fields: Mapping[str, Any], shapes: Sequence[Shape], shape: Shape | None) -> Any:
    """The node's extent of `channel_axis`."""
    axis = _natural(fields, "channel_axis")
    return shape[axis] if shape is not None and axis is not None and axis < len(shape) else None


def channels_or_1(fields: Mapping[str, Any], shapes: Sequence[Shape], shape: Shape | None) -> Sequence[Any]:
    """The operand's channels: of `channel_axis`, where that is known."""
    found = channels(fields, shapes, shape)
    if found is None and "channel_axis" not in fields:
        found = next(iter(_operand(shapes)[1:2]), None)
    return [] if found is None else [found]


def _spatial(fields: Mapping[str, Any], shapes: Sequence[Shape]) -> list[int] | None:
    """The operand's last extents, as many as there are spatial axes; None where they are not known."""
    x, rank = _operand(shapes), _natural(fields, "spatial_rank")
    if rank is None or rank > min(len(x), _MAX_SPATIAL):
        return None
    return x[len(x) - rank :]


def every_axis(value: int) -> Guess:
    """The same number for every spatial axis."""

    def guess(fields: Mapping[str, Any], shapes: Sequence[Shape], shape: Shape | None) -> Sequence[Any]:
        extents = _spatial(fields, shapes)
        return [] if extents is None else [[value] * len(extents)]

    return guess


def kernel(fields: Mapping[str, Any], shapes: Sequence[Shape], shape: Shape | None) -> Sequence[Any]:
    """A small window."""
    extents = _spatial(fields, shapes)
    return [] if extents is None else [[min(3, max(extent, 1)) for extent in extents]]


def stride(fields: Mapping[str, Any], shapes: Sequence[Shape], shape: Shape | None) -> Sequence[Any]:
    """1 for every axis, or the window's size, as pools have it."""
    extents, size = _spatial(fields, shapes), fields.get("kernel")
    if extents is None:
        return []
    found = [[1] * len(extents)]
    if "channel_axis" not in fields and isinstance(size, list) and len(size) == len(extents):
        found.append(list(size))
    return found


def of_length(numbers: Sequence[int], length: int, neutral: int) -> list[int]:
    """An array with another number of entries: the one number for all; cut; or filled up with what does nothing."""
    if len(set(numbers)) == 1:
        return [numbers[0]] * length
    return [*numbers[:length], *([neutral] * (length - len(numbers)))]
