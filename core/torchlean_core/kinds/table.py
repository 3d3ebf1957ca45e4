"""The kind table of `torchlean.ir.v1`: one entry per kind, and nothing about kinds anywhere else.

The checker, the JSON Schema, hover and completion, the parameter store, the emitter and the interpreter
all read it. Adding a kind is adding an entry here and its tests. The generalized dialect of later TorchLean
(ir-v1 section 7) will be a second table of the same types.
"""

from __future__ import annotations

from torchlean_core.kinds import batched, code, layers, shapes
from torchlean_core.kinds.common import NODE_FIELDS
from torchlean_core.kinds.spec import Batched, Code, Field, FieldType, Infer, Kind, ParamSpec, TupleKind

FORMAT = "torchlean.ir.v1"
"""The value of `format` that this table is the vocabulary of."""

_NAT = FieldType.NATURAL
_SHAPE = FieldType.SHAPE


def _unary(
    name: str,
    summary: str,
    formula: str,
    source: str,
    layer: str | None = None,
    usual: int = 100,
    stops_gradients: bool = False,
) -> Kind:
    return Kind(
        name,
        (1, 1),
        shapes.same,
        summary,
        formula,
        "the parent's shape",
        source.format("x"),
        source,
        source,
        layer=None if layer is None else layers.plain(layer),
        stops_gradients=stops_gradients,
        usual=usual,
    )


def _binary(name: str, summary: str, formula: str, source: str, usual: int = 100) -> Kind:
    return Kind(
        name,
        (2, 2),
        shapes.equal,
        summary,
        formula,
        "both parents have the output's shape (no implicit broadcasting)",
        source.format("a", "b"),
        source,
        source,
        usual=usual,
    )


def _axis(what: str) -> Field:
    return Field("axis", _NAT, f"{what}; counted from 0, less than the operand's rank.")


_SEED = Field("seed", _NAT, "Seed of the deterministic generator; the node's id is added to it.")
_KERNEL = (
    Field("kH", _NAT, "Window height.", positive=True, example="3"),
    Field("kW", _NAT, "Window width.", positive=True, example="3"),
)
_STRIDE = Field("stride", _NAT, "Step of the window on both axes.", positive=True, example="1")
_PADDING = Field("padding", _NAT, "Cells added on every side of both axes.", example="0")


def _pool(
    name: str,
    infer: Infer,
    padded: bool,
    summary: str,
    formula: str,
    torch: str,
    source: Code,
    many: Batched,
    layer: layers.LayerView,
) -> Kind:
    window = "(C, H, W) gives (C, out(H,kH), out(W,kW)); out(x,k) = (x{} - k) div stride + 1"
    return Kind(
        name,
        (1, 1),
        infer,
        summary,
        formula,
        window.format(" + 2*padding" if padded else ""),
        torch,
        source,
        many,
        fields=(*_KERNEL, _STRIDE, _PADDING) if padded else (*_KERNEL, _STRIDE),
        layer=layer,
        category="convolution and pooling",
    )


def _channel(role: str, doc: str, trainable: bool, neutral: float | None = None) -> ParamSpec:
    return ParamSpec(role, lambda f, xs, y: (f["channels"],), trainable, doc, neutral)


