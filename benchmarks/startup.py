"""From starting the process to the answer of `initialize`: this server against one of bare pygls."""

from __future__ import annotations

import statistics
import sys
import time

from benchmarks.artifacts import make_artifact
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
    return [table, _opening()]


def _opening() -> Table:
    """What a client waits for that opens a file at once: the rest of the server is loaded behind the answer."""
    note = (
        "From `didOpen` to the diagnostics of a file of 100 nodes, sent right behind the answer to `initialize`, and "
        "of a second one: the first waits for what diagnostics need of the server; the rest is loaded behind it."
    )
    table = Table("Opening a file", ["file", "median ms"], note)
    taken = [_open() for _ in range(7)]
    table.add("first, at once", f"{statistics.median(first for first, _ in taken):.0f}")
    table.add("second", f"{statistics.median(second for _, second in taken):.1f}")
    return table


def _open() -> tuple[float, float]:
    client = Client([sys.executable, "-m", "torchlean_core", "server", "--stdio"], pull=False)
    client.initialize()
    text = make_artifact(100)
    taken = []
    for uri in ("file:///bench/a.ir.json", "file:///bench/b.ir.json"):
        start = time.perf_counter()
        item = {"uri": uri, "languageId": "json", "version": 1, "text": text}
        client.notify("textDocument/didOpen", {"textDocument": item})
        client.diagnostics(uri, 1)
        taken.append((time.perf_counter() - start) * 1000)
    client.close()
    return taken[0], taken[1]


def _start(command: list[str]) -> float:
    start = time.perf_counter()
    client = Client(command, pull=False)
    client.initialize()
    taken = (time.perf_counter() - start) * 1000
    client.close()
    return taken
