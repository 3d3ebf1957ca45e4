"""Both conformance corpora: verdicts, expected findings, and no error where none belongs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from torchlean_core.check import Severity, check_bytes
from torchlean_core.check.fixes import apply_edits, fixes

ROOTS = [Path(__file__).parents[2] / name for name in ("conformance", "conformance-general")]
CASES: list[tuple[Path, dict[str, Any]]] = [
    (root, json.loads(line)) for root in ROOTS for line in (root / "manifest.jsonl").read_text().splitlines()
]
TOLD = {"TL017", "TL406"}
"""Warnings that the second corpus lists: in its cases there are no others of these."""


def errors(report):
    return [finding for finding in report.findings if finding.severity is Severity.ERROR]


def test_the_corpora_are_whole():
    assert [sum(root is one for root, _ in CASES) for one in ROOTS] == [977, 558]
    for one in ROOTS:
        listed = {case["file"] for root, case in CASES if root is one}
        assert listed == {f"cases/{path.name}" for path in (one / "cases").iterdir()}


@pytest.mark.parametrize(
    ("root", "case"), CASES, ids=lambda one: "" if isinstance(one, Path) else one["file"][6:-5]
)
def test_case(root, case):
    report = check_bytes((root / case["file"]).read_bytes())
    found = errors(report)
    assert report.ok == case["ok"], found
    for expected in case["findings"]:
        assert any(
            finding.index == expected["index"]
            and finding.node == expected["node"]
            and finding.code in expected["codes"]
            for finding in found
        ), (expected, found)
    if case["exact"]:
        listed = {expected["index"] for expected in case["findings"]}
        assert [finding for finding in found if finding.index not in listed] == []
    if "dialect" in case:
        assert report.dialect.name == case["dialect"]
        assert sorted({finding.code for finding in report.findings} & TOLD) == case["warnings"]


def test_every_finding_has_a_tight_range_inside_the_text():
    for root, case in CASES:
        report = check_bytes((root / case["file"]).read_bytes())
        text = report.document.text
        for finding in report.findings:
            start, end = report.span(finding)
            assert 0 <= start <= end <= len(text), (case["file"], finding)
            whole = end - start >= len(text.strip()) > 2
            assert not whole or finding.code in ("TL001", "TL011"), (case["file"], finding)


def test_the_exact_parser_and_the_fast_one_agree_on_the_corpus():
    from torchlean_core.check import check_document
    from torchlean_core.text import read_bytes

    compared = 0
    for root, case in CASES:
        fast = read_bytes((root / case["file"]).read_bytes())
        if fast.exact:
            continue
        compared += 1
        one, other = check_document(fast), check_document(fast.exactly())
        assert [(f.code, f.index, f.message, one.span(f)) for f in one.findings] == [
            (f.code, f.index, f.message, other.span(f)) for f in other.findings
        ], case["file"]
    assert compared > 1200


def test_a_fix_of_any_case_removes_its_finding_and_adds_no_error():
    """A safe fix leaves its finding behind and the number of errors no greater."""
    applied = 0
    for root, case in CASES:
        if "dialect" in case:
            continue
        report = check_bytes((root / case["file"]).read_bytes())
        for finding in report.findings:
            for fix in fixes(report, finding):
                if not fix.safe:
                    continue
                applied += 1
                again = check_bytes(apply_edits(report.document.text, fix.edits).encode())
                assert (finding.code, finding.index, finding.message) not in [
                    (f.code, f.index, f.message) for f in again.findings
                ], (case["file"], finding, fix)
                if finding.code not in ("TL201", "TL302"):  # these can move the error to a child
                    assert len(errors(again)) <= len(errors(report)), (case["file"], finding, fix)
    assert applied > 100
