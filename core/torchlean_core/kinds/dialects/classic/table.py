"""The tensor kinds of the classic dialect; ir-v1 section 3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torchlean_core.kinds import guesses, shared
from torchlean_core.kinds import operators as ops
from torchlean_core.kinds.alignment import FROM_THE_LEFT, right_aligned, witness
from torchlean_core.kinds.call import Operator, Shape, Step
from torchlean_core.kinds.code import DEFAULT_EPS
from torchlean_core.kinds.dialects.classic import shapes
from torchlean_core.kinds.numbers import show, show_shape
from torchlean_core.kinds.spec import Field, FieldType, Infer, Kind, Lowering, Note, ParamSpec, Saying

TORCHLEAN_EPS = 1e-6
"""The layer normalization epsilon of this dialect's own evaluator."""

_NAT = FieldType.NATURAL
_KERNEL = (
    Field("kH", _NAT, "Window height.", positive=True, example="3", guess=guesses.window(1)),
    Field("kW", _NAT, "Window width.", positive=True, example="3", guess=guesses.window(2)),
)
_STRIDE = Field(
    "stride",
    _NAT,
    "Step of the window on both axes.",
    positive=True,
    example="1",
    guess=guesses.image_stride,
)
_PADDING = Field("padding", _NAT, "Cells added on every side of both axes.", guess=guesses.values(0))


def _broadcast_advice(fields: Mapping[str, Any], shape: Shape | None) -> Note | None:
    source, target = fields.get("from_shape"), fields.get("to_shape")
    if source is None or target is None:
        return None
    ours, theirs = witness(source, target), right_aligned(source, target)
    if ours is None or ours == theirs:
        return None
    reading = "refuses it" if theirs is None else f"reads it as {show_shape(theirs)}"
    message = (
        f"TorchLean matches axes from the left: {show_shape(source)} is read as {show_shape(ours)} and "
        f"expanded to {show_shape(target)}; PyTorch, which aligns from the right, {reading}"
    )
    return Note("TL401", message, "to_shape")


def _epsilon_advice(fields: Mapping[str, Any], shape: Shape | None) -> Note | None:
    eps = fields.get("eps", DEFAULT_EPS)
    if not isinstance(eps, int | float) or isinstance(eps, bool) or eps == TORCHLEAN_EPS:
        return None
    shown = show(eps) if isinstance(eps, int) else f"{eps:g}"
    message = f"layernorm uses eps {shown} in PyTorch, but TorchLean's evaluator uses {TORCHLEAN_EPS:g}"
    return Note("TL402", message, "eps" if "eps" in fields else "kind")


def _linear_advice(fields: Mapping[str, Any], shape: Shape | None) -> Note | None:
    if shape is None or len(shape) <= 1:
        return None
    message = (
        f"`linear` on {show_shape(shape)}: the checker accepts it, but TorchLean's evaluator takes "
        "vectors (rank 1) only"
    )
    return Note("TL404", message, "kind")


def _one_axis(asked: Mapping[str, Any], xs: Sequence[Shape]) -> Mapping[str, Any] | None:
    (axis, *more) = asked["axes"]
    return None if more or asked["keepdim"] else {"axis": axis}


def _reduction(operator: Operator, summary: str, formula: str, torch: str, verb: str) -> Kind:
    return Kind(
        operator.name,
        (1, 1),
        shapes.reduction,
        summary,
        formula,
        "the parent's without `axis`",
        torch,
        operator,
        fields=(shared.axis_field(f"Axis to {verb}"),),
        saying=_one_axis,
        category="reduction",
    )


def _swap(name: str, first: int, infer: Infer, summary: str, formula: str, shape_doc: str) -> Kind:
    return Kind(
        name,
        (1, 1),
        infer,
        summary,
        formula,
        shape_doc,
        f"`x.transpose({first}, {first + 1})`",
        ops.TRANSPOSE,
        lowering=lambda f, xs, y: (Step(ops.TRANSPOSE, {"axis1": first, "axis2": first + 1}, tuple(y)),),
        category="shape",
    )


def _convolution(f: Mapping[str, Any], xs: Sequence[Shape], y: Shape) -> tuple[Step, ...]:
    padding = (f["padding"],) * 2
    fields = {
        "axis": 0,
        "kernel": (f["kH"], f["kW"]),
        "stride": (f["stride"],) * 2,
        "before": padding,
        "after": padding,
        "dilation": (1, 1),
        "groups": 1,
        "inputs": f["inC"],
        "outputs": f["outC"],
        "marks": {name: f[name] for name in ("groups", "dilation") if name in f},
    }
    return (Step(ops.CONV, fields, tuple(y)),)


