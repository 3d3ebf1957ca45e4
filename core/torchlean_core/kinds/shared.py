"""Kinds that dialects have in common, or nearly so: what both tables say is written here, once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from torchlean_core.kinds import guesses, shapes
from torchlean_core.kinds import operators as ops
from torchlean_core.kinds.alignment import Alignment
from torchlean_core.kinds.call import Operator, Shape, Step
from torchlean_core.kinds.spec import (
    Advice,
    Fact,
    Field,
    FieldType,
    Infer,
    Kind,
    ParamSpec,
    TupleKind,
)

_NAT = FieldType.NATURAL
_SHAPE = FieldType.SHAPE


def unary(operator: Operator, summary: str, formula: str, usual: int = 100) -> Kind:
    """An elementwise kind of one operand, which is spelled as its operator."""
    return Kind(
        operator.name,
        (1, 1),
        shapes.same,
        summary,
        formula,
        "the parent's shape",
        str(operator.code).format("x"),
        operator,
        usual=usual,
    )


def _binary(operator: Operator, summary: str, formula: str, usual: int = 100) -> Kind:
    return Kind(
        operator.name,
        (2, 2),
        shapes.equal,
        summary,
        formula,
        "both parents have the output's shape (no implicit broadcasting)",
        str(operator.code).format("a", "b"),
        operator,
        usual=usual,
    )


def axis_field(what: str) -> Field:
    """The field `axis`."""
    return Field(
        "axis",
        _NAT,
        f"{what}; counted from 0, less than the operand's rank.",
        is_axis=True,
        guess=guesses.an_axis,
    )


def parent_shape_field(name: str) -> Field:
    """A field that repeats the operand's shape."""
    return Field(
        name,
        _SHAPE,
        "The parent's shape.",
        example="[]",
        repeats=True,
        forced=guesses.operand_shape,
        guess=guesses.same_shape,
    )


SEED = Field("seed", _NAT, "Seed of the deterministic generator; the node's id is added to it.")


INPUT = Kind(
    "input",
    (0, 0),
    shapes.declared,
    "The network's input.",
    "x",
    "as declared",
    "the argument of `forward`",
    ops.INPUT,
    declared=True,
    category="source",
    usual=0,
)


def const(role: str, doc: str) -> Kind:
    """The kind `const`, whose payload an artifact calls by a role."""
    return Kind(
        "const",
        (0, 0),
        shapes.const,
        f"A constant tensor; {doc}.",
        "const_<id>",
        "`value_shape`, else as declared",
        "a buffer, or an `nn.Parameter` when it is learnable",
        ops.CONST,
        fields=(
            Field(
                "value_shape",
                _SHAPE,
                "Shape of the value; `shape` where absent.",
                False,
                example="[]",
                guess=guesses.same_shape,
            ),
        ),
        extras=("trainable",),
        param_prefix="const",
        params=(
            ParamSpec(
                role,
                lambda f, xs, y: tuple(f.get("value_shape", y)),
                True,
                "The constant's value.",
                stored="",
                operand="value",
                inline=lambda shape: (prod(shape),),
            ),
        ),
        category="source",
        usual=20,
    )


RAND_UNIFORM = Kind(
    "rand_uniform",
    (0, 0),
    shapes.declared,
    "Deterministic uniform numbers in [0, 1), keyed by seed and node id.",
    "u[k] = low32(mix(mix(seed + id) + k)) / 2^32",
    "as declared",
    "a SplitMix64 generator in tensor arithmetic, the same on every device",
    ops.RAND_UNIFORM,
    fields=(SEED,),
    declared=True,
    category="source",
)

BERNOULLI_MASK = Kind(
    "bernoulli_mask",
    (1, 1),
    shapes.bernoulli_mask,
    "1 where the keep probability (a scalar parent) exceeds a deterministic uniform number, else 0.",
    "keep > u[k] ? 1 : 0",
    "as declared; the parent must be a scalar",
    "`(keep > u).to(dtype)` with the uniform numbers of `rand_uniform`",
    ops.BERNOULLI_MASK,
    fields=(SEED,),
    declared=True,
    category="source",
)

