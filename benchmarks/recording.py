"""What it costs to record the user's code while a capture runs and traces it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.table import Table
from benchmarks.warm import MODELS


def run(runs: int) -> list[Table]:
    """Measure the run and the trace of models with and without, in turn."""
    import torch

    import torchlean_core.capture.lowerings  # noqa: F401 -- what has one is not taken apart
    from torchlean_core.capture.instances import Instances, run_example
    from torchlean_core.capture.load import Loaded, load_model
    from torchlean_core.capture.places import Stacks
    from torchlean_core.capture.recorder import Recorder
    from torchlean_core.capture.target import Target
    from torchlean_core.capture.trace import trace

    class Blind(Stacks):
        """Records nothing; torch records what it does by itself."""

        @contextmanager
        def recording(self) -> Iterator[None]:
            yield

    def taken(loaded: Loaded, shape: tuple[int, ...], *, recorded: bool) -> float:
        instances = Instances(loaded, shape)
        recorder = Recorder(loaded.user)
        stacks = (Stacks if recorded else Blind)(loaded.user)
        start = time.perf_counter()
        example = run_example(instances, recorder.recording) if recorded else run_example(instances)
        file, shown = loaded.file, loaded.shown
        trace(instances.new, example, prefer_torch_export=True, file=file, shown=shown, stacks=stacks)
        return time.perf_counter() - start

    note = (
        "One run of the model and its trace, with the spans of all operators and the shapes of all names recorded, "
        "against the same without. In turn, one process, one thread."
    )
    table = Table("Recording", ["model", "without ms", "with ms", "ratio, pair by pair"], note)
    torch.set_num_threads(1)
    for label, (file, name, shape) in MODELS.items():
        pairs = []
        for _ in range(runs + 2):
            loaded = load_model(Target(Path(file), name))
            without = taken(loaded, shape, recorded=False)
            pairs.append((without, taken(load_model(Target(Path(file), name)), shape, recorded=True)))
        pairs = pairs[2:]
        times = [f"{statistics.median(column) * 1000:.0f}" for column in zip(*pairs, strict=True)]
        table.add(label, *times, f"{statistics.median(mine / bare for bare, mine in pairs):.2f}")
    return [table]
