"""Findings as SARIF 2.1.0, the interchange format of static analysis (code scanning, IDEs)."""

from __future__ import annotations

import os
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import quote

from torchlean_core import __version__
from torchlean_core.basics.paths import working_folder
from torchlean_core.check.findings import Finding, Severity
from torchlean_core.check.fixes import Fix, fixes
from torchlean_core.check.places import place
from torchlean_core.check.report import Report
from torchlean_core.check.rules import RULES, Rule

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
HOME = "https://github.com/torchlean/torchlean-ls"
MAX_REPLACEMENTS = 20_000
"""Replacements in one log; fixes beyond them are left out, since many findings may each mend many nodes."""

_LEVELS = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFORMATION: "note",
    Severity.HINT: "note",
}


class SarifLog:
    """A log of one run, filled file by file."""

    def __init__(self) -> None:
        self._artifacts: list[dict[str, Any]] = []
        self._rules: dict[str, int] = {}
        self._results: list[dict[str, Any]] = []
        self._notifications: list[dict[str, Any]] = []
        self._replacements_left = MAX_REPLACEMENTS

    def add(self, name: str, report: Report) -> None:
        """Add a file and its findings."""
        location = {"uri": uri(name), "index": len(self._artifacts)}
        self._artifacts.append({"location": {"uri": location["uri"]}, "mimeType": _mime(name)})
        self._results += [self._result(location, report, finding) for finding in report.findings]

    def unreadable(self, name: str, message: str) -> None:
        """Say that a file could not be read."""
        self._notifications.append(
            {
                "level": "error",
                "message": {"text": f"{name}: {message}"},
                "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri(name)}}}],
            }
        )

    def value(self) -> dict[str, Any]:
        """The whole log as a JSON value."""
        driver = {
            "name": "torchlean",
            "semanticVersion": __version__,
            "informationUri": HOME,
            "rules": [_descriptor(RULES[code]) for code in self._rules],
        }
        invocation: dict[str, Any] = {"executionSuccessful": not self._notifications}
        if self._notifications:
            invocation["toolExecutionNotifications"] = self._notifications
        run = {
            "tool": {"driver": driver},
            "columnKind": "utf16CodeUnits",
            "invocations": [invocation],
            "artifacts": self._artifacts,
            "results": self._results,
        }
        return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}

    def _result(self, location: dict[str, Any], report: Report, finding: Finding) -> dict[str, Any]:
        result: dict[str, Any] = {
            "ruleId": finding.code,
            "ruleIndex": self._rules.setdefault(finding.code, len(self._rules)),
            "level": _LEVELS[finding.severity],
            "message": {"text": finding.message},
            "locations": [_location(location, _region(report, *report.span(finding)), finding.index)],
        }
        if finding.related:
            result["relatedLocations"] = [
                {
                    "id": number,
                    "message": {"text": other.message},
                    **_location(
                        location,
                        _region(report, *place(report.document, other.index, other.path)),
                        other.index,
                    ),
                }
                for number, other in enumerate(finding.related, 1)
            ]
        if repairs := [
            self._fix(location, report, fix) for fix in fixes(report, finding) if self._affordable(fix)
        ]:
            result["fixes"] = repairs
        if finding.index is not None:
            result["properties"] = {"index": finding.index, "node": finding.node}
        return result

    def _affordable(self, fix: Fix) -> bool:
        self._replacements_left -= len(fix.edits)
        return bool(fix.edits) and self._replacements_left >= 0

    def _fix(self, location: dict[str, Any], report: Report, fix: Fix) -> dict[str, Any]:
        replacements = [
            {"deletedRegion": _region(report, edit.start, edit.end), "insertedContent": {"text": edit.text}}
            for edit in fix.edits
        ]
        return {
            "description": {"text": fix.title},
            "artifactChanges": [{"artifactLocation": location, "replacements": replacements}],
        }


def _mime(name: str) -> str:
    """What a file holds, by its name."""
    if name.endswith(".py"):
        return "text/x-python"
    return "text/plain" if name.endswith((".vnnlib", ".gz")) else "application/json"


def uri(name: str) -> str:
    """A file's name as a relative URI reference, or as an absolute URI where it is not below the cwd."""
    if name == "-":
        return name
    path = Path(os.path.normpath(name))
    if path.is_absolute():
        cwd = working_folder()
        if cwd is None or not path.is_relative_to(cwd):
            return path.as_uri()
        path = path.relative_to(cwd)
    return quote(os.fsencode(PurePath(path).as_posix()))


def _location(location: dict[str, Any], region: dict[str, int], index: int | None) -> dict[str, Any]:
    found: dict[str, Any] = {"physicalLocation": {"artifactLocation": location, "region": region}}
    if index is not None:
        found["logicalLocations"] = [{"fullyQualifiedName": f"nodes[{index}]", "kind": "object"}]
    return found


def _region(report: Report, start: int, end: int) -> dict[str, int]:
    """A region with lines and columns from 1; the end column is the one behind the last character."""
    first, last = report.document.lines.range(start, end)
    return {
        "startLine": first.line + 1,
        "startColumn": first.character + 1,
        "endLine": last.line + 1,
        "endColumn": last.character + 1,
    }


def _descriptor(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": rule.what},
        "fullDescription": {"text": f"{rule.what} {rule.why}"},
        "help": {"text": f"{rule.why}\n\nFix: {rule.fix}"},
        "helpUri": rule.url,
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
    }
