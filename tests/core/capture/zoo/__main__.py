"""Measures the whole zoo, writes docs/capture-coverage.md and docs/training-coverage.md: `make coverage`."""

from __future__ import annotations

import sys

import torch

from tests.core.capture.zoo import training_table
from tests.core.capture.zoo.survey import CAPTURED, TRAINED, constructor, entries, survey
from tests.core.capture.zoo.table import DOCUMENT, document
from tests.core.capture.zoo.training import OPTIMIZERS, agreement
from torchlean_core.files import write_text
from torchlean_core.kinds import DIALECTS


def main() -> None:
    torch.set_num_threads(1)
    found = entries(*CAPTURED, "full_size", "refused")
    survey(found[0])  # the first one pays for what torch does once
    first, outcomes = next(iter(DIALECTS)), {}
    for number, entry in enumerate(found, 1):
        print(f"{number}/{len(found)} {entry}", file=sys.stderr)
        outcomes[entry] = {dialect: survey(entry, dialect, export=dialect == first) for dialect in DIALECTS}
    write_text(DOCUMENT, document(outcomes))
    trained = {}
    for entry in [*(one for one in found if one.family in CAPTURED), *entries(*TRAINED)]:
        print(f"training {entry}", file=sys.stderr)
        outcome = outcomes[entry][first] if entry in outcomes else survey(entry, first, export=False)
        if outcome.captured is not None:
            new = constructor(entry)
            trained[entry] = outcome, {one: agreement(new, outcome.captured, one) for one in OPTIMIZERS}
    write_text(training_table.DOCUMENT, training_table.document(trained))


if __name__ == "__main__":
    main()
