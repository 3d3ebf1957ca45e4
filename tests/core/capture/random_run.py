"""Many random models, captured and compared: what became of them, and what is not as it should be."""

from __future__ import annotations

import argparse
import contextlib
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from tests.core.capture import random_idioms, random_operators
from tests.core.capture.random_check import Outcome, outcome, show
from tests.core.capture.random_models import Step, random_model


def steps() -> list[tuple[str, Step, float]]:
    """All that there is to draw."""
    return random_operators.steps() + random_idioms.steps()


def outcomes(seeds: Sequence[int]) -> Iterator[Outcome]:
    """What becomes of the models of some numbers."""
    drawn = steps()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch, about arguments that are rare
        for seed in seeds:
            yield outcome(random_model(seed, drawn), Path(folder))


def main() -> None:
    """The program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000, help="how many models")
    parser.add_argument("--seed", type=int, default=0, help="number of the first")
    parser.add_argument("--log", type=Path, help="where each outcome is added, one JSON object a line")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    found = []
    with contextlib.ExitStack() as stack:
        log = stack.enter_context(chosen.log.open("a", encoding="utf-8")) if chosen.log else None
        for one in outcomes(range(chosen.seed, chosen.seed + chosen.count)):
            found.append(one)
            if log is not None:
                print(one.json(), file=log, flush=True)
    show(found)
