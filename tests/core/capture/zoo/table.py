"""The table of docs/capture-coverage.md: written from measurements, and read again by a test."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.core.capture.zoo.survey import CAPTURED, Entry, Outcome

DOCUMENT = Path(__file__).parents[4] / "docs" / "capture-coverage.md"

_INTRODUCTION = """\
# What capture covers

Every model of [tests/core/capture/zoo](../tests/core/capture/zoo), written for this table in the way that people write
such models, captured and verified: the artifact is evaluated by the reference interpreter and compared with the model
on random inputs, in float64.

{counts}

*Operators* are those of the traced program (ATen), *nodes* those of the artifact, *parameters* the scalars stored with
it, constants included. The *error* is the largest relative one. *Time* is that of the whole capture of a constructed
model, verification included; *export* is a bare `torch.export.export` of the same model, right after it in the same
process, on one thread. All of it: {seconds:.0f} s against {export:.0f} s.

`make coverage` measures again and writes this page. The tests hold operators, nodes, parameters and refusals against
it; times and errors differ from machine to machine.
"""

_HEAD = "| model | input | operators | nodes | parameters | error | time | export |\n|---|---|--:|--:|--:|--:|--:|--:|"

_REFUSED = """\
## Refused

No exact form exists for these. The message has every reason at once, each with its line.

| model | input | refused because of |
|---|---|---|"""


def facts(entry: Entry, outcome: Outcome) -> list[str]:
    """The cells of a row that are the same on every machine."""
    shape = str(list(entry.shape))
    captured = outcome.captured
    if captured is None:
        reasons = dict.fromkeys(f"`{finding.operator}` (line {finding.line})" for finding in outcome.findings)
        return [f"`{entry}`", shape, ", ".join(reasons)]
    parameters = sum(tensor.numel() for tensor in captured.tensors.values())
    return [f"`{entry}`", shape, str(captured.operators), str(len(captured.graph.nodes)), f"{parameters:,}"]


def document_rows(text: str) -> dict[str, list[str]]:
    """The rows of the page by model: all of their cells."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"
    ]
    return {cells[0].strip("`"): cells for cells in rows if cells[0].startswith("`")}


def document(outcomes: Mapping[Entry, Outcome]) -> str:
    """The text of the page."""
    parts = []
    for title, families in (("As in the tests", CAPTURED), ("At full size", ("full_size",))):
        chosen = [entry for entry in outcomes if entry.family in families]
        parts.append(f"## {title}\n\n{_HEAD}\n" + "\n".join(_row(entry, outcomes[entry]) for entry in chosen))
    refused = [entry for entry in outcomes if entry.family == "refused"]
    lines = [f"| {' | '.join(facts(entry, outcomes[entry]))} |" for entry in refused]
    parts.append(_REFUSED + "\n" + "\n".join(lines))
    seconds = sum(outcome.seconds for outcome in outcomes.values())
    export = sum(outcome.export_seconds for outcome in outcomes.values())
    counts = textwrap.fill(_counts(outcomes), 118, break_on_hyphens=False)
    introduction = _INTRODUCTION.format(counts=counts, seconds=seconds, export=export)
    return "\n\n".join([introduction.rstrip(), *parts]) + "\n"


def _row(entry: Entry, outcome: Outcome) -> str:
    cells = facts(entry, outcome)
    if outcome.captured is None:
        cells += [""] * 5
    else:
        checked = outcome.captured.verification
        assert checked is not None
        cells += [
            f"{checked.max_relative_error:.0e}",
            f"{outcome.seconds:.2f} s",
            f"{outcome.export_seconds:.2f} s",
        ]
    return f"| {' | '.join(cells)} |"


def _counts(outcomes: Mapping[Entry, Outcome]) -> str:
    def of(refused: bool) -> Sequence[Outcome]:
        return [outcome for entry, outcome in outcomes.items() if (entry.family == "refused") is refused]

    exact, inexact = of(False), of(True)
    captured = [outcome.captured for outcome in exact if outcome.captured is not None]
    nodes = sum(len(result.graph.nodes) for result in captured)
    operators = sum(result.operators for result in captured)
    worst = max(
        result.verification.max_relative_error for result in captured if result.verification is not None
    )
    return (
        f"{len(captured)} of {len(exact)} models whose operators have an exact form are captured, none of them "
        f"wrongly (largest relative error {worst:.0e}, the rounding of constants to float32); "
        f"{sum(outcome.captured is None for outcome in inexact)} of {len(inexact)} without one are refused. "
        f"{nodes:,} nodes stand for {operators:,} operators: {nodes / operators:.2f} nodes per operator."
    )
