"""Findings as GitHub's workflow commands, which Actions turns into annotations of the changed lines."""

from __future__ import annotations

import os
from pathlib import Path

from torchlean_core.basics.visible import visible
from torchlean_core.check.findings import Finding, Severity
from torchlean_core.check.report import Report
from torchlean_core.text import Encoding

_LEVELS = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFORMATION: "notice",
    Severity.HINT: "notice",
}


def finding_command(name: str, report: Report, finding: Finding) -> str:
    """One finding as a workflow command, without a line end; lines and columns from 1."""
    start, end = report.document.lines.range(*report.span(finding), Encoding.UTF32)
    properties = {
        "file": _in_workspace(name),
        "line": start.line + 1,
        "col": start.character + 1,
        "endLine": end.line + 1,
        "endColumn": end.character + 1,
        "title": finding.code,
    }
    listed = ",".join(f"{key}={_property(str(value))}" for key, value in properties.items())
    return f"::{_LEVELS[finding.severity]} {listed}::{_data(finding.message)}"


def file_command(name: str, message: str) -> str:
    """The workflow command for a file that could not be read."""
    return f"::error file={_property(_in_workspace(name))},title=torchlean::{_data(message)}"


def _in_workspace(name: str) -> str:
    """The name relative to the repository, from which GitHub reads it whatever the working directory is."""
    workspace = os.environ.get("GITHUB_WORKSPACE")
    if name == "-" or not workspace:
        return name
    path = Path(os.path.abspath(name))  # noqa: PTH100 - links stay what they are
    return path.relative_to(workspace).as_posix() if path.is_relative_to(workspace) else name


def _data(text: str) -> str:
    return visible(text, lines=True).replace("%", "%25").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
