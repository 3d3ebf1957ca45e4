"""`torchlean check`: artifacts from files, folders and standard input."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from torchlean_core.check import Report, check_bytes
from torchlean_core.check.findings import Severity
from torchlean_core.check.output import finding_object, finding_text
from torchlean_core.check.rules import RULES
from torchlean_core.cli.console import err, out
from torchlean_core.cli.discovery import find_artifacts
from torchlean_core.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `torchlean check`."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="file, folder, or - for standard input")
    parser.add_argument(
        "--output-format", choices=("text", "json"), default="text", help="how findings are printed"
    )
    parser.add_argument(
        "--select", metavar="CODES", help="report these codes only (comma-separated prefixes)"
    )
    parser.add_argument(
        "--ignore", metavar="CODES", help="do not report these codes (comma-separated prefixes)"
    )
    parser.add_argument(
        "--exclude",
        action="append",
        default=[],
        metavar="GLOB",
        help="skip these files when searching folders",
    )


def run(args: argparse.Namespace) -> int:
    """Check everything named; returns 1 where a file has errors, 2 where one cannot be read."""
    select, ignore = _codes(args.select, "--select"), _codes(args.ignore, "--ignore")
    messages = err(args)
    objects: list[dict[str, Any]] = []
    counts: Counter[Severity] = Counter()
    files = 0
    unreadable = False
    console = out(args)
    for name, source in _sources(args.paths, args.exclude):
        try:
            content = sys.stdin.buffer.read() if source is None else source.read_bytes()
        except OSError as error:
            unreadable = True
            messages.print(f"torchlean: {name}: {error.strerror or error}")
            continue
        files += 1
        report = check_bytes(content)
        _keep(report, select, ignore)
        counts.update(finding.severity for finding in report.findings)
        for finding in report.findings:
            if args.output_format == "json":
                objects.append(finding_object(name, report, finding))
            else:
                console.print(finding_text(name, report, finding), end="\n\n")
    if args.output_format == "json":
        sys.stdout.write(json.dumps(objects, ensure_ascii=True, indent=1) + "\n")
    elif not args.quiet:
        messages.print(_summary(files, counts))
    if unreadable:
        return 2
    return 1 if counts[Severity.ERROR] else 0


def _sources(paths: list[str], exclude: list[str]) -> list[tuple[str, Path | None]]:
    """What to check: (name as given, file); no file for standard input."""
    found: list[tuple[str, Path | None]] = []
    for name in paths:
        path = Path(name)
        if name == "-":
            found.append((name, None))
        elif path.is_dir():
            found += [(str(file), file) for file in find_artifacts(path, exclude)]
        else:
            found.append((name, path))
    return found


def _codes(value: str | None, option: str) -> tuple[str, ...] | None:
    if value is None:
        return None
    codes = tuple(code.strip() for code in value.split(",") if code.strip())
    for code in codes:
        if not any(known.startswith(code) for known in RULES):
            raise UsageError(f"{option}: no rule's code starts with `{code}`; see `torchlean rules`")
    return codes


def _keep(report: Report, select: tuple[str, ...] | None, ignore: tuple[str, ...] | None) -> None:
    report.findings = [
        finding
        for finding in report.findings
        if (select is None or finding.code.startswith(select))
        and (ignore is None or not finding.code.startswith(ignore))
    ]


def _summary(files: int, counts: Counter[Severity]) -> str:
    if not files:
        return "no artifacts found"
    noun = "artifact" if files == 1 else "artifacts"
    if not counts:
        return f"{files} {noun} checked: all clean"
    parts = []
    for severity, name in ((Severity.ERROR, "error"), (Severity.WARNING, "warning")):
        if counts[severity]:
            parts.append(f"{counts[severity]} {name}{'' if counts[severity] == 1 else 's'}")
    notes = counts[Severity.INFORMATION] + counts[Severity.HINT]
    if notes:
        parts.append(f"{notes} note{'' if notes == 1 else 's'}")
    return f"{files} {noun} checked: {', '.join(parts)}"
