"""`torchlean convert`: an artifact in the other dialect."""

from __future__ import annotations

import argparse
from pathlib import Path

from torchlean_core.cli.console import err, out
from torchlean_core.environment.extras import require_torch
from torchlean_core.errors import UsageError
from torchlean_core.kinds import DIALECTS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `torchlean convert`."""
    parser.add_argument("artifact", type=Path, metavar="ARTIFACT", help="the artifact (m.ir.json)")
    parser.add_argument("-o", "--out", type=Path, metavar="OUT", required=True, help="the file to write")
    parser.add_argument(
        "--dialect",
        choices=DIALECTS,
        required=True,
        help="; ".join(f"{dialect.name}: {dialect.doc.rstrip('.')}" for dialect in DIALECTS.values()),
    )
    parser.add_argument(
        "--params",
        type=Path,
        metavar="P",
        help="parameters (default: those in the artifact, or beside it, if there are any)",
    )
    parser.add_argument(
        "--output",
        type=int,
        metavar="N",
        help="keep output N alone, counted from 0, where the dialect has one output",
    )
    parser.epilog = (
        "The result computes the same, random numbers included, or the command says which node has no exact "
        "counterpart, and why, and writes nothing."
    )


def run(args: argparse.Namespace) -> int:
    """Convert; returns the exit code."""
    require_torch()
    from torchlean_core.convert.files import convert_file

    if str(args.out) == "-":
        raise UsageError("-o -: an artifact goes into a file, with its parameters beside it; name one")
    dialect = DIALECTS[args.dialect]
    if args.output is not None and dialect.many_outputs:
        raise UsageError(f"--output: {dialect.name} artifacts have any number of outputs; all are kept")
    written = convert_file(args.artifact, args.out, dialect, args.params, args.output)
    if not args.quiet:
        beside = "" if written.params is None else f" and {written.params}"
        out(args).print(f"wrote {written.output}{beside} ({written.nodes} nodes, {dialect.name})")
        if written.replaced is not None:
            err(args).print(f"the file that was there is kept as {written.replaced}")
        if written.kept is not None:
            err(args).print(f"the parameters that were there are kept as {written.kept}")
    for note in written.notes:
        err(args).print(f"warning: {note}")
    return 0
