"""`python -m benchmarks [--quick] [--save docs/performance.md]`."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks import checking, emission, features, keystroke, phases, startup
from benchmarks.table import machine

parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
parser.add_argument("--quick", action="store_true", help="small sizes only")
parser.add_argument("--save", type=Path, metavar="FILE", help="write the tables as Markdown")
args = parser.parse_args()
sizes = (100, 1_000) if args.quick else (100, 1_000, 10_000, 100_000)
emitted = (20_000_000,) if args.quick else (20_000_000, 100_000_000)
tables = [
    *startup.run(),
    *checking.run(sizes[:3]),
    *emission.run(emitted),
    *phases.run(sizes),
    *keystroke.run(sizes),
    *features.run(sizes[1:3]),
]
if args.save is not None:
    head = (
        f"# Performance\n\nMeasured with `make bench` on: {machine()}. Ratios are the point, not times: each is the "
        "median of the ratios of pairs that were measured one after the other.\n\n"
    )
    args.save.write_text(head + "\n".join(table.markdown() for table in tables), encoding="utf-8")
