"""What nodes of other dialects are here, where one node is exactly the same; ir-v1-generalized section 10."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torchlean_core.kinds.call import Shape
from torchlean_core.kinds.dialect import Counterpart

Made = tuple[str, dict[str, Any]]


def _swap(first: int) -> Counterpart:
    return lambda f, xs, y: ("transpose", {"axis1": first, "axis2": first + 1})


def _reduction(tag: str) -> Counterpart:
    def counterpart(f: Mapping[str, Any], xs: Sequence[Shape], y: Shape) -> Made | None:
        axis = f["axis"]
        if axis >= len(xs[0]) or not xs[0][axis]:
            return None
        return tag, {"axes": [axis], "keepdim": False}

    return counterpart


def _conv(f: Mapping[str, Any], xs: Sequence[Shape], y: Shape) -> Made | None:
    """Marks of what a dense kernel was made of (`groups`, `dilation`) fall away: the kernel stays dense."""
    if not f["outC"]:
        return None
    padding = [f["padding"]] * 2
    return "conv", {
        "spatial_rank": 2,
        "kernel": [f["kH"], f["kW"]],
        "stride": [f["stride"]] * 2,
        "padding": padding,
        "dilation": [1, 1],
        "padding_after": padding,
        "groups": 1,
        "channel_axis": 0,
        "in_channels": f["inC"],
        "out_channels": f["outC"],
    }


def _pool(tag: str, *, padded: bool) -> Counterpart:
    def counterpart(f: Mapping[str, Any], xs: Sequence[Shape], y: Shape) -> Made | None:
        padding = f["padding"] if padded else 0
        if padding > min(f["kH"], f["kW"]) // 2 or 0 in xs[0][1:]:
            return None  # the result would be empty here
        return tag, {
            "spatial_rank": 2,
            "kernel": [f["kH"], f["kW"]],
            "stride": [f["stride"]] * 2,
            "padding": [padding] * 2,
        }

    return counterpart


def _batch_norm(f: Mapping[str, Any], xs: Sequence[Shape], y: Shape) -> Made | None:
    return "batch_norm_eval", {"channel_axis": 1, "channels": f["channels"]}


COUNTERPARTS: dict[str, Counterpart] = {
    "swap_first_two": _swap(0),
    "transpose3d_last_two": _swap(1),
    "reduce_sum": _reduction("reduce_sum"),
    "reduce_mean": _reduction("reduce_mean"),
    "conv2d": _conv,
} | {
    f"{tag}2d{'_pad' if padded else ''}": _pool(tag, padded=padded)
    for tag in ("max_pool", "avg_pool")
    for padded in (False, True)
}
COUNTERPARTS["batch_norm2d_nchw_eval"] = _batch_norm
