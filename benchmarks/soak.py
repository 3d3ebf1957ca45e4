"""Tens of thousands of random edits and requests on one artifact: does it still know what it says, and in what memory?

`python -m benchmarks.soak [STEPS]`. The final state is compared with that of a server which opens the text afresh.
"""

from __future__ import annotations

import argparse
import gc
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.artifacts import make_artifact
from benchmarks.features import Session
from torchlean_ls.memory import give_back_memory

_PIECES = (
    "0", "7", "12", '"relu"', '"add"', ",", ":", "{", "}", "[", "]", '"', " ", "\n", "é", "𝔸", '"axis": 1, ',
    "1e2", "null",
    '{"id": 5, "kind": "relu", "parents": [4], "shape": [8, 16]},', '"kind": "softmax"', "-", "\\", "[0, 1]",
)  # fmt: skip
_PLACES = ("hover", "completion", "definition", "documentHighlight", "prepareRename", "prepareCallHierarchy")
_RANGES = ("inlayHint", "semanticTokens/range")
_WHOLE = ("documentSymbol", "foldingRange", "codeLens", "documentLink", "diagnostic")
MAX_DAMAGE = 12
"""Edits that are not undone at the same time: a file that one works on is broken here and there, not everywhere."""


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        steps: Edits and requests.
        same: Whether the final state is that of a fresh open.
        memory: Resident memory in MiB after a tenth of the steps, after half of them, and at the end.
    """

    steps: int
    same: bool
    memory: tuple[float, float, float]


def soak(steps: int, nodes: int = 2_000, seed: int = 0) -> Outcome:
    """Edit and ask in turn, at random places."""
    draw = random.Random(seed)
    session = Session(make_artifact(nodes, seed))
    undo: list[tuple[int, str, str]] = []  # offset, what stands there now, what stood there
    memory = []
    for step in range(steps):
        if step in (steps // 10, steps // 2):
            memory.append(_resident())
        if draw.random() < 0.6:
            _edit(session, draw, undo)
        else:
            _ask(session, draw)
    memory.append(_resident())
    fresh = Session(session.text)
    same = _state(session) == _state(fresh)
    return Outcome(steps, same, (memory[0], memory[1], memory[2]))


def _edit(session: Session, draw: random.Random, undo: list[tuple[int, str, str]]) -> None:
    text = session.text
    if undo and (len(undo) >= MAX_DAMAGE or draw.random() < 0.5):
        offset, new, old = undo.pop()
        session.edit(offset, offset + len(new), old)
        return
    start = draw.randrange(len(text) + 1)
    end = min(len(text), start + draw.choice((0, 0, 1, 2, 5, 40)))
    new = draw.choice(("", *_PIECES))
    undo.append((start, new, text[start:end]))
    session.edit(start, end, new)


def _ask(session: Session, draw: random.Random) -> None:
    text = session.text
    offset = draw.randrange(len(text) + 1)
    sort = draw.random()
    if sort < 0.6:
        session.ask(f"textDocument/{draw.choice(_PLACES)}", position=session.position(offset))
    elif sort < 0.85:
        start = session.position(offset)
        where = {"start": start, "end": {"line": start["line"] + 60, "character": 0}}
        session.ask(f"textDocument/{draw.choice(_RANGES)}", range=where)
    else:
        session.ask(f"textDocument/{draw.choice(_WHOLE)}")


def _state(session: Session) -> list[Any]:
    """What the server says of the whole text."""
    everything = {"start": {"line": 0, "character": 0}, "end": {"line": 10**6, "character": 0}}
    answers = [session.ask("textDocument/inlayHint", range=everything)]
    answers += [session.ask(f"textDocument/{name}") for name in ("documentSymbol", "foldingRange")]
    answers.append(session.ask("textDocument/diagnostic"))
    return [*answers[:-1], answers[-1]["items"]]


def _resident() -> float:
    """Resident memory of this process, MiB (Linux), without what is free and only kept by the C library."""
    gc.collect()
    give_back_memory()
    line = next(
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS")
    )
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("steps", nargs="?", type=int, default=50_000, metavar="STEPS")
    outcome = soak(parser.parse_args().steps)
    early, middle, late = outcome.memory
    print(f"{outcome.steps:,} edits and requests on 2,000 nodes")
    print(f"the final state is {'that' if outcome.same else 'NOT that'} of a fresh open")
    print(f"memory: {early:.0f} MiB after a tenth, {middle:.0f} MiB after half, {late:.0f} MiB at the end")
    raise SystemExit(0 if outcome.same and late < early + 4 else 1)
