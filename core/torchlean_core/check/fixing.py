"""Mending a whole text: fixes applied round by round, until nothing changes.

A round takes one family of fixes (the text itself, then ids, fields, shapes, edges, structure) and applies all of its
fixes that do not overlap in one go, the safe ones first. It counts only if it makes the file better; else it is tried
again in halves, so that one bad fix does not keep the others out. So the number of errors never grows, and it comes to
an end.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from torchlean_core.check.checker import check_text
from torchlean_core.check.findings import Finding, Severity
from torchlean_core.check.fixes.edit import Edit, apply_edits
from torchlean_core.check.fixes.model import UNASKED, Family, Fix, fixes, passes
from torchlean_core.check.fixes.pieces import Pieces
from torchlean_core.check.fixes.plan import merge, plan_edits
from torchlean_core.check.fixes.shapes import sweep, sweep_edits
from torchlean_core.check.fixes.view import view_of
from torchlean_core.check.report import Report
from torchlean_core.text.tree import MAX_TROUBLES

MAX_ROUNDS = 100
"""Rounds that are accepted at most; a file needs a handful."""

MAX_TRIES = 40
"""Checks of the whole text in one round, of a big one; of smaller ones more: one bad fix must not keep others out."""

_CHECKED_NODES = 200_000
"""Nodes that are checked in one round, at least."""

_MARK = "\ufeff"
_UNUSED = "TL403"
"""Asked for by itself, its findings are mended by removing nodes."""


@dataclass(frozen=True, slots=True)
class FixResult:
    """A text after its fixes.

    Attributes:
        text: The mended text.
        applied: What was done, in order: (code of the rule, title of the fix).
        edits: The same change as edits of the text that was given.
        report: The check of the mended text: what remains.
    """

    text: str
    applied: tuple[tuple[str, str], ...]
    edits: tuple[Edit, ...]
    report: Report

    @property
    def changed(self) -> bool:
        """Whether anything was done."""
        return bool(self.edits)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A fix that a round may apply."""

    code: str
    fix: Fix


_Combine = Callable[[Report, Sequence[_Candidate]], "tuple[tuple[Edit, ...], list[_Candidate]]"]


def fix_text(
    text: str,
    *,
    unsafe: bool = False,
    select: Iterable[str] | None = None,
    ignore: Iterable[str] | None = None,
) -> FixResult:
    """Apply fixes to the text of an artifact until nothing changes.

    Args:
        text: The text; a byte-order mark at its start is removed as one of the fixes.
        unsafe: Whether to apply unsafe fixes too; of several for one finding, the preferred one.
        select: Mend findings of these codes only (prefixes); all where None.
        ignore: Do not mend findings of these codes (prefixes).

    Returns:
        The mended text; it has no more errors than the given one, and mending it again changes nothing.
    """
    mender = _Mender(text, unsafe, _prefixes(select), _prefixes(ignore) or ())
    return mender.mend()


