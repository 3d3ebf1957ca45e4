"""Operators of the generalized dialect against their definitions, cell by cell in numpy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from tests.core.convert.graphs import arrays_of, general_root, graph_of_root
from torchlean_core.graph import lower
from torchlean_core.interp import Interpreter, compile_batch
from torchlean_core.params.held import inline_arrays


def interpreter_of(root, seed=0):
    graph = graph_of_root(root)
    program = lower(graph)
    arrays = {**arrays_of(graph, seed), **inline_arrays(program, "m.ir.json")}
    tensors = {p.name: torch.from_numpy(arrays[p.name]).double() for p in program.parameters()}
    return Interpreter(program, tensors, torch.float64)


def one(kind, shape, out, **fields):
    nodes = [
        {"id": 0, "kind": "input", "parents": [], "shape": list(shape)},
        {"id": 1, "kind": kind, "parents": [0], "shape": list(out), **fields},
    ]
    return {"format": "torchlean.ir.v1", "input_id": 0, "output_ids": [1], "nodes": nodes}


def convolved(x, weight, bias, f):
    """ir-v1-generalized section 8, word by word."""
    axis, rank, groups = f["channel_axis"], f["spatial_rank"], f["groups"]
    lead, spatial = x.shape[:axis], x.shape[axis + 1 :]
    outs = [
        (n + a + b - d * (k - 1) - 1) // s + 1
        for n, a, b, d, k, s in zip(
            spatial, f["padding"], f["padding_after"], f["dilation"], f["kernel"], f["stride"], strict=True
        )
    ]
    per_in, per_out = f["in_channels"] // groups, f["out_channels"] // groups
    y = np.zeros((*lead, f["out_channels"], *outs))
    for sample in np.ndindex(*lead):
        for o in range(f["out_channels"]):
            g = o // per_out
            for cell in np.ndindex(*outs):
                total = bias[o]
                for c in range(g * per_in, (g + 1) * per_in):
                    for tap in np.ndindex(*f["kernel"]):
                        place = [
                            cell[i] * f["stride"][i] + tap[i] * f["dilation"][i] - f["padding"][i]
                            for i in range(rank)
                        ]
                        if all(0 <= p < n for p, n in zip(place, spatial, strict=True)):
                            total += weight[(o, c, *tap)] * x[(*sample, c, *place)]
                y[(*sample, o, *cell)] = total
    return y


def pooled(x, f, largest):
    rank = f["spatial_rank"]
    lead, spatial = x.shape[: x.ndim - rank], x.shape[x.ndim - rank :]
    outs = [
        0 if n == 0 or p > k // 2 or n + 2 * p < k else (n + 2 * p - k) // s + 1
        for n, p, k, s in zip(spatial, f["padding"], f["kernel"], f["stride"], strict=True)
    ]
    y = np.zeros((*lead, *outs))
    for sample in np.ndindex(*lead):
        for cell in np.ndindex(*outs):
            found = []
            for tap in np.ndindex(*f["kernel"]):
                place = [cell[i] * f["stride"][i] + tap[i] - f["padding"][i] for i in range(rank)]
                inside = all(0 <= p < n for p, n in zip(place, spatial, strict=True))
                if inside:
                    found.append(x[(*sample, *place)])
                elif not largest:
                    found.append(0.0)
            y[(*sample, *cell)] = max(found) if largest else sum(found) / len(found)
    return y


def check(root, expected_of, shape, seed):
    x = np.random.default_rng(seed).standard_normal(shape)
    expected = expected_of(x)
    reference = interpreter_of(root, seed)
    result = reference.run(torch.from_numpy(x)).numpy()
    assert result.shape == expected.shape
    np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-12)
    # The same for a batch.
    many = torch.from_numpy(np.stack([x, 2 * x, -x]))
    batch = compile_batch(reference.program)
    outputs = batch.function(reference.params, batch.fold_input(many))
    outputs = outputs.unsqueeze(1) if batch.folds_output else outputs
    for sample, output in zip(many, outputs, strict=True):
        np.testing.assert_allclose(output.numpy(), expected_of(sample.numpy()), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("seed", range(40))
def test_convolutions_of_any_rank(seed):
    rng = np.random.default_rng(seed)
    rank, axis, groups = seed % 5, int(rng.integers(0, 4)), int(rng.integers(1, 3))
    draw = lambda low, high: [int(v) for v in rng.integers(low, high, rank)]  # noqa: E731
    f = {
        "spatial_rank": rank,
        "kernel": draw(1, 3),
        "stride": draw(1, 3),
        "padding": draw(0, 2),
        "padding_after": draw(0, 3),
        "dilation": draw(1, 3),
        "groups": groups,
        "channel_axis": axis,
        "in_channels": groups * int(rng.integers(1, 3)),
        "out_channels": groups * int(rng.integers(1, 3)),
    }
    spatial = [
        d * (k - 1) + 1 + int(rng.integers(0, 2)) for d, k in zip(f["dilation"], f["kernel"], strict=True)
    ]
    lead = [int(v) for v in rng.integers(1, 3, axis)]
    shape = [*lead, f["in_channels"], *spatial]
    weight = rng.integers(-4, 5, (f["out_channels"], f["in_channels"], *f["kernel"])) / 4
    bias = rng.integers(-4, 5, f["out_channels"]) / 4
    out = convolved(np.zeros(shape), weight, bias, f).shape
    payload = {"weight": weight.tolist(), "bias": bias.tolist(), "input_spatial": spatial}
    root = one("conv", shape, out, **f, **payload)
    check(root, lambda x: convolved(x, weight, bias, f), shape, seed)


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("kind", ["max_pool", "avg_pool"])
def test_pools_of_any_rank(kind, seed):
    rng = np.random.default_rng(seed)
    rank = 1 + seed % 4
    f = {
        "spatial_rank": rank,
        "kernel": [int(v) for v in rng.integers(1, 4, rank)],
        "stride": [int(v) for v in rng.integers(1, 4, rank)],
    }
    f["padding"] = [int(rng.integers(0, k // 2 + 1)) for k in f["kernel"]]
    spatial = [
        max(1, k - 2 * p) + int(rng.integers(0, 3)) for k, p in zip(f["kernel"], f["padding"], strict=True)
    ]
    shape = [*(int(v) for v in rng.integers(1, 3, int(rng.integers(0, 4)))), *spatial]
    out = pooled(np.zeros(shape), f, True).shape
    check(one(kind, shape, out, **f), lambda x: pooled(x, f, kind == "max_pool"), shape, seed)


@pytest.mark.parametrize(
    ("axis", "shape"),
    [(a, s) for s in ([3], [2, 3], [2, 3, 1], [1, 2, 3, 2], [2, 1, 3, 1, 2]) for a in range(len(s))],
)
def test_batch_norm_on_any_axis(axis, shape):
    rng = np.random.default_rng(axis)
    channels = shape[axis]
    values = {name: rng.integers(-4, 5, channels) / 4 for name in ("gamma", "beta", "mean", "var")}
    view = [channels if i == axis else 1 for i in range(len(shape))]
    g, b, m, v = (values[name].reshape(view) for name in ("gamma", "beta", "mean", "var"))
    payload = {name: value.tolist() for name, value in values.items()}
    root = one("batch_norm_eval", shape, shape, channel_axis=axis, channels=channels, eps=0.25, **payload)
    check(root, lambda x: (x - m) / np.sqrt(np.maximum(v, 0) + 0.25) * g + b, shape, axis)


@pytest.mark.parametrize(
    ("axes", "keepdim"), [*itertools.product([[], [0], [2], [0, 2], [1, 2, 0]], [False, True])]
)
@pytest.mark.parametrize("kind", ["reduce_sum", "reduce_mean"])
def test_reductions_over_any_axes(kind, axes, keepdim):
    function = np.sum if kind == "reduce_sum" else np.mean
    shape = [2, 1, 3]

    def expected(x):
        return function(x, axis=tuple(axes), keepdims=keepdim) if axes else x

    out = expected(np.zeros(shape)).shape
    check(one(kind, shape, out, axes=axes, keepdim=keepdim), expected, shape, 1)


def test_softplus_at_the_ends_of_the_range():
    x = torch.tensor([-1e4, -745.0, -30.0, -1e-9, 0.0, 21.0, 40.0, 800.0], dtype=torch.float64)
    root = one("softplus", [8], [8])
    result = interpreter_of(root).run(x)
    expected = torch.where(x > 0, x, 0.0) + torch.log1p(torch.exp(-x.abs()))
    assert torch.equal(result, expected)


@pytest.mark.parametrize("seed", range(60))
def test_a_batch_of_a_random_graph_is_its_samples(seed):
    root = general_root(seed)
    reference = interpreter_of(root, seed)
    x = torch.randn(
        3, *reference.input_shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
    )
    batch = compile_batch(reference.program)
    found = batch.results(reference.params, batch.fold_input(x))
    for place, (outputs, folds) in enumerate(zip(found, batch.folds, strict=True)):
        outputs = outputs.unsqueeze(1) if folds else outputs
        for sample, output in zip(x, outputs, strict=True):
            expected = reference.run_all(sample)[place]
            assert output.shape == expected.shape
            torch.testing.assert_close(output, expected, rtol=1e-9, atol=1e-9, equal_nan=True)
