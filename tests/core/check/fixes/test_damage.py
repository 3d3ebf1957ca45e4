"""Artifacts with one fault, or several at once: every fix that is offered keeps its word, and faults hide no fixes."""

from __future__ import annotations

import json

import pytest

from tests.core.check.fixes.damage import LOCAL, damaged, each, marked_errors
from tests.core.check.fixes.support import errors, says_more, untouched
from torchlean_core.check import check_text
from torchlean_core.check.fixes import apply_edits, fixes
from torchlean_core.check.fixes.view import view_of
from torchlean_core.check.fixing import fix_text

pytestmark = pytest.mark.thorough

SEEDS = 60
GROUPS = 4


@pytest.mark.parametrize("group", range(GROUPS))
def test_every_fix_keeps_its_word(group):
    offered = safe = 0
    for name, report in each(range(group * SEEDS, group * SEEDS + SEEDS)):
        before = marked_errors(report)
        for finding in report.findings:
            for fix in fixes(report, finding):
                where = (name, finding, fix.title)
                untouched(report.document.text, fix)
                again = check_text(apply_edits(report.document.text, fix.edits))
                after = marked_errors(again)
                if fix.safe:
                    # The finding is gone, and no new error stands anywhere.
                    assert not after - before, (where, after - before)
                    assert finding.severity.value != "error" or after.total() < before.total(), where
                    assert not says_more(fix), where
                elif after.total() > before.total():
                    assert says_more(fix), (where, after - before)
                same = [
                    one
                    for one in again.findings
                    if (one.code, one.index, one.message) == (finding.code, finding.index, finding.message)
                ]
                fewer = sum(one.code == finding.code for one in again.findings) < sum(
                    one.code == finding.code for one in report.findings
                )
                assert fewer or not same, where
                offered += 1
                safe += fix.safe
    assert offered > 400 and safe > 60


def test_mending_everything_leaves_no_safe_fix_and_is_done_after_one_time():
    better = 0
    for name, report in each(range(0, SEEDS * GROUPS, 5)):
        for unsafe in (False, True):
            result = fix_text(report.document.text, unsafe=unsafe)
            assert len(errors(result.report)) <= len(errors(report)), name
            assert fix_text(result.text, unsafe=unsafe).text == result.text, name
            left = [
                (finding, fix.title)
                for finding in result.report.findings
                for fix in fixes(result.report, finding)
                if fix.safe
            ]
            assert not left, (name, left)
            better += len(errors(result.report)) < len(errors(report))
    assert better > 100


def test_a_fault_elsewhere_silences_no_safe_fix():
    """What is offered against one fault is offered against it in a file with another one elsewhere, too."""
    kept = 0
    for seed in range(SEEDS * GROUPS * 2):
        names, text = damaged(seed, 1)
        report = check_text(text)
        wanted = safe_fixes(report)
        if not wanted:
            continue
        _, other = damaged(seed + 1000, 1, json.loads(text), LOCAL)
        both = check_text(other)
        told = {(finding.code, mark(both, finding), finding.message) for finding in both.findings}
        pairs = zip(json.loads(text)["nodes"], json.loads(other)["nodes"], strict=True)
        changed = {before["mark"] for before, after in pairs if before != after}
        if changed & {mark(report, finding) for finding in errors(report)}:
            continue  # another fault of the same node
        there = safe_fixes(both)
        view = view_of(both)
        # What an operand with an error declares may be what is wrong.
        doubted = {mark_of(view.records[user]) for place in view.faulty for user in view.users.get(place, ())}
        for code, where, message, title in wanted:
            if (code, where, message) in told and where not in doubted:
                assert any(one[:3] == (code, where, message) for one in there), (seed, names, title)
                kept += (code, where, message, title) in there
    assert kept > 100


def safe_fixes(report):
    return {
        (*of(report, finding), fix.title)
        for finding in report.findings
        for fix in fixes(report, finding)
        if fix.unasked
    }


def of(report, finding):
    return finding.code, mark(report, finding), finding.message


def mark(report, finding):
    return mark_of(report.records[finding.index] if finding.index is not None else None)


def mark_of(record):
    return record.raw.get("mark") if record is not None else None
