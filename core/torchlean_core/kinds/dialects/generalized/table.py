"""The tensor kinds of the generalized dialect; ir-v1-generalized sections 4 to 8."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from torchlean_core.kinds import guesses, shared
from torchlean_core.kinds import operators as ops
from torchlean_core.kinds.alignment import FROM_THE_RIGHT
from torchlean_core.kinds.call import Operator, Shape, Step
from torchlean_core.kinds.dialects.generalized import shapes
from torchlean_core.kinds.numbers import show_shape
from torchlean_core.kinds.spec import Fact, Field, FieldType, Guess, Kind, Note, ParamSpec

_NAT = FieldType.NATURAL
_EPS = Fact("eps", None, None, "Epsilon of the normalization.")


def _geometry(name: str, doc: str, guess: Guess, neutral: int) -> Field:
    return Field(
        name,
        FieldType.GEOMETRY,
        f"{doc}.",
        example=f"[{neutral}, {neutral}]",
        guess=guess,
        neutral=neutral,
        presumed=name != "kernel",
    )


_RANK = Field("spatial_rank", _NAT, "Number of spatial axes.", example="2", guess=guesses.spatial_rank)
_KERNEL = _geometry("kernel", "Window size", guesses.kernel, 1)
_STRIDE = _geometry("stride", "Step of the window", guesses.stride, 1)
_PADDING = _geometry("padding", "Cells added before", guesses.every_axis(0), 0)


def _telling(kind: Kind, doc: str, **flags: Any) -> Kind:
    """A kind of both dialects whose operator is told something more, which a few words say."""

    def lowering(f: Mapping[str, Any], xs: Sequence[Shape], y: Shape) -> tuple[Step, ...]:
        return (Step(kind.operator, {**f, **flags}, tuple(y)),)

    return replace(kind, lowering=lowering, summary=f"{kind.summary.removesuffix('.')}; {doc}.")


def _reduction(operator: Operator, summary: str, formula: str, torch: str) -> Kind:
    def lowering(f: Mapping[str, Any], xs: Sequence[Shape], y: Shape) -> tuple[Step, ...]:
        """One axis after another, largest first; with `keepdim` its place comes back after each."""
        steps = []
        shape = list(xs[0])
        for axis in sorted(f["axes"], reverse=True):
            without = (*shape[:axis], *shape[axis + 1 :])
            steps.append(Step(operator, {"axis": axis}, without))
            if f["keepdim"]:
                shape[axis] = 1
                steps.append(Step(ops.RESHAPE, {}, tuple(shape)))
            else:
                shape = list(without)
        return tuple(steps)

    return Kind(
        operator.name,
        (1, 1),
        shapes.reduction,
        summary,
        formula,
        "the parent's without `axes`, or with 1 in their places",
        torch,
        operator,
        fields=(
            Field(
                "axes",
                FieldType.AXES,
                "Axes that are reduced, each once; [] changes nothing.",
                example="[0]",
                is_axis=True,
                guess=guesses.axes,
            ),
            Field(
                "keepdim",
                FieldType.BOOLEAN,
                "Whether a 1 stays in their places.",
                example="false",
                guess=guesses.values(False, True),
                presumed=True,
            ),
        ),
        lowering=lowering,
        saying=lambda asked, xs: {"axes": asked["axes"], "keepdim": asked["keepdim"]},
        category="reduction",
    )


def _transpose(f: Mapping[str, Any], xs: Sequence[Shape], y: Shape) -> tuple[Step, ...]:
    return (Step(ops.TRANSPOSE, {"axis1": f["axis1"], "axis2": f["axis2"]}, tuple(y)),)


def _conv(f: Mapping[str, Any], xs: Sequence[Shape], y: Shape) -> tuple[Step, ...]:
    fields = {
        "axis": f["channel_axis"],
        "kernel": tuple(f["kernel"]),
        "stride": tuple(f["stride"]),
        "before": tuple(f["padding"]),
        "after": tuple(f["padding_after"]),
        "dilation": tuple(f["dilation"]),
        "groups": f["groups"],
        "inputs": f["in_channels"],
        "outputs": f["out_channels"],
        "marks": {"groups": f["groups"]},
    }
    return (Step(ops.CONV, fields, tuple(y)),)


def _as_conv(asked: Mapping[str, Any], xs: Sequence[Shape]) -> Mapping[str, Any]:
    return {
        "spatial_rank": len(asked["kernel"]),
        "kernel": asked["kernel"],
        "stride": asked["stride"],
        "padding": asked["before"],
        "dilation": asked["dilation"],
        "padding_after": asked["after"],
        "groups": asked["groups"],
        "channel_axis": asked["axis"],
        "in_channels": asked["inputs"],
        "out_channels": asked["outputs"],
    }


def _as_pool(asked: Mapping[str, Any], xs: Sequence[Shape]) -> Mapping[str, Any] | None:
    """None where the window fits nowhere, which gives an empty result here."""
    fields = {name: asked[name] for name in ("kernel", "stride", "padding")}
    fields = {"spatial_rank": len(asked["kernel"]), **fields}
    fits = 0 < fields["spatial_rank"] <= len(xs[0]) and 0 not in shapes.pooled(fields, xs[0])
    return fields if fits else None


def _pool(operator: Operator, summary: str, formula: str) -> Kind:
    def lowering(f: Mapping[str, Any], xs: Sequence[Shape], y: Shape) -> tuple[Step, ...]:
        fields = {name: tuple(f[name]) for name in ("kernel", "stride", "padding")}
        return (Step(operator, fields, tuple(y)),)

    return Kind(
        operator.name,
        (1, 1),
        shapes.pool,
        summary,
        formula,
        "leading dimensions, then out(x,k) = (x + 2*padding - k) div stride + 1 per spatial axis; 0 where "
        "the window fits nowhere or padding > k div 2",
        f"`F.{operator.name}{{1,2,3}}d(x, kernel, stride, padding)` over the last axes",
        operator,
        fields=(
            replace(_RANK, positive=True),
            _KERNEL,
            _STRIDE,
            _geometry("padding", "Cells added on both sides", guesses.every_axis(0), 0),
        ),
        lowering=lowering,
        saying=_as_pool,
        advice=_empty_pool,
        category="convolution and pooling",
    )


def _empty_pool(fields: Mapping[str, Any], shape: Shape | None) -> Note | None:
    rank = fields.get("spatial_rank")
    if shape is None or not isinstance(rank, int) or not 0 < rank <= len(shape):
        return None
    if 0 not in shape[len(shape) - rank :]:
        return None
    message = f"the window fits nowhere: TorchLean gives an empty result {show_shape(shape)}, PyTorch raises an error"
    return Note("TL406", message, "kernel" if "kernel" in fields else "kind")


def _channel(role: str, doc: str, trainable: bool, neutral: float | None = None) -> ParamSpec:
    return ParamSpec(role, lambda f, xs, y: (f["channels"],), trainable, doc, neutral)


def _with_eps(operator: Operator, axis: str) -> Any:
    def lowering(f: Mapping[str, Any], xs: Sequence[Shape], y: Shape) -> tuple[Step, ...]:
        eps = {"eps": f["eps"]} if "eps" in f else {}
        return (Step(operator, {"axis": f[axis], **eps}, tuple(y)),)

    return lowering


def _normalized(role: str, doc: str, neutral: float) -> ParamSpec:
    return ParamSpec(
        role, lambda f, xs, y: tuple(xs[0][f["axis"] :]), True, f"{doc}, dims[axis:].", neutral, optional=True
    )


ATTENTION = shared.attention("weight", "bias")

KINDS: tuple[Kind, ...] = (
    shared.INPUT,
    shared.const("values", "its value is in the file, or in the parameter store"),
    shared.RAND_UNIFORM,
    _telling(
        shared.BERNOULLI_MASK,
        "a probability of 0 or less, or of 1 or more, is decided before it",
        clamps=True,
    ),
    *shared.ELEMENTWISE,
    replace(
        shared.unary(ops.SOFTPLUS, "Softplus, a smooth rectifier.", "ln(1 + exp(x))"),
        saying=lambda asked, xs: {},
    ),
    Kind(
        "safe_log",
        (2, 2),
        shapes.safe_log,
        "Logarithm of a softplus and a small scalar: defined everywhere.",
        "ln(softplus(x) + e)",
        "the first parent's; the second is a scalar",
        "`torch.log(F.softplus(x) + e)`",
        ops.SAFE_LOG,
    ),
    _telling(shared.MSE_LOSS, "0 where there are no elements", empty=0.0),
    shared.SUM,
    _reduction(ops.REDUCE_SUM, "Sum over axes.", "Σ_axes x", "`torch.sum(x, dim=axes, keepdim=keepdim)`"),
    _reduction(
        ops.REDUCE_MEAN, "Mean over axes.", "mean_axes x", "`torch.mean(x, dim=axes, keepdim=keepdim)`"
    ),
    shared.SOFTMAX,
    Kind(
        "layernorm",
        (1, 1),
        shapes.layernorm,
        "Layer normalization over the trailing axes from `axis` on, with gamma and beta where it has them.",
        "((x - mean) / √(max(var, 0) + eps)) * gamma + beta over dims[axis:]",
        "the parent's shape; every normalized dimension > 0",
        "`F.layer_norm(x, x.shape[axis:], gamma, beta, eps=eps)`",
        ops.LAYERNORM,
        fields=(shared.axis_field("First normalized axis"),),
        lowering=_with_eps(ops.LAYERNORM, "axis"),
        saying=lambda asked, xs: {"axis": asked["axis"]},
        param_prefix="layernorm",
        params=(_normalized("gamma", "Scale", 1.0), _normalized("beta", "Shift", 0.0)),
        facts=(_EPS,),
        extras=("eps",),
        category="normalization",
        usual=8,
    ),
    shared.PERMUTE,
    Kind(
        "transpose",
        (1, 1),
        shapes.transpose,
        "Two axes swapped.",
        "out[…, j, …, i, …] = in[…, i, …, j, …]",
        "the two dimensions swapped",
        "`x.transpose(axis1, axis2)`",
        ops.TRANSPOSE,
        fields=(
            Field(
                "axis1",
                _NAT,
                "One axis, counted from 0.",
                is_axis=True,
                guess=lambda f, xs, y: list(range(len(xs[0]) - 1))[::-1] if xs else [],
            ),
            Field(
                "axis2",
                _NAT,
                "The other axis.",
                example="1",
                is_axis=True,
                guess=guesses.an_axis,
            ),
        ),
        lowering=_transpose,
        saying=lambda asked, xs: asked,
        category="shape",
        usual=14,
    ),
    shared.RESHAPE,
    shared.FLATTEN,
    shared.broadcast_to(
        FROM_THE_RIGHT, "Copies along new or size-1 axes, as PyTorch does.", "x.expand(to_shape)"
    ),
    shared.CONCAT,
    shared.matmul(
        shapes.matmul,
        "Matrix product, batched and broadcast as `torch.matmul`.",
        "(…,m,n)(…,n,p) gives (…,m,p), batch axes broadcast; the axis of a vector goes away",
    ),
    shared.linear(
        "weight",
        "bias",
        facts=(
            Fact("out_dim", _NAT, lambda f, xs, y: y[-1], "Size of the result's last axis."),
            Fact("in_dim", _NAT, lambda f, xs, y: xs[0][-1], "Size of the operand's last axis."),
        ),
    ),
    Kind(
        "conv",
        (1, 1),
        shapes.conv,
        "Cross-correlation over any number of spatial axes; axes before `channel_axis` are samples.",
        "conv(x, weight) + bias, zeros outside",
        "dims[:channel_axis] + [out_channels] + out; out(x,k) = (x + padding + padding_after - dilation*(k-1) - 1) "
        "div stride + 1",
        "`F.conv{1,2,3}d(x, weight, bias, stride, padding, dilation, groups)`",
        ops.CONV,
        fields=(
            _RANK,
            _KERNEL,
            _STRIDE,
            _PADDING,
            _geometry("dilation", "Distance of the kernel's cells", guesses.every_axis(1), 1),
            _geometry("padding_after", "Cells added after", guesses.every_axis(0), 0),
            Field(
                "groups",
                _NAT,
                "Groups of channels that do not mix.",
                positive=True,
                example="1",
                guess=guesses.values(1),
                presumed=True,
            ),
            Field(
                "channel_axis",
                _NAT,
                "Axis of the channels: 0 unbatched, 1 for NCHW.",
                example="1",
                is_axis=True,
                guess=guesses.channel_axis,
            ),
            Field(
                "in_channels",
                _NAT,
                "Input channels.",
                positive=True,
                example="1",
                forced=guesses.channels,
                guess=guesses.channels_or_1,
            ),
            Field(
                "out_channels",
                _NAT,
                "Output channels.",
                positive=True,
                example="1",
                forced=guesses.own_channels,
                guess=guesses.channels_or_1,
            ),
        ),
        lowering=_conv,
        saying=_as_conv,
        param_prefix="conv",
        params=(
            ParamSpec(
                "weight",
                lambda f, xs, y: (f["out_channels"], f["in_channels"], *f["kernel"]),
                True,
                "Kernel, (out_channels, in_channels, *kernel), dense also for groups.",
                stored="kernel",
                operand="kernel",
            ),
            ParamSpec(
                "bias", lambda f, xs, y: (f["out_channels"],), True, "Bias, (out_channels,).", neutral=0.0
            ),
        ),
        facts=(
            Fact(
                "input_spatial",
                FieldType.GEOMETRY,
                lambda f, xs, y: list(xs[0][f["channel_axis"] + 1 :]),
                "Spatial extents of the operand.",
            ),
        ),
        category="convolution and pooling",
        usual=3,
    ),
    _pool(
        ops.MAX_POOL,
        "Largest element of every window over the last axes; padded cells never win.",
        "max over windows, padding -inf",
    ),
    _pool(
        ops.AVG_POOL,
        "Mean of every window over the last axes; padded cells count as zeros.",
        "mean over windows, padding 0",
    ),
    Kind(
        "batch_norm_eval",
        (1, 1),
        shapes.batch_norm,
        "Batch normalization with fixed statistics, per index of `channel_axis`.",
        "((x - mean) / √(max(var, 0) + eps)) * gamma + beta",
        "the parent's shape; `channels` is the extent of `channel_axis`",
        "`F.batch_norm(x, mean, var, gamma, beta, eps=eps)`",
        ops.BATCH_NORM,
        fields=(
            Field(
                "channel_axis",
                _NAT,
                "Axis of the channels.",
                example="1",
                is_axis=True,
                guess=guesses.channel_axis,
            ),
            Field(
                "channels",
                _NAT,
                "Number of channels.",
                positive=True,
                example="1",
                forced=guesses.channels,
                guess=guesses.channels_or_1,
            ),
        ),
        lowering=_with_eps(ops.BATCH_NORM, "channel_axis"),
        saying=lambda asked, xs: {"channel_axis": asked["axis"], "channels": xs[0][asked["axis"]]},
        param_prefix="batchnorm",
        params=(
            _channel("gamma", "Scale, (channels,).", True, 1.0),
            _channel("beta", "Shift, (channels,).", True, 0.0),
            _channel("mean", "Running mean, (channels,).", False),
            _channel("var", "Running variance, (channels,).", False),
        ),
        facts=(_EPS,),
        extras=("eps",),
        category="normalization",
    ),
)
