"""Random artifacts: what is converted computes the same, draws the same, and comes back as it was."""

from __future__ import annotations

import collections
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.core.convert.graphs import arrays_of, classic_root, general_root, graph_of_root
from torchlean_core.artifact import parse_graph, serialize_graph
from torchlean_core.convert import ConversionRefused, Converted, convert_graph
from torchlean_core.graph import Graph, lower
from torchlean_core.interp.interpreter import Interpreter
from torchlean_core.kinds import CLASSIC, GENERALIZED
from torchlean_core.params.held import HeldStore
from torchlean_core.params.match import with_attention_scales
from torchlean_core.params.resolve import resolve

pytestmark = pytest.mark.thorough

NOWHERE = Path("nowhere.json")
RANDOM = ("rand_uniform", "bernoulli_mask")


def _held(graph: Graph, arrays: dict[str, np.ndarray]) -> HeldStore | None:
    return HeldStore(NOWHERE, arrays, None) if arrays else None


def _interpreter(graph: Graph, arrays: Any) -> Interpreter:
    program = lower(graph)
    inner = resolve(graph, NOWHERE).store
    if inner is not None:
        arrays = {p.name: inner.numpy(p.name) for p in program.parameters()}
    filled = with_attention_scales(arrays, program)
    tensors = {name: torch.from_numpy(np.array(array)) for name, array in filled.items()}
    return Interpreter(program, tensors, torch.float64)


def _input(graph: Graph) -> torch.Tensor:
    generator = torch.Generator().manual_seed(sum(graph.input_shape))
    return torch.randn(graph.input_shape, dtype=torch.float64, generator=generator)


def _values(graph: Graph, arrays: Any) -> tuple[list[torch.Tensor], dict[int, torch.Tensor]]:
    """The outputs, and the values of all random nodes by id."""
    interpreter = _interpreter(graph, arrays)
    x = _input(graph)
    drawn = {node.raw: value for node, value in interpreter.values(x) if graph.node(node.raw).kind in RANDOM}
    return list(interpreter.run_all(x)), drawn


def _same(found: torch.Tensor, wanted: torch.Tensor) -> None:
    assert found.shape == wanted.shape
    a, b = found.numpy(), wanted.numpy()
    finite = np.isfinite(b)
    assert np.array_equal(np.isfinite(a), finite)
    assert np.array_equal(a[~finite], b[~finite], equal_nan=True)
    if finite.any():
        scale = max(1e-300, np.abs(b[finite]).max())
        assert np.abs(a[finite] - b[finite]).max() <= 1e-9 * scale


def _agree(before: Graph, arrays: Any, after: Converted, place: int | None = None) -> None:
    """Outputs to rounding, random nodes to the bit (masks of computed probabilities are compared as values, too)."""
    assert parse_graph(serialize_graph(after.graph)) == after.graph, "no errors, and written as it is"
    wanted, drawn = _values(before, arrays)
    found, redrawn = _values(after.graph, after.tensors)
    for one, other in zip(found, wanted if place is None else [wanted[place]], strict=True):
        _same(one, other)
    for node, value in drawn.items():
        if node in after.moved:
            assert torch.equal(redrawn[after.moved[node]], value)


def _converted(seed: int, reasons: collections.Counter[str]) -> tuple[Graph, Converted, int | None] | None:
    graph = graph_of_root(general_root(seed, inline=True))
    place = None if len(graph.output_ids) == 1 else seed % len(graph.output_ids)
    try:
        return graph, convert_graph(graph, CLASSIC, output=place), place
    except ConversionRefused as error:
        assert error.node is not None
        reasons[f"{graph.node(error.node).kind}: {error.reason.split(':')[0].split(' [')[0]}"] += 1
        return None


@pytest.mark.parametrize("part", range(5))
def test_general_to_classic(part: int) -> None:
    reasons: collections.Counter[str] = collections.Counter()
    done = 0
    for seed in range(part * 100, part * 100 + 100):
        found = _converted(seed, reasons)
        if found is None:
            continue
        graph, classic, place = found
        _agree(graph, None, classic, place)
        back = convert_graph(classic.graph, GENERALIZED, _held(classic.graph, dict(classic.tensors)))
        _agree(classic.graph, classic.tensors, back)
        done += 1
    assert done >= 50, reasons
    allowed = {"conv", "max_pool", "avg_pool", "batch_norm_eval", "layernorm", "mse_loss"}
    assert {reason.split(":")[0] for reason in reasons} <= allowed


