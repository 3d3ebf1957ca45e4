"""Training a captured graph against the loop one would write by hand for its module, on the same data."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from benchmarks import models
from benchmarks.table import Table
from torchlean_core.artifact import load_graph, params_path
from torchlean_core.environment.compiler import missing_for_compiling
from torchlean_core.graph import Program, lower
from torchlean_core.interp import compile_batch
from torchlean_core.jobs import run_job
from torchlean_core.params import ParameterStore
from torchlean_core.params.tensors import load_tensors
from torchlean_core.train import Objective, ScalarModule, TrainRequest
from torchlean_core.train.data import Dataset
from torchlean_core.train.definition import batch_loss
from torchlean_core.train.diagnose import Diagnosis
from torchlean_core.train.distributed import World
from torchlean_core.train.loop import Listeners, Training
from torchlean_core.train.measure import Measure, Tap
from torchlean_core.train.module import BACKENDS, with_backend
from torchlean_core.train.order import Feed

SAMPLES, BATCH = 512, 32
_OPTIMIZERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}


def run(steps: int = 60, rounds: int = 7, device: str | None = None) -> list[Table]:
    """Measure steps per second."""
    torch.set_num_threads(1)  # two loops that wait for each other's threads measure the machine's other work
    where = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    note = (
        f"Batches of {BATCH} on {where}, one thread, torch {torch.__version__}; median of the ratios of "
        f"{rounds} pairs of runs of {steps} steps, measured in turn. By hand: `loss.backward()` on the module "
        "that was captured, with the same optimizer, fused as ours is; and with torch's default optimizer."
    )
    head = [
        "network",
        "backend",
        "optimizer",
        "torchlean steps/s",
        "by hand, fused",
        "ratio",
        "ratio to default",
    ]
    table = Table("Training", head, note)
    backends = BACKENDS if missing_for_compiling() is None else BACKENDS[:1]
    if len(backends) == 1:
        print(f"only eager: {missing_for_compiling()}")
    for name, shape in models.SHAPES.items():
        module = getattr(models, name)()
        program, params = _captured(name, shape)
        x = torch.randn(SAMPLES, *shape)
        with torch.no_grad():
            y = module(x.squeeze(1)).unsqueeze(1) * 0.5
        for backend in backends:
            for optimizer in _OPTIMIZERS:
                mine = _ours(program, params, Dataset(x, y), optimizer, backend, where)
                peers = [
                    _by_hand(module, x.squeeze(1), y.squeeze(1), optimizer, backend, where, fused)
                    for fused in (True, None)
                ]
                table.add(name, backend, optimizer, *_measure(mine, peers, steps, rounds))
    return [table]


def _measure(mine: Loop, peers: list[Loop], steps: int, rounds: int) -> list[str]:
    loops = [mine, *peers]
    for loop in loops:
        loop(20)
    speeds: list[list[float]] = [[loop(steps) for loop in loops] for _ in range(rounds)]
    own, fused, default = (statistics.median(column) for column in zip(*speeds, strict=True))
    ratios = [statistics.median(row[0] / row[k] for row in speeds) for k in (1, 2)]
    del default
    return [f"{own:.0f}", f"{fused:.0f}", f"{ratios[0]:.2f}", f"{ratios[1]:.2f}"]


Loop = Callable[[int], float]
"""Takes so many steps; gives steps per second, without the first one."""


def _captured(name: str, shape: tuple[int, ...]) -> tuple[Program, dict[str, torch.Tensor]]:
    with TemporaryDirectory() as folder:
        out = Path(folder) / "m.ir.json"
        request = {"file": models.__file__, "name": name, "out": str(out), "example_shape": list(shape)}
        run_job("capture", request)
        program = lower(load_graph(out))
        return program, load_tensors(ParameterStore.load(params_path(out)), program)


def _ours(
    program: Program,
    params: dict[str, torch.Tensor],
    data: Dataset,
    optimizer: str,
    backend: str,
    device: torch.device,
) -> Loop:
    batch = compile_batch(program)
    tap = Tap() if backend == "eager" else None
    loss = with_backend(batch_loss(batch, "mse", device, tap), backend)
    trained = [parameter.name for parameter in program.parameters() if parameter.trainable]
    values = {name: tensor.to(device) for name, tensor in params.items()}
    feed = Feed(data, device, lambda d: Dataset(batch.fold_input(d.x), batch.fold_output(d.y)))  # type: ignore[arg-type]
    measure = Measure.of(batch, Objective("mse"), device)
    nothing: Any = lambda *_: None  # noqa: E731

    def loop(steps: int) -> float:
        options = TrainRequest(
            "m.ir.json", optimizer=optimizer, lr=1e-3, steps=steps, batch_size=BATCH, log_every=50
        )
        module = ScalarModule(loss, values, trained)
        training = Training(
            module, options, World(0, 1, device), feed, None, Diagnosis(program), measure, tap
        )
        training.run(Listeners(nothing, nothing, nothing))
        return training.steps_per_second

    return loop


def _by_hand(
    module: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    optimizer: str,
    backend: str,
    device: torch.device,
    fused: bool | None,
) -> Loop:
    module = type(module)().to(device)
    model = torch.compile(module, dynamic=False) if backend == "compiled" else module
    x, y = x.to(device), y.to(device)

    def loop(steps: int) -> float:
        made = _OPTIMIZERS[optimizer](module.parameters(), lr=1e-3, fused=fused)
        order = torch.randperm(SAMPLES, device=device)
        start = 0.0
        for step in range(steps):
            place = step * BATCH % SAMPLES
            index = order[place : place + BATCH]
            made.zero_grad(set_to_none=True)
            loss = F.mse_loss(model(x[index]), y[index])
            loss.backward()
            made.step()
            if step % 50 == 0:
                loss.item()
            if step == 0:
                start = time.perf_counter()
        if device.type == "cuda":
            torch.cuda.synchronize()
        return (steps - 1) / (time.perf_counter() - start)

    return loop
