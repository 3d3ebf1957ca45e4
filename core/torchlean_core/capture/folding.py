"""Operators of what is known, computed now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch.utils import _pytree

from torchlean_core.capture.errors import Refused
from torchlean_core.capture.values import Known
from torchlean_core.errors import first_line


def folded(target: torch._ops.OpOverload, args: Any, kwargs: Any, *, exact: bool = True) -> Any:
    """An operator of known tensors, computed now: what is computed from the model's state, in float64.

    Args:
        target: The operator.
        args: Its arguments.
        kwargs: Its arguments by name.
        exact: Whether to try float64, which not every operator takes.
    """
    found = [leaf for leaf in _pytree.tree_leaves((args, kwargs)) if isinstance(leaf, Known)]
    trainable = any(known.trainable for known in found)
    state = any(known.state for known in found)
    exact = exact and state and not _gives_view(target)

    def operand(known: Known) -> torch.Tensor:
        return known.tensor.double() if exact and known.tensor.dtype == torch.float32 else known.tensor

    plain, named = _pytree.tree_map_only(Known, operand, (args, kwargs))
    with torch.no_grad():
        try:
            result = target(*plain, **named)
        except RuntimeError as error:
            if not exact:
                raise Refused(f"cannot be computed of constants: {first_line(error)}") from error
            return folded(target, args, kwargs, exact=False)

    derived = derived_of(found)

    def known(tensor: torch.Tensor) -> Known:
        for operand in found:
            if operand.name is not None and operand.view == () and _is_same(tensor, operand.tensor):
                return replace(operand, tensor=tensor)
        trains = trainable and (tensor.is_floating_point() or tensor.is_complex())
        return Known(tensor, None, trains, state, derived=derived)

    return _pytree.tree_map_only(torch.Tensor, known, tuple(result) if isinstance(result, list) else result)


def derived_of(found: Sequence[Known]) -> tuple[str, ...]:
    """Names of the parameters that train and that something is computed from."""
    names = [known.name for known in found if known.trainable and known.name is not None]
    return tuple(dict.fromkeys([*names, *(name for known in found for name in known.derived)]))


def _gives_view(target: torch._ops.OpOverload) -> bool:
    return any(result.alias_info is not None for result in target._schema.returns)


def _is_same(tensor: torch.Tensor, base: torch.Tensor) -> bool:
    """Whether a tensor is another one, in its memory."""
    return (
        tensor.layout == base.layout == torch.strided
        and tensor.data_ptr() == base.data_ptr()
        and tensor.shape == base.shape
        and tensor.stride() == base.stride()
        and tensor.dtype == base.dtype
    )