def _expected_back(root: dict[str, Any]) -> dict[str, Any]:
    """A classic file as it comes back: what conversion says in so many words is in it."""
    nodes = []
    for node in root["nodes"]:
        node = dict(node)
        if node["kind"] in ("layernorm", "batch_norm2d_nchw_eval"):
            node.setdefault("eps", 1e-5)
        if node["kind"] == "multihead_attention" and any(n["parents"] == [node["id"]] for n in root["nodes"]):
            node["bias"] = True
        if node["kind"].endswith("_pad") and node["padding"] == 0:
            node["kind"] = node["kind"].removesuffix("_pad")
        if node["kind"] in ("max_pool2d", "avg_pool2d"):
            node.pop("padding", None)
        nodes.append(node)
    return {**root, "nodes": nodes}


@pytest.mark.parametrize("part", range(2))
def test_classic_to_general_and_back(part: int) -> None:
    returned = 0
    reasons: collections.Counter[str] = collections.Counter()
    for seed in range(part * 100, part * 100 + 100):
        root = classic_root(seed)
        graph = graph_of_root(root)
        arrays = arrays_of(graph, seed)
        try:
            general = convert_graph(graph, GENERALIZED, _held(graph, arrays))
        except ConversionRefused as error:
            assert error.node is not None
            reasons[graph.node(error.node).kind] += 1
            continue
        _agree(graph, arrays, general)
        try:
            back = convert_graph(general.graph, CLASSIC)
        except ConversionRefused as error:
            assert error.node is not None and general.graph.node(error.node).kind == "layernorm", str(error)
            continue
        _agree(general.graph, None, back)
        marked = any({"groups", "dilation"} & node.keys() for node in root["nodes"])
        if len(general.graph.nodes) == len(graph.nodes) and not marked and not _has_more_inputs(root):
            assert json.loads(serialize_graph(back.graph)) == _expected_back(root)
            for name, array in arrays.items():
                assert np.array_equal(back.tensors[name].view(np.uint32), array.view(np.uint32)), name
            returned += 1
    assert returned >= 20, reasons
    assert reasons.keys() <= {"reduce_sum", "reduce_mean", "mse_loss", "max_pool2d_pad", "avg_pool2d_pad"}


def _has_more_inputs(root: dict[str, Any]) -> bool:
    return sum(node["kind"] == "input" for node in root["nodes"]) > 1


@pytest.mark.parametrize("make", [general_root, classic_root])
def test_without_parameters(make: Any) -> None:
    """The same graph, whether its parameters are known or not."""
    for seed in range(60):
        graph = graph_of_root(make(seed, inline=False) if make is general_root else make(seed))
        other = CLASSIC if graph.dialect is GENERALIZED else GENERALIZED
        place = None if len(graph.output_ids) == 1 else 0
        try:
            found = convert_graph(graph, other, output=place)
        except ConversionRefused:
            continue
        assert parse_graph(serialize_graph(found.graph)) == found.graph
        assert all(name.startswith("const_") for name in found.tensors)


def test_parameters_beside_the_artifact_are_those_in_it() -> None:
    """A generalized artifact's parameters may stand in its nodes or in its parameter file."""
    compared = 0
    for seed in range(60):
        graph = graph_of_root(general_root(seed, inline=True, zeros=False))
        place = None if len(graph.output_ids) == 1 else 0
        inner = resolve(graph, NOWHERE)
        if inner.store is None:
            continue
        arrays = {one.name: inner.store.numpy(one.name) for one in inner.program.parameters()}
        # An epsilon is no tensor: it stays where it is.
        bare = [replace(n, inline={k: v for k, v in n.inline.items() if k == "eps"}) for n in graph.nodes]
        try:
            within = convert_graph(graph, CLASSIC, output=place)
        except ConversionRefused:
            continue
        beside = convert_graph(replace(graph, nodes=tuple(bare)), CLASSIC, _held(graph, arrays), place)
        assert beside.graph == within.graph
        assert beside.tensors.keys() == within.tensors.keys()
        for name, array in beside.tensors.items():
            assert np.array_equal(array.view(np.uint32), within.tensors[name].view(np.uint32))
        compared += 1
    assert compared >= 20
