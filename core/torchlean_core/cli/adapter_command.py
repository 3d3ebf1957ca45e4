"""`torchlean adapter`: the standalone capture script, one file that needs torch alone."""

from __future__ import annotations

import argparse
from pathlib import Path

from torchlean_core.basics.paths import real
from torchlean_core.basics.reading import MOST_SOURCE, read_lines
from torchlean_core.capture.bundle import FILE_NAME, FUNCTION_NAME, MARK, adapter_source
from torchlean_core.cli.console import out
from torchlean_core.errors import UsageError
from torchlean_core.files import require_regular, write_text
from torchlean_core.options.capture import Options, add_options, given_options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", default=Path(FILE_NAME), help="default: %(default)s"
    )
    parser.add_argument(
        "--function-name",
        metavar="NAME",
        default=FUNCTION_NAME,
        help="name of the function that programs import from it (default: %(default)s)",
    )
    parser.add_argument("--force", action="store_true", help="replace a file that is no such script")
    group = parser.add_argument_group("defaults of the script", "they can be given to it, too")
    add_options(group)


def run(args: argparse.Namespace) -> int:
    """Write the script; prints how to use it."""
    text = adapter_source(args.output.name, args.function_name, Options(**given_options(args)))
    _check_output(args.output, force=args.force)
    write_text(args.output, text)
    if not args.quiet:
        out(args).print(
            f"wrote {args.output}; use it where torch is:\n"
            f"  python {args.output.name} my_model.py MyModel out_graph.json --example-shape 1,4"
        )
    return 0


def _check_output(output: Path, *, force: bool) -> None:
    require_regular(output)
    if not real(output).parent.is_dir():
        raise UsageError(f"{output}: its folder does not exist")
    if output.exists() and not force and MARK not in read_lines(output, MOST_SOURCE):
        raise UsageError(f"{output}: exists and was not written by `torchlean adapter`; --force replaces it")
