"""Memory that nothing was written to yet (`torch.empty`), and what of it a model has written.

Such memory holds anything, so that only what is written over it has a meaning. Which elements those are is known
beforehand, since no place depends on the input.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch.utils import _pytree

from torchlean_core.capture.values import Known, Masked, Shape, Value

aten = torch.ops.aten

UNINITIALIZED = frozenset(
    f"aten::{name}"
    for name in "empty empty_like empty_permuted empty_strided new_empty new_empty_strided".split()
)
"""Operators that give memory without writing to it."""

_OVERWRITING = frozenset({aten.copy.default, aten.fill.Scalar, aten.fill.Tensor, aten.zero.default})
_PLACING = frozenset(
    {aten.select_scatter.default, aten.slice_scatter.default, aten.clone.default, aten._to_copy.default}
)


_AT_PLACES = frozenset({aten.index_put.default, aten._unsafe_index_put.default})


class Memory:
    """Memory of which not every element was written.

    Attributes:
        value: What was written, and 0 elsewhere.
        written: True where something was, in the shape of the value.
    """

    __slots__ = ("value", "written")

    def __init__(self, value: Value | Known, written: torch.Tensor) -> None:
        self.value, self.written = value, written

    @property
    def shape(self) -> Shape:
        """Its shape."""
        return tuple(self.written.shape)


def unwritten(like: torch.Tensor) -> tuple[Known, torch.Tensor]:
    """What stands for memory in the shape and type of a tensor, which may be a fake one, and that none is written."""
    shape = tuple(like.shape)
    return Known(torch.zeros(shape, dtype=like.dtype)), torch.zeros(shape, dtype=torch.bool)


class Moved(NamedTuple):
    """An operator of memory as one of values: its arguments, and which elements of its result are written."""

    args: Any
    kwargs: Any
    written: Any


def moved(target: Any, args: Any, kwargs: Any) -> Moved | None:
    """An operator that only moves or overwrites elements; None where it computes with what nothing was written to."""
    plain, named = _pytree.tree_map_only(Memory, lambda memory: memory.value, (args, kwargs))
    if not isinstance(target, torch._ops.OpOverload):
        return None
    if target in _OVERWRITING:
        if any(isinstance(other, Memory) for other in args[1:]):
            return None
        return Moved(plain, named, torch.ones(args[0].shape, dtype=torch.bool))
    if target in _AT_PLACES:
        return _at_places(target, args, kwargs, plain, named)
    gives_view = any(result.alias_info is not None for result in target._schema.returns)
    if target not in _PLACING and not gives_view:
        return None

    def mask(operand: Any) -> torch.Tensor:
        is_memory = isinstance(operand, Memory)
        return operand.written if is_memory else torch.ones(operand.shape, dtype=torch.bool)

    of_masks = _pytree.tree_map_only(Memory | Value | Known | Masked, mask, (args, kwargs))
    written = _pytree.tree_map_only(torch.Tensor, lambda one: one.bool(), target(*of_masks[0], **of_masks[1]))
    return Moved(plain, named, written)


def _at_places(target: Any, args: Any, kwargs: Any, plain: Any, named: Any) -> Moved | None:
    """Entries written at known places."""
    whole, indices, values, *adds = args
    known = all(one is None or isinstance(one, Known) for one in indices)
    if isinstance(values, Memory) or any(adds) or kwargs or not known:
        return None
    written = whole.written if isinstance(whole, Memory) else torch.ones(whole.shape, dtype=torch.bool)
    places = [None if one is None else one.tensor for one in indices]
    return Moved(plain, named, target(written, places, torch.ones(values.shape, dtype=torch.bool)))


def combined(value: Any, written: Any) -> Any:
    """A result, or results, whose elements were written or not: plain where all were."""
    if isinstance(value, tuple):
        return tuple(combined(*pair) for pair in zip(value, written, strict=True))
    if not isinstance(value, Value | Known) or bool(written.all()):
        return value
    return Memory(value, written)
