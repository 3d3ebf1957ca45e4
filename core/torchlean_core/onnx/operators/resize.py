"""Images of another size: along each axis entries at places between those that there are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F

from torchlean_core.capture.errors import Refused
from torchlean_core.onnx.graph import Node
from torchlean_core.onnx.operators.constants import sized
from torchlean_core.onnx.operators.registry import axes_of, operator

_MOST_ENTRIES = 1 << 16
_MOST_WEIGHTS = 1 << 22
_LINEAR = {3: "linear", 4: "bilinear", 5: "trilinear"}


@dataclass(frozen=True, slots=True)
class _Axis:
    """One axis.

    Attributes:
        axis: Which.
        size: Entries that it has.
        wanted: Entries that it gets.
        scale: Their ratio, as the file says it.
        places: Where between the entries that there are the new ones lie.
    """

    axis: int
    size: int
    wanted: int
    scale: float
    places: tuple[float, ...]

    @property
    def whole(self) -> bool:
        """Whether the ratio is that of the sizes."""
        return math.isclose(self.size * self.scale, self.wanted, rel_tol=1e-6)


@operator("Upsample", settings=(1,))
def upsample(node: Node, x: torch.Tensor, scales: Sequence[float] | None = None) -> torch.Tensor:
    """By scales, from the first entry on; scales were an attribute before version 9."""
    scales = node["scales"] if node.version < 9 else scales
    if scales is None or len(scales) != x.dim():
        raise Refused(f"expected {x.dim()} scales")
    return _resized(node, x, _scaled(x, range(x.dim()), scales, "asymmetric"), "floor")


@operator("Resize", settings=(1, 2, 3))
def resize(node: Node, x: torch.Tensor, *settings: Any) -> torch.Tensor:
    """By scales, or to sizes."""
    if node.version < 11:
        (scales,) = settings
        return _resized(node, x, _scaled(x, range(x.dim()), scales, "asymmetric"), "floor")
    _roi, scales, sizes = (*settings, None, None, None)[:3]
    axes = node.get("axes")
    chosen = list(range(x.dim())) if axes is None else axes_of(axes, x.dim())
    transformation = node["coordinate_transformation_mode"]
    if transformation == "tf_crop_and_resize":
        raise Refused(f"coordinate_transformation_mode {transformation} is not supported")
    if scales:
        if len(scales) != len(chosen):
            raise Refused(f"expected {len(chosen)} scales")
        parts = _scaled(x, chosen, scales, transformation)
    elif sizes:
        if len(sizes) != len(chosen):
            raise Refused(f"expected {len(chosen)} sizes")
        parts = _of_sizes(node, x, chosen, [int(size) for size in sizes], transformation)
    else:
        raise Refused("has neither scales nor sizes")
    if node.get("antialias") and any(part.wanted < part.size for part in parts):
        raise Refused("antialias of a smaller image is not supported")
    return _resized(node, x, parts, node["nearest_mode"])


def _scaled(
    x: torch.Tensor, axes: Sequence[int], scales: Sequence[float], transformation: str
) -> list[_Axis]:
    found = []
    for axis, scale in zip(axes, scales, strict=True):
        if not (math.isfinite(scale) and scale > 0):
            raise Refused(f"a scale is {scale}")
        wanted = math.floor(x.shape[axis] * scale)
        part = _axis(axis, x.shape[axis], wanted, scale, transformation)
        if transformation == "align_corners" and not part.whole:
            # What the standard's own examples take for the size there is not what other programs take.
            raise Refused(
                f"align_corners with a scale of {scale:g} for {part.size} entries, which is no whole size"
            )
        found.append(part)
    return found


def _of_sizes(
    node: Node, x: torch.Tensor, axes: Sequence[int], sizes: Sequence[int], transformation: str
) -> list[_Axis]:
    policy = node.get("keep_aspect_ratio_policy", "stretch")
    scales = [size / x.shape[axis] for axis, size in zip(axes, sizes, strict=True)]
    if policy != "stretch":
        scale = min(scales) if policy == "not_larger" else max(scales)
        sizes = [math.floor(scale * x.shape[axis] + 0.5) for axis in axes]
        scales = [scale] * len(sizes)
    return [
        _axis(axis, x.shape[axis], size, scale, transformation)
        for axis, size, scale in zip(axes, sizes, scales, strict=True)
    ]


def _axis(axis: int, size: int, wanted: int, scale: float, transformation: str) -> _Axis:
    if wanted < 1:
        raise Refused(f"axis {axis} would have {wanted} entries")
    if wanted > _MOST_ENTRIES:
        raise Refused(f"an axis of {wanted:,} elements is longer than {_MOST_ENTRIES:,}")
    places = tuple(_place(n, size, wanted, scale, transformation) for n in range(wanted))
    return _Axis(axis, size, wanted, scale, places)


def _place(n: int, size: int, wanted: int, scale: float, transformation: str) -> float:
    """Where an entry of the result lies between those of the operand."""
    if transformation == "half_pixel" or (transformation == "pytorch_half_pixel" and wanted > 1):
        return (n + 0.5) / scale - 0.5
    if transformation == "pytorch_half_pixel":
        return 0.0
    if transformation == "half_pixel_symmetric":
        return size / 2 * (1 - wanted / (scale * size)) + (n + 0.5) / scale - 0.5
    if transformation == "align_corners":
        return n * (size - 1) / (wanted - 1) if wanted > 1 else 0.0
    if transformation == "asymmetric":
        return n / scale
    if transformation == "tf_half_pixel_for_nn":
        return (n + 0.5) / scale
    raise Refused(f"coordinate_transformation_mode {transformation} is not supported")


def _resized(node: Node, x: torch.Tensor, parts: Sequence[_Axis], nearest: str) -> torch.Tensor:
    parts = [part for part in parts if part.wanted != part.size or part.scale != 1]
    shape = list(x.shape)
    for part in parts:
        shape[part.axis] = part.wanted
    sized(shape)
    mode = node["mode"]
    if mode == "nearest":
        return _nearest(x, parts, shape, nearest)
    if mode not in ("linear", "cubic"):
        raise Refused(f"mode {mode} is not supported")
    if (found := _by_torch(node, x, parts, shape)) is not None:
        return found
    for part in parts:
        rows = torch.tensor(_rows(node, part), dtype=x.dtype, device=x.device)
        x = F.linear(x.movedim(part.axis, -1), rows).movedim(-1, part.axis)
    return x


_ROUND = {
    "floor": math.floor,
    "ceil": math.ceil,
    "round_prefer_floor": lambda place: math.ceil(place - 0.5),
    "round_prefer_ceil": lambda place: math.floor(place + 0.5),
}


def _nearest(x: torch.Tensor, parts: Sequence[_Axis], shape: list[int], nearest: str) -> torch.Tensor:
    rounded = _ROUND.get(nearest)
    if rounded is None:
        raise Refused(f"nearest_mode {nearest} is not supported")
    indices = {
        part.axis: [min(max(rounded(place), 0), part.size - 1) for place in part.places] for part in parts
    }
    usual = all(
        part.wanted % part.size == 0
        and indices[part.axis] == [n * part.size // part.wanted for n in range(part.wanted)]
        for part in parts
    )
    if usual and parts and min(indices) >= 2 and x.dim() in _LINEAR:
        return F.interpolate(x, size=shape[2:], mode="nearest")
    for axis, places in indices.items():
        if places != list(range(x.shape[axis])):
            x = x.index_select(axis, torch.tensor(places, dtype=torch.int64, device=x.device))
    return x


def _by_torch(node: Node, x: torch.Tensor, parts: Sequence[_Axis], shape: list[int]) -> torch.Tensor | None:
    """By torch's own function, where that has the same places and weights; else None."""
    transformation = node.get("coordinate_transformation_mode", "asymmetric")
    corners = transformation == "align_corners"
    same = corners or transformation in ("half_pixel", "pytorch_half_pixel")
    if not parts or not same or min(part.axis for part in parts) < 2 or x.dim() not in _LINEAR:
        return None
    if not all(part.whole and part.wanted > 1 for part in parts) or node.get("exclude_outside"):
        return None
    if node["mode"] == "linear":
        return F.interpolate(x, size=shape[2:], mode=_LINEAR[x.dim()], align_corners=corners)
    if x.dim() == 4 and node["cubic_coeff_a"] == -0.75:
        return F.interpolate(x, size=shape[2:], mode="bicubic", align_corners=corners)
    return None


