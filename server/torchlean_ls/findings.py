"""Findings as the protocol has them: plain JSON, since there can be a thousand at every keystroke."""

from __future__ import annotations

from typing import Any

from torchlean_core.check import RULES, Finding, Severity
from torchlean_core.check.findings import PLAIN
from torchlean_core.check.places import place
from torchlean_core.text import no_collector
from torchlean_ls.documents import Snapshot
from torchlean_ls.lsp import types

MAX_DIAGNOSTICS = 1_000
"""Diagnostics of one document that are sent; the last one says how many more there are."""

_SEVERITY = {
    Severity.ERROR: types.DiagnosticSeverity.Error.value,
    Severity.WARNING: types.DiagnosticSeverity.Warning.value,
    Severity.INFORMATION: types.DiagnosticSeverity.Information.value,
    Severity.HINT: types.DiagnosticSeverity.Hint.value,
}
_ORDER = {severity: order for order, severity in enumerate(Severity)}
_TAGS = {"TL403": [types.DiagnosticTag.Unnecessary.value]}
_PAGES = {code: {"href": rule.url} for code, rule in RULES.items()}


def counted(findings: list[Finding]) -> dict[str, int]:
    """How many findings there are of each sort: `error`, `warning`, and `note` for what is for information."""
    counts = dict.fromkeys(Severity, 0)
    for finding in findings:
        counts[finding.severity] += 1
    notes = counts[Severity.INFORMATION] + counts[Severity.HINT]
    return {"error": counts[Severity.ERROR], "warning": counts[Severity.WARNING], "note": notes}


def in_words(counts: dict[str, int]) -> str:
    """`1 error, 2 notes`; empty where there is nothing."""
    return ", ".join(
        f"{count:,} {noun}{'' if count == 1 else 's'}" for noun, count in counts.items() if count
    )


def diagnostics(document: Snapshot, findings: list[Finding]) -> list[dict[str, Any]]:
    """Findings of a document, the worst kept where there are too many."""
    if not findings:
        return []
    left_out = 0
    if len(findings) > MAX_DIAGNOSTICS:
        left_out = len(findings) - MAX_DIAGNOSTICS + 1
        findings = sorted(findings, key=lambda finding: _ORDER[finding.severity])[: MAX_DIAGNOSTICS - 1]
    with no_collector():  # thousands of small objects, none of which is garbage yet
        ranges = document.plain_ranges(document.report.spans(findings))
        shown = [plain_diagnostic(*pair) for pair in zip(findings, ranges, strict=True)]
        _relate(document, findings, shown)
    if left_out:
        shown.append(
            {
                "range": {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 1}},
                "severity": types.DiagnosticSeverity.Information.value,
                "source": "torchlean",
                "message": f"{left_out} more findings are not shown; `torchlean check` lists all",
            }
        )
    return shown


def diagnostic(document: Snapshot, finding: Finding) -> types.Diagnostic:
    """One finding in the protocol's types, for answers that have those."""
    [found] = diagnostics(document, [finding])
    return typed(found)


def typed(found: dict[str, Any]) -> types.Diagnostic:
    """A plain diagnostic in the protocol's types."""
    related = [
        types.DiagnosticRelatedInformation(
            types.Location(one["location"]["uri"], _range(one["location"]["range"])), one["message"]
        )
        for one in found.get("relatedInformation", ())
    ]
    page = found.get("codeDescription")
    return types.Diagnostic(
        range=_range(found["range"]),
        severity=types.DiagnosticSeverity(found["severity"]),
        code=found["code"],
        code_description=types.CodeDescription(page["href"]) if page is not None else None,
        source=found["source"],
        message=found["message"],
        tags=[types.DiagnosticTag(tag) for tag in found["tags"]] if "tags" in found else None,
        related_information=related or None,
    )


def _range(plain: dict[str, dict[str, int]]) -> types.Range:
    return types.Range(types.Position(**plain["start"]), types.Position(**plain["end"]))


def plain_diagnostic(finding: Finding, where: dict[str, Any]) -> dict[str, Any]:
    """One finding at a range, without related information."""
    code = finding.code
    found = {
        "range": where,
        "severity": _SEVERITY[finding.severity],
        "code": code,
        "source": "torchlean",
        "message": finding.data.get(PLAIN, finding.message),
    }
    if code in _PAGES:
        found["codeDescription"] = _PAGES[code]
    if code in _TAGS:
        found["tags"] = _TAGS[code]
    return found


def _relate(document: Snapshot, findings: list[Finding], shown: list[dict[str, Any]]) -> None:
    """Say which other places diagnostics are about; all at once, since a line may be the whole of a big file."""
    text = document.report.document
    related = [(found, other) for found, one in zip(shown, findings, strict=True) for other in one.related]
    ranges = document.plain_ranges([place(text, other.index, other.path) for _, other in related])
    for (found, other), where in zip(related, ranges, strict=True):
        location = {"uri": document.uri, "range": where}
        found.setdefault("relatedInformation", []).append({"location": location, "message": other.message})