def _one(numbers: Sequence[int]) -> int | None:
    """The number that all of them are."""
    return numbers[0] if len(set(numbers)) == 1 else None


def _as_convolution(asked: Mapping[str, Any], xs: Sequence[Shape]) -> Mapping[str, Any] | None:
    stride, padding = _one(asked["stride"]), _one((*asked["before"], *asked["after"]))
    dense = asked["groups"] == 1 and set(asked["dilation"]) == {1}
    if len(asked["kernel"]) != 2 or asked["axis"] != 0 or stride is None or padding is None or not dense:
        return None
    height, width = asked["kernel"]
    return {
        "inC": asked["inputs"],
        "outC": asked["outputs"],
        "kH": height,
        "kW": width,
        "stride": stride,
        "padding": padding,
    }


def _as_pool(padded: bool) -> Saying:
    def saying(asked: Mapping[str, Any], xs: Sequence[Shape]) -> Mapping[str, Any] | None:
        stride, padding = _one(asked["stride"]), _one(asked["padding"])
        if len(asked["kernel"]) != 2 or stride is None or padding is None or bool(padding) != padded:
            return None
        height, width = asked["kernel"]
        return {"kH": height, "kW": width, "stride": stride, **({"padding": padding} if padded else {})}

    return saying


def _pooling(operator: Operator, padded: bool) -> Lowering:
    def lowering(f: Mapping[str, Any], xs: Sequence[Shape], y: Shape) -> tuple[Step, ...]:
        padding = f["padding"] if padded else 0
        fields = {
            "kernel": (f["kH"], f["kW"]),
            "stride": (f["stride"],) * 2,
            "padding": (padding,) * 2,
        }
        return (Step(operator, fields, tuple(y)),)

    return lowering


def _pool(operator: Operator, padded: bool, summary: str, formula: str) -> Kind:
    window = "(C, H, W) gives (C, out(H,kH), out(W,kW)); out(x,k) = (x{} - k) div stride + 1"
    option = ", padding=padding" if padded else ""
    return Kind(
        f"{operator.name}2d{'_pad' if padded else ''}",
        (1, 1),
        shapes.window(None, padded=padded),
        summary,
        formula,
        window.format(" + 2*padding" if padded else ""),
        f"`F.{operator.name}2d(x, (kH, kW), stride=stride{option})`",
        operator,
        fields=(*_KERNEL, _STRIDE, _PADDING) if padded else (*_KERNEL, _STRIDE),
        lowering=_pooling(operator, padded),
        saying=_as_pool(padded),
        category="convolution and pooling",
    )


def _channel(role: str, doc: str, trainable: bool, neutral: float | None = None) -> ParamSpec:
    return ParamSpec(role, lambda f, xs, y: (f["channels"],), trainable, doc, neutral)


def _with_eps(operator: Operator, axis: int | None = None) -> Lowering:
    def lowering(f: Mapping[str, Any], xs: Sequence[Shape], y: Shape) -> tuple[Step, ...]:
        eps = {"eps": f["eps"]} if "eps" in f else {}
        return (Step(operator, {"axis": f["axis"] if axis is None else axis, **eps}, tuple(y)),)

    return lowering


ATTENTION = shared.attention(
    "W",
    "b",
    (Field("bias", FieldType.BOOLEAN, "Whether the projections add a bias.", False, example="true"),),
)