def has_unasked(report: Report, findings: Sequence[Finding]) -> bool:
    """Whether some of the findings have fixes that can be applied unasked: found out with a few of each rule's."""
    by_code: dict[str, list[Finding]] = {}
    for finding in findings:
        if passes(finding.code):
            by_code.setdefault(finding.code, []).append(finding)
    for alike in by_code.values():
        step = max(len(alike) // _LOOKED_AT, 1)
        for finding in alike[::step]:
            if any(fix.unasked for fix in fixes(report, finding)):
                return True
    return False


_LOOKED_AT = 25
"""Findings of a rule, from all over the file, that are looked at before there is said to be nothing to mend."""


def _prefixes(codes: Iterable[str] | None) -> tuple[str, ...] | None:
    return None if codes is None else tuple(codes)


class _Mender:
    def __init__(
        self, text: str, unsafe: bool, select: tuple[str, ...] | None, ignore: tuple[str, ...]
    ) -> None:
        self.unsafe = unsafe
        self.select = select
        self.ignore = ignore
        self.pieces = Pieces(text)
        self.text = text
        self.applied: list[tuple[str, str]] = []

    def mend(self) -> FixResult:
        if self.text.startswith(_MARK) and self._selected("TL003"):
            self._accept((Edit(0, 1, ""),), [("TL003", "Remove the byte-order mark")])
        self.report = check_text(self.text)
        rounds = 0
        families = (Family.REMOVAL,) if self.select == (_UNUSED,) else UNASKED
        while rounds < MAX_ROUNDS and any(self._round(family) for family in families):
            rounds += 1
        return FixResult(self.text, tuple(self.applied), self.pieces.edits(), self.report)

    def _selected(self, code: str) -> bool:
        return (self.select is None or code.startswith(self.select)) and not code.startswith(self.ignore)

    def _accept(self, edits: tuple[Edit, ...], applied: list[tuple[str, str]]) -> None:
        self.pieces.apply(edits)
        self.text = apply_edits(self.text, edits)
        self.applied += applied

    def _round(self, family: Family) -> bool:
        """Apply the fixes of one family; whether the text is better now."""
        candidates = list(self._candidates(family))
        if not candidates:
            return False
        combine: _Combine = _disjoint
        if family in (Family.STRUCTURE, Family.REMOVAL):
            combine = _merged
        elif family is Family.SHAPES:
            combine = partial(_swept, unsafe=self.unsafe)
        ranks = sorted({_rank(candidate) for candidate in candidates})
        return any(self._apply([one for one in candidates if _rank(one) == rank], combine) for rank in ranks)

    def _apply(self, candidates: list[_Candidate], combine: _Combine) -> bool:
        """Apply as many candidates together as make the text better; whether there are any."""
        waiting = [candidates]
        tries = max(MAX_TRIES, _CHECKED_NODES // max(len(self.report.records), 1))
        while waiting and tries:
            part = waiting.pop()
            edits, used = combine(self.report, part)
            if edits:
                tries -= 1
                report = check_text(apply_edits(self.text, edits))
                if _score(report) < _score(self.report):
                    self._accept(edits, [(one.code, one.fix.title) for one in used])
                    self.report = report
                    return True
            if len(part) > 1:
                middle = len(part) // 2
                waiting += (part[middle:], part[:middle])
        return False

    def _candidates(self, family: Family) -> Iterator[_Candidate]:
        """The first suitable fix of every finding; a fix that several findings share comes once."""
        seen: set[int] = set()
        # What an end has in common with nodes counts as theirs.
        for finding in sorted(self.report.findings, key=lambda finding: finding.code == "TL104"):
            if not self._selected(finding.code):
                continue
            fix = self._choose(family, finding)
            if fix is not None and id(fix) not in seen:
                seen.add(id(fix))
                yield _Candidate(finding.code, fix)

    def _choose(self, family: Family, finding: Finding) -> Fix | None:
        found = [
            fix
            for one in passes(finding.code)
            if one.family is family
            for fix in one.fixes(self.report, finding)
            if fix.unasked or self.unsafe
        ]
        return min(found, key=lambda fix: (not fix.safe, not fix.unasked, not fix.preferred), default=None)


def _rank(candidate: _Candidate) -> int:
    """Safe fixes come before those that are sure, and those before all others."""
    return 0 if candidate.fix.safe else 1 if candidate.fix.sure else 2


def _score(report: Report) -> tuple[int, ...]:
    """How bad a text is, the weightiest first.

    Errors come first, then what is unread behind too many troubles, then how many errors stand in the way of others
    (a field that can be read may turn out to have a wrong value, and that is progress), then warnings and other
    findings. Last comes how early the errors are: a shape error that moves on to a later node is progress too.
    """
    troubles = [trouble.end for trouble in report.document.troubles]
    unread = len(report.document.text) - max(troubles) if len(troubles) >= MAX_TROUBLES else 0
    counts = dict.fromkeys(Severity, 0)
    stages = [0] * len(_STAGES)
    early = 0
    for finding in report.findings:
        counts[finding.severity] += 1
        if finding.severity is not Severity.ERROR:
            continue
        for stage, codes in enumerate(_STAGES):
            stages[stage] += finding.code.startswith(codes)
        if finding.index is not None:
            early -= finding.index
    notes = counts[Severity.INFORMATION] + counts[Severity.HINT]
    return counts[Severity.ERROR], unread, *stages, counts[Severity.WARNING], notes, early


_STAGES = (("TL00",), ("TL014", "TL015"), ("TL010", "TL011"), ("TL209",))
"""Codes of errors that keep others from being found, the first that a text is read by first."""


def _disjoint(report: Report, part: Sequence[_Candidate]) -> tuple[tuple[Edit, ...], list[_Candidate]]:
    """The edits of all fixes that do not touch one another; the others wait."""
    taken: list[Edit] = []
    used = []
    for candidate in part:
        edits = candidate.fix.edits
        if edits and not any(_touches(taken, edit) for edit in edits):
            for edit in edits:
                bisect.insort(taken, edit)
            used.append(candidate)
    return tuple(taken), used


def _touches(taken: list[Edit], edit: Edit) -> bool:
    position = bisect.bisect_left(taken, edit)
    around = taken[max(position - 1, 0) : position + 1]
    return any(edit.start <= other.end and other.start <= edit.end for other in around)


def _merged(report: Report, part: Sequence[_Candidate]) -> tuple[tuple[Edit, ...], list[_Candidate]]:
    """The edits of all plans together."""
    plans = [candidate.fix.plan for candidate in part if candidate.fix.plan is not None]
    return plan_edits(view_of(report), merge(plans)), list(part)


def _swept(
    report: Report, part: Sequence[_Candidate], *, unsafe: bool
) -> tuple[tuple[Edit, ...], list[_Candidate]]:
    """The edits that set all shapes, and what depends on them; none where one is not safe and has to be."""
    view = view_of(report)
    starts = [candidate.fix.start for candidate in part if candidate.fix.start is not None]
    found = sweep(view, starts, follow=True)
    if found.worse and not unsafe:
        return (), []
    return sweep_edits(view, found), list(part)
