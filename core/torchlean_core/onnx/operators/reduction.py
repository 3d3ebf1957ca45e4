"""Operators that make one number of an axis, and softmax, which divides by one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch

from torchlean_core.capture.errors import Refused
from torchlean_core.onnx.graph import Node
from torchlean_core.onnx.operators.registry import axes_of, axis_of, operator

Reduce = Callable[[torch.Tensor, list[int], bool], torch.Tensor]


def _prod(x: torch.Tensor, axes: list[int], keep: bool) -> torch.Tensor:
    for axis in sorted(axes, reverse=True):
        x = torch.prod(x, axis, keepdim=keep)
    return x


def _mean(x: torch.Tensor, axes: list[int], keep: bool) -> torch.Tensor:
    if x.is_floating_point():
        return torch.mean(x, axes, keepdim=keep)
    return torch.div(
        torch.sum(x, axes, keepdim=keep), math.prod(x.shape[a] for a in axes), rounding_mode="trunc"
    )


_REDUCTIONS: dict[str, Reduce] = {
    "ReduceL1": lambda x, axes, keep: torch.sum(torch.abs(x), axes, keepdim=keep),
    "ReduceL2": lambda x, axes, keep: torch.linalg.vector_norm(x, 2, axes, keepdim=keep),
    "ReduceLogSum": lambda x, axes, keep: torch.log(torch.sum(x, axes, keepdim=keep)),
    "ReduceLogSumExp": lambda x, axes, keep: torch.logsumexp(x, axes, keepdim=keep),
    "ReduceMax": lambda x, axes, keep: torch.amax(x, axes, keepdim=keep),
    "ReduceMean": _mean,
    "ReduceMin": lambda x, axes, keep: torch.amin(x, axes, keepdim=keep),
    "ReduceProd": _prod,
    "ReduceSum": lambda x, axes, keep: torch.sum(x, axes, keepdim=keep).to(x.dtype),
    "ReduceSumSquare": lambda x, axes, keep: torch.sum(torch.square(x), axes, keepdim=keep),
}

_ALONE: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "ReduceL1": torch.abs,
    "ReduceL2": torch.abs,
    "ReduceLogSum": torch.log,
    "ReduceSumSquare": torch.square,
}
"""What is left of a reduction over no axes."""


def _alone(name: str, x: torch.Tensor) -> torch.Tensor:
    return _ALONE[name](x) if name in _ALONE else x


def _reduction(name: str, reduce: Reduce) -> Callable[..., torch.Tensor]:
    since = 13 if name == "ReduceSum" else 18

    def function(node: Node, x: torch.Tensor, axes: Sequence[int] | None = None) -> torch.Tensor:
        chosen = node.get("axes") if node.version < since else axes
        keep = bool(node["keepdims"])
        if not chosen and node.get("noop_with_empty_axes"):
            return _alone(name, x)
        places = axes_of(chosen, x.dim()) if chosen else list(range(x.dim()))
        if any(x.shape[place] == 0 for place in places):
            raise Refused("reduces an axis without entries")
        if not places:
            return _alone(name, x)
        return reduce(x, places, keep)

    return function


for _name, _reduce in _REDUCTIONS.items():
    operator(_name, settings=(1,))(_reduction(_name, _reduce))


def _arg(function: Callable[..., torch.Tensor]) -> Callable[[Node, torch.Tensor], torch.Tensor]:
    def of_axis(node: Node, x: torch.Tensor) -> torch.Tensor:
        axis = axis_of(node["axis"], x.dim())
        if node.get("select_last_index"):
            found = x.shape[axis] - 1 - function(x.flip(axis), axis, keepdim=True)
        else:
            found = function(x, axis, keepdim=True)
        return found if node["keepdims"] else found.squeeze(axis)

    return of_axis


operator("ArgMax")(_arg(torch.argmax))
operator("ArgMin")(_arg(torch.argmin))


def _softmax(
    function: Callable[[torch.Tensor, int], torch.Tensor],
) -> Callable[[Node, torch.Tensor], torch.Tensor]:
    def along(node: Node, x: torch.Tensor) -> torch.Tensor:
        """Along an axis; before version 13 along all axes from one on."""
        if node.version >= 13:
            return function(x, axis_of(node["axis"], x.dim()))
        axis = node["axis"]
        axis = axis if axis == x.dim() else axis_of(axis, x.dim())
        if math.prod(x.shape[axis:]) == 1:
            flat = x.reshape(-1, 1)
            return function(flat, 1).reshape(x.shape)
        long = [place for place in range(axis, x.dim()) if x.shape[place] != 1]
        if len(long) == 1:
            return function(x, long[0])
        return function(x.flatten(axis), axis).reshape(x.shape)

    return along


operator("Softmax")(_softmax(torch.softmax))
operator("LogSoftmax")(_softmax(torch.log_softmax))
