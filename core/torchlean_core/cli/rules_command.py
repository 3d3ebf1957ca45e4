"""`torchlean rules`: the rules in a list, or one explained."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from torchlean_core.check.rules import RULES, Rule
from torchlean_core.cli.console import out, plain
from torchlean_core.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `torchlean rules`."""
    parser.add_argument("code", nargs="?", metavar="CODE", help="explain this rule")
    parser.add_argument(
        "--output-format", choices=("text", "json"), default="text", help="how rules are printed"
    )


def run(args: argparse.Namespace) -> int:
    """Print the list, or one rule."""
    if args.code is None:
        return _list(args, list(RULES.values()))
    rule = RULES.get(args.code.upper())
    if rule is None:
        group = [rule for rule in RULES.values() if args.code and rule.code.startswith(args.code.upper())]
        if not group:
            raise UsageError(f"no rule `{args.code}`; `torchlean rules` lists them")
        return _list(args, group)
    if args.output_format == "json":
        _print_json(rule_object(rule))
    else:
        console = out(args)
        console.print(f"{rule.code} {rule.name} ({rule.severity.value})\n", style="bold")
        console.print(explanation(rule))
    return 0


def _list(args: argparse.Namespace, rules: list[Rule]) -> int:
    if args.output_format == "json":
        _print_json([rule_object(rule) for rule in rules])
        return 0
    console = out(args)
    for rule in rules:
        console.print(f"{rule.code}  {rule.severity.value:<11}  {rule.name:<30}  {rule.what}")
    return 0


def _print_json(value: Any) -> None:
    plain(sys.stdout).write(json.dumps(value, indent=1) + "\n")


def rule_object(rule: Rule) -> dict[str, Any]:
    """One rule as `--output-format json` prints it; `artifact` says whether the example can be checked."""
    from torchlean_core.rulebook.offers import offers

    return {
        "code": rule.code,
        "name": rule.name,
        "severity": rule.severity.value,
        "what": rule.what,
        "why": rule.why,
        "fix": rule.fix,
        "fixes": [title for offer in offers(rule.code) for title in offer.titles],
        "example": {
            "language": rule.example.language,
            "text": rule.example.text,
            "note": rule.example.note,
            "artifact": rule.example.is_artifact,
        },
        "url": rule.url,
    }


def explanation(rule: Rule) -> str:
    """What `torchlean rules CODE` says of a rule, below its name."""
    from torchlean_core.rulebook.offers import offers_text
    from torchlean_core.rulebook.pages import shown_text

    shown = shown_text(rule.example).rstrip("\n").replace("\n", "\n    ")
    note = f"\n  {rule.example.note}" if rule.example.note else ""
    fixes = "\n".join(f"  {line}" for line in offers_text(rule.code)) or f"  None. {rule.no_fix}"
    return (
        f"{rule.what}\n\nWhy: {rule.why}\nFix: {rule.fix}\n\nQuick fixes:\n{fixes}\n\n"
        f"Example:{note}\n\n    {shown}\n\n{rule.url}"
    )
