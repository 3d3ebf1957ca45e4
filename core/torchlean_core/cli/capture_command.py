"""`torchlean capture`: a PyTorch model to an artifact, in a worker process."""

from __future__ import annotations

import argparse
import codecs
import os
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from torchlean_core.capture.target import (
    Target,
    example_shape,
    parse_approximations,
    parse_shape,
    parse_target,
)
from torchlean_core.errors import UsageError
from torchlean_core.extras import require_torch
from torchlean_core.jobs import JobTimeout, run_job

DEFAULT_TIMEOUT = 120.0
DEFAULT_MAX_PARAMETERS = 250_000_000
_SNIFFED = 4096


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "target",
        metavar="FILE.py:Name",
        help="a module class, or a function without arguments that builds one",
    )
    parser.add_argument(
        "-o", "--output", metavar="OUT.json", required=True, help="where to write the artifact"
    )
    parser.add_argument(
        "--example-shape",
        metavar="1,4",
        help="shape of the input; default: `# torchlean: example-shape=1,4` above the class, or torchlean.toml",
    )
    parser.add_argument(
        "--no-prefer-torch-export", action="store_true", help="trace with FX instead of torch.export"
    )
    parser.add_argument(
        "--no-debug-targets", action="store_true", help="leave `debug_target` out of the nodes"
    )
    parser.add_argument("--no-params", action="store_true", help="do not write the parameters")
    parser.add_argument(
        "--no-verify", action="store_true", help="do not compare the artifact with the model on random inputs"
    )
    parser.add_argument(
        "--approximate",
        metavar="NAME=FORM",
        action="append",
        default=[],
        help="allow a substitution that is not exact (gelu=tanh); may be repeated",
    )
    parser.add_argument(
        "--max-parameters",
        metavar="N",
        type=int,
        default=DEFAULT_MAX_PARAMETERS,
        help="refuse a capture with more scalars in all (default: %(default)s)",
    )
    parser.add_argument(
        "--timeout",
        metavar="S",
        type=float,
        default=DEFAULT_TIMEOUT,
        help="end the capture after so many seconds (default: %(default)g)",
    )


def run(args: argparse.Namespace) -> int:
    """Capture a model; prints a summary."""
    target = parse_target(args.target)
    if not args.timeout > 0:
        raise UsageError("--timeout: expected a number of seconds greater than 0")
    if args.max_parameters < 0:
        raise UsageError("--max-parameters: expected a number that is not negative")
    output = Path(args.output)
    _check_output(output, target)
    shape = parse_shape(args.example_shape) if args.example_shape else example_shape(target)
    require_torch()
    request = {
        "file": str(target.file),
        "name": target.name,
        # Absolute: the model's own code may change the working directory.
        "out": os.path.abspath(output),  # noqa: PTH100 -- a symbolic link stays one
        "example_shape": list(shape),
        "params": not args.no_params,
        "verify": not args.no_verify,
        "debug_targets": not args.no_debug_targets,
        "prefer_torch_export": not args.no_prefer_torch_export,
        "max_parameters": args.max_parameters,
        "approximate": parse_approximations(args.approximate),
    }
    start = time.monotonic()
    result = _run_shown(request, args.timeout, quiet=args.quiet)
    if not args.quiet:
        print(summary(_as_given(result, output), time.monotonic() - start))
    return 0


def _check_output(output: Path, target: Target) -> None:
    """Refuse to write where nothing can be written, or over something that is no artifact."""
    if output.is_dir() or not output.resolve().parent.is_dir():
        raise UsageError(f"{output}: " + ("is a folder" if output.is_dir() else "its folder does not exist"))
    if output.resolve() == target.file.resolve():
        raise UsageError(f"{output}: is the model file itself")
    if not output.exists():
        return
    if not output.is_file():
        raise UsageError(f"{output}: is no regular file")
    try:
        with output.open("rb") as file:
            start = file.read(_SNIFFED).removeprefix(codecs.BOM_UTF8).lstrip()
    except OSError as error:
        raise UsageError(f"{output}: {error.strerror}") from error
    if start and not start.startswith(b"{"):
        raise UsageError(f"{output}: exists and is no artifact (no JSON); it is not replaced")


def _as_given(result: dict[str, Any], output: Path) -> dict[str, Any]:
    """The result with paths as the user wrote them."""
    params = result["params"]
    return {
        **result,
        "output": str(output),
        "params": None if params is None else str(output.with_name(Path(params).name)),
    }


def _run_shown(request: dict[str, Any], timeout: float, *, quiet: bool) -> dict[str, Any]:
    """Run the job; on a terminal, with a line that says what it is doing."""
    status: Any = nullcontext()
    if sys.stderr.isatty() and not quiet:
        from rich.console import Console

        status = Console(stderr=True).status(f"capturing {request['name']}…")

    with status as line:

        def on_event(event: dict[str, Any]) -> None:
            if event["event"] == "output":
                # What the model prints is no result of this command.
                sys.stderr.write(event["text"])
            elif event["event"] == "stage" and line is not None:
                line.update(f"capturing {request['name']}: {event['name']}…")

        try:
            return run_job("capture", request, on_event=on_event, timeout=timeout)
        except JobTimeout as error:
            raise JobTimeout(f"{error} (--timeout S changes the limit)", output=error.output) from error


def summary(result: dict[str, Any], seconds: float) -> str:
    """What was captured, in a few lines."""
    lines = [f"{result['output']}: {result['nodes']} nodes, {result['parameters']:,} parameters"]
    if result["params"] is not None:
        lines.append(f"  parameters: {result['params']}")
    reason = f" ({result['reason']})" if result["reason"] else ""
    lines.append(f"  traced with: {result['path']}{reason}")
    if result["max_relative_error"] is not None:
        lines.append(
            f"  verified: largest relative error {result['max_relative_error']:.1e} ({result['dtype']})"
        )
    for note in result["notes"]:
        where = f" (line {note['line']})" if note["line"] else ""
        lines.append(f"  {note['code']}: {note['message']}{where}")
    lines.append(f"  took {seconds:.1f} s")
    return "\n".join(lines)
