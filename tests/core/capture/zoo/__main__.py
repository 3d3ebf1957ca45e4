"""Measures the whole zoo and writes docs/capture-coverage.md: `make coverage`."""

from __future__ import annotations

import sys

import torch

from tests.core.capture.zoo.survey import CAPTURED, entries, survey
from tests.core.capture.zoo.table import DOCUMENT, document
from torchlean_core.files import write_text


def main() -> None:
    torch.set_num_threads(1)
    found = entries(*CAPTURED, "full_size", "refused")
    survey(found[0])  # the first one pays for what torch does once
    outcomes = {}
    for number, entry in enumerate(found, 1):
        print(f"{number}/{len(found)} {entry}", file=sys.stderr)
        outcomes[entry] = survey(entry)
    write_text(DOCUMENT, document(outcomes))


if __name__ == "__main__":
    main()
