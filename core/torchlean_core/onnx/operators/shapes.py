"""Operators that give a tensor another shape, or parts of it; no number changes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from torchlean_core.capture.errors import Refused
from torchlean_core.onnx.graph import Node
from torchlean_core.onnx.operators.constants import sized
from torchlean_core.onnx.operators.places import within
from torchlean_core.onnx.operators.registry import EVERY, axes_of, axis_of, broadcast, operator


@operator("Reshape", settings=(1,))
def reshape(node: Node, x: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """Another shape; 0 copies a size, where allowzero is not set, and -1 is what is left."""
    sizes = [int(size) for size in shape]
    if not node.get("allowzero"):
        if any(size == 0 and place >= x.dim() for place, size in enumerate(sizes)):
            raise Refused(f"the shape {sizes} copies a size that {list(x.shape)} has not")
        sizes = [size or x.shape[place] for place, size in enumerate(sizes)]
    if sum(size == -1 for size in sizes) > 1 or any(size < -1 for size in sizes):
        raise Refused(f"{sizes} is no shape")
    rest = math.prod(size for size in sizes if size != -1)
    fits = rest == x.numel() if -1 not in sizes else rest > 0 and x.numel() % rest == 0
    if not fits:
        raise Refused(f"a tensor of shape {list(x.shape)} cannot have the shape {sizes}")
    return x.reshape(sizes)


@operator("Flatten")
def flatten(node: Node, x: torch.Tensor) -> torch.Tensor:
    """Two axes: those before an axis, and the others."""
    axis, rank = node["axis"], x.dim()
    if not -rank <= axis <= rank:
        raise Refused(f"axis {axis} is none of a tensor with {rank} axes")
    axis = axis + rank if axis < 0 else axis
    if axis == 1:
        return x.flatten(1) if rank > 1 else x.reshape(x.shape[0], 1)
    return x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))


def _axes(node: Node, axes: Sequence[int] | None) -> Sequence[int] | None:
    """Axes, an attribute before version 13 and an input since."""
    found = node.get("axes") if node.version < 13 else axes
    return [found] if isinstance(found, int) else found


@operator("Squeeze", settings=(1,))
def squeeze(node: Node, x: torch.Tensor, axes: Sequence[int] | None = None) -> torch.Tensor:
    """Without axes of size 1."""
    chosen = _axes(node, axes)
    if chosen is None:
        return x.squeeze()
    places = axes_of(chosen, x.dim())
    if any(x.shape[place] != 1 for place in places):
        raise Refused(f"axes {places} of {list(x.shape)} are not of size 1")
    return x.squeeze(tuple(places)) if places else x


@operator("Unsqueeze", settings=(1,))
def unsqueeze(node: Node, x: torch.Tensor, axes: Sequence[int] | None = None) -> torch.Tensor:
    """With further axes of size 1; the axes are those of the result."""
    chosen = _axes(node, axes)
    if chosen is None:
        raise Refused("has no axes")
    for place in sorted(axes_of(chosen, x.dim() + len(chosen))):
        x = x.unsqueeze(place)
    return x


@operator("Transpose")
def transpose(node: Node, x: torch.Tensor) -> torch.Tensor:
    """Axes in another order; the reverse one where none is said."""
    order = node.get("perm")
    order = list(range(x.dim()))[::-1] if order is None else list(order)
    if sorted(order) != list(range(x.dim())):
        raise Refused(f"{order} is no order of {x.dim()} axes")
    return x.permute(order)


@operator("Concat", learned=EVERY)
def concat(node: Node, *parts: torch.Tensor) -> torch.Tensor:
    """One after the other along an axis."""
    axis = axis_of(node["axis"], parts[0].dim())
    return torch.cat(parts, axis) if len(parts) > 1 else parts[0]


@operator("Split", settings=(1,))
def split(node: Node, x: torch.Tensor, sizes: Sequence[int] | None = None) -> Any:
    """Parts along an axis: of given sizes, else equal ones, the last smaller where that does not come out even."""
    axis, count = axis_of(node["axis"], x.dim()), len(node.outputs)
    whole = x.shape[axis]
    if node.version < 13:
        sizes = node.get("split")
    if sizes is None:
        if node.get("num_outputs") not in (None, count):
            raise Refused(f"num_outputs is {node['num_outputs']}, and there are {count} outputs")
        if node.version < 18 and whole % count:
            raise Refused(f"{whole} entries in {count} equal parts")
        part = -(-whole // count)
        sizes = [max(0, min(part, whole - place * part)) for place in range(count)]
    sizes = [int(size) for size in sizes]
    if len(sizes) != count or sum(sizes) != whole or min(sizes) < 0:
        raise Refused(f"parts of {sizes} entries, {count} of them, are to make up {whole}")
    return torch.split(x, sizes, axis)


@operator("Slice", settings=(1, 2, 3, 4))
def slice_(
    node: Node,
    x: torch.Tensor,
    starts: Sequence[int] | None = None,
    ends: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    steps: Sequence[int] | None = None,
) -> torch.Tensor:
    """Parts of axes; starts, ends and axes were attributes before version 10."""
    if node.version < 10:
        starts, ends, axes = node["starts"], node["ends"], node.get("axes")
    if starts is None or ends is None:
        raise Refused("has no starts and ends")
    chosen = list(range(len(starts))) if axes is None else axes_of(axes, x.dim())
    steps = [1] * len(starts) if steps is None else steps
    if not len(starts) == len(ends) == len(chosen) == len(steps) or len(chosen) > x.dim():
        raise Refused("starts, ends, axes and steps are to be as many")
    for axis, start, end, step in zip(chosen, starts, ends, steps, strict=True):
        if step == 0:
            raise Refused("a step is 0")
        x = _taken(x, axis, range(*slice(start, end, step).indices(x.shape[axis])))
    return x


def _taken(x: torch.Tensor, axis: int, places: range) -> torch.Tensor:
    """Entries of an axis in equal steps, also backwards."""
    size = x.shape[axis]
    if places == range(size):
        return x
    forward = places if places.step > 0 else places[::-1]
    first = forward.start if len(forward) else 0
    index = (*[slice(None)] * axis, slice(first, forward[-1] + 1 if len(forward) else 0, forward.step))
    part = x[index]
    return part if places.step > 0 else part.flip(axis)


@operator("Gather", settings=(1,), learned=(0,))
def gather(node: Node, x: torch.Tensor, indices: Any) -> torch.Tensor:
    """Entries of an axis at known places, which may be of any shape."""
    axis = axis_of(node["axis"], x.dim())
    size = x.shape[axis]
    places = within(indices, size)
    if places.ndim == 0:
        return x.select(axis, int(places))
    shape = [*x.shape[:axis], *places.shape, *x.shape[axis + 1 :]]
    flat = places.flatten().tolist()
    sized(shape)
    step = flat[1] - flat[0] if len(flat) > 1 else 1
    run = range(flat[0], flat[0] + step * len(flat), step) if flat and step else None
    if run is not None and list(run) == flat:
        found = _taken(x, axis, run)
    else:
        found = x.index_select(axis, torch.tensor(flat, dtype=torch.int64, device=x.device))
    return found if places.ndim == 1 else found.reshape(shape)


@operator("Expand", settings=(1,))
def expand(node: Node, x: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """Broadcast with a shape."""
    sizes = [int(size) for size in shape]
    return x.expand(sized(broadcast(x.shape, sizes)))


@operator("Tile", settings=(1,))
def tile(node: Node, x: torch.Tensor, repeats: Sequence[int]) -> torch.Tensor:
    """Repeated along axes."""
    counts = [int(count) for count in repeats]
    if len(counts) != x.dim() or any(count < 0 for count in counts):
        raise Refused(f"{counts} are no numbers of repeats for {x.dim()} axes")
    sized([size * count for size, count in zip(x.shape, counts, strict=True)])
    return x.repeat(counts)


@operator("DepthToSpace")
def depth_to_space(node: Node, x: torch.Tensor) -> torch.Tensor:
    """Channels into blocks of rows and columns."""
    block = node["blocksize"]
    batch, channels, height, width = _image(x)
    if block < 1 or channels % block**2:
        raise Refused(f"{channels} channels are no blocks of {block} times {block}")
    if node.get("mode", "DCR") == "CRD":
        return torch.nn.functional.pixel_shuffle(x, block)
    parts = x.reshape(batch, block, block, channels // block**2, height, width)
    return parts.permute(0, 3, 4, 1, 5, 2).reshape(batch, channels // block**2, height * block, width * block)


@operator("SpaceToDepth")
def space_to_depth(node: Node, x: torch.Tensor) -> torch.Tensor:
    """Blocks of rows and columns into channels."""
    block = node["blocksize"]
    batch, channels, height, width = _image(x)
    if block < 1 or height % block or width % block:
        raise Refused(f"{height} rows of {width} are no blocks of {block} times {block}")
    if node.get("mode", "DCR") == "CRD":
        return torch.nn.functional.pixel_unshuffle(x, block)
    parts = x.reshape(batch, channels, height // block, block, width // block, block)
    return parts.permute(0, 3, 5, 1, 2, 4).reshape(
        batch, channels * block**2, height // block, width // block
    )


def _image(x: torch.Tensor) -> tuple[int, int, int, int]:
    if x.dim() != 4:
        raise Refused(f"takes images of 4 axes, not a tensor of shape {list(x.shape)}")
    batch, channels, height, width = x.shape
    return batch, channels, height, width
