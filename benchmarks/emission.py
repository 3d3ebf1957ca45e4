"""Emitting a module of many parameters, against `safetensors.torch.save_file` of the same tensors."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file

from benchmarks.table import Table
from torchlean_core.artifact import load_graph
from torchlean_core.emit import emit_file
from torchlean_core.graph import lower
from torchlean_core.params.tensors import save_tensors

_WIDTH = 2000
_ROUNDS = 5


def run(sizes: tuple[int, ...]) -> list[Table]:
    """Measure: the artifact is read and checked, the module written and formatted; the hash is in the store."""
    note = (
        "Median milliseconds, in turn. A module of this size reads the parameter file beside it; that file and its "
        "hash are written once, before."
    )
    table = Table("Emitting a module", ["parameters", "style", "torchlean ms", "save_file ms", "ratio"], note)
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            artifact, tensors = _make(Path(folder), size)
            for style in ("module", "sequential"):
                changes: dict[str, object] = {"style": style}
                times = [
                    (
                        _ms(lambda: emit_file(artifact, changes=changes, force=True)),  # noqa: B023
                        _ms(lambda: save_file(tensors, artifact.with_name("peer.safetensors"))),  # noqa: B023
                    )
                    for _ in range(_ROUNDS)
                ]
                mine, peer = (statistics.median(column) for column in zip(*times, strict=True))
                ratio = statistics.median(a / b for a, b in times)
                count = sum(tensor.numel() for tensor in tensors.values())
                table.add(f"{count:,}", style, f"{mine:.0f}", f"{peer:.0f}", f"{ratio:.2f}x")
    return [table]


def _make(folder: Path, size: int) -> tuple[Path, dict[str, torch.Tensor]]:
    """A chain of linear layers with about `size` parameters, and its tensors."""
    shape = [1, _WIDTH]
    nodes = [{"id": 0, "kind": "input", "parents": [], "shape": shape}]
    for index in range(1, max(1, size // _WIDTH**2) + 1):
        nodes.append({"id": index, "kind": "linear", "parents": [index - 1], "shape": shape})
    root = {"format": "torchlean.ir.v1", "input_id": 0, "output_id": len(nodes) - 1, "nodes": nodes}
    artifact = folder / "m.ir.json"
    artifact.write_text(json.dumps(root), encoding="utf-8")
    graph = load_graph(artifact)
    tensors = {p.name: torch.randn(p.shape) for p in lower(graph).parameters()}
    save_tensors(folder / "m.params.safetensors", tensors, graph, "benchmark")
    return artifact, tensors


def _ms(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return (time.perf_counter() - start) * 1000
