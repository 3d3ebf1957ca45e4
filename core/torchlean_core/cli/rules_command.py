"""`torchlean rules`: the rules in a list, or one explained."""

from __future__ import annotations

import argparse

from torchlean_core.check.rules import RULES
from torchlean_core.cli.console import out
from torchlean_core.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `torchlean rules`."""
    parser.add_argument("code", nargs="?", metavar="CODE", help="explain this rule")


def run(args: argparse.Namespace) -> int:
    """Print the list, or one rule."""
    console = out(args)
    if args.code is None:
        for rule in RULES.values():
            console.print(f"{rule.code}  {rule.severity.value:<11}  {rule.name:<30}  {rule.what}")
        return 0
    found = RULES.get(args.code.upper())
    if found is None:
        raise UsageError(f"no rule `{args.code}`; `torchlean rules` lists them")
    console.print(f"{found.code} {found.name} ({found.severity.value})\n")
    console.print(f"{found.what}\n\nWhy: {found.why}\nFix: {found.fix}\n\n{found.url}")
    return 0
