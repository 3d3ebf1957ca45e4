"""Numbers that the graph itself makes, and what it asks of shapes: known before the network runs."""

from __future__ import annotations

import math

import torch

from torchlean_core.capture.errors import Refused
from torchlean_core.onnx.graph import Node
from torchlean_core.onnx.operators.places import number
from torchlean_core.onnx.operators.registry import operator
from torchlean_core.onnx.tensors import NoNumbersError, type_of

MOST = 1 << 28
"""Elements that a value may have: 1 GiB of float32."""


def sized(shape: list[int]) -> list[int]:
    """A shape of a value that is to be made.

    Raises:
        Refused: It has a negative size, or too many elements.
    """
    if any(size < 0 for size in shape):
        raise Refused(f"a shape {shape} with a negative size")
    if math.prod(shape) > MOST:
        raise Refused(f"a value of shape {shape} has more than {MOST:,} elements")
    return shape


@operator("Constant")
def constant(node: Node) -> torch.Tensor:
    """What the one attribute says."""
    given = sorted(node.given)
    if len(given) != 1:
        raise Refused("is to have one attribute with its value")
    name, value = given[0], node[given[0]]
    if isinstance(value, torch.Tensor):
        return value
    if name in ("value_float", "value_floats"):
        return torch.tensor(value, dtype=torch.float32)
    if name in ("value_int", "value_ints"):
        return torch.tensor(value, dtype=torch.int64)
    raise Refused(f"holds a {name.removeprefix('value_')}, which is no number")


@operator("ConstantOfShape", settings=(0,))
def constant_of_shape(node: Node, shape: list[int]) -> torch.Tensor:
    """One number everywhere."""
    value = node.get("value")
    value = torch.zeros(1) if value is None else value
    if value.numel() != 1:
        raise Refused("its value is to be one number")
    return value.reshape(()).expand(sized(list(shape))).clone()


@operator("Shape", bare=(0,))
def shape(node: Node, x: torch.Tensor) -> torch.Tensor:
    """The sizes, or some of them."""
    return torch.tensor(list(x.shape)[node.get("start") or 0 : node.get("end")], dtype=torch.int64)


@operator("Size", bare=(0,))
def size(node: Node, x: torch.Tensor) -> torch.Tensor:
    """The number of elements."""
    return torch.tensor(x.numel(), dtype=torch.int64)


@operator("Range", beforehand=True)
def arange(node: Node, start: torch.Tensor, limit: torch.Tensor, delta: torch.Tensor) -> torch.Tensor:
    """Numbers in equal steps."""
    first, last, step = (one.reshape(()).item() for one in (start, limit, delta))
    if step == 0 or not all(map(math.isfinite, (first, last, step))):
        raise Refused("its bounds are to be numbers, and its step not 0")
    count = max(0, math.ceil((last - first) / step))
    (count,) = sized([count])
    return (torch.arange(count, dtype=start.dtype) * step + first).to(start.dtype)


@operator("EyeLike", bare=(0,))
def eye_like(node: Node, x: torch.Tensor) -> torch.Tensor:
    """Ones on a diagonal."""
    try:
        dtype = x.dtype if node.get("dtype") is None else type_of(node["dtype"])
    except NoNumbersError as error:
        raise Refused(f"its result's type: {error}") from error
    rows, columns = sized(list(x.shape))
    return (
        torch.diagonal_scatter(
            torch.zeros(rows, columns, dtype=dtype),
            torch.ones(_diagonal(rows, columns, node["k"]), dtype=dtype),
            node["k"],
        )
        if _diagonal(rows, columns, node["k"])
        else torch.zeros(rows, columns, dtype=dtype)
    )


def _diagonal(rows: int, columns: int, k: int) -> int:
    return max(0, min(rows, columns - k) if k >= 0 else min(rows + k, columns))


@operator("OneHot", settings=(1,), beforehand=True)
def one_hot(node: Node, indices: torch.Tensor, depth: object, values: torch.Tensor) -> torch.Tensor:
    """The second value at the places, the first elsewhere."""
    depth = number(depth)
    if not isinstance(depth, int | float) or depth != int(depth):
        raise Refused("its depth is to be a whole number")
    count, rank = int(depth), indices.dim() + 1
    axis = node["axis"] % rank
    sized([*indices.shape, count])
    places = torch.where(indices < 0, indices + count, indices).long()
    found = places.unsqueeze(axis) == torch.arange(count).reshape([-1] + [1] * (rank - 1 - axis))
    return torch.where(found, values[1], values[0])


@operator("NonZero", beforehand=True)
def non_zero(node: Node, x: torch.Tensor) -> torch.Tensor:
    """Places of what is not 0."""
    sized([max(1, x.dim()), int(torch.count_nonzero(x))])
    return torch.nonzero(x).t().contiguous()
