"""`python -m benchmarks [--quick] [--only NAME…] [--save docs/performance.md]`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from benchmarks import (
    capturing,
    checking,
    emission,
    features,
    initialization,
    keystroke,
    live,
    payloads,
    phases,
    recording,
    startup,
    training,
    warm,
)
from benchmarks.table import Table, machine

# Processes that are measured start as they do for users: without compiling the sources once more.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
parser.add_argument("--quick", action="store_true", help="small sizes only")
parser.add_argument("--save", type=Path, metavar="FILE", help="write the tables as Markdown")
sizes: tuple[int, ...] = (100, 1_000, 10_000, 100_000)
measures: dict[str, Callable[[bool], list[Table]]] = {
    "startup": lambda quick: startup.run(),
    "checking": lambda quick: checking.run(sizes[:2] if quick else sizes[:3]),
    "phases": lambda quick: phases.run(sizes[:2] if quick else sizes),
    "features": lambda quick: features.run(sizes[1:2] if quick else sizes[1:3]),
    "payloads": lambda quick: payloads.run(2_500_000, 3) if quick else payloads.run(25_000_000),
    "emission": lambda quick: emission.run((20_000_000,) if quick else (20_000_000, 100_000_000)),
    "initialization": lambda quick: initialization.run(initialization.SHAPES[: 1 if quick else None]),
    "training": lambda quick: training.run(40, 5) if quick else training.run(),
    "live": lambda quick: live.run(5 if quick else 15),
    "recording": lambda quick: recording.run(3 if quick else 9),
    "warm": lambda quick: warm.run(3 if quick else 9),
    "capturing": lambda quick: capturing.run(1 if quick else 5),
    "keystroke": lambda quick: keystroke.run(sizes[:2] if quick else sizes),
}
parser.add_argument("--only", nargs="+", choices=measures, default=list(measures), help="these alone")
args = parser.parse_args()
tables = [table for name in args.only for table in measures[name](args.quick)]
if args.save is not None:
    head = (
        f"# Performance\n\nMeasured with `make bench` on: {machine()}. Ratios are the point, not times: each is the "
        "median of the ratios of pairs that were measured one after the other.\n\n"
    )
    args.save.write_text(head + "\n".join(table.markdown() for table in tables), encoding="utf-8")
