"""Findings as a compiler shows them: place, message, the source line with carets, the fix."""

from __future__ import annotations

from rich.text import Text

from torchlean_core.basics.visible import visible
from torchlean_core.check.findings import Finding, Severity
from torchlean_core.check.fixes import fixes
from torchlean_core.check.report import Report
from torchlean_core.check.rules import RULES
from torchlean_core.text import Encoding

_COLORS = {
    Severity.ERROR: "bold red",
    Severity.WARNING: "bold yellow",
    Severity.INFORMATION: "bold blue",
    Severity.HINT: "bold cyan",
}
_WIDTH = 100


def finding_text(name: str, report: Report, finding: Finding) -> Text:
    """One finding as a compiler shows it: place, message, the line with carets under it, the fix."""
    lines = report.document.lines
    start, end = report.span(finding)
    position = lines.position(start, Encoding.UTF32)
    color = _COLORS[finding.severity]
    text = Text()
    text.append(f"{visible(name)}:{position.line + 1}:{position.character + 1}: ", "bold")
    text.append(f"{finding.severity.value}[{finding.code}]", color)
    text.append(f" {visible(finding.message)}\n", "bold")
    gutter = _source_line(text, report, start, end, color)
    if available := fixes(report, finding):
        text.append(f"\n {gutter} = ", "blue")
        text.append(f"fix: {visible(available[0].title)}", "green")
    elif finding.code in RULES and finding.severity is Severity.ERROR:
        text.append(f"\n {gutter} = ", "blue")
        text.append(f"help: {RULES[finding.code].fix}")
    return text


def _source_line(text: Text, report: Report, start: int, end: int, color: str) -> str:
    """Append the source line and its carets; returns the white space that is as wide as the line number."""
    lines = report.document.lines
    line = lines.position(start, Encoding.UTF32).line
    line_start, line_end = lines.line_span(line)
    # A long line (minified JSON) is cut to a window around the finding.
    left = max(line_start, start - _WIDTH // 3) if line_end - line_start > _WIDTH else line_start
    right = min(line_end, left + _WIDTH)
    shown = visible(report.document.text[left:right].replace("\t", " "))
    prefix = "…" if left > line_start else ""
    number = str(line + 1)
    gutter = " " * len(number)
    text.append(f" {gutter} |\n {number} | ", "blue")
    text.append(f"{prefix}{shown}{'…' if right < line_end else ''}\n")
    text.append(f" {gutter} | ", "blue")
    carets = max(1, min(end, right) - start)
    text.append(" " * (start - left + len(prefix)))
    text.append("^" * carets, color)
    return gutter
