"""How constants are held: as buffer, parameter, or row that is expanded; rule by rule."""

from __future__ import annotations

import pytest
import torch

from tests.core.emit.support import artifact_text, emitted, interpreter
from tests.core.emit.test_emit_values import ATTENTION

BUFFER, PARAMETER, ROW = "buffer", "parameter", "row"


def binding(model: torch.nn.Module, name: str, shape) -> str:
    """How a module holds a constant of a shape."""
    held = getattr(model, name)
    if name in dict(model.named_buffers()):
        assert tuple(held.shape) == tuple(shape)
        return BUFFER
    assert isinstance(held, torch.nn.Parameter)
    if tuple(held.shape) == tuple(shape):
        return PARAMETER
    assert tuple(held.shape) == tuple(shape[1:])
    return ROW


SAME_ROW = [[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]]
OPTIONS_OFF = {"learnable_consts": False}
NO_ROWS = {"compress_broadcast_params": False}
FIXED = {"trainable": False}


@pytest.mark.parametrize(
    ("values", "fields", "options", "expected"),
    [
        ([1.0, 2.0], {}, {}, PARAMETER),
        ([1.0, 2.0], FIXED, {}, BUFFER),
        ([1.0, 2.0], {"trainable": True}, {}, PARAMETER),
        ([1.0, 2.0], {}, OPTIONS_OFF, BUFFER),
        ([2.0, 2.0], {}, {}, BUFFER),
        ([0.0, -0.0], {}, {}, BUFFER),
        ([[2.0, 2.0], [2.0, 2.0]], {}, {}, BUFFER),
        (3.0, {}, {}, BUFFER),
        ([3.0], {}, {}, BUFFER),
        ([[], []], {}, {}, BUFFER),
        (SAME_ROW, {}, {}, ROW),
        (SAME_ROW, {}, NO_ROWS, PARAMETER),
        (SAME_ROW, FIXED, {}, BUFFER),
        (SAME_ROW, {}, OPTIONS_OFF, BUFFER),
        ([[1.0, 2.0]], {}, {}, PARAMETER),
        ([[1.0, 2.0], [1.0, 2.5]], {}, {}, PARAMETER),
        ([[1.0], [2.0]], {}, {}, PARAMETER),
        ([SAME_ROW, SAME_ROW], {}, {}, PARAMETER),
        ([[float("inf"), 1.0], [float("inf"), 1.0]], {}, {}, ROW),
    ],
)
def test_a_constant(tmp_path, values, fields, options, expected):
    tensor = torch.tensor(values)
    shape = list(tensor.shape)
    text = artifact_text(
        {"kind": "input", "shape": shape},
        {"kind": "const", "shape": shape, **fields},
        {"kind": "add", "parents": [0, 1], "shape": shape},
    )
    for limit in (10**6, 0):
        model = emitted(tmp_path, text, {"const_1": tensor}, literal_limit=limit, **options)
        assert binding(model, "const_1", shape) == expected
        assert torch.equal(model(torch.zeros(shape)).detach(), tensor)


def normalized(gamma, beta, between=(), operators=("mul_elem", "add"), first=False, **fields):
    """A layer normalization, then two constants; `between` holds shapes that each is brought to [2, 4] through."""
    nodes = [
        {"kind": "input", "shape": [2, 4]},
        {"kind": "layernorm", "parents": [0], "shape": [2, 4], "axis": 1},
    ]
    value = 1
    tensors = {}
    for tensor, kind in zip((gamma, beta), operators, strict=True):
        nodes.append({"kind": "const", "shape": list(tensor.shape), **fields})
        tensors[f"const_{len(nodes) - 1}"] = tensor
        shape = list(tensor.shape)
        for way, target in between:
            own = {"in_shape": shape, "out_shape": target}
            own = own if way == "reshape" else {"from_shape": shape, "to_shape": target}
            nodes.append({"kind": way, "parents": [len(nodes) - 1], "shape": target, **own})
            shape = target
        parents = [len(nodes) - 1, value] if first else [value, len(nodes) - 1]
        nodes.append({"kind": kind, "parents": parents, "shape": [2, 4]})
        value = len(nodes) - 1
    return artifact_text(*nodes), tensors


