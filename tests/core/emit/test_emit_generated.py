"""Generated graphs over all kinds: what is emitted computes the very bits that the interpreter computes."""

from __future__ import annotations

import ast
import json
import random
from pathlib import Path

import pytest
import torch

from tests.core.check.graphs import random_graph
from tests.core.convert.graphs import arrays_of, general_root, graph_of_root
from tests.core.emit.support import random_tensors
from tests.core.emit.syntax import refuse_other_syntax
from torchlean_core.artifact import parse_graph
from torchlean_core.emit import EmitOptions
from torchlean_core.emit.source import body_source
from torchlean_core.errors import UserError
from torchlean_core.graph import lower, to_sequential
from torchlean_core.interp import Interpreter
from torchlean_core.kinds import CLASSIC, GENERALIZED
from torchlean_core.params import ParameterStore
from torchlean_core.params.held import HeldStore, inline_arrays
from torchlean_core.params.tensors import load_tensors, save_tensors

GROUPS, SIZE = 16, 25
STEPS = 14


def model_of(body: str, folder: Path) -> torch.nn.Module:
    """The model that a body defines, as if it stood in a file in a folder."""
    tree = ast.parse(body)
    refuse_other_syntax(tree, "ExportedIRModel")
    scope = {"__name__": "generated", "__file__": str(folder / "m.py")}
    exec(compile(tree, "m.py", "exec"), scope)
    return scope["ExportedIRModel"]()


def program_and_store(seed: int, folder: Path):
    graph = parse_graph(json.dumps(random_graph(random.Random(seed), STEPS)))
    program = lower(graph)
    path = folder / "m.params.safetensors"
    save_tensors(path, random_tensors(program, seed), graph, "test")
    return program, ParameterStore.load(path)


@pytest.mark.parametrize("group", range(GROUPS))
def test_emitted_graphs_give_the_interpreters_bits(tmp_path, group):
    for seed in range(group * SIZE, (group + 1) * SIZE):
        program, store = program_and_store(seed, tmp_path)
        reference = Interpreter(program, load_tensors(store, program))
        x = torch.randn(reference.input_shape, generator=torch.Generator().manual_seed(seed))
        expected = reference.run(x)
        for limit in (10**9, 0):
            body = body_source(program, store, store.path.name, EmitOptions(literal_limit=limit))
            with torch.no_grad():
                result = model_of(body, tmp_path)(x)
            assert result.shape == expected.shape and result.dtype == torch.float32, seed
            same = torch.equal(torch.nan_to_num(result), torch.nan_to_num(expected))
            assert same and torch.equal(result.isnan(), expected.isnan()), (seed, limit)


def test_the_graphs_above_have_every_kind_and_chains_among_them():
    kinds: set[str] = set()
    chains = 0
    for seed in range(GROUPS * SIZE):
        program = lower(parse_graph(json.dumps(random_graph(random.Random(seed), STEPS))))
        live = program.live()
        kinds |= {program.kind_of(node) for node in program.nodes if node.id in live}
        try:
            chains += len(to_sequential(program)) > 0
        except UserError:
            continue
    assert kinds == {*CLASSIC.tensor_kinds, CLASSIC.getitem.name}
    assert chains >= 5


def test_generated_chains_as_sequential_give_what_the_interpreter_gives(tmp_path):
    compared = 0
    for seed in range(2000):
        graph = parse_graph(json.dumps(random_graph(random.Random(seed), 3)))
        try:
            layers = to_sequential(lower(graph))
        except UserError as error:
            assert "has no Seq lowering; use the module style" in str(error)
            continue
        if not layers:
            continue
        compared += 1
        program = lower(graph)
        save_tensors(tmp_path / "m.params.safetensors", random_tensors(program, seed), graph, "test")
        store = ParameterStore.load(tmp_path / "m.params.safetensors")
        reference = Interpreter(program, load_tensors(store, program))
        body = body_source(program, store, store.path.name, EmitOptions(style="sequential", literal_limit=0))
        x = torch.randn(reference.input_shape, generator=torch.Generator().manual_seed(seed))
        with torch.no_grad():
            result = model_of(body, tmp_path)(x)
        torch.testing.assert_close(result, reference.run(x), rtol=1e-6, atol=1e-6, equal_nan=True)
    assert compared >= 100


@pytest.mark.parametrize("seed", range(0, 40, 2))
def test_emitted_graphs_in_float64_agree_with_the_interpreter_in_float64(tmp_path, seed):
    program, store = program_and_store(seed, tmp_path)
    reference = Interpreter(program, load_tensors(store, program, dtype=torch.float64), torch.float64)
    x = torch.randn(reference.input_shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    body = body_source(program, store, store.path.name, EmitOptions(dtype_expr="torch.float64"))
    with torch.no_grad():
        result = model_of(body, tmp_path)(x)
    assert result.dtype == torch.float64
    torch.testing.assert_close(result, reference.run(x), rtol=0, atol=0, equal_nan=True)


GENERAL, GENERAL_GROUPS = 500, 10


@pytest.mark.parametrize("group", range(GENERAL_GROUPS))
def test_emitted_graphs_of_the_generalized_dialect_give_the_interpreters_bits(tmp_path, group):
    size = GENERAL // GENERAL_GROUPS
    for seed in range(group * size, (group + 1) * size):
        graph = graph_of_root(general_root(seed))
        program = lower(graph)
        arrays = {**arrays_of(graph, seed), **inline_arrays(program, "m.ir.json")}
        store = HeldStore(tmp_path / "m.ir.json", arrays, None) if arrays else None
        reference = Interpreter(program, load_tensors(store, program))
        x = torch.randn(reference.input_shape, generator=torch.Generator().manual_seed(seed))
        expected = reference.run_all(x)
        body = body_source(program, store, "m.weights.safetensors", EmitOptions(literal_limit=10**9))
        with torch.no_grad():
            result = model_of(body, tmp_path)(x)
        results = (result,) if len(expected) == 1 else result
        assert len(results) == len(expected)
        for one, other in zip(results, expected, strict=True):
            assert one.shape == other.shape and one.dtype == torch.float32, seed
            same = torch.equal(torch.nan_to_num(one), torch.nan_to_num(other))
            assert same and torch.equal(one.isnan(), other.isnan()), seed


def test_the_graphs_of_the_generalized_dialect_have_every_kind():
    kinds = {node["kind"] for seed in range(GENERAL) for node in general_root(seed)["nodes"]}
    assert kinds >= {*GENERALIZED.tensor_kinds, GENERALIZED.getitem.name}
