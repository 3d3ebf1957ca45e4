"""Filling tensors with deterministic values, against `torch.nn.init.kaiming_uniform_` on the same tensor."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

from benchmarks.table import Table
from torchlean_core.init import Scheme, fill

SHAPES: tuple[tuple[int, int], ...] = ((1000, 1000), (2500, 4000), (10_000, 10_000))
_SCHEMES = ("kaiming_uniform", "xavier_uniform", "uniform", "normal")


def run(shapes: tuple[tuple[int, int], ...] = SHAPES, rounds: int = 9) -> list[Table]:
    """Measure, on the CPU and where there is one on a GPU."""
    note = (
        f"Float32; nanoseconds for one element, on a CPU in one thread, torch {torch.__version__}; the "
        f"ratio is the median of {rounds} pairs, measured in turn. The peer of `normal` is `torch.nn.init.normal_`."
    )
    table = Table(
        "Initialization", ["device", "elements", "scheme", "torchlean ns", "torch.nn.init ns", "ratio"], note
    )
    for device in ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]:
        for shape in shapes:
            tensor = torch.empty(shape, device=device)
            for name in _SCHEMES:
                scheme = Scheme(name, seed=1)
                peer = torch.nn.init.normal_ if name == "normal" else torch.nn.init.kaiming_uniform_
                pairs = [
                    (_seconds(lambda: fill(tensor, scheme), tensor), _seconds(lambda: peer(tensor), tensor))  # noqa: B023
                    for _ in range(rounds + 1)
                ][1:]
                mine, other = (
                    statistics.median(column) / tensor.numel() * 1e9 for column in zip(*pairs, strict=True)
                )
                ratio = statistics.median(a / b for a, b in pairs)
                table.add(device, f"{tensor.numel():,}", name, f"{mine:.2f}", f"{other:.2f}", f"{ratio:.2f}")
    return [table]


def _seconds(action: Callable[[], object], tensor: torch.Tensor) -> float:
    start = time.perf_counter()
    action()
    if tensor.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - start
