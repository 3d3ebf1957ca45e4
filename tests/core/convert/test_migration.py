"""The pairs of the conformance corpus: what the one says, the other says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from torchlean_core.artifact import load_graph, parse_graph, serialize_graph
from torchlean_core.convert import ConversionRefused, convert_graph
from torchlean_core.graph import Graph, lower
from torchlean_core.interp.interpreter import Interpreter
from torchlean_core.kinds.dialects import others
from torchlean_core.params.match import with_attention_scales
from torchlean_core.params.resolve import resolve
from torchlean_core.params.store import ParameterStore
from torchlean_core.params.weights import read_weights

FOLDER = Path(__file__).parents[2] / "conformance-general"
PAIRS = [json.loads(line) for line in (FOLDER / "migration/manifest.jsonl").read_text().splitlines()]
STARTS = {"forward": ["classic"], "backward": ["general"], "both": ["classic", "general"]}
CASES = [(pair, start) for pair in PAIRS for start in STARTS[pair["direction"]]]


def _read(pair: dict[str, Any], side: str) -> tuple[Graph, ParameterStore | None]:
    folder = FOLDER / pair["dir"]
    artifact = folder / f"{side}.json"
    return load_graph(artifact), resolve(load_graph(artifact), artifact).store


def _plain(graph: Graph) -> Any:
    return json.loads(serialize_graph(graph))


@pytest.mark.parametrize(
    ("pair", "start"), [pytest.param(*case, id=f"{case[0]['dir'][-3:]}-{case[1]}") for case in CASES]
)
def test_pair(pair: dict[str, Any], start: str, tmp_path: Path) -> None:
    folder = FOLDER / pair["dir"]
    graph, store = _read(pair, start)
    (other,) = others(graph.dialect)
    if pair["refused"] is not None:
        with pytest.raises(ConversionRefused) as error:
            convert_graph(graph, other, store)
        assert error.value.node == pair["refused"]["node"]
        assert pair["refused"]["why"] in str(error.value)
        return
    found = convert_graph(graph, other, store)
    wanted = json.loads((folder / f"{'general' if start == 'classic' else 'classic'}.json").read_text())
    assert _plain(found.graph) == {"format": "torchlean.ir.v1", **wanted}
    assert parse_graph(serialize_graph(found.graph)) == found.graph
    kept = folder / "classic.params.json"
    if start == "general" and kept.exists():
        expected = read_weights(kept)
        assert found.tensors.keys() == expected.keys()
        for name, array in found.tensors.items():
            assert array.dtype == np.float32
            assert np.array_equal(array.view(np.uint32), expected[name].view(np.uint32)), name
    if (folder / "io.json").exists():
        io = json.loads((folder / "io.json").read_text())
        for one, values in ((graph, store), (found.graph, found.tensors)):
            got = _run(one, values, io["x"])
            np.testing.assert_allclose(got, np.array(io["y"]).reshape(got.shape), rtol=1e-6, atol=1e-6)


def _run(graph: Graph, values: Any, x: Any) -> np.ndarray:
    program = lower(graph)
    if not isinstance(values, ParameterStore):
        inner = resolve(graph, Path("nowhere")).store
        arrays = values or {}
        if inner is not None:
            arrays = {p.name: inner.numpy(p.name) for p in program.parameters()}
    else:
        arrays = {p.name: values.numpy(p.name) for p in program.parameters()}
    tensors = {
        name: torch.from_numpy(array.copy()) for name, array in with_attention_scales(arrays, program).items()
    }
    shape = graph.input_shape
    given = torch.tensor(x, dtype=torch.float64).reshape(shape)
    return Interpreter(program, tensors, torch.float64).run(given).numpy()


def test_every_direction_and_refusal_is_there() -> None:
    assert len(PAIRS) == 51
    assert sum(pair["refused"] is not None for pair in PAIRS) == 11
    assert {pair["direction"] for pair in PAIRS} == set(STARTS)
