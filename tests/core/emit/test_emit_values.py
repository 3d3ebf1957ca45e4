"""Emitted modules compute what the reference interpreter computes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.core.emit.support import artifact_text, emitted, interpreter
from torchlean_core.artifact import parse_graph
from torchlean_core.errors import UserError

CASES = Path(__file__).parents[2] / "conformance" / "cases"
VALID = [
    path
    for case in map(json.loads, (CASES.parent / "manifest.jsonl").read_text().splitlines())
    if case["ok"] and (path := CASES.parent / case["file"]).stat().st_size < 100_000
]


def same(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and torch.equal(torch.nan_to_num(a), torch.nan_to_num(b))


@pytest.mark.parametrize("literals", [10**9, 0], ids=["literals", "from file"])
def test_every_valid_case_of_the_corpus_gives_the_interpreters_bits(tmp_path, literals):
    compared = refused = 0
    for path in VALID:
        text = path.read_text()
        graph = parse_graph(text)
        if not graph.input_shapes_agree():
            with pytest.raises(UserError, match=r"different shapes|too large"):
                emitted(tmp_path, text)
            refused += 1
            continue
        try:
            reference = interpreter(text)
        except UserError as error:
            assert "too large to compute with" in str(error) or "eps must be" in str(error)
            with pytest.raises(UserError):
                emitted(tmp_path, text)
            continue
        x = torch.rand(reference.input_shape)
        expected = reference.run(x)
        model = emitted(tmp_path, text, literal_limit=literals)
        with torch.no_grad():
            assert same(model(x), expected), path.name
        compared += 1
    assert compared >= 40 and refused >= 1


ATTENTION = artifact_text(
    {"kind": "input", "shape": [2, 3, 4]},
    {
        "kind": "multihead_attention",
        "parents": [0, 0, 0],
        "value_kind": "tuple",
        "tuple_shapes": [[2, 3, 4], [2, 3, 3]],
        "embed_dim": 4,
        "num_heads": 1,
        "batch_first": True,
        "dropout_zero": True,
    },
    {"kind": "tuple_getitem", "parents": [1], "shape": [2, 3, 4], "index": 0},
)


def test_attention_is_emitted_with_its_own_parameter_names(tmp_path):
    model = emitted(tmp_path, ATTENTION)
    assert {f"mha_1_{part}_{kind}" for part in ("q", "k", "v", "out") for kind in "Wb"} <= set(
        dict(model.named_parameters())
    )
    assert "mha_1_scale" in dict(model.named_buffers())
    x = torch.rand(2, 3, 4)
    assert same(model(x).detach(), interpreter(ATTENTION).run(x))


def test_float64_modules_agree_with_the_interpreter_in_float64(tmp_path):
    model = emitted(tmp_path, ATTENTION, dtype_expr="torch.float64")
    x = torch.rand(2, 3, 4, dtype=torch.float64)
    expected = interpreter(ATTENTION, dtype=torch.float64).run(x)
    assert (model(x) - expected).abs().max() <= 1e-12 * expected.abs().max()


@pytest.mark.parametrize(
    "values",
    [
        [0.1, 1e-45, 3.4028235e38, -0.0, 1.17549435e-38, 16777216.0, 1 / 3, 1e-7],
        [float("inf"), float("-inf"), 0.0, 1.0],
        [7.038531e-26, 9.0e9, 1.2345678e-10, 65504.0],
    ],
)
def test_literals_read_back_exactly(tmp_path, values):
    text = artifact_text(
        {"kind": "input", "shape": [len(values)]},
        {"kind": "const", "shape": [len(values)]},
        {"kind": "max_elem", "parents": [1, 1], "shape": [len(values)]},
    )
    stored = torch.tensor(values)
    model = emitted(tmp_path, text, {"const_1": stored})
    assert torch.equal(model.const_1.detach(), stored)
    assert torch.equal(torch.signbit(model.const_1), torch.signbit(stored))


def test_random_literals_read_back_exactly(tmp_path):
    generator = torch.Generator().manual_seed(3)
    bits = torch.randint(-(2**31), 2**31 - 1, (4096,), generator=generator, dtype=torch.int64).to(torch.int32)
    stored = torch.nan_to_num(bits.view(torch.float32))
    text = artifact_text({"kind": "input", "shape": [4096]}, {"kind": "const", "shape": [4096]})
    model = emitted(tmp_path, text, {"const_1": stored}, literal_limit=10_000)
    assert torch.equal(model.const_1.detach(), stored)


def test_the_kept_zeros_of_a_grouped_convolution_stay_zero_in_training(tmp_path):
    text = artifact_text(
        {"kind": "input", "shape": [4, 5, 5]},
        {
            "kind": "conv2d", "parents": [0], "shape": [4, 3, 3], "inC": 4, "outC": 4,
            "kH": 3, "kW": 3, "stride": 1, "padding": 0, "groups": 2, "dilation": [2, 2],
        },
    )  # fmt: skip
    dense = torch.zeros(4, 4, 3, 3)
    dense[:2, :2, ::2, ::2] = torch.rand(2, 2, 2, 2)
    dense[2:, 2:, ::2, ::2] = torch.rand(2, 2, 2, 2)
    tensors = {"conv2d_1_kernel": dense, "conv2d_1_bias": torch.rand(4)}
    model = emitted(tmp_path, text, tensors)
    x = torch.rand(4, 5, 5)
    expected = interpreter(text, tensors).run(x)
    assert torch.allclose(model(x), expected)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    model(x).square().sum().backward()
    optimizer.step()
    assert torch.count_nonzero(model.conv2d_1_kernel.detach()[dense == 0]) == 0
    assert not torch.equal(model.conv2d_1_kernel.detach(), dense)