ELEMENTWISE = (
    unary(ops.DETACH, "Identity that stops gradients.", "x"),
    unary(ops.ABS, "Absolute value.", "|x|"),
    unary(ops.SQRT, "Square root.", "√x"),
    unary(ops.INV, "Reciprocal.", "1 / x"),
    unary(ops.RELU, "Rectifier.", "max(x, 0)", usual=2),
    unary(ops.TANH, "Hyperbolic tangent.", "tanh(x)", usual=11),
    unary(ops.SIGMOID, "Logistic function.", "1 / (1 + exp(-x))", usual=12),
    unary(ops.EXP, "Exponential.", "exp(x)"),
    unary(
        ops.LOG,
        "Natural logarithm; TorchLean's evaluator refuses inputs that are not positive.",
        "ln(x)",
    ),
    unary(ops.SIN, "Sine.", "sin(x)"),
    unary(ops.COS, "Cosine.", "cos(x)"),
    _binary(ops.ADD, "Elementwise sum.", "a + b", usual=4),
    _binary(ops.SUB, "Elementwise difference.", "a - b", usual=10),
    _binary(ops.MUL, "Elementwise (Hadamard) product.", "a * b", usual=9),
    _binary(ops.MAX, "Elementwise maximum.", "max(a, b)"),
    _binary(ops.MIN, "Elementwise minimum.", "min(a, b)"),
)

MSE_LOSS = Kind(
    "mse_loss",
    (2, 2),
    shapes.mse_loss,
    "Mean squared error, a scalar.",
    "mean((a - b)²)",
    "[]; the parents have equal shapes",
    "`F.mse_loss(a, b)`",
    ops.MSE_LOSS,
    category="reduction",
)

SUM = Kind(
    "sum",
    (1, 1),
    shapes.scalar,
    "Sum of all elements.",
    "Σ x",
    "[]",
    "`torch.sum(x)`",
    ops.SUM,
    category="reduction",
)

SOFTMAX = Kind(
    "softmax",
    (1, 1),
    shapes.softmax,
    "Softmax over one axis.",
    "exp(x) / Σ_axis exp(x)",
    "the parent's shape",
    "`torch.softmax(x, dim=axis)`",
    ops.SOFTMAX,
    fields=(axis_field("Axis that sums to 1"),),
    category="normalization",
    usual=7,
)

PERMUTE = Kind(
    "permute",
    (1, 1),
    shapes.permute,
    "Axes in another order.",
    "out[i] = in[perm[i]] (dimensions)",
    "out[i] = in[perm[i]]",
    "`x.permute(perm)`",
    ops.PERMUTE,
    fields=(
        Field(
            "perm",
            FieldType.AXES,
            "For each output axis, the input axis it is.",
            example="[1, 0]",
            is_axis=True,
            guess=guesses.permutation,
        ),
    ),
    category="shape",
    usual=15,
)

RESHAPE = Kind(
    "reshape",
    (1, 1),
    shapes.reshape,
    "The same elements, in row-major order, in another shape.",
    "x.reshape(out_shape)",
    "`out_shape`; `in_shape` is the parent's shape and has as many elements",
    "`x.reshape(out_shape)`",
    ops.RESHAPE,
    fields=(
        parent_shape_field("in_shape"),
        Field(
            "out_shape",
            _SHAPE,
            "The result's shape.",
            example="[]",
            forced=guesses.own_shape,
            guess=guesses.one_axis,
        ),
    ),
    category="shape",
    usual=6,
)

FLATTEN = Kind(
    "flatten",
    (1, 1),
    shapes.flatten,
    "All elements on one axis; a scalar becomes [1].",
    "x.reshape(-1)",
    "[number of elements]; `value_shape` is the parent's shape",
    "`x.reshape(n)`",
    ops.RESHAPE,
    fields=(parent_shape_field("value_shape"),),
    category="shape",
    usual=13,
)


BROADCAST = "broadcast_to"
"""The tag of broadcasts, in every dialect."""


def broadcast_to(alignment: Alignment, summary: str, formula: str, advice: Advice | None = None) -> Kind:
    """The kind `broadcast_to`, with a dialect's way of matching axes."""

    def lowering(fields: Mapping[str, Any], parents: Sequence[Shape], shape: Shape) -> tuple[Step, ...]:
        aligned = alignment.axes(parents[0], shape)
        if aligned is None:
            raise ValueError(f"no broadcast from {list(parents[0])} to {list(shape)}")
        return (Step(ops.BROADCAST_TO, {"aligned": tuple(aligned)}, tuple(shape)),)

    return Kind(
        BROADCAST,
        (1, 1),
        shapes.broadcast_to(alignment),
        summary,
        formula,
        "`to_shape`, if there is a broadcast to it; `from_shape` is the parent's shape",
        "`x.reshape(aligned).expand(to_shape)`",
        ops.BROADCAST_TO,
        fields=(
            parent_shape_field("from_shape"),
            Field(
                "to_shape",
                _SHAPE,
                "The result's shape.",
                example="[]",
                forced=guesses.own_shape,
                guess=guesses.same_shape,
            ),
        ),
        lowering=lowering,
        advice=advice,
        category="shape",
        usual=16,
    )


