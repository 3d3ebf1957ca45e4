"""Operators that put entries elsewhere: paddings, triangles, places that are known."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from torchlean_core.capture.errors import Refused
from torchlean_core.onnx.graph import Node
from torchlean_core.onnx.operators.constants import sized
from torchlean_core.onnx.operators.places import coordinates, number
from torchlean_core.onnx.operators.registry import axes_of, axis_of, only, operator


@operator("Pad", settings=(1, 2, 3))
def pad(
    node: Node,
    x: torch.Tensor,
    pads: Sequence[int] | None = None,
    value: Any = None,
    axes: Sequence[int] | None = None,
) -> torch.Tensor:
    """Further entries around, negative ones away; pads and value were attributes before version 11."""
    if node.version < 11:
        pads, value = node["pads"], node["value"]
    value = number(value)
    chosen = list(range(x.dim())) if axes is None else axes_of(axes, x.dim())
    if pads is None or len(pads) != 2 * len(chosen):
        raise Refused(f"expected {2 * len(chosen)} pads")
    around = {axis: (int(pads[n]), int(pads[n + len(chosen)])) for n, axis in enumerate(chosen)}
    sized([size + sum(around.get(axis, (0, 0))) for axis, size in enumerate(x.shape)])
    mode = node["mode"]
    if mode == "constant":
        return padded(x, [around.get(axis, (0, 0)) for axis in range(x.dim())], value or 0)
    for axis, (before, after) in around.items():
        x = _continued(x, axis, before, after, mode)
    return x


def padded(x: torch.Tensor, around: Sequence[tuple[int, int]], value: float = 0) -> torch.Tensor:
    """Numbers before and after each axis; x itself where there are none."""
    inner = next((axis for axis, both in enumerate(around) if any(both)), len(around))
    flat = list(itertools.chain.from_iterable(reversed(around[inner:])))
    return F.pad(x, flat, value=value) if flat else x


def _continued(x: torch.Tensor, axis: int, before: int, after: int, mode: str) -> torch.Tensor:
    """An axis continued with its own entries."""
    size = x.shape[axis]
    if not before and not after:
        return x
    places = range(-before, size + after)
    if mode == "edge" and size:
        index = [min(max(place, 0), size - 1) for place in places]
    elif mode == "wrap" and size:
        index = [place % size for place in places]
    elif mode == "reflect" and (size > 1 or len(places) == size):
        period = max(2 * (size - 1), 1)
        index = [min(place % period, period - place % period) for place in places]
    else:
        raise Refused(f"mode {mode} of an axis of {size} entries is not supported")
    return x.index_select(axis, torch.tensor(index, dtype=torch.int64, device=x.device))


@operator("Trilu", settings=(1,))
def trilu(node: Node, x: torch.Tensor, k: Any = 0) -> torch.Tensor:
    """What is above or below a diagonal."""
    k = number(k)
    diagonal = int(k or 0)
    return torch.triu(x, diagonal) if node["upper"] else torch.tril(x, diagonal)


@operator("GatherElements")
def gather_elements(node: Node, x: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
    """At each place the entry of an axis that its index says."""
    axis = axis_of(node["axis"], x.dim())
    return torch.gather(x, axis, _from_front(indices, x.shape[axis]))


@operator("GatherND", settings=(1,))
def gather_nd(node: Node, x: torch.Tensor, indices: Any) -> torch.Tensor:
    """Entries at places that are known, each the first coordinates of one."""
    only(node, "batch_dims", 0)
    return x[coordinates(indices, x)]


@operator("ScatterElements", "Scatter")
def scatter_elements(
    node: Node, x: torch.Tensor, indices: torch.Tensor, updates: torch.Tensor
) -> torch.Tensor:
    """Entries put, or added, at places along an axis."""
    axis = axis_of(node["axis"], x.dim())
    places = _from_front(indices, x.shape[axis])
    reduction = node.get("reduction", "none")
    if reduction == "none":
        return torch.scatter(x, axis, places, updates)
    if reduction == "add":
        return torch.scatter_add(x, axis, places, updates)
    names = {"mul": "prod", "max": "amax", "min": "amin"}
    if reduction not in names:
        raise Refused(f"reduction {reduction} is not supported")
    return torch.scatter_reduce(x, axis, places, updates, names[reduction])


@operator("ScatterND", settings=(1,))
def scatter_nd(node: Node, x: torch.Tensor, indices: Any, updates: torch.Tensor) -> torch.Tensor:
    """Parts put, or added, at places that are known."""
    only(node, "reduction", "none", "add")
    return torch.index_put(
        x, coordinates(indices, x), updates, accumulate=node.get("reduction", "none") == "add"
    )


def _from_front(indices: torch.Tensor, size: int) -> torch.Tensor:
    """Places counted from the front; they are computed beforehand, where they are known."""
    return torch.where(indices < 0, indices + size, indices).long()


@operator("CumSum", settings=(1,))
def cumsum(node: Node, x: torch.Tensor, axis: Any) -> torch.Tensor:
    """Running sums along an axis."""
    axis = number(axis)
    place = axis_of(int(axis), x.dim())
    found = x.flip(place) if node["reverse"] else x
    sums = torch.cumsum(found, place)
    sums = sums - found if node["exclusive"] else sums
    return sums.flip(place) if node["reverse"] else sums


@operator("TopK", settings=(1,))
def topk(node: Node, x: torch.Tensor, k: Any = None) -> Any:
    """The largest or smallest entries of an axis, and their places."""
    count = node["k"] if node.version < 10 else k
    count = number(count)
    axis = axis_of(node["axis"], x.dim())
    if not isinstance(count, int) or not 0 <= count <= x.shape[axis]:
        raise Refused(f"{count} of {x.shape[axis]} entries")
    largest = bool(node.get("largest", 1))
    if not node.wants(1):
        return torch.topk(x, count, axis, largest, True)[0]
    values, places = torch.sort(x, dim=axis, descending=largest, stable=True)  # of equal ones the first
    return values.narrow(axis, 0, count), places.narrow(axis, 0, count)