def _rows(node: Node, part: _Axis) -> list[list[float]]:
    """The weights of each entry of the result."""
    cubic, outside = node["mode"] == "cubic", bool(node.get("exclude_outside"))
    if part.wanted * part.size > _MOST_WEIGHTS:
        raise Refused(f"{part.wanted} entries of {part.size} take more than {_MOST_WEIGHTS:,} weights")
    rows = []
    for place in part.places:
        first = math.floor(place)
        t = place - first
        weights = _cubic(t, node["cubic_coeff_a"]) if cubic else {0: 1 - t, 1: t}
        if outside:
            weights = {n: w for n, w in weights.items() if 0 <= first + n < part.size}
            total = sum(weights.values())
            weights = {n: w / total for n, w in weights.items()}
        row = [0.0] * part.size
        for n, weight in weights.items():
            row[min(max(first + n, 0), part.size - 1)] += weight
        rows.append(row)
    return rows


def _cubic(t: float, a: float) -> dict[int, float]:
    def near(d: float) -> float:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1

    def far(d: float) -> float:
        return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a

    return {-1: far(1 + t), 0: near(t), 1: near(1 - t), 2: far(2 - t)}


@operator("AffineGrid", settings=(1,))
def affine_grid(node: Node, theta: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """Places of a turned and moved image."""
    sized([int(one) for one in size])
    return F.affine_grid(theta, [int(one) for one in size], align_corners=bool(node["align_corners"]))


_SAMPLED = {"linear": "bilinear", "cubic": "bicubic"}


@operator("GridSample")
def grid_sample(node: Node, x: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
    """Entries at places of a grid, which has to be known for there to be a form."""
    mode = _SAMPLED.get(node["mode"], node["mode"])
    return F.grid_sample(x, grid, mode, node["padding_mode"], bool(node["align_corners"]))
