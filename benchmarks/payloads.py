"""A file with its weights in its nodes, beside the same file without them, in the same run."""

from __future__ import annotations

import json
import random
import statistics
import sys
import time
from collections.abc import Callable

import msgspec

from benchmarks import features, keystroke
from benchmarks.table import Table, median_ms
from torchlean_core.artifact.layout import format_document
from torchlean_core.check import check_text
from torchlean_core.text import read_text

_WIDTH = 64
_BLOCKS = 20


def make_network(characters: int, seed: int = 0) -> str:
    """Text of a chain of linear nodes and activations, with about so many characters of weights in the linear ones."""
    draw = random.Random(seed)
    rows = characters // _BLOCKS // _WIDTH // 21
    nodes = ['{"id": 0, "kind": "input", "parents": [], "shape": [8, 64], "debug_target": "x"}']
    for block in range(_BLOCKS):
        first = len(nodes)
        weight = [[draw.gauss(0, 1) for _ in range(_WIDTH)] for _ in range(rows)]
        inside = f'"weight": {json.dumps(weight)}, ' if rows else ""
        nodes.append(
            f'{{"id": {first}, "kind": "linear", "parents": [{first - 1}], "shape": [8, 64], {inside}'
            f'"debug_target": "linear_{block}"}}'
        )
        for kind in ("relu", "tanh"):
            nodes.append(
                f'{{"id": {len(nodes)}, "kind": "{kind}", "parents": [{len(nodes) - 1}], "shape": [8, 64], '
                f'"debug_target": "{kind}_{block}"}}'
            )
    head = f'{{\n  "format": "torchlean.ir.v1",\n  "input_id": 0,\n  "output_id": {len(nodes) - 1},\n'
    return head + '  "nodes": [\n    ' + ",\n    ".join(nodes) + "\n  ]\n}\n"


def run(characters: int, runs: int = 7) -> list[Table]:
    """Measure every step on the file with weights and on that without, in turn."""
    table = Table(
        "Weights in the nodes",
        ["step", f"{characters / 1e6:g} MB of weights, ms", "none, ms", "more, ms"],
        f"Medians of {runs}; {_BLOCKS} of {3 * _BLOCKS + 1} nodes hold weights. A keystroke: from `didChange` to the "
        "pulled diagnostics, over stdio; other requests inside the server, as elsewhere on this page.",
    )
    texts = make_network(characters), make_network(0)
    _reading(table, texts, runs)
    ours = [sys.executable, "-m", "torchlean_core", "server", "--stdio"]
    sessions = [keystroke.Session(ours, text, schema=False) for text in texts]
    _add(table, "open in the server, to the diagnostics", sessions[0].opened, sessions[1].opened)
    opened = [session.client.memory() for session in sessions]
    for name, place in _PLACES.items():
        times: tuple[list[float], list[float]] = ([], [])
        for number in range(2 * runs):
            for session, taken in zip(sessions, times, strict=True):
                at = place(session.text)
                taken.append(
                    session.edit(at, at + 1, "abcdefgh"[number % 8] if name != _INSIDE else str(number % 9))
                )
        _add(table, name, *map(statistics.median, times))
    edited = [session.client.memory() for session in sessions]
    for session in sessions:
        session.client.close()
    _requests(table, texts, runs)
    memory = Table(
        "Memory with weights in the nodes", ["", "with, MiB", "without, MiB", "more, MiB", "of the text"]
    )
    size = len(texts[0]) / 2**20
    for name, pair in (("opened", opened), ("edited", edited)):
        more = pair[0] - pair[1]
        memory.add(name, f"{pair[0]:.0f}", f"{pair[1]:.0f}", f"{more:.0f}", f"{more / size:.1f}x")
    return [table, memory]


_INSIDE = "keystroke in weights"


def _target(text: str, kind: str) -> int:
    """The first letter of what a node of a kind, in the second half, was captured from."""
    return text.index('"debug_target": "', text.index(f'"kind": "{kind}"', len(text) // 2)) + 17


def _in_weights(text: str) -> int:
    at = text.find('"weight": [[', len(text) // 2)
    return _target(text, "linear") if at < 0 else text.index(".", at) + 3


_PLACES: dict[str, Callable[[str], int]] = {
    "keystroke in another node": lambda text: _target(text, "relu"),
    "keystroke in a node with weights, behind them": lambda text: _target(text, "linear"),
    _INSIDE: _in_weights,
}


def _add(table: Table, name: str, mine: float, other: float) -> None:
    table.add(name, f"{mine:.2f}", f"{other:.2f}", f"{mine - other:.2f}")


def _reading(table: Table, texts: tuple[str, str], runs: int) -> None:
    contents = [text.encode() for text in texts]
    skim = msgspec.json.Decoder(msgspec.Raw).decode
    steps: dict[str, Callable[[int], object]] = {
        "(UTF-8 decoded, and JSON skipped once)": lambda side: skim(contents[side].decode()),
        "read": lambda side: read_text(texts[side]),
        "read and check": lambda side: check_text(texts[side]),
        "format": lambda side: format_document(read_text(texts[side])),
    }
    for name, step in steps.items():
        _add(table, name, *(median_ms(lambda: step(side), runs) for side in (0, 1)))  # noqa: B023


def _requests(table: Table, texts: tuple[str, str], runs: int) -> None:
    sessions = [features.Session(text) for text in texts]
    for name, ask in _ASKED.items():
        times: tuple[list[float], list[float]] = ([], [])
        for number in range(runs):
            for session, taken in zip(sessions, times, strict=True):
                at = _PLACES["keystroke in another node"](session.text)
                session.edit(at, at + 1, "abcdefgh"[number % 8])
                _ = session.server.documents.get(features.URI).report  # type: ignore[union-attr]
                where = session.position(_in_weights(session.text))
                start = time.perf_counter()
                ask(session, where)
                taken.append((time.perf_counter() - start) * 1000)
        _add(table, name, *map(statistics.median, times))


_EVERYWHERE = {"start": {"line": 0, "character": 0}, "end": {"line": 10**6, "character": 0}}
_ASKED: dict[str, Callable[[features.Session, dict[str, int]], object]] = {
    "hover in weights": lambda session, where: session.ask("textDocument/hover", position=where),
    "completion in weights": lambda session, where: session.ask("textDocument/completion", position=where),
    "selection ranges in weights": lambda session, where: session.ask(
        "textDocument/selectionRange", positions=[where]
    ),
    "folding": lambda session, _: session.ask("textDocument/foldingRange"),
    "symbols": lambda session, _: session.ask("textDocument/documentSymbol"),
    "inlay hints": lambda session, _: session.ask("textDocument/inlayHint", range=_EVERYWHERE),
    "semantic tokens": lambda session, _: session.ask("textDocument/semanticTokens/full"),
}