_KINDS: tuple[Kind, ...] = (
    Kind(
        "input",
        (0, 0),
        shapes.declared,
        "The network's input.",
        "x",
        "as declared",
        "the argument of `forward`",
        "x",
        "x",
        declared=True,
        category="source",
        usual=0,
    ),
    Kind(
        "const",
        (0, 0),
        shapes.const,
        "A constant tensor; its value lives in the parameter store.",
        "const_<id>",
        "`value_shape`, else as declared",
        "a buffer, or an `nn.Parameter` when it is learnable",
        "{value}",
        fields=(
            Field("value_shape", _SHAPE, "Shape of the value; `shape` where absent.", False, example="[]"),
        ),
        extras=("trainable",),
        param_prefix="const",
        params=(
            ParamSpec(
                "value", lambda f, xs, y: tuple(f.get("value_shape", y)), True, "The constant's value."
            ),
        ),
        category="source",
        usual=20,
    ),
    Kind(
        "rand_uniform",
        (0, 0),
        shapes.declared,
        "Deterministic uniform numbers in [0, 1), keyed by seed and node id.",
        "u[k] = low32(mix(mix(seed + id) + k)) / 2^32",
        "as declared",
        "a SplitMix64 generator in tensor arithmetic, the same on every device",
        code.rand_uniform,
        fields=(_SEED,),
        helpers=("_mix", "_unit"),
        declared=True,
        category="source",
    ),
    Kind(
        "bernoulli_mask",
        (1, 1),
        shapes.bernoulli_mask,
        "1 where the keep probability (a scalar parent) exceeds a deterministic uniform number, else 0.",
        "keep > u[k] ? 1 : 0",
        "as declared; the parent must be a scalar",
        "`(keep > u).to(dtype)` with the uniform numbers of `rand_uniform`",
        code.bernoulli_mask,
        fields=(_SEED,),
        helpers=("_mix", "_unit"),
        declared=True,
        stops_gradients=True,
        category="source",
    ),
    _unary("detach", "Identity that stops gradients.", "x", "{0}.detach()", stops_gradients=True),
    _unary("abs", "Absolute value.", "|x|", "torch.abs({0})"),
    _unary("sqrt", "Square root.", "√x", "torch.sqrt({0})"),
    _unary("inv", "Reciprocal.", "1 / x", "torch.reciprocal({0})"),
    _unary("relu", "Rectifier.", "max(x, 0)", "torch.relu({0})", "nn.ReLU()", usual=2),
    _unary("tanh", "Hyperbolic tangent.", "tanh(x)", "torch.tanh({0})", "nn.Tanh()", usual=11),
    _unary(
        "sigmoid", "Logistic function.", "1 / (1 + exp(-x))", "torch.sigmoid({0})", "nn.Sigmoid()", usual=12
    ),
    _unary("exp", "Exponential.", "exp(x)", "torch.exp({0})"),
    _unary(
        "log",
        "Natural logarithm; TorchLean's evaluator refuses inputs that are not positive.",
        "ln(x)",
        "torch.log({0})",
    ),
    _unary("sin", "Sine.", "sin(x)", "torch.sin({0})"),
    _unary("cos", "Cosine.", "cos(x)", "torch.cos({0})"),
    _binary("add", "Elementwise sum.", "a + b", "{0} + {1}", usual=4),
    _binary("sub", "Elementwise difference.", "a - b", "{0} - {1}", usual=10),
    _binary("mul_elem", "Elementwise (Hadamard) product.", "a * b", "{0} * {1}", usual=9),
    _binary("max_elem", "Elementwise maximum.", "max(a, b)", "torch.maximum({0}, {1})"),
    _binary("min_elem", "Elementwise minimum.", "min(a, b)", "torch.minimum({0}, {1})"),
    Kind(
        "mse_loss",
        (2, 2),
        shapes.mse_loss,
        "Mean squared error, a scalar.",
        "mean((a - b)²)",
        "[]; the parents have equal shapes",
        "`F.mse_loss(a, b)`",
        "F.mse_loss({0}, {1})",
        batched.mse_loss,
        category="reduction",
    ),
    Kind(
        "sum",
        (1, 1),
        shapes.scalar,
        "Sum of all elements.",
        "Σ x",
        "[]",
        "`torch.sum(x)`",
        "torch.sum({0})",
        batched.total,
        category="reduction",
    ),
    Kind(
        "reduce_sum",
        (1, 1),
        shapes.reduction,
        "Sum over one axis, which goes away.",
        "Σ_axis x",
        "the parent's without `axis`",
        "`torch.sum(x, dim=axis)`",
        "torch.sum({0}, dim={axis})",
        batched.reduce_sum,
        fields=(_axis("Axis to sum over"),),
        category="reduction",
    ),
    Kind(
        "reduce_mean",
        (1, 1),
        shapes.reduction,
        "Mean over one axis, which goes away.",
        "mean_axis x",
        "the parent's without `axis`",
        "`torch.mean(x, dim=axis)`",
        "torch.mean({0}, dim={axis})",
        batched.reduce_mean,
        fields=(_axis("Axis to average over"),),
        category="reduction",
    ),
    Kind(
        "softmax",
        (1, 1),
        shapes.softmax,
        "Softmax over one axis.",
        "exp(x) / Σ_axis exp(x)",
        "the parent's shape",
        "`torch.softmax(x, dim=axis)`",
        "torch.softmax({0}, dim={axis})",
        batched.softmax,
        fields=(_axis("Axis that sums to 1"),),
        layer=layers.SOFTMAX,
        category="normalization",
        usual=7,
    ),
    Kind(
        "layernorm",
        (1, 1),
        shapes.layernorm,
        "Layer normalization over the trailing axes from `axis` on, without gamma and beta.",
        "(x - mean) / √(var + eps) over dims[axis:]",
        "the parent's shape; every dimension > 0",
        "`F.layer_norm(x, x.shape[axis:], eps=eps)`",
        code.layernorm,
        batched.layernorm,
        fields=(_axis("First normalized axis"),),
        extras=("eps",),
        layer=layers.LAYERNORM,
        category="normalization",
        usual=8,
    ),
    Kind(
        "permute",
        (1, 1),
        shapes.permute,
        "Axes in another order.",
        "out[i] = in[perm[i]] (dimensions)",
        "out[i] = in[perm[i]]",
        "`x.permute(perm)`",
        code.permute,
        batched.permute,
        fields=(
            Field("perm", FieldType.AXES, "For each output axis, the input axis it is.", example="[1, 0]"),
        ),
        category="shape",
        usual=15,
    ),
    Kind(
        "swap_first_two",
        (1, 1),
        shapes.swap_first_two,
        "First two axes swapped.",
        "out[j, i, …] = in[i, j, …]",
        "first two dimensions swapped; rank 2 or more",
        "`x.transpose(0, 1)`",
        "{0}.transpose(0, 1)",
        batched.swap_first_two,
        category="shape",
    ),
    Kind(
        "transpose3d_last_two",
        (1, 1),
        shapes.transpose3d_last_two,
        "Last two of three axes swapped.",
        "out[b, j, i] = in[b, i, j]",
        "last two dimensions swapped; rank exactly 3",
        "`x.transpose(1, 2)`",
        "{0}.transpose(1, 2)",
        "{0}.transpose(-2, -1)",
        category="shape",
    ),
    Kind(
        "reshape",
        (1, 1),
        shapes.reshape,
        "The same elements, in row-major order, in another shape.",
        "x.reshape(out_shape)",
        "`out_shape`; `in_shape` is the parent's shape and has as many elements",
        "`x.reshape(out_shape)`",
        code.reshape,
        batched.reshape,
        fields=(
            Field("in_shape", _SHAPE, "The parent's shape.", example="[]"),
            Field("out_shape", _SHAPE, "The result's shape.", example="[]"),
        ),
        layer=layers.RESHAPE,
        keeps_order=True,
        category="shape",
        usual=6,
    ),
    Kind(
        "flatten",
        (1, 1),
        shapes.flatten,
        "All elements on one axis; a scalar becomes [1].",
        "x.reshape(-1)",
        "[number of elements]; `value_shape` is the parent's shape",
        "`x.reshape(n)`",
        code.reshape,
        batched.reshape,
        fields=(Field("value_shape", _SHAPE, "The parent's shape.", example="[]"),),
        layer=layers.RESHAPE,
        keeps_order=True,
        category="shape",
        usual=13,
    ),
    Kind(
        "broadcast_to",
        (1, 1),
        shapes.broadcast_to,
        "Copies along new or size-1 axes; axes are matched from the left (not as PyTorch does).",
        "the broadcast witness",
        "`to_shape`, if the witness exists; `from_shape` is the parent's shape",
        "`x.reshape(aligned).expand(to_shape)`",
        code.broadcast_to,
        batched.broadcast_to,
        fields=(
            Field("from_shape", _SHAPE, "The parent's shape.", example="[]"),
            Field("to_shape", _SHAPE, "The result's shape.", example="[]"),
        ),
        spreads=True,
        category="shape",
        usual=16,
    ),
    Kind(
        "concat",
        (2, None),
        shapes.concat,
        "Parents joined along one axis.",
        "cat(a, b, …; axis)",
        "off-axis dimensions equal, axis dimensions summed",
        "`torch.cat((a, b, …), dim=axis)`",
        code.concat,
        batched.concat,
        fields=(_axis("Axis to join along"),),
        category="shape",
    ),
    Kind(
        "matmul",
        (2, 2),
        shapes.matmul,
        "Matrix product, or a batch of them.",
        "a @ b",
        "(m,n)(n,p) gives (m,p); (b,m,n)(b,n,p) gives (b,m,p)",
        "`a @ b`",
        "{0} @ {1}",
        batched.matmul,
        category="linear algebra",
        usual=5,
    ),
    Kind(
        "linear",
        (1, 1),
        shapes.linear,
        "Affine map of the last axis.",
        "x Wᵀ + b",
        "as declared; all dimensions but the last are the parent's",
        "`F.linear(x, W, b)`",
        code.linear,
        code.linear,
        param_prefix="linear",
        params=(
            ParamSpec("W", lambda f, xs, y: (y[-1], xs[0][-1]), True, "Weight, (out, in)."),
            ParamSpec("b", lambda f, xs, y: (y[-1],), True, "Bias, (out,).", neutral=0.0),
        ),
        declared=True,
        layer=layers.LINEAR,
        category="linear algebra",
        usual=1,
    ),
    Kind(
        "conv2d",
        (1, 1),
        shapes.window("inC", padded=True, result="outC"),
        "Cross-correlation of an unbatched image with dense kernels.",
        "conv(x, kernel) + bias",
        "(inC, H, W) gives (outC, out(H,kH), out(W,kW)); out(x,k) = (x + 2*padding - k) div stride + 1",
        "`F.conv2d(x, kernel, bias, stride=stride, padding=padding)`",
        code.conv2d,
        batched.conv2d,
        fields=(
            Field("inC", _NAT, "Input channels.", positive=True, example="1"),
            Field("outC", _NAT, "Output channels.", example="1"),
            *_KERNEL,
            _STRIDE,
            _PADDING,
        ),
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
        layer=layers.CONV2D,
        category="convolution and pooling",
        usual=3,
    ),
    _pool(
        "max_pool2d",
        shapes.window(None, padded=False),
        False,
        "Largest element of every window of an unbatched image.",
        "max over windows",
        "`F.max_pool2d(x, (kH, kW), stride=stride)`",
        code.max_pool,
        batched.max_pool,
        layers.MAX_POOL,
    ),
    _pool(
        "avg_pool2d",
        shapes.window(None, padded=False),
        False,
        "Mean of every window of an unbatched image.",
        "mean over windows",
        "`F.avg_pool2d(x, (kH, kW), stride=stride)`",
        code.avg_pool,
        batched.avg_pool,
        layers.AVG_POOL,
    ),
    _pool(
        "max_pool2d_pad",
        shapes.window(None, padded=True),
        True,
        "Largest element of every window of a padded image; padded cells never win.",
        "max over windows, padding -inf",
        "`F.max_pool2d(x, (kH, kW), stride=stride, padding=padding)`",
        code.max_pool_pad,
        batched.max_pool_pad,
        layers.MAX_POOL_PAD,
    ),
    _pool(
        "avg_pool2d_pad",
        shapes.window(None, padded=True),
        True,
        "Mean of every window of a zero-padded image; padded cells count.",
        "mean over windows, padding 0",
        "`F.avg_pool2d(x, (kH, kW), stride=stride, padding=padding)`",
        code.avg_pool_pad,
        batched.avg_pool_pad,
        layers.AVG_POOL_PAD,
    ),
    Kind(
        "batch_norm2d_nchw_eval",
        (1, 1),
        shapes.batch_norm,
        "Batch normalization with fixed statistics, per channel of (N, C, H, W).",
        "((x - mean) / √(max(var, 0) + eps)) * gamma + beta",
        "the parent's shape (N, C, H, W), C = channels, nothing empty",
        "`F.batch_norm(x, mean, var, gamma, beta, eps=eps)`",
        code.batch_norm,
        batched.batch_norm,
        fields=(Field("channels", _NAT, "Number of channels, C.", positive=True, example="1"),),
        param_prefix="batchnorm",
        params=(
            _channel("gamma", "Scale, (channels,).", True, 1.0),
            _channel("beta", "Shift, (channels,).", True, 0.0),
            _channel("mean", "Running mean, (channels,).", False),
            _channel("var", "Running variance, (channels,).", False),
        ),
        extras=("eps",),
        layer=layers.BATCH_NORM,
        category="normalization",
    ),
)

