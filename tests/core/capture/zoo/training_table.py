"""The table of docs/training-coverage.md: some steps of training every artifact of the zoo, against its model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.core.capture.zoo.survey import Entry, Outcome
from tests.core.capture.zoo.training import OPTIMIZERS, STEPS, Agreement

DOCUMENT = Path(__file__).parents[4] / "docs" / "training-coverage.md"

_INTRODUCTION = """\
# Training the artifact against training the model

{steps} steps of each optimizer on the artifact of every small model of
[tests/core/capture/zoo](../tests/core/capture/zoo), and on the model itself in eval mode: the same data in the same
order, in float64, the mean squared error to random targets. The numbers are the largest relative difference of the
losses of all steps, and of the outputs for another input after the last; behind them that of the parameters after the
last step. `adam` turns gradients that are nothing but rounding into steps of full size, so the parameters that have no
gradient but rounding (the key's bias of an attention) differ there, and change no output.

{counts}

`make coverage` measures again and writes this page.

| model | parameters | {heads} | told |
|---|--:|{bars}|---|"""


def document(outcomes: Mapping[Entry, tuple[Outcome, Mapping[str, Agreement]]]) -> str:
    """The text of the page."""
    rows, equal, told = [], 0, 0
    for entry, (outcome, found) in outcomes.items():
        captured = outcome.captured
        assert captured is not None, "only what is captured is trained"
        is_told = any(note.code == "TL407" for note in captured.notes)
        told += is_told
        equal += all(max(one.losses, one.outputs) <= 1e-5 for one in found.values()) and not is_told
        cells = [f"{max(one.losses, one.outputs):.0e}, {one.parameters:.0e}" for one in found.values()]
        mark = "TL407" if is_told else ""
        rows.append(f"| `{entry}` | {captured.parameters:,} | {' | '.join(cells)} | {mark} |")
    counts = f"{equal} of {len(outcomes)} models train alike to 1e-5; TL407 says of the other {told} that they do not."
    head = _INTRODUCTION.format(
        steps=STEPS, counts=counts, heads=" | ".join(OPTIMIZERS), bars="|".join(["--:"] * len(OPTIMIZERS))
    )
    return "\n".join([head, *rows]) + "\n"
