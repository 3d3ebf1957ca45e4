"""Every fix of every finding of the conformance corpus: it mends, and never makes a file worse."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from tests.core.check.fixes.support import errors, untouched
from torchlean_core.check import Report, check_bytes, check_text
from torchlean_core.check.fixes import PASSES, apply_edits, fixes
from torchlean_core.check.rules import RULES

ROOT = Path(__file__).parents[3] / "conformance"
CASES: list[str] = [json.loads(line)["file"] for line in (ROOT / "manifest.jsonl").read_text().splitlines()]
HINTS = 3
"""Unused nodes of one file that are looked at; there are thousands in the corpus."""


def of_code(report: Report, code: str) -> int:
    return Counter(finding.code for finding in report.findings)[code]


def test_every_fix_applied_alone_mends_and_adds_no_error():
    safe = unsafe = 0
    seen = set()
    for name in CASES:
        report = check_bytes((ROOT / name).read_bytes())
        hints = 0
        for finding in report.findings:
            hints += finding.code == "TL403"
            if finding.code == "TL403" and hints > HINTS:
                continue
            for fix in fixes(report, finding):
                where = (name, finding, fix.title)
                untouched(report.document.text, fix)
                again = check_text(apply_edits(report.document.text, fix.edits))
                assert len(errors(again)) <= len(errors(report)), where
                gone = of_code(again, finding.code) < of_code(report, finding.code)
                same = [
                    one
                    for one in again.findings
                    if (one.code, one.index, one.message) == (finding.code, finding.index, finding.message)
                ]
                assert gone or not same, where
                if fix.safe:
                    safe += 1
                    # What is safe leaves fewer findings, not others in their place.
                    assert len(errors(again)) < len(errors(report)) or not errors(report) or gone, where
                else:
                    unsafe += 1
                seen.add(finding.code)
    assert safe > 200 and unsafe > 500
    assert len(seen) >= 20


def test_a_pass_says_why_and_mends_known_rules():
    assert len({one.name for one in PASSES}) == len(PASSES)
    for one in PASSES:
        assert one.why and one.codes and one.make.__doc__
        assert set(one.codes) <= RULES.keys()
