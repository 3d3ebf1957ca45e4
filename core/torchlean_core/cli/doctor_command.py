"""`torchlean doctor`: versions, devices, compiler, settings, TorchLean, editors; what is missing and how to get it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable

from torchlean_core import __version__
from torchlean_core.cli.console import out, plain
from torchlean_core.cli.health import Item, State, examine

_MARKS = {
    State.OK: ("ok", "green"),
    State.MISSING: ("--", "yellow"),
    State.BROKEN: ("!!", "bold red"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `torchlean doctor`."""
    parser.add_argument(
        "--output-format", choices=("text", "json"), default="text", help="how the report is printed"
    )


def run(args: argparse.Namespace) -> int:
    """Print the report; returns 1 where something required is broken."""
    items = examine()
    broken = [item for item in items if item.required and item.state is not State.OK]
    if args.output_format == "json":
        report = {"ok": not broken, "version": __version__, "items": [item.as_object() for item in items]}
        plain(sys.stdout).write(json.dumps(report, indent=1) + "\n")
    else:
        _print(args, items)
    return 1 if broken else 0


def _print(args: argparse.Namespace, items: Iterable[Item]) -> None:
    from rich.text import Text

    console = out(args)
    console.print(Text(f"torchlean-ls {__version__}", "bold"))
    section = ""
    for item in items:
        if item.section != section:
            section = item.section
            console.print(Text(f"\n{section}", "bold"))
        mark, color = _MARKS[item.state]
        console.print(Text.assemble((f"  {mark}  ", color), f"{item.name:<12} {item.detail}"))
        if item.remedy:
            console.print(f"      {'':<12} {item.remedy}")
