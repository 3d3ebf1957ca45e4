"""From starting the process to the answer of `initialize`: this server against one of bare pygls."""

from __future__ import annotations

import statistics
import sys
import time

from benchmarks.client import Client
from benchmarks.table import Table

_BARE = "from pygls.lsp.server import LanguageServer; LanguageServer('bare', '1').start_io()"


def run() -> list[Table]:
    """Measure in turn."""
    table = Table(
        "Start to `initialize` answered", ["server", "median ms"], "The process included; asked in turn."
    )
    mine, bare = [], []
    for _ in range(7):
        mine.append(_start([sys.executable, "-m", "torchlean_core", "server", "--stdio"]))
        bare.append(_start([sys.executable, "-c", _BARE]))
    table.add("torchlean", f"{statistics.median(mine):.0f}")
    table.add("bare pygls", f"{statistics.median(bare):.0f}")
    ratio = statistics.median(a / b for a, b in zip(mine, bare, strict=True))
    table.add("ratio, pair by pair", f"{ratio:.2f}")
    return [table]


def _start(command: list[str]) -> float:
    start = time.perf_counter()
    client = Client(command, pull=False)
    client.initialize()
    taken = (time.perf_counter() - start) * 1000
    client.close()
    return taken
