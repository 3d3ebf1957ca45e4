"""Operators that move, copy or leave out elements of a parameter: the result is a view of it, not another tensor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch

from torchlean_core.capture.values import Known
from torchlean_core.graph.views import embed, expand, flip, narrow, permute, reshape

aten = torch.ops.aten

Rule = Callable[..., Known | tuple[Known, ...] | None]


def view_of(target: torch._ops.OpOverload, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """The result of an operator as a view (or views) of a parameter or buffer that it moves; None where it is none.

    Args:
        target: The operator.
        args: Its arguments, known tensors among them.
        kwargs: Its arguments by name.
    """
    rule = _RULES.get(target)
    if rule is None or not args or not isinstance(args[0], Known) or args[0].name is None:
        return None
    if not args[0].tensor.is_floating_point() or args[0].tensor.dtype == torch.float64:
        return None
    return rule(target, *args, **kwargs)


def _plain(target: Any, x: Known, *args: Any, **kwargs: Any) -> Known | None:
    return x


def _detached(target: Any, x: Known) -> Known:
    return fixed(x)


def fixed(x: Known) -> Known:
    """The same tensor, through which no gradient goes."""
    return replace(x, fixed=True)


def _converted(target: Any, x: Known, *, dtype: torch.dtype | None = None, **rest: Any) -> Known | None:
    return x if dtype in (None, x.tensor.dtype) else None


def _dropout(target: Any, x: Known, p: float, train: bool) -> Known | None:
    return None if train else x


def _shaped(target: Any, x: Known, *args: Any, **kwargs: Any) -> Known:
    """An operator that keeps the order of the elements."""
    shape = target(torch.empty(x.shape, device="meta"), *args, **kwargs).shape
    return x.moved(reshape(shape))


def _permuted(target: Any, x: Known, *args: Any) -> Known:
    """An operator that moves axes: which ones, a tensor of sizes that tell them shows."""
    axes = torch.empty(tuple(range(1, len(x.shape) + 1)), device="meta")
    return x.moved(permute(*(size - 1 for size in target(axes, *args).shape)))


def _expanded(target: Any, x: Known, size: Sequence[int], **kwargs: Any) -> Known:
    new = len(size) - len(x.shape)
    shape = [x.shape[axis - new] if n == -1 else n for axis, n in enumerate(size)]
    return x.moved(expand(shape))


def _flipped(target: Any, x: Known, dims: Sequence[int]) -> Known:
    return x.moved(flip(*sorted(dim % len(x.shape) for dim in dims)))


def _sliced(
    target: Any, x: Known, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Known | None:
    dim %= len(x.shape)
    first, stop, _ = slice(start, end, step).indices(x.shape[dim])
    if step == 1:
        return x.moved(narrow((dim, first, max(first, stop))))
    count = len(range(first, stop, step))
    if first + count * step > x.shape[dim] or not count:
        return None
    before, after = x.shape[:dim], x.shape[dim + 1 :]
    taken = x.moved(narrow((dim, first, first + count * step)))
    split = taken.moved(reshape((*before, count, step, *after))).moved(narrow((dim + 1, 0, 1)))
    return split.moved(reshape((*before, count, *after)))


def _selected(target: Any, x: Known, dim: int, index: int) -> Known:
    dim, index = dim % len(x.shape), index % x.shape[dim]
    return x.moved(narrow((dim, index, index + 1))).moved(reshape((*x.shape[:dim], *x.shape[dim + 1 :])))


def _parts(x: Known, dim: int, sizes: Sequence[int]) -> tuple[Known, ...]:
    dim %= len(x.shape)
    ends = [sum(sizes[: n + 1]) for n in range(len(sizes))]
    return tuple(x.moved(narrow((dim, end - size, end))) for size, end in zip(sizes, ends, strict=True))


def _split(target: Any, x: Known, size: Any, dim: int = 0) -> tuple[Known, ...]:
    """`split`, `split_with_sizes` and `chunk`."""
    parts = target(torch.empty(x.shape, device="meta"), size, dim)
    return _parts(x, dim, [part.shape[dim] for part in parts])


def _unbound(target: Any, x: Known, dim: int = 0) -> tuple[Known, ...]:
    return tuple(_selected(target, x, dim, index) for index in range(x.shape[dim]))


def _looked_up(target: Any, x: Known, indices: Any, *rest: Any, **kwargs: Any) -> Known | None:
    """Rows of a table."""
    if not isinstance(indices, Known) or not indices.tensor.numel():
        return None
    taken = x.rows([index % x.shape[0] for index in indices.tensor.reshape(-1).tolist()])
    return None if taken is None else taken.reshape(*indices.shape, *x.shape[1:])


def _diagonal(target: Any, x: Known, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Known | None:
    """The matrix with a vector on its diagonal."""
    if len(x.shape) != 1 or offset or {dim1 % 2, dim2 % 2} != {0, 1}:
        return None
    size = x.shape[0]
    return x.moved(embed((size * size,), (0,), (size + 1,))).moved(reshape((size, size)))


def _indexed(target: Any, x: Known, indices: Sequence[Any]) -> Known | None:
    only = indices[0] if len(indices) == 1 else None
    is_place = (
        isinstance(only, Known) and not only.tensor.is_floating_point() and only.tensor.dtype != torch.bool
    )
    return _looked_up(target, x, only) if is_place else None


_RULES: dict[torch._ops.OpOverload, Rule] = {
    **dict.fromkeys(
        (
            aten.clone.default,
            aten.contiguous.default,
            aten.alias.default,
            aten.lift_fresh_copy.default,
            aten.positive.default,
        ),
        _plain,
    ),
    aten.detach.default: _detached,
    aten._to_copy.default: _converted,
    **dict.fromkeys(
        (aten.dropout.default, aten.feature_dropout.default, aten.alpha_dropout.default), _dropout
    ),
    **dict.fromkeys(
        (
            aten.view.default,
            aten._unsafe_view.default,
            aten.reshape.default,
            aten.flatten.using_ints,
            aten.unflatten.int,
            aten.unsqueeze.default,
            aten.squeeze.default,
            aten.squeeze.dim,
            aten.squeeze.dims,
        ),
        _shaped,
    ),
    **dict.fromkeys(
        (aten.permute.default, aten.transpose.int, aten.t.default, aten.movedim.int, aten.numpy_T.default),
        _permuted,
    ),
    aten.expand.default: _expanded,
    aten.flip.default: _flipped,
    aten.slice.Tensor: _sliced,
    aten.select.int: _selected,
    **dict.fromkeys((aten.split.Tensor, aten.split_with_sizes.default, aten.chunk.default), _split),
    aten.unbind.int: _unbound,
    aten.diag.default: _diagonal,
    aten.diag_embed.default: _diagonal,
    aten.embedding.default: _looked_up,
    aten.index.Tensor: _indexed,
}
