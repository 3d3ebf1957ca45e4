"""Findings as JSON: the public form that `--output-format json` prints."""

from __future__ import annotations

from typing import Any

from torchlean_core.check.findings import Finding
from torchlean_core.check.report import Report


def finding_object(name: str, report: Report, finding: Finding) -> dict[str, Any]:
    """One finding as `--output-format json` prints it; columns count UTF-16 units, lines from 0."""
    from torchlean_core.check.fixes import fixes  # a clean file does without

    where = report.range(finding)
    return {
        "file": name,
        "code": finding.code,
        "severity": finding.severity.value,
        "message": finding.message,
        "node": finding.node,
        "index": finding.index,
        "range": {"start": where.start._asdict(), "end": where.end._asdict()},
        "fixes": [fix.title for fix in fixes(report, finding)],
    }
