"""The table of docs/capture-coverage.md: written from measurements, and read again by a test."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.core.capture.zoo.survey import CAPTURED, Entry, Outcome
from torchlean_core.kinds import DIALECTS

DOCUMENT = Path(__file__).parents[4] / "docs" / "capture-coverage.md"

_INTRODUCTION = """\
# What capture covers

Every model of [tests/core/capture/zoo](../tests/core/capture/zoo), written for this table in the way that people write
such models, captured and verified in both dialects: the artifact is evaluated by the reference interpreter and compared
with the model on random inputs, in float64.

{counts}

*Operators* are those of the traced program (ATen), *nodes* those of the artifact, *parameters* the scalars stored with
it, constants included. The *error* is the largest relative one. *Time* is that of the whole capture of a constructed
model, verification included; *export* is a bare `torch.export.export` of the same model, right after it in the same
process, on one thread. All of it: {seconds} against {export:.0f} s.

`make coverage` measures again and writes this page. The tests hold operators, nodes, parameters and refusals against
it; times and errors differ from machine to machine.
"""

_COLUMNS = ("nodes", "parameters", "error", "time")

_REFUSED = """\
## Refused

No exact form exists for these, in one dialect or in both. The message has every reason at once, each with its line.

| model | input | {} |
|---|---|---|---|"""

Outcomes = Mapping[str, Outcome]
"""The captures of one model by dialect."""


def facts(entry: Entry, dialect: str, outcome: Outcome) -> list[str]:
    """What is the same on every machine: input, and operators, nodes and parameters, or why it is refused."""
    shape = str(list(entry.shape))
    captured = outcome.captured
    if captured is None:
        return [shape, _reasons(outcome)]
    parameters = sum(tensor.numel() for tensor in captured.tensors.values())
    return [shape, str(captured.operators), str(len(captured.graph.nodes)), f"{parameters:,}"]


def _reasons(outcome: Outcome) -> str:
    if outcome.captured is not None:
        return "captured"
    found = dict.fromkeys(f"`{finding.operator}` (line {finding.line})" for finding in outcome.findings)
    return ", ".join(found)


def document_facts(row: Sequence[str], dialect: str) -> list[str]:
    """What `facts` gives, from a row of the page."""
    place = list(DIALECTS).index(dialect)
    shape, rest = row[1], row[2:]
    if len(rest) == len(DIALECTS):
        return [shape, rest[place]]
    nodes, parameters = (rest[1 + n * len(DIALECTS) + place] for n in range(2))
    return [shape, rest[0], nodes, parameters]


def document_rows(text: str) -> dict[str, list[str]]:
    """The rows of the page by model: all of their cells."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"
    ]
    return {cells[0].strip("`"): cells for cells in rows if cells[0].startswith("`")}


def document(outcomes: Mapping[Entry, Outcomes]) -> str:
    """The text of the page."""
    head = [f"{column} ({dialect})" for column in _COLUMNS for dialect in DIALECTS]
    lines = [f"| model | input | operators | {' | '.join(head)} | export |"]
    lines.append("|---|---|--:|" + "--:|" * (len(head) + 1))
    parts = []
    for title, families in (("As in the tests", CAPTURED), ("At full size", ("full_size",))):
        chosen = [entry for entry in outcomes if entry.family in families]
        rows = [_row(entry, outcomes[entry]) for entry in chosen]
        parts.append(f"## {title}\n\n" + "\n".join([*lines, *rows]))
    refused = [
        f"| `{entry}` | {list(entry.shape)} | {' | '.join(_reasons(found[d]) for d in DIALECTS)} |"
        for entry, found in outcomes.items()
        if entry.family == "refused"
    ]
    parts.append("\n".join([_REFUSED.format(" | ".join(DIALECTS)), *refused]))
    totals = [f"{sum(one[d].seconds for one in outcomes.values()):.0f} s ({d})" for d in DIALECTS]
    export = sum(outcome.export_seconds for one in outcomes.values() for outcome in one.values())
    counts = "\n\n".join(textwrap.fill(_counts(d, outcomes), 118, break_on_hyphens=False) for d in DIALECTS)
    introduction = _INTRODUCTION.format(counts=counts, seconds=" and ".join(totals), export=export)
    return "\n\n".join([introduction.rstrip(), *parts]) + "\n"


def _row(entry: Entry, outcomes: Outcomes) -> str:
    columns: list[tuple[str, ...]] = []
    operators = ""
    for dialect, outcome in outcomes.items():
        captured = outcome.captured
        if captured is None:
            columns.append(("refused", "", "", ""))
            continue
        checked = captured.verification
        assert checked is not None
        _, operators, nodes, parameters = facts(entry, dialect, outcome)
        columns.append((nodes, parameters, f"{checked.max_relative_error:.0e}", f"{outcome.seconds:.2f} s"))
    cells = [cell for column in zip(*columns, strict=True) for cell in column]
    export = max(outcome.export_seconds for outcome in outcomes.values())
    return f"| `{entry}` | {list(entry.shape)} | {operators} | {' | '.join(cells)} | {export:.2f} s |"


def _counts(dialect: str, outcomes: Mapping[Entry, Outcomes]) -> str:
    def of(refused: bool) -> Sequence[Outcome]:
        return [one[dialect] for entry, one in outcomes.items() if (entry.family == "refused") is refused]

    exact, inexact = of(False), of(True)
    captured = [outcome.captured for outcome in exact if outcome.captured is not None]
    nodes = sum(len(result.graph.nodes) for result in captured)
    operators = sum(result.operators for result in captured)
    worst = max(
        result.verification.max_relative_error for result in captured if result.verification is not None
    )
    return (
        f"{dialect.capitalize()}: {len(captured)} of {len(exact)} models whose operators have an exact form are "
        f"captured, none of them wrongly (largest relative error {worst:.0e}, the rounding of constants to float32); "
        f"{sum(outcome.captured is None for outcome in inexact)} of {len(inexact)} others are refused. "
        f"{nodes:,} nodes stand for {operators:,} operators: {nodes / operators:.2f} nodes per operator."
    )
