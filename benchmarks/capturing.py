"""What capturing a large model costs beside a warm `torch.export` of it: CPU seconds of one thread, and memory.

Each model is measured in a process of its own that has captured it before; its memory in another, from `import
torch` on. `python -m benchmarks.capturing MODEL {seconds,memory}` is that process.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.table import Table

_HERE = Path(__file__).parent
_FILE = _HERE / "large_models.py"
LABELS = {"ResNet50": "ResNet-50, 32 x 32", "BertBase": "BERT-base, 64 tokens"}
_MIB = 1 << 20


def run(runs: int) -> list[Table]:
    """Measure both models."""
    note = (
        "CPU seconds on one thread, medians, in a process that captured the model once before, without verification; "
        "the export of the same model in the same run. The ratio is of tracing, lowering and writing together: without "
        "loading the model, which constructs it twice and runs it once, and without verification. Plain write: the "
        "same bytes to a file and nothing else, in the same process."
    )
    head = [
        "model",
        "export s",
        "trace s",
        "lower s",
        "write s",
        "ratio to export",
        "plain write s",
        "load s",
    ]
    seconds = Table("Capturing large models", head, note)
    note = (
        "Seconds, and in passes of the module in float32 on one thread: forward for values, forward and backward for "
        "gradients. Calls are those of the module itself, the first run and the trace apart: one in float64, on random "
        "numbers, which takes twice as long, two in float32, on numbers at the ends of the range, and the first of "
        "these again. The artifact is evaluated for the same inputs, but for the last. Gradients are compared for two "
        "inputs, with one pass of each side."
    )
    head = ["model", "pass ms", "values s", "passes", "calls", "backward pass ms", "gradients s", "passes"]
    passes = Table("Verifying large models", head, note)
    note = (
        "Largest resident memory of a process that captures the model and nothing else, above what it was when "
        "torch was imported; MiB."
    )
    memory = Table("Memory of a capture", ["model", "weights", "memory", "less 3 times the weights"], note)
    for model, label in LABELS.items():
        rows = [_measured(model, "seconds") for _ in range(runs)]
        one = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
        ratio = statistics.median((r["trace"] + r["lower"] + r["write"]) / r["export"] for r in rows)
        times = [f"{one[name]:.2f}" for name in ("export", "trace", "lower", "write")]
        seconds.add(label, *times, f"{ratio:.2f}", f"{one['bytes']:.2f}", f"{one['load']:.2f}")
        passes.add(
            label,
            f"{one['forward'] * 1000:.0f}",
            f"{one['values']:.2f}",
            f"{statistics.median(r['values'] / r['forward'] for r in rows):.1f}",
            f"{one['calls']:.0f}",
            f"{one['backward'] * 1000:.0f}",
            f"{one['gradients']:.2f}",
            f"{statistics.median(r['gradients'] / r['backward'] for r in rows):.1f}",
        )
        found = _measured(model, "memory")
        sizes = found["weights"], found["memory"], found["memory"] - 3 * found["weights"]
        memory.add(label, *(f"{size / _MIB:.0f}" for size in sizes))
    return [seconds, passes, memory]


def _measured(model: str, what: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.capturing", model, what]
    result = subprocess.run(command, check=True, capture_output=True, text=True, cwd=_HERE.parent)
    found: dict[str, float] = json.loads(result.stdout.splitlines()[-1])
    return found


# -- in the process ------------------------------------------------------------------------------------------


def _memory(model: str) -> dict[str, float]:
    import torch

    torch.set_num_threads(1)
    before = _peak()
    _captured(model)
    after = _peak()
    module = _new(model)
    weights = sum(one.numel() * one.element_size() for one in module.state_dict().values())
    return {"weights": weights, "memory": after - before}


def _seconds(model: str) -> dict[str, float]:
    import torch

    from torchlean_core.capture import pipeline

    torch.set_num_threads(1)
    small = _HERE / "models.py"
    _captured("CNN", small, (1, 3, 16, 16))
    _captured("Attention", small, (1, 16, 64))
    _captured(model, verify=False)
    export = [_exported(model)]
    plain = _written(model)
    spent: dict[str, float] = {}
    calls = 0

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal calls
            before, called = time.process_time(), calls
            result = function(*args, **kwargs)
            spent[name] = time.process_time() - before
            spent[f"calls of {name}"] = calls - called
            return result

        return call

    def count(module: torch.nn.Module, *_: Any) -> None:
        nonlocal calls
        calls += type(module).__name__ == model

    for name, function in (("values", "verify"), ("gradients", "differences")):
        setattr(pipeline, function, timed(name, getattr(pipeline, function)))
    handle = torch.nn.modules.module.register_module_forward_pre_hook(count)
    stages = _captured(model)
    handle.remove()
    export.append(_exported(model))
    module = _new(model)
    x = torch.randn(_shape(model))
    with torch.no_grad():
        forward = _spent(lambda: module(x), 9)
    backward = _spent(lambda: module(x).sum().backward(), 5)
    return {
        "export": statistics.median(export),
        "load": stages["importing"] + stages["running"],
        "trace": stages["tracing"],
        "lower": stages["lowering"] + stages["verifying"] - spent["values"] - spent["gradients"],
        "write": stages["writing"],
        "bytes": plain,
        "values": spent["values"],
        "gradients": spent["gradients"],
        "calls": spent["calls of values"],
        "forward": forward,
        "backward": backward,
    }


def _captured(
    model: str, file: Path = _FILE, shape: tuple[int, ...] | None = None, *, verify: bool = True
) -> dict[str, float]:
    """CPU seconds of the stages of a capture."""
    from torchlean_core.capture.job import run as capture

    marks: list[tuple[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        request = {
            "file": str(file),
            "name": model,
            "out": f"{folder}/{model}.ir.json",
            "example_shape": list(shape or _shape(model)),
            "verify": verify,
        }
        capture(request, lambda event: marks.append((event["name"], time.process_time())))
        marks.append(("", time.process_time()))
    return {name: marks[place + 1][1] - start for place, (name, start) in enumerate(marks[:-1])}


def _exported(model: str) -> float:
    import torch

    module, x = _new(model), torch.zeros(_shape(model))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _spent(lambda: torch.export.export(module, (x,)), 1)


def _written(model: str) -> float:
    """CPU seconds that it takes to write the weights to a file."""
    from torchlean_core.capture.values import content

    pieces = [content(one.contiguous()) for one in _new(model).state_dict().values()]
    with tempfile.TemporaryDirectory() as folder, Path(folder, "weights").open("wb") as file:
        return _spent(lambda: [file.write(piece) for piece in pieces], 1)


def _new(model: str) -> Any:
    from benchmarks import large_models

    return getattr(large_models, model)().eval()


def _shape(model: str) -> tuple[int, ...]:
    from benchmarks import large_models

    return large_models.SHAPES[model]


def _spent(action: Callable[[], object], runs: int) -> float:
    """Median CPU seconds of an action."""
    times = []
    for _ in range(runs):
        start = time.process_time()
        action()
        times.append(time.process_time() - start)
    return statistics.median(times)


def _peak() -> int:
    """Bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    print(json.dumps({"seconds": _seconds, "memory": _memory}[sys.argv[2]](sys.argv[1])))
