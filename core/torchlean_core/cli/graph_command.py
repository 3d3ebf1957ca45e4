"""`torchlean graph`: a picture of an artifact's graph."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Literal

from torchlean_core.basics.reading import MOST_ARTIFACT, read_regular
from torchlean_core.basics.visible import visible
from torchlean_core.check import check_bytes
from torchlean_core.check.findings import Severity
from torchlean_core.cli.console import plain, read_stdin, say
from torchlean_core.errors import UsageError
from torchlean_core.files import refuse_overwriting, write_text
from torchlean_core.picture import FORMATS, picture


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `torchlean graph`."""
    parser.add_argument("artifact", metavar="ARTIFACT", help="the artifact; - for standard input")
    parser.add_argument("--format", choices=FORMATS, default="text", help="what the picture is written as")
    parser.add_argument(
        "--depth",
        type=_depth,
        metavar="N|all",
        help="levels of clusters (modules, repeated blocks) that are open (default: as many as can be read at a "
        "glance; dot: all)",
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="file to write (default: standard output)"
    )


def _depth(text: str) -> int | Literal["all"]:
    if text == "all":
        return "all"
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of levels, nor `all`")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Draw the graph, as far as it can be read; returns 1 where the artifact has errors."""
    source = None if args.artifact == "-" else Path(args.artifact)
    if args.output is not None:
        refuse_overwriting(args.output, source)
    try:
        content = read_stdin() if source is None else read_regular(source, MOST_ARTIFACT)
    except OSError as error:
        raise UsageError(f"{args.artifact}: {error.strerror or error}") from error
    report = check_bytes(content)
    drawn = picture(report, args.format, args.artifact if source is None else source.name, args.depth)
    if args.output is not None:
        write_text(args.output, drawn)
        if not args.quiet:
            say(f"wrote {args.output}")
    else:
        plain(sys.stdout).write(visible(drawn, lines=True))
    errors = sum(finding.severity is Severity.ERROR for finding in report.findings)
    if errors:
        noun = "error" if errors == 1 else "errors"
        say(
            f"torchlean: {args.artifact}: {errors} {noun} (`torchlean check` lists them); drawn as far as it goes"
        )
    return 1 if errors else 0
