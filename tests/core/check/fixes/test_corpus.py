"""Every fix of every finding of the conformance corpora: it mends, and never makes a file worse."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.core.check.fixes.support import errors, says_more, untouched
from torchlean_core.check import Report, check_bytes, check_text
from torchlean_core.check.fixes import PASSES, apply_edits, fixes
from torchlean_core.check.fixing import fix_text
from torchlean_core.check.rules import RULES

pytestmark = pytest.mark.thorough

TESTS = Path(__file__).parents[3]
CORPORA = ("conformance", "conformance-general")


def cases(corpus: str) -> list[Path]:
    root = TESTS / corpus
    lines = (root / "manifest.jsonl").read_text().splitlines()
    return [root / json.loads(line)["file"] for line in lines]


HINTS = 3
"""Unused nodes of one file that are looked at; there are thousands in the corpus."""


def of_code(report: Report, code: str) -> int:
    return Counter(finding.code for finding in report.findings)[code]


@pytest.mark.parametrize("corpus", CORPORA)
def test_every_fix_applied_alone_mends_and_adds_no_error(corpus):
    safe = unsafe = 0
    seen = set()
    for name in cases(corpus):
        report = check_bytes(name.read_bytes())
        hints = 0
        for finding in report.findings:
            hints += finding.code == "TL403"
            if finding.code == "TL403" and hints > HINTS:
                continue
            for fix in fixes(report, finding):
                where = (name, finding, fix.title)
                untouched(report.document.text, fix)
                again = check_text(apply_edits(report.document.text, fix.edits))
                assert len(errors(again)) <= len(errors(report)) or (says_more(fix) and not fix.safe), where
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
    assert safe > 100 and unsafe > 200
    assert len(seen) >= 20


@pytest.mark.parametrize("corpus", CORPORA)
def test_mending_a_file_adds_no_error_and_changes_nothing_the_second_time(corpus):
    better = 0
    for path in cases(corpus)[::3]:
        report = check_bytes(path.read_bytes())
        if not path.read_bytes().startswith(b"{"):
            continue
        for unsafe in (False, True):
            result = fix_text(report.document.text, unsafe=unsafe)
            assert len(errors(result.report)) <= len(errors(report)), path.name
            better += len(errors(result.report)) < len(errors(report))
            assert result.report.dialect is report.dialect, path.name
            again = fix_text(result.text, unsafe=unsafe)
            assert again.text == result.text, path.name
    assert better > 50


def test_a_pass_says_why_and_mends_known_rules():
    assert len({one.name for one in PASSES}) == len(PASSES)
    for one in PASSES:
        assert one.why and one.codes and one.make.__doc__
        assert set(one.codes) <= RULES.keys()
