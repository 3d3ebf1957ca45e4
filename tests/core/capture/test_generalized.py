"""Captures in the generalized dialect: what it has is one node, and what it refuses is refused with a reason."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.core.capture.support import EXACT, Lambda, captured
from torchlean_core.artifact import parse_graph
from torchlean_core.capture.builder import GraphBuilder
from torchlean_core.capture.errors import CaptureError, Refused
from torchlean_core.capture.pipeline import Captured
from torchlean_core.graph import Node
from torchlean_core.kinds import GENERALIZED
from torchlean_core.kinds.operators import MAX_POOL, REDUCE_SUM


def generalized(function: Any, shape: tuple[int, ...], **state: Any) -> Captured:
    """A function of (module, x), captured in float64 where nothing is wider than rounding."""
    torch.manual_seed(0)
    result = captured(Lambda(function, **state), shape, dialect="generalized")
    assert result.graph.dialect is GENERALIZED
    check = result.verification
    assert check is not None and check.max_relative_error <= EXACT
    assert not result.notes
    return result


def kinds(result: Captured) -> list[str]:
    return [node.kind for node in result.graph.nodes[1:]]


def last(result: Captured) -> Node:
    return result.graph.nodes[-1]


SINGLE: dict[str, tuple[nn.Module, tuple[int, ...], str, dict[str, Any]]] = {
    "a batch of images": (
        nn.Conv2d(3, 4, 3),
        (5, 3, 6, 7),
        "conv",
        {"channel_axis": 1, "kernel": (3, 3), "stride": (1, 1), "padding": (0, 0), "padding_after": (0, 0)},
    ),
    "an image without a batch": (nn.Conv2d(3, 4, 3), (3, 6, 7), "conv", {"channel_axis": 0}),
    "one axis": (
        nn.Conv1d(2, 4, 3, stride=2, padding=2),
        (3, 2, 9),
        "conv",
        {"spatial_rank": 1, "stride": (2,), "padding": (2,), "padding_after": (2,)},
    ),
    "three axes": (
        nn.Conv3d(2, 3, (1, 2, 3), stride=(1, 2, 1), padding=(0, 1, 2)),
        (2, 2, 3, 4, 5),
        "conv",
        {"spatial_rank": 3, "kernel": (1, 2, 3), "stride": (1, 2, 1), "padding": (0, 1, 2)},
    ),
    "groups and dilation": (
        nn.Conv2d(4, 6, 3, groups=2, dilation=(2, 1), stride=(1, 3), padding=(2, 0)),
        (2, 4, 7, 9),
        "conv",
        {"groups": 2, "dilation": (2, 1), "stride": (1, 3), "in_channels": 4, "out_channels": 6},
    ),
    "padding of one side more": (
        nn.Conv2d(1, 2, (2, 4), padding="same"),
        (1, 1, 5, 6),
        "conv",
        {"padding": (0, 1), "padding_after": (1, 2)},
    ),
    "max pool over one axis": (
        nn.MaxPool1d(3, stride=2, padding=1),
        (2, 3, 8),
        "max_pool",
        {"spatial_rank": 1, "kernel": (3,), "stride": (2,), "padding": (1,)},
    ),
    "max pool over two": (
        nn.MaxPool2d((3, 2), stride=(1, 2), padding=(1, 0)),
        (2, 3, 6, 6),
        "max_pool",
        {"kernel": (3, 2), "stride": (1, 2), "padding": (1, 0)},
    ),
    "average pool over three": (
        nn.AvgPool3d((1, 2, 2), padding=(0, 1, 1)),
        (2, 2, 3, 4, 4),
        "avg_pool",
        {"spatial_rank": 3, "padding": (0, 1, 1)},
    ),
    "adaptive average pool": (
        nn.AdaptiveAvgPool2d((2, 3)),
        (2, 3, 4, 9),
        "avg_pool",
        {"kernel": (2, 3), "stride": (2, 3)},
    ),
    "adaptive max pool": (nn.AdaptiveMaxPool1d(2), (2, 3, 6), "max_pool", {"kernel": (3,), "stride": (3,)}),
    "batch norm of rows": (nn.BatchNorm1d(4), (3, 4), "batch_norm_eval", {"channel_axis": 1, "channels": 4}),
    "batch norm of signals": (nn.BatchNorm1d(4), (2, 4, 5), "batch_norm_eval", {"channels": 4}),
    "batch norm of volumes": (
        nn.BatchNorm3d(2, eps=0.1),
        (2, 2, 2, 3, 2),
        "batch_norm_eval",
        {"channels": 2},
    ),
    "layer norm": (nn.LayerNorm((3, 4), eps=1e-3), (2, 3, 4), "layernorm", {"axis": 1}),
    "layer norm without parameters": (
        nn.LayerNorm(4, elementwise_affine=False, eps=0.2),
        (2, 4),
        "layernorm",
        {"axis": 1},
    ),
    "layer norm without a shift": (nn.LayerNorm(4, bias=False), (2, 4), "layernorm", {"axis": 1}),
    "softplus": (nn.Softplus(), (2, 3), "softplus", {}),
}


@pytest.mark.parametrize("name", SINGLE)
def test_a_layer_is_one_node(name: str) -> None:
    module, shape, kind, fields = SINGLE[name]
    for parameter in module.parameters():
        nn.init.normal_(parameter)
    for buffer in module.buffers():
        if buffer.is_floating_point():
            nn.init.uniform_(buffer, 0.5, 1.5)
    result = generalized(lambda m, x: m.layer(x), shape, layer=module)
    assert kinds(result) == [kind]
    assert {name: last(result).fields[name] for name in fields} == fields


OPERATORS: dict[str, tuple[Any, tuple[int, ...], list[str], dict[str, Any]]] = {
    "mean over axes": (
        lambda m, x: x.mean((1, -1)),
        (2, 3, 4),
        ["reduce_mean"],
        {"axes": (1, 2), "keepdim": False},
    ),
    "sum that keeps axes": (
        lambda m, x: x.sum((0, 2), keepdim=True),
        (2, 3, 4),
        ["reduce_sum"],
        {"axes": (0, 2), "keepdim": True},
    ),
    "mean of everything": (lambda m, x: x.mean(), (2, 3), ["reduce_mean"], {"axes": (0, 1)}),
    "no axes are all": (
        lambda m, x: x.sum(dim=()),
        (2, 3),
        ["reduce_sum"],
        {"axes": (0, 1), "keepdim": False},
    ),
    "no axes are all of a mean": (lambda m, x: x.mean(dim=()), (2, 3), ["reduce_mean"], {"axes": (0, 1)}),
    "two axes swapped": (lambda m, x: x.transpose(0, 2), (2, 3, 4), ["transpose"], {"axis1": 0, "axis2": 2}),
    "axes moved": (lambda m, x: x.permute(2, 0, 1), (2, 3, 4), ["permute"], {"perm": (2, 0, 1)}),
    "batched product": (
        lambda m, x: x @ x.transpose(-1, -2),
        (2, 3, 4, 5),
        ["transpose", "matmul"],
        {},
    ),
    "broadcast product": (lambda m, x: m.left @ x, (3, 4, 5), ["const", "matmul"], {}),
    "product with a vector": (lambda m, x: x @ m.vector, (3, 5), ["const", "matmul"], {}),
    "product of vectors": (lambda m, x: torch.dot(x, x), (5,), ["matmul"], {}),
    "maximum over an axis": (
        lambda m, x: x.amax(1, keepdim=True),
        (2, 3, 4),
        ["transpose", "max_pool", "reshape"],
        {},
    ),
    "maximum over the last axis": (
        lambda m, x: x.amax(-1, keepdim=True),
        (2, 3, 4),
        ["max_pool"],
        {"kernel": (4,)},
    ),
    "other shapes": (lambda m, x: x + m.row, (2, 5), ["const", "broadcast_to", "add"], {}),
    "a column": (lambda m, x: x * m.column, (4, 5), ["const", "broadcast_to", "mul_elem"], {}),
    "one for all": (lambda m, x: x - x.mean(), (4, 5), ["reduce_mean", "broadcast_to", "sub"], {}),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_is_what_the_dialect_has_for_it(name: str) -> None:
    function, shape, expected, fields = OPERATORS[name]
    state = {
        "left": torch.randn(2, 1, 3, 4),
        "vector": torch.randn(5),
        "row": nn.Parameter(torch.randn(5)),
        "column": torch.randn(4, 1),
    }
    result = generalized(function, shape, **state)
    assert kinds(result) == expected
    assert {name: last(result).fields[name] for name in fields} == fields


COMPOSED: dict[str, tuple[Any, tuple[int, ...]]] = {
    "ceil mode": (lambda m, x: F.max_pool2d(x, 2, ceil_mode=True), (2, 3, 5, 5)),
    "ceil mode of means": (lambda m, x: F.avg_pool2d(x, 2, ceil_mode=True), (2, 3, 5, 5)),
    "padding that does not count": (
        lambda m, x: F.avg_pool2d(x, 3, padding=1, count_include_pad=False),
        (2, 3, 5, 5),
    ),
    "another divisor": (lambda m, x: F.avg_pool2d(x, 2, divisor_override=3), (2, 3, 4, 4)),
    "dilated pool": (lambda m, x: F.max_pool2d(x, 2, dilation=2), (2, 3, 5, 5)),
    "pool of three axes with ceil mode": (lambda m, x: F.max_pool3d(x, 2, ceil_mode=True), (1, 2, 3, 3, 3)),
    "transposed": (lambda m, x: F.conv_transpose2d(x, m.kernel, stride=2, padding=1), (2, 3, 4, 4)),
    "transposed with groups": (
        lambda m, x: F.conv_transpose2d(x, m.grouped, groups=3, output_padding=1, stride=3),
        (2, 3, 3, 3),
    ),
    "transposed in three axes": (
        lambda m, x: F.conv_transpose3d(x, m.cube, stride=2, padding=2),
        (2, 3, 3, 3, 3),
    ),
    "padded with zeros": (lambda m, x: F.conv2d(F.pad(x, (1, 0, 2, 1)), m.plain), (2, 3, 4, 4)),
    "parts": (lambda m, x: torch.log(x.abs() + 1).chunk(2, 1)[1] @ m.part, (2, 4, 6)),
    "logsumexp": (lambda m, x: x.logsumexp((0, 1), keepdim=True), (2, 3, 4)),
    "log sigmoid": (lambda m, x: F.logsigmoid(x), (2, 3)),
    "logaddexp": (lambda m, x: torch.logaddexp(x, x.flip(0)), (4,)),
    "group norm": (lambda m, x: F.group_norm(x, 3, m.scale, m.scale), (2, 6, 3)),
    "attention": (lambda m, x: F.scaled_dot_product_attention(x, x, x), (2, 2, 3, 4)),
    "selected early": (lambda m, x: (1 / x)[:, 1:].sum(1, keepdim=True)[:, :, :2], (2, 3, 4)),
    "selected of a product": (lambda m, x: torch.log(x.exp() @ m.part)[1:, :, :2], (2, 4, 6)),
}


@pytest.mark.parametrize("name", COMPOSED)
def test_what_the_dialect_does_not_have_is_composed(name: str) -> None:
    function, shape = COMPOSED[name]
    state = {
        "kernel": nn.Parameter(torch.randn(3, 2, 3, 3)),
        "grouped": nn.Parameter(torch.randn(3, 2, 2, 2)),
        "cube": nn.Parameter(torch.randn(3, 2, 3, 3, 3)),
        "plain": nn.Parameter(torch.randn(2, 3, 2, 2)),
        "part": nn.Parameter(torch.rand(6, 3) + 0.5),
        "scale": nn.Parameter(torch.rand(6) + 0.5),
    }
    generalized(function, shape, **state)


def test_a_pool_whose_window_does_not_fit_is_not_written() -> None:
    said = {"kernel": (3,), "stride": (1,), "padding": (0,)}
    assert GENERALIZED.form(MAX_POOL, said, [(2, 4)]) is not None
    for sizes in ({"kernel": (5,)}, {"padding": (2,)}):
        assert GENERALIZED.form(MAX_POOL, {**said, **sizes}, [(2, 4)]) is None
    with pytest.raises(Refused, match="no `max_pool`"):
        b = GraphBuilder(dialect=GENERALIZED)
        b.pool(MAX_POOL, b.input((2, 4)), (5,), (1,), (0,))


def test_a_reduction_over_nothing_is_refused() -> None:
    b = GraphBuilder(dialect=GENERALIZED)
    with pytest.raises(Refused, match="has no elements to reduce"):
        b.reduce(REDUCE_SUM, b.input((2, 0)), [1])


def test_a_scalar_reduced_is_itself() -> None:
    assert kinds(generalized(lambda m, x: x.sum().sum(dim=()), (2, 3))) == ["sum"]


# -- what upstream's own exporter writes, and its importer refuses (ir-v1-generalized section 12) ---------------


def test_parameters_as_operands_are_nodes() -> None:
    result = generalized(
        lambda m, x: x @ m.w + m.b, (2, 3), w=nn.Parameter(torch.randn(3, 4)), b=nn.Parameter(torch.randn(4))
    )
    assert kinds(result) == ["const", "matmul", "const", "broadcast_to", "add"]
    assert all(len(node.parents) == 2 for node in result.graph.nodes if node.kind in ("matmul", "add"))


ATTENTIONS: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "several heads": ({"num_heads": 2, "batch_first": True}, (2, 3, 4)),
    "the sequence first": ({"num_heads": 1}, (3, 2, 4)),
    "dropout": ({"num_heads": 1, "batch_first": True, "dropout": 0.5}, (2, 3, 4)),
    "without a batch": ({"num_heads": 1, "batch_first": True}, (3, 4)),
}


@pytest.mark.parametrize("name", ATTENTIONS)
def test_attention_that_is_no_tuple_is_decomposed(name: str) -> None:
    options, shape = ATTENTIONS[name]
    layer = nn.MultiheadAttention(4, **options)
    result = generalized(lambda m, x: m.layer(x, x, x, need_weights=False)[0], shape, layer=layer)
    assert "multihead_attention" not in kinds(result)


def test_the_weights_of_an_attention_are_an_output_like_others() -> None:
    layer = nn.MultiheadAttention(4, 2, batch_first=True)
    result = generalized(lambda m, x: m.layer(x, x, x), (2, 3, 4), layer=layer)
    assert len(result.graph.output_ids) == 2
    assert result.graph.extra["captured_from"]["outputs"] == ["0", "1"]


@pytest.mark.parametrize("bias", [True, False])
def test_one_head_of_self_attention_is_the_tuple(bias: bool) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(4, 1, batch_first=True, bias=bias)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            result: torch.Tensor = self.attention(x, x, x)[0]
            return result

    result = captured(Net(), (2, 3, 4), dialect="generalized", prefer_torch_export=False)
    assert kinds(result) == ["multihead_attention", "tuple_getitem"]
    node = result.graph.nodes[1]
    assert "bias" not in node.fields
    assert node.inline["scale"].value() == pytest.approx(0.5)
    assert node.inline["out_bias"].shape() == (4,)
    said = node.extra["parameters"]
    assert said["q_weight"]["view"] == [{"slice": [[0, 0, 4]]}]
    assert ("absent" in said.get("q_bias", {})) is not bias
    assert set(result.tensors) >= {"mha_1_q_W", "mha_1_scale"}


# -- parameters ---------------------------------------------------------------------------------------------------


def test_parameters_stand_in_the_artifact() -> None:
    layer = nn.Linear(3, 2)
    result = generalized(lambda m, x: m.layer(x), (1, 3), layer=layer)
    node = last(result)
    assert result.inline and result.beside is None
    assert node.inline["out_dim"] == 2 and node.inline["in_dim"] == 3
    assert torch.equal(torch.from_numpy(node.inline["weight"].array()), layer.weight.detach())
    assert torch.equal(torch.from_numpy(node.inline["bias"].array()), layer.bias.detach())
    assert node.extra["parameters"] == {"weight": {"name": "layer.weight"}, "bias": {"name": "layer.bias"}}
    assert parse_graph(result.text) == result.graph


def test_a_grouped_kernel_is_written_with_the_zeros_off_its_blocks() -> None:
    layer = nn.Conv1d(4, 4, 2, groups=2, bias=False)
    result = generalized(lambda m, x: m.layer(x), (1, 4, 5), layer=layer)
    node = last(result)
    dense = torch.from_numpy(node.inline["weight"].array())
    assert dense.shape == (4, 4, 2) and node.inline["input_spatial"] == [5]
    assert torch.equal(dense[:2, :2], layer.weight[:2].detach()) and not dense[:2, 2:].any()
    assert node.extra["parameters"]["weight"]["view"] == [{"blocks": 2}]
    assert node.extra["parameters"]["bias"] == {"absent": True}
    assert result.tensors["conv_1_kernel"].shape == (4, 2, 2)


def test_a_layer_norm_is_whole_whatever_the_module_has() -> None:
    node = last(generalized(lambda m, x: F.layer_norm(x, (3,), eps=0.5), (2, 3)))
    assert (
        node.inline["gamma"] == [1, 1, 1] and node.inline["beta"] == [0, 0, 0] and node.inline["eps"] == 0.5
    )
    assert node.extra["parameters"] == {"gamma": {"absent": True}, "beta": {"absent": True}}


def test_beside_the_artifact_they_have_the_names_of_the_store() -> None:
    module = nn.Sequential(nn.Conv1d(2, 3, 2), nn.BatchNorm1d(3), nn.LayerNorm(4, eps=1e-3), nn.Linear(4, 2))
    result = captured(module, (1, 2, 5), dialect="generalized", inline=False)
    assert not result.inline and result.beside is None
    assert list(result.tensors) == [
        "conv_1_kernel",
        "conv_1_bias",
        "batchnorm_2_gamma",
        "batchnorm_2_beta",
        "batchnorm_2_mean",
        "batchnorm_2_var",
        "layernorm_3_gamma",
        "layernorm_3_beta",
        "linear_4_W",
        "linear_4_b",
    ]
    assert [dict(node.inline) for node in result.graph.nodes] == [{}, {}, {"eps": 1e-5}, {"eps": 1e-3}, {}]


def test_infinities_keep_parameters_beside_the_artifact() -> None:
    def masked(m: Any, x: torch.Tensor) -> torch.Tensor:
        scores = x + torch.zeros(3, 3).masked_fill(torch.ones(3, 3).triu(1).bool(), -math.inf)
        return scores.softmax(-1)

    result = generalized(masked, (3, 3))
    assert not result.inline
    assert result.beside is not None and "infinite or NaN" in result.beside


def test_repeats_keep_parameters_beside_the_artifact() -> None:
    layer = nn.Linear(4, 4)
    twice = generalized(lambda m, x: m.layer(m.layer(x)), (1, 4), layer=layer)
    assert twice.inline
    often = generalized(lambda m, x: m.layer(m.layer(m.layer(m.layer(x)))), (1, 4), layer=layer)
    assert not often.inline
    assert often.beside == "60 of their numbers would stand there again, beside 20"


# -- outputs ------------------------------------------------------------------------------------------------------


def test_outputs_keep_their_order_and_names() -> None:
    def several(m: Any, x: torch.Tensor) -> Any:
        y = m.layer(x)
        return {"logits": y, "parts": (x, [torch.relu(y)]), "again": y}

    result = generalized(several, (2, 3), layer=nn.Linear(3, 2))
    assert result.graph.output_ids == (1, 0, 2, 1)
    names = ["logits", "parts.0", "parts.1.0", "again"]
    assert result.graph.extra["captured_from"]["outputs"] == names


@pytest.mark.parametrize("fx", [False, True])
def test_a_parameter_that_is_returned_is_a_constant(fx: bool) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 2)
            self.weight = nn.Parameter(torch.randn(4))

        def forward(self, x: torch.Tensor) -> Any:
            return self.layer(x), self.weight

    result = captured(Net(), (2, 3), dialect="generalized", prefer_torch_export=not fx)
    assert kinds(result) == ["linear", "const"]
    assert result.graph.output_ids == (1, 2)
    assert last(result).extra["parameters"] == {"values": {"name": "weight"}}


REFUSED: dict[str, tuple[Any, str]] = {
    "None": (lambda m, x: (x, None), "a value of type NoneType as `1`; outputs of an artifact are tensors"),
    "a number": (lambda m, x: {"y": x, "n": 3}, "a value of type int as `n`"),
    "a text": (lambda m, x: [x, "done"], "a value of type str as `1`"),
    "integers": (lambda m, x: {"a": {"b": x.long()}}, "int64 as `a.b`, expected float32"),
    "nothing": (lambda m, x: (), "an empty tuple"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_entries_that_are_no_tensors_are_refused_by_name(name: str) -> None:
    function, message = REFUSED[name]
    with pytest.raises(CaptureError, match=f"forward returns {message}"):
        generalized(function, (2, 3))


def test_the_classic_dialect_says_where_several_outputs_are() -> None:
    with pytest.raises(CaptureError, match="in the classic dialect: --dialect generalized"):
        captured(Lambda(lambda m, x: (x, x + 1)), (2, 3), dialect="classic")


@pytest.mark.parametrize("dialect", ["classic", "generalized"])
def test_one_tensor_in_a_container_is_the_output(dialect: str) -> None:
    for function, names in ((lambda m, x: (x + 1,), ["0"]), (lambda m, x: {"y": x + 1}, ["y"])):
        result = captured(Lambda(function), (2, 3), dialect=dialect)
        assert len(result.graph.output_ids) == 1
        assert result.graph.extra["captured_from"]["outputs"] == names


def test_gradients_of_every_output_are_compared() -> None:
    class Scaled(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            return x * 2

        @staticmethod
        def backward(ctx: Any, g: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
            return g * 3

    function = Lambda(lambda m, x: (m.a(x), Scaled.apply(m.b(x))), a=nn.Linear(3, 2), b=nn.Linear(3, 2))
    result = captured(function, (2, 3), dialect="generalized")
    (note,) = result.notes
    assert note.code == "TL407" and "`b.weight`" in note.message and "`a.weight`" not in note.message


def test_values_of_every_output_are_compared() -> None:
    class Hidden(nn.Module):
        def forward(self, x: torch.Tensor) -> Any:
            return x * 2, x + (1 if type(x) is torch.Tensor else 2)

    with pytest.raises(CaptureError, match="differs from the model"):
        captured(Hidden(), (2, 3), dialect="generalized")
