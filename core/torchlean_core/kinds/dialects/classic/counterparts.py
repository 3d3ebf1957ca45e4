"""What nodes of other dialects are here, where one node is exactly the same; ir-v1-generalized section 10."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torchlean_core.kinds.call import Shape
from torchlean_core.kinds.dialect import Counterpart

Made = tuple[str, dict[str, Any]]


def _transpose(f: Mapping[str, Any], xs: Sequence[Shape], y: Shape) -> Made | None:
    rank, swapped = len(xs[0]), sorted((f["axis1"], f["axis2"]))
    if swapped[1] >= rank:
        return None
    if swapped == [0, 1]:
        return "swap_first_two", {}
    if swapped == [1, 2] and rank == 3:
        return "transpose3d_last_two", {}
    perm = list(range(rank))
    perm[swapped[0]], perm[swapped[1]] = swapped[1], swapped[0]
    return "permute", {"perm": perm}


def _reduction(tag: str) -> Counterpart:
    def counterpart(f: Mapping[str, Any], xs: Sequence[Shape], y: Shape) -> Made | None:
        return (tag, {"axis": f["axes"][0]}) if len(f["axes"]) == 1 and not f["keepdim"] else None

    return counterpart


def _conv(f: Mapping[str, Any], xs: Sequence[Shape], y: Shape) -> Made | None:
    """Only a plain one: of another the dense kernel is a larger one, which has to be made."""
    if f["spatial_rank"] != 2 or f["channel_axis"] or f["groups"] != 1 or f["dilation"] != [1, 1]:
        return None
    paddings = {*f["padding"], *f["padding_after"]}
    if len({*f["stride"]}) != 1 or len(paddings) != 1:
        return None
    return "conv2d", {
        "inC": f["in_channels"],
        "outC": f["out_channels"],
        "kH": f["kernel"][0],
        "kW": f["kernel"][1],
        "stride": f["stride"][0],
        "padding": paddings.pop(),
    }


def _pool(tag: str) -> Counterpart:
    def counterpart(f: Mapping[str, Any], xs: Sequence[Shape], y: Shape) -> Made | None:
        paddings = {*f["padding"]}
        if f["spatial_rank"] != 2 or len(xs[0]) != 3 or len({*f["stride"]}) != 1 or len(paddings) != 1:
            return None
        if 0 in y[1:]:
            return None  # an empty result is an error here
        padding = paddings.pop()
        window = {"kH": f["kernel"][0], "kW": f["kernel"][1], "stride": f["stride"][0]}
        return (f"{tag}2d_pad", {**window, "padding": padding}) if padding else (f"{tag}2d", window)

    return counterpart


def _batch_norm(f: Mapping[str, Any], xs: Sequence[Shape], y: Shape) -> Made | None:
    if f["channel_axis"] != 1 or len(xs[0]) != 4 or 0 in xs[0]:
        return None
    return "batch_norm2d_nchw_eval", {"channels": f["channels"]}


COUNTERPARTS: dict[str, Counterpart] = {
    "transpose": _transpose,
    "reduce_sum": _reduction("reduce_sum"),
    "reduce_mean": _reduction("reduce_mean"),
    "conv": _conv,
    "max_pool": _pool("max_pool"),
    "avg_pool": _pool("avg_pool"),
    "batch_norm_eval": _batch_norm,
}