ONES, ZEROS = torch.ones, torch.zeros
WAYS = {
    "same shape": ([2, 4], ()),
    "through a broadcast_to": ([1, 4], (("broadcast_to", [2, 4]),)),
    "through a reshape and a broadcast_to": ([4], (("reshape", [1, 4]), ("broadcast_to", [2, 4]))),
}


def bindings(tmp_path, text, tensors, **options):
    model = emitted(tmp_path, text, tensors, **options)
    x = torch.randn(2, 4)
    assert torch.equal(model(x).detach(), interpreter(text, tensors).run(x))
    return [binding(model, name, tuple(tensor.shape)) for name, tensor in tensors.items()]


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_gamma_and_beta_are_learnable_though_all_their_values_are_equal(tmp_path, way, first):
    shape, between = WAYS[way]
    text, tensors = normalized(ONES(shape), ZEROS(shape), between, first=first)
    expected = ROW if shape == [2, 4] else PARAMETER
    assert bindings(tmp_path, text, tensors) == [expected, expected]
    assert bindings(tmp_path, text, tensors, compress_broadcast_params=False) == [PARAMETER, PARAMETER]
    assert bindings(tmp_path, text, tensors, learnable_consts=False) == [BUFFER, BUFFER]


def test_gamma_and_beta_that_are_marked_are_fixed(tmp_path):
    text, tensors = normalized(ONES(2, 4), ZEROS(2, 4), trainable=False)
    assert bindings(tmp_path, text, tensors) == [BUFFER, BUFFER]


@pytest.mark.parametrize("operators", [("add", "mul_elem"), ("mul_elem", "sub"), ("mul_elem", "mul_elem")])
def test_equal_constants_after_a_normalization_in_another_way_are_buffers(tmp_path, operators):
    text, tensors = normalized(ONES(2, 4), ONES(2, 4), operators=operators)
    assert bindings(tmp_path, text, tensors) == [BUFFER, BUFFER]


def test_a_reshape_alone_is_no_way(tmp_path):
    text, tensors = normalized(ONES(8), ZEROS(8), (("reshape", [2, 4]),))
    assert bindings(tmp_path, text, tensors) == [BUFFER, BUFFER]


def test_a_product_without_a_sum_is_no_gamma(tmp_path):
    text = artifact_text(
        {"kind": "input", "shape": [2, 4]},
        {"kind": "layernorm", "parents": [0], "shape": [2, 4], "axis": 1},
        {"kind": "const", "shape": [2, 4]},
        {"kind": "mul_elem", "parents": [1, 2], "shape": [2, 4]},
    )
    assert bindings(tmp_path, text, {"const_2": ONES(2, 4)}) == [BUFFER]


def test_a_row_trains_as_a_row(tmp_path):
    text, tensors = normalized(ONES(2, 4), ZEROS(2, 4))
    model = emitted(tmp_path, text, tensors)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    (model(torch.randn(2, 4)) - 1).square().sum().backward()
    optimizer.step()
    assert model.const_2.shape == (4,) and not torch.equal(model.const_2.detach(), ONES(4))


def test_an_attention_scale_is_a_buffer_and_its_projections_are_parameters(tmp_path):
    model = emitted(tmp_path, ATTENTION)
    assert set(dict(model.named_buffers())) == {"mha_1_scale"}
    assert set(dict(model.named_parameters())) == {
        f"mha_1_{part}_{role}" for part in ("q", "k", "v", "out") for role in "Wb"
    }


def test_batch_norm_statistics_are_buffers(tmp_path):
    text = artifact_text(
        {"kind": "input", "shape": [1, 2, 3, 3]},
        {"kind": "batch_norm2d_nchw_eval", "parents": [0], "shape": [1, 2, 3, 3], "channels": 2},
    )
    model = emitted(tmp_path, text)
    assert set(dict(model.named_buffers())) == {"batchnorm_1_mean", "batchnorm_1_var"}
    assert set(dict(model.named_parameters())) == {"batchnorm_1_gamma", "batchnorm_1_beta"}


def test_parameters_of_what_does_not_reach_the_output_are_left_out(tmp_path):
    text = artifact_text(
        {"kind": "input", "shape": [4]},
        {"kind": "linear", "parents": [0], "shape": [3]},
        {"kind": "relu", "parents": [0], "shape": [4]},
    )
    assert emitted(tmp_path, text).state_dict() == {}
