"""Where the time of a check and of an edit goes, step by step, inside the server's process."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from benchmarks.artifacts import make_artifact
from benchmarks.table import Table
from torchlean_core.check.checker import Check
from torchlean_core.check.quick import scan
from torchlean_core.kinds import CLASSIC
from torchlean_core.text import Change, Document, LineIndex, read_text
from torchlean_ls.lsp import types

RUNS = 7


def run(sizes: tuple[int, ...]) -> list[Table]:
    """Measure each step alone; the best of some runs, since other work on the machine only adds."""
    table = Table(
        "Where the time goes",
        ["step", *(f"{count:,} nodes" for count in sizes)],
        "Best of 7, in milliseconds, one thread. Opening: steps of a whole check. Editing: one value of a node in the "
        "middle becomes another. Steps in brackets are part of the one above.",
    )
    columns = [_opening(make_artifact(count)) | _editing(make_artifact(count)) for count in sizes]
    for step in columns[0]:
        table.add(step, *(f"{column[step]:.3f}" for column in columns))
    return [table]


def _opening(text: str) -> dict[str, float]:
    value = msgspec.json.decode(text)
    document = read_text(text)
    return {
        "open: read the text, and see that no key stands twice": _best(lambda: read_text(text)),
        "(of it: msgspec)": _best(lambda: msgspec.json.decode(text)),
        "open: check": _best(lambda: Check(document).report()),
        "(of it: every node by its kind's rules)": _best(lambda: scan(value["nodes"], CLASSIC)),
        "open: line starts": _best(lambda: LineIndex(text).starts),
        "open: places of the nodes (before the first edit)": _best(lambda: read_text(text).spans)
        - _best(lambda: read_text(text)),
    }


def _editing(text: str) -> dict[str, float]:
    start = text.index('"kind": "tanh"', len(text) // 2) + len('"kind": "')
    times: dict[str, list[float]] = {}
    lines = LineIndex(text)
    document = read_text(text, lines)
    check = Check(document)
    check.prepare()
    old, new = "tanh", "relu"
    for _ in range(RUNS):
        for _ in range(2):
            began = time.perf_counter()
            text = text[:start] + new + text[start + len(old) :]
            spliced = time.perf_counter()
            lines = lines.edited(text, start, start + len(old), new)
            indexed = time.perf_counter()
            edited = document.edited(text, lines, start, start + len(old), new)
            assert edited is not None
            document, change = edited
            read = time.perf_counter()
            _check(check, document, change)
            checked = time.perf_counter()
            where = lines.range(start, start + len(new))
            types.Range(types.Position(*where[0]), types.Position(*where[1]))
            steps = {
                "edit: put the characters into the text": spliced - began,
                "edit: line starts": indexed - spliced,
                "edit: read the node, shift the others": read - indexed,
                "edit: judge it and those that use it": checked - read,
                "edit: a range of the protocol": time.perf_counter() - checked,
            }
            for step, taken in steps.items():
                times.setdefault(step, []).append(taken * 1000)
            old, new = new, old
    return {step: min(taken) for step, taken in times.items()}


def _check(check: Check, document: Document, change: Change) -> None:
    check.update(document, [change])
    check.report()


def _best(action: Callable[[], object]) -> float:
    taken = []
    for _ in range(RUNS):
        start = time.perf_counter()
        action()
        taken.append((time.perf_counter() - start) * 1000)
    return min(taken)
