"""Captures: the command against a bare script, and warm ones against `torch.export` in a process that is warm, too."""

from __future__ import annotations

import importlib.util
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.table import Table
from torchlean_core.jobs import JOBS, WarmWorker, run_job

_PAUSE = 0.3
"""Seconds between captures, as between two saves: the next process is made ready meanwhile."""

_ROOT = Path(__file__).parents[1]
_TINY = (_ROOT / "examples" / "tiny_mlp.py", "TinyMLP", (1, 4))
MODELS = {
    "TinyMLP": _TINY,
    "ResNet-18, 32 x 32": (
        _ROOT / "tests" / "core" / "capture" / "zoo" / "residual.py",
        "resnet18",
        (1, 3, 32, 32),
    ),
    "6-layer transformer, width 64": (_ROOT / "benchmarks" / "models.py", "Transformer", (1, 16, 64)),
}
_BARE = """
import importlib.util, sys, torch
spec = importlib.util.spec_from_file_location("model", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
torch.export.export(getattr(module, sys.argv[2])().eval(), (torch.zeros(1, 4),))
"""


def run(runs: int) -> list[Table]:
    """Measure in turn."""
    with tempfile.TemporaryDirectory() as folder:
        return [_cold(Path(folder, "cold.ir.json"), runs), *_warm(Path(folder), runs)]


def _cold(out: Path, runs: int) -> Table:
    note = "The whole command, against a bare script that imports torch and calls `torch.export.export`; in turn."
    table = Table("Capturing TinyMLP, cold", ["process", "median ms"], note)
    file, name, shape = _TINY
    command = [sys.executable, "-m", "torchlean_core", "capture", f"{file}:{name}", "-o", str(out), "-q"]
    command += ["--example-shape", ",".join(map(str, shape))]
    pairs = [
        (
            _timed(lambda: _called([sys.executable, "-c", _BARE, str(file), name])),
            _timed(lambda: _called(command)),
        )
        for _ in range(runs)
    ]
    table.add("bare script", f"{statistics.median(bare for bare, _ in pairs):.0f}")
    table.add("torchlean capture", f"{statistics.median(mine for _, mine in pairs):.0f}")
    table.add("ratio, pair by pair", f"{statistics.median(mine / bare for bare, mine in pairs):.2f}")
    return table


def _warm(folder: Path, runs: int) -> list[Table]:
    import torch

    from torchlean_core.capture.job import run as capture

    note = (
        "In turn: `torch.export.export` in a process that did it before; the capture job in that process; the same "
        "job in a warm worker, from request to result. Captures are verified and written. Overhead is what a process "
        "of its own costs. Medians, pair by pair."
    )
    head = ["model", "export ms", "capture in process ms", "warm capture ms", "overhead ms", "warm / export"]
    table = Table("Capturing, warm", head, note)
    warm = WarmWorker()
    for label, (file, name, shape) in MODELS.items():
        out = str(folder / f"{name}.ir.json")
        request = {"file": str(file), "name": name, "out": out, "example_shape": list(shape)}
        module, example = _loaded(file, name), torch.zeros(shape)
        actions: list[Callable[[], object]] = [
            lambda module=module, example=example: torch.export.export(module, (example,)),  # type: ignore[misc]
            lambda request=request: capture(request, lambda event: None),  # type: ignore[misc]
            lambda request=request: run_job("capture", request, warm=warm),  # type: ignore[misc]
        ]
        rows = []
        for number in range(runs + 2):
            row = [_timed(action) for action in actions]
            time.sleep(_PAUSE)
            if number >= 2:  # the first ones load what torch loads late
                rows.append(row)
        times = [f"{statistics.median(column):.0f}" for column in zip(*rows, strict=True)]
        overhead = statistics.median(row[2] - row[1] for row in rows)
        table.add(
            label, *times, f"{overhead:.0f}", f"{statistics.median(row[2] / row[0] for row in rows):.2f}"
        )
    tables = [table, _nothing(warm, runs)]
    warm.close()
    return tables


def _nothing(warm: WarmWorker, runs: int) -> Table:
    JOBS["nothing"] = "operator:is_"
    note = "From request to result, the end of the process included; in turn."
    table = Table("A job that does nothing", ["worker", "median ms"], note)
    taken: dict[str, list[float]] = {"cold (imports nothing)": [], "warm": []}
    for _ in range(runs):
        for label, worker in zip(taken, (None, warm), strict=True):
            taken[label].append(_timed(lambda worker=worker: run_job("nothing", {}, warm=worker)))  # type: ignore[misc]
            time.sleep(_PAUSE)
    for label, times in taken.items():
        table.add(label, f"{statistics.median(times):.1f}")
    del JOBS["nothing"]
    return table


def _loaded(file: Path, name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"benchmarked_{file.stem}", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)().eval()


def _called(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _timed(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return (time.perf_counter() - start) * 1000
