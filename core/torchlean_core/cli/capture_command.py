"""`torchlean capture`: PyTorch models to artifacts, each in a worker process of its own."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from torchlean_core.capture.configured import capture_request, configured, needed_shape, with_dialect
from torchlean_core.capture.onnx_files import is_onnx
from torchlean_core.capture.output import check_output, summary
from torchlean_core.capture.program.target import parse_model
from torchlean_core.capture.record import Record
from torchlean_core.capture.target import Target, parse_shape
from torchlean_core.cli.capture_list import Entry, capture_all, listed
from torchlean_core.cli.capture_worker import Progress, run_worker
from torchlean_core.cli.console import out
from torchlean_core.environment.extras import require_onnx, require_torch
from torchlean_core.errors import UsageError
from torchlean_core.jobs import JobError
from torchlean_core.options.capture import add_options, given_options

DEFAULT_TIMEOUT = 120.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "target",
        metavar="FILE.py:Name|FILE.pt2|FILE.onnx",
        nargs="?",
        help="a module class, or a function without arguments that builds one; or a program that "
        "torch.export.save wrote; or an ONNX file (.onnx, .onnx.gz); "
        "default: every model that torchlean.toml gives an output",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT.json",
        help="where to write the artifact; default: as torchlean.toml says",
    )
    parser.add_argument(
        "--example-shape",
        metavar="1,4",
        help="shape of the input; default: `# torchlean: example-shape=1,4` above the class, or torchlean.toml; "
        "a .pt2 has it, and an ONNX file but for open sizes",
    )
    add_options(parser)
    parser.add_argument(
        "--explain",
        action="store_true",
        help="print the source that ran, with the shape of every value at the end of its line and each finding "
        "under its expression; of a model in Python",
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="replace an artifact that was edited, or parameters that were trained, and keep them as .orig",
    )
    parser.add_argument(
        "--timeout",
        metavar="S",
        type=float,
        help=f"end the capture after so many seconds (default: {DEFAULT_TIMEOUT:g})",
    )


def run(args: argparse.Namespace) -> int:
    """Capture one model, or those that the settings list; prints a summary."""
    given = given_options(args)
    if args.timeout is not None:
        if not args.timeout > 0:
            raise UsageError("--timeout: expected a number of seconds greater than 0")
        given["timeout"] = args.timeout
    if args.target is None:
        if args.output is not None or args.example_shape is not None or args.explain:
            raise UsageError(
                "-o, --example-shape and --explain are for one model: name it, as FILE.py:Name, FILE.pt2 or FILE.onnx"
            )
        entries = listed(Path.cwd())
        require_torch()
        return capture_all(entries, given, DEFAULT_TIMEOUT, args)
    return _capture_one(parse_model(args.target), given, args)


def _capture_one(target: Target, given: dict[str, Any], args: argparse.Namespace) -> int:
    if target.is_program and args.explain:
        raise UsageError(f"--explain shows the source of a model, and {target.file} has none")
    entry = Entry.of(target, args.output)
    check_output(entry.output, target)
    shape = parse_shape(args.example_shape) if args.example_shape else needed_shape(target)
    request = with_dialect(capture_request(target, entry.output, shape, given)) | {"force": args.force}
    timeout = {"timeout": DEFAULT_TIMEOUT, **configured(target), **given}["timeout"]
    require_torch()
    if is_onnx(target.file):
        require_onnx()
    start = time.monotonic()
    try:
        with Progress(args) as progress:
            result = run_worker(request, timeout, progress, f"capturing {target.words}")
    except JobError as error:
        if args.explain and "record" in error.data:
            _explain(error.data["record"], args)
        raise
    if args.explain:
        _explain(result["record"], args)
    if not args.quiet:
        print(summary(result, entry.output, time.monotonic() - start))
    return 0


_STYLES = {
    "head": "bold",
    "number": "dim",
    "shape": "cyan",
    "mark": "bold red",
    "message": "red",
    "note": "dim italic",
}


def _explain(record: dict[str, Any], args: argparse.Namespace) -> None:
    """Print what a capture learned about the source."""
    from rich.text import Text

    from torchlean_core.live.listing import listing

    console = out(args)
    for row in listing(Record.of_json(record)):
        console.print(Text.assemble(*((piece.text, _STYLES.get(piece.role, "")) for piece in row)))
    console.print()
