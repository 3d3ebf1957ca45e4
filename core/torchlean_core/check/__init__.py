"""The checker: every rule of ir-v1, on every node, with the place and the fixes of each finding."""

from torchlean_core.check.checker import check_bytes, check_document, check_text
from torchlean_core.check.findings import Finding, Related, Severity
from torchlean_core.check.report import Report
from torchlean_core.check.rules import RULES, Rule

__all__ = [
    "RULES",
    "Finding",
    "Related",
    "Report",
    "Rule",
    "Severity",
    "check_bytes",
    "check_document",
    "check_text",
]