TENSOR_KINDS: dict[str, Kind] = {kind.name: kind for kind in _KINDS}
"""Every tensor kind by its wire tag."""

INPUT = TENSOR_KINDS["input"]

TUPLE_GETITEM = Kind(
    "tuple_getitem",
    (1, 1),
    shapes.declared,
    "One component of a tuple-valued parent.",
    "parent[index]",
    "the component's shape",
    "indexing of a tuple",
    "{0}[{index}]",
    fields=(Field("index", _NAT, "Position of the component, counted from 0."),),
    declared=True,
    category="tuple",
)
"""The projection of a tuple: tensor-valued, lowered before anything is computed (ir-v1 section 5)."""

TUPLE_KINDS: dict[str, TupleKind] = {
    kind.name: kind
    for kind in (
        TupleKind(
            "multihead_attention",
            "`nn.MultiheadAttention`: (output, weights); parents query, key, value.",
            lowers=True,
            fields=(
                Field("embed_dim", _NAT, "Size of the last axis.", example="4"),
                Field("num_heads", _NAT, "Number of heads; only 1 can be lowered.", example="1"),
                Field(
                    "batch_first",
                    FieldType.BOOLEAN,
                    "Input is (batch, seq, embed); must be true.",
                    example="true",
                ),
                Field("dropout_zero", FieldType.BOOLEAN, "No dropout; must be true.", example="true"),
                Field(
                    "bias", FieldType.BOOLEAN, "Whether the projections add a bias.", False, example="true"
                ),
            ),
            doc="Lowers only as deterministic single-head self-attention, component 0.",
        ),
        TupleKind("py_tuple", "A Python tuple of its parents' values."),
    )
}
"""Tuple-valued kinds by wire tag; any other tuple kind is allowed too, but cannot be lowered."""

FIELD_NAMES = frozenset(
    {"parents", "shape", "tuple_shapes"}
    | {field.name for kind in TENSOR_KINDS.values() for field in kind.fields}
    | {field.name for tuple_kind in TUPLE_KINDS.values() for field in tuple_kind.fields}
)
"""Fields of nodes that hold numbers, booleans, or arrays of numbers, whatever the kind."""

_ALL_FIELDS = (
    *(field for kind in (*TENSOR_KINDS.values(), TUPLE_GETITEM) for field in kind.fields),
    *(field for tuple_kind in TUPLE_KINDS.values() for field in tuple_kind.fields),
)

LIST_FIELDS = frozenset(NODE_FIELDS) | {
    field.name for field in _ALL_FIELDS if field.type in (FieldType.SHAPE, FieldType.AXES)
}
"""Fields of nodes whose value is always read as Python's; other long arrays of numbers are kept as their text."""