CONCAT = Kind(
    "concat",
    (2, None),
    shapes.concat,
    "Parents joined along one axis.",
    "cat(a, b, …; axis)",
    "off-axis dimensions equal, axis dimensions summed",
    "`torch.cat((a, b, …), dim=axis)`",
    ops.CONCAT,
    fields=(axis_field("Axis to join along"),),
    category="shape",
)


def matmul(infer: Infer, summary: str, shape_doc: str) -> Kind:
    """The kind `matmul`, with a dialect's shape rule."""
    return Kind(
        "matmul",
        (2, 2),
        infer,
        summary,
        "a @ b",
        shape_doc,
        "`a @ b`",
        ops.MATMUL,
        saying=lambda asked, xs: {},
        category="linear algebra",
        usual=5,
    )


def linear(weight: str, bias: str, facts: tuple[Fact, ...] = (), advice: Advice | None = None) -> Kind:
    """The kind `linear`, whose payload an artifact calls by two roles."""
    return Kind(
        "linear",
        (1, 1),
        shapes.linear,
        "Affine map of the last axis.",
        "x Wᵀ + b",
        "as declared; all dimensions but the last are the parent's",
        "`F.linear(x, W, b)`",
        ops.LINEAR,
        param_prefix="linear",
        params=(
            ParamSpec(
                weight,
                lambda f, xs, y: (y[-1], xs[0][-1]),
                True,
                "Weight, (out, in).",
                stored="W",
                operand="W",
            ),
            ParamSpec(bias, lambda f, xs, y: (y[-1],), True, "Bias, (out,).", 0.0, stored="b", operand="b"),
        ),
        facts=facts,
        declared=True,
        advice=advice,
        category="linear algebra",
        usual=1,
    )


GETITEM = Kind(
    "tuple_getitem",
    (1, 1),
    shapes.declared,
    "One component of a tuple-valued parent.",
    "parent[index]",
    "the component's shape",
    "indexing of a tuple",
    ops.ITEM,
    fields=(Field("index", _NAT, "Position of the component, counted from 0."),),
    declared=True,
    category="tuple",
)
"""The projection of a tuple: tensor-valued, lowered before anything is computed."""


def attention(
    weight: str, bias: str, fields: tuple[Field, ...] = (), facts: tuple[Fact, ...] = ()
) -> TupleKind:
    """The kind `multihead_attention`.

    Args:
        weight: Last part of the roles of weights.
        bias: Last part of the roles of biases.
        fields: Fields beside those that all dialects have.
        facts: Fields of an inline payload that hold no tensor.
    """
    params = []
    for part in ("q", "k", "v", "out"):
        what = f"of the {_PARTS[part]}"
        params.append(
            ParamSpec(
                f"{part}_{weight}",
                lambda f, xs, y: (y[2], y[2]),
                True,
                f"Weight {what}, (embed, embed).",
                stored=f"{part}_W",
                operand="W",
            )
        )
        params.append(
            ParamSpec(
                f"{part}_{bias}",
                lambda f, xs, y: (y[2],),
                True,
                f"Bias {what}, (embed,).",
                0.0,
                stored=f"{part}_b",
                operand="b",
            )
        )
    scale = ParamSpec(
        "scale",
        lambda f, xs, y: (y[0], y[1], y[1]),
        False,
        "What scores are multiplied with, 1/√(embed_dim/num_heads) in every cell.",
        operand="value",
        inline=lambda shape: (),
    )
    return TupleKind(
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
            *fields,
        ),
        doc="Lowers only as deterministic single-head self-attention, component 0.",
        param_prefix="mha",
        params=(*params, scale),
        facts=facts,
    )


_PARTS = {"q": "query", "k": "key", "v": "value", "out": "output"}

PY_TUPLE = TupleKind("py_tuple", "A Python tuple of its parents' values.")
