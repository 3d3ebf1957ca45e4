"""Convolutions and pools of the generalized dialect as the classic ones, which know unbatched images only."""

from __future__ import annotations

from math import prod

from torchlean_core.convert.draft import Site
from torchlean_core.convert.kernels import dense
from torchlean_core.convert.refusal import refuse
from torchlean_core.kinds.numbers import show_shape


def convolution(at: Site) -> int:
    """A convolution of one image with one stride and one padding, its kernel dense.

    Raises:
        ConversionRefused: It is another one.
    """
    f, x = at.fields, at.xs[0]
    axis = f["channel_axis"]
    if prod(x[:axis]) != 1:
        refuse(
            at.node,
            f"not exactly one sample before the channel axis: {show_shape(x)} has {prod(x[:axis])} before axis {axis}",
        )
    if f["spatial_rank"] != 2:
        refuse(at.node, f"spatial_rank {f['spatial_rank']}: the classic dialect has convolutions of two axes")
    if len(set(f["stride"])) != 1:
        refuse(at.node, f"unequal strides {show_shape(f['stride'])}")
    paddings = {*f["padding"], *f["padding_after"]}
    if len(paddings) != 1:
        refuse(
            at.node, f"unequal paddings {show_shape(f['padding'])} and {show_shape(f['padding_after'])} after"
        )
    size = tuple(d * (k - 1) + 1 for k, d in zip(f["kernel"], f["dilation"], strict=True))
    fields = {
        "inC": f["in_channels"],
        "outC": f["out_channels"],
        "kH": size[0],
        "kW": size[1],
        "stride": f["stride"][0],
        "padding": f["padding"][0],
    }
    if f["groups"] != 1:
        at.extra["groups"] = f["groups"]
    if set(f["dilation"]) != {1}:
        at.extra["dilation"] = list(f["dilation"])
    payload = dense(at, f["groups"], f["dilation"], size)
    if axis == 0:
        return at.keep("conv2d", fields, payload=payload)
    image = at.reshape(at.parents[0], x[axis:])
    value = at.keep("conv2d", fields, payload=payload, parents=[image], shape=at.shape[axis:])
    return at.reshape(value, at.shape)


def pool(at: Site) -> int:
    """A pool over the last one or two axes with one stride and one padding.

    Raises:
        ConversionRefused: It is another one, or gives nothing.
    """
    f, x = at.fields, at.xs[0]
    rank = f["spatial_rank"]
    lead = len(x) - rank
    if 0 in at.shape[lead:]:
        refuse(at.node, f"an empty result {show_shape(at.shape)}: the window fits nowhere")
    stride, padding = set(f["stride"]), set(f["padding"])
    if rank not in (1, 2) or len(stride) != 1 or len(padding) != 1 or (rank == 1 and padding != {0}):
        what = (
            f"kernel {show_shape(f['kernel'])}, stride {show_shape(f['stride'])}, "
            f"padding {show_shape(f['padding'])}"
        )
        refuse(
            at.node,
            f"a window classic has no pool for: {what}; it pools two axes with one stride and one padding, or one "
            "axis without padding",
        )
    kernel = f["kernel"] if rank == 2 else (1, *f["kernel"])
    fields = {"kH": kernel[0], "kW": kernel[1], "stride": f["stride"][0]}
    name = f"{at.node.kind}2d"
    if padding != {0}:
        name, fields = f"{name}_pad", {**fields, "padding": f["padding"][0]}
    if rank == 2 and lead == 1:
        return at.keep(name, fields)
    middle = () if rank == 2 else (1,)
    images = at.reshape(at.parents[0], (prod(x[:lead]), *middle, *x[lead:]))
    shape = (prod(x[:lead]), *middle, *at.shape[lead:])
    return at.reshape(at.keep(name, fields, parents=[images], shape=shape), at.shape)
