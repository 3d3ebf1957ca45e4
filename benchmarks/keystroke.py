"""From a keystroke to the diagnostics: this server against VS Code's JSON server with the schema.

The two servers are asked in turn, edit by edit, so that a change of the machine's speed hits both.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.artifacts import make_artifact
from benchmarks.client import Client
from benchmarks.table import Table
from torchlean_core.artifact.schema import schema_text

PACKAGE = "vscode-langservers-extracted@4.10.0"
URI = "file:///bench/m.ir.json"
Edit = tuple[int, int, str]


def json_server() -> list[str] | None:
    """The command of VS Code's JSON server, installed into a cache; None where npm is missing."""
    if shutil.which("npm") is None:
        return None
    cache = (
        Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
        / "torchlean-bench"
        / PACKAGE.replace("@", "-")
    )
    program = cache / "node_modules" / ".bin" / "vscode-json-language-server"
    if not program.exists():
        cache.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "install", "--silent", "--no-save", "--prefix", cache, PACKAGE], check=True)
    return [str(program), "--stdio"]


class Session:
    """One server with one open artifact."""

    def __init__(self, command: list[str], text: str, schema: bool) -> None:
        self.client = Client(command, pull=True)
        self.client.initialize()
        if schema:
            schemas = [{"fileMatch": ["*.ir.json"], "schema": json.loads(schema_text())}]
            self.client.notify(
                "workspace/didChangeConfiguration",
                {"settings": {"json": {"validate": {"enable": True}, "schemas": schemas}}},
            )
        self.text = text
        self.version = 1
        item = {"uri": URI, "languageId": "json", "version": 1, "text": text}
        start = time.perf_counter()
        self.client.notify("textDocument/didOpen", {"textDocument": item})
        self.client.diagnostics(URI, 1)
        self.opened = (time.perf_counter() - start) * 1000

    def edit(self, start: int, end: int, new: str) -> float:
        """Replace a stretch of the text; milliseconds until the diagnostics are there."""
        where = {"start": self._position(start), "end": self._position(end)}
        self.text = self.text[:start] + new + self.text[end:]
        self.version += 1
        document = {"uri": URI, "version": self.version}
        begin = time.perf_counter()
        change = {"textDocument": document, "contentChanges": [{"range": where, "text": new}]}
        self.client.notify("textDocument/didChange", change)
        self.client.diagnostics(URI, self.version)
        return (time.perf_counter() - begin) * 1000

    def _position(self, offset: int) -> dict[str, int]:
        line = self.text.count("\n", 0, offset)
        return {"line": line, "character": offset - (self.text.rfind("\n", 0, offset) + 1)}


def edits(text: str) -> dict[str, tuple[Edit, Edit]]:
    """Kinds of edits, each with the one that takes it back."""
    middle = text.index('"shape": [' if '"shape": [' in text else '"shape":[', len(text) // 2)
    digit = re.compile(r"\d+").search(text, middle)
    parents = re.compile(r'"parents":\s*\[\s*(\d+)').search(text, len(text) // 2)
    first = re.compile(r'"nodes":\s*\[\s*').search(text)
    assert digit is not None and parents is not None and first is not None
    node = '{"id": 0, "kind": "input", "parents": [], "shape": [1]}, '
    comma = text.index("},", middle) + 1
    paste = "".join(f'{{"id": {k}, "kind": "relu", "parents": [0], "shape": [8, 16]}}, ' for k in range(50))

    def replace(start: int, end: int, new: str) -> tuple[Edit, Edit]:
        return (start, end, new), (start, start + len(new), text[start:end])

    return {
        "a value": replace(digit.start(), digit.end(), "7"),
        "a parent": replace(parents.start(1), parents.end(1), "0"),
        "a lost comma": replace(comma, comma + 1, " "),
        "a node at the front": replace(first.end(), first.end(), node),
        "a paste of 50 nodes": replace(first.end(), first.end(), paste),
    }


def run(sizes: tuple[int, ...]) -> list[Table]:
    """Measure; the JSON server is left out, with a word, where npm is missing."""
    ours = [sys.executable, "-m", "torchlean_core", "server", "--stdio"]
    peer = json_server()
    if peer is None:
        print("npm is missing: measuring without VS Code's JSON server")
    note = (
        "Median milliseconds from `didChange` to the pulled diagnostics, over stdio; the peer is VS Code's JSON "
        f"server ({PACKAGE}) with schema/, which checks syntax and schema only."
    )
    table = Table(
        "Keystroke to diagnostics",
        ["nodes", "layout", "edit", "torchlean ms", "JSON server ms", "ratio"],
        note,
    )
    memory = Table(
        "Memory with one open artifact",
        ["nodes", "layout", "torchlean MiB", "after edits", "JSON server MiB", "after edits", "opening, ms"],
        "Resident memory of the server's process when the first diagnostics are there, and after the edits above.",
    )
    for count in sizes:
        for layout in ("indented", "minified") if count <= 10_000 else ("indented",):
            text = make_artifact(count, layout=layout)
            mine = Session(ours, text, schema=False)
            other = Session(peer, text, schema=True) if peer else None
            opened = [f"{session.client.memory():.0f}" if session else "-" for session in (mine, other)]
            for name, pair in edits(text).items():
                rounds = 1 if count >= 100_000 else 5 if count >= 10_000 else 10
                my_times, other_times = [], []
                for _ in range(rounds):
                    for change in pair:
                        my_times.append(mine.edit(*change))
                        if other is not None:
                            other_times.append(other.edit(*change))
                _add(table, [str(count), layout, name], my_times, other_times)
            edited = [f"{session.client.memory():.0f}" if session else "-" for session in (mine, other)]
            cells = [cell for pair in zip(opened, edited, strict=True) for cell in pair]
            memory.add(str(count), layout, *cells, f"{mine.opened:.0f}")
            for session in filter(None, (mine, other)):
                session.client.close()
    return [table, memory]


def _add(table: Table, head: list[str], mine: list[float], other: list[float]) -> None:
    me = statistics.median(mine)
    if not other:
        table.add(*head, f"{me:.2f}", "-", "-")
        return
    ratios = statistics.median(b / a for a, b in zip(mine, other, strict=True))
    table.add(*head, f"{me:.2f}", f"{statistics.median(other):.1f}", f"{ratios:.0f}x")