KINDS: tuple[Kind, ...] = (
    shared.INPUT,
    shared.const("value", "its value lives in the parameter store"),
    shared.RAND_UNIFORM,
    shared.BERNOULLI_MASK,
    *shared.ELEMENTWISE,
    shared.MSE_LOSS,
    shared.SUM,
    _reduction(
        ops.REDUCE_SUM,
        "Sum over one axis, which goes away.",
        "Σ_axis x",
        "`torch.sum(x, dim=axis)`",
        "sum over",
    ),
    _reduction(
        ops.REDUCE_MEAN,
        "Mean over one axis, which goes away.",
        "mean_axis x",
        "`torch.mean(x, dim=axis)`",
        "average over",
    ),
    shared.SOFTMAX,
    Kind(
        "layernorm",
        (1, 1),
        shapes.layernorm,
        "Layer normalization over the trailing axes from `axis` on, without gamma and beta.",
        "(x - mean) / √(var + eps) over dims[axis:]",
        "the parent's shape; every dimension > 0",
        "`F.layer_norm(x, x.shape[axis:], eps=eps)`",
        ops.LAYERNORM,
        fields=(shared.axis_field("First normalized axis"),),
        lowering=_with_eps(ops.LAYERNORM),
        saying=lambda asked, xs: {"axis": asked["axis"]},
        extras=("eps",),
        advice=_epsilon_advice,
        category="normalization",
        usual=8,
    ),
    shared.PERMUTE,
    _swap(
        "swap_first_two",
        0,
        shapes.swap_first_two,
        "First two axes swapped.",
        "out[j, i, …] = in[i, j, …]",
        "first two dimensions swapped; rank 2 or more",
    ),
    _swap(
        "transpose3d_last_two",
        1,
        shapes.transpose3d_last_two,
        "Last two of three axes swapped.",
        "out[b, j, i] = in[b, i, j]",
        "last two dimensions swapped; rank exactly 3",
    ),
    shared.RESHAPE,
    shared.FLATTEN,
    shared.broadcast_to(
        FROM_THE_LEFT,
        "Copies along new or size-1 axes; axes are matched from the left (not as PyTorch does).",
        "the broadcast witness",
        _broadcast_advice,
    ),
    shared.CONCAT,
    shared.matmul(
        shapes.matmul,
        "Matrix product, or a batch of them.",
        "(m,n)(n,p) gives (m,p); (b,m,n)(b,n,p) gives (b,m,p)",
    ),
    shared.linear("W", "b", advice=_linear_advice),
    Kind(
        "conv2d",
        (1, 1),
        shapes.window("inC", padded=True, result="outC"),
        "Cross-correlation of an unbatched image with dense kernels.",
        "conv(x, kernel) + bias",
        "(inC, H, W) gives (outC, out(H,kH), out(W,kW)); out(x,k) = (x + 2*padding - k) div stride + 1",
        "`F.conv2d(x, kernel, bias, stride=stride, padding=padding)`",
        ops.CONV,
        fields=(
            Field(
                "inC",
                _NAT,
                "Input channels.",
                positive=True,
                example="1",
                forced=guesses.forced_dim(0, 3),
                guess=guesses.dim(0, 1),
            ),
            Field(
                "outC",
                _NAT,
                "Output channels.",
                example="1",
                forced=guesses.own_dim(0, 3),
                guess=guesses.dim(0, 1),
            ),
            *_KERNEL,
            _STRIDE,
            _PADDING,
        ),
        lowering=_convolution,
        saying=_as_convolution,
        extras=("groups", "dilation"),
        param_prefix="conv2d",
        params=(
            ParamSpec(
                "kernel",
                lambda f, xs, y: (f["outC"], f["inC"], f["kH"], f["kW"]),
                True,
                "Kernel, (outC, inC, kH, kW).",
            ),
            ParamSpec("bias", lambda f, xs, y: (f["outC"],), True, "Bias, (outC,).", neutral=0.0),
        ),
        category="convolution and pooling",
        usual=3,
    ),
    _pool(ops.MAX_POOL, False, "Largest element of every window of an unbatched image.", "max over windows"),
    _pool(ops.AVG_POOL, False, "Mean of every window of an unbatched image.", "mean over windows"),
    _pool(
        ops.MAX_POOL,
        True,
        "Largest element of every window of a padded image; padded cells never win.",
        "max over windows, padding -inf",
    ),
    _pool(
        ops.AVG_POOL,
        True,
        "Mean of every window of a zero-padded image; padded cells count.",
        "mean over windows, padding 0",
    ),
    Kind(
        "batch_norm2d_nchw_eval",
        (1, 1),
        shapes.batch_norm,
        "Batch normalization with fixed statistics, per channel of (N, C, H, W).",
        "((x - mean) / √(max(var, 0) + eps)) * gamma + beta",
        "the parent's shape (N, C, H, W), C = channels, nothing empty",
        "`F.batch_norm(x, mean, var, gamma, beta, eps=eps)`",
        ops.BATCH_NORM,
        fields=(
            Field(
                "channels",
                _NAT,
                "Number of channels, C.",
                positive=True,
                example="1",
                forced=guesses.forced_dim(1, 4),
                guess=guesses.dim(1, 2),
            ),
        ),
        lowering=_with_eps(ops.BATCH_NORM, axis=1),
        saying=lambda asked, xs: {"channels": xs[0][1]} if asked["axis"] == 1 and len(xs[0]) == 4 else None,
        param_prefix="batchnorm",
        params=(
            _channel("gamma", "Scale, (channels,).", True, 1.0),
            _channel("beta", "Shift, (channels,).", True, 0.0),
            _channel("mean", "Running mean, (channels,).", False),
            _channel("var", "Running variance, (channels,).", False),
        ),
        extras=("eps",),
        category="normalization",
    ),
)
