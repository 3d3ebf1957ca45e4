"""What a fix and a pass are, and the table of passes."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from torchlean_core.check.findings import Finding
from torchlean_core.check.fixes.edit import Edit

if TYPE_CHECKING:
    from torchlean_core.check.fixes.plan import Plan
    from torchlean_core.check.report import Report


class Family(enum.Enum):
    """What a pass changes; `fix_text` goes through the families in this order, but for the last two."""

    TEXT = "text"
    IDS = "ids"
    FIELDS = "fields"
    SHAPES = "shapes"
    EDGES = "edges"
    STRUCTURE = "structure"
    REMOVAL = "removal"
    DIALECT = "dialect"


@dataclass(frozen=True)
class Fix:
    """One way to mend a finding.

    Attributes:
        title: What it does, as the editor's menu shows it.
        content: The replacements, or what makes them when they are asked for.
        safe: Whether it surely keeps what the file was meant to say, and the finding goes without a new error.
        preferred: Whether it is the obvious one.
        plan: The change of the graph's structure that it is, where it is one: plans can be merged.
        start: Place of the node whose shape it sets, for fixes that set inferred shapes: these can be merged.
        dialect: Name of the dialect that it writes the whole file in, where it does: files beside are not followed.
        sure: Whether it keeps what the file was meant to say, and is not safe only because another error can be read
            after it, which its title says. Mending a whole text goes through such fixes.
    """

    title: str
    content: tuple[Edit, ...] | Callable[[], tuple[Edit, ...]]
    safe: bool
    preferred: bool = False
    plan: Plan | None = None
    start: int | None = None
    dialect: str | None = None
    sure: bool = False

    @cached_property
    def unasked(self) -> bool:
        """Whether it can be applied without asking anybody what was meant."""
        return self.safe or self.sure

    @cached_property
    def edits(self) -> tuple[Edit, ...]:
        """The replacements, which do not overlap, in the order of their places."""
        made = self.content() if callable(self.content) else self.content
        return tuple(sorted(made))


Maker = Callable[["Report", Finding], Iterator[Fix]]
Condition = Callable[["Report", Finding], bool]


@dataclass(frozen=True, slots=True)
class Pass:
    """A way to make fixes.

    Attributes:
        name: Short name, in words.
        family: What it changes.
        offers: The titles of its fixes, "…" for what depends on the file, with the rules whose findings get them. A
            remark in parentheses can follow.
        requires: Preconditions; where one does not hold there is no fix.
        why: Why its fixes are safe, or when they are not.
        make: The fixes of one finding.
    """

    name: str
    family: Family
    offers: Mapping[str, tuple[str, ...]]
    requires: tuple[Condition, ...]
    why: str
    make: Maker

    @property
    def codes(self) -> tuple[str, ...]:
        """Rules whose findings it mends."""
        return tuple(dict.fromkeys(code for codes in self.offers.values() for code in codes))

    def titles(self, code: str) -> list[str]:
        """The titles of the fixes of a rule's findings."""
        return [title for title, codes in self.offers.items() if code in codes]

    def fixes(self, report: Report, finding: Finding) -> list[Fix]:
        """The fixes of one finding; none where a precondition does not hold."""
        if not all(condition(report, finding) for condition in self.requires):
            return []
        return list(self.make(report, finding))


UNASKED = tuple(family for family in Family if family not in (Family.REMOVAL, Family.DIALECT))
"""The families that a whole text is mended with.

What dialect a file is meant for only a person knows; and what seems unused may be so because a parent was guessed
wrong a moment ago, so nodes are removed only where that is what was asked for.
"""

PASSES: list[Pass] = []
"""Every pass, in the order in which its fixes are offered."""

_BY_CODE: dict[str, list[Pass]] = {}


def quick_fix(
    name: str,
    offers: Mapping[str, str],
    *,
    family: Family,
    why: str,
    requires: tuple[Condition, ...] = (),
) -> Callable[[Maker], Maker]:
    """Register a function as a pass; `offers` has the codes of each title with spaces between them."""

    def register(make: Maker) -> Maker:
        titles = {title: tuple(codes.split()) for title, codes in offers.items()}
        new = Pass(name, family, titles, requires, why, make)
        PASSES.append(new)
        for code in new.codes:
            _BY_CODE.setdefault(code, []).append(new)
        return make

    return register


def passes(code: str) -> list[Pass]:
    """The passes that mend a rule's findings."""
    return _BY_CODE.get(code, [])


def fixes(report: Report, finding: Finding) -> list[Fix]:
    """All fixes of a finding, the preferred and the safe ones first; none in a file that is not UTF-8.

    There the text is not what the file holds, and writing it would lose the bytes that are wrong.
    """
    if any(
        trouble.code == "TL003" and trouble.start < trouble.end and _is_replaced(report, trouble.start)
        for trouble in report.document.troubles
    ):
        return []
    found = [fix for maker in passes(finding.code) for fix in maker.fixes(report, finding)]
    return sorted(found, key=lambda fix: (not fix.preferred, not fix.unasked))


def pattern(title: str) -> re.Pattern[str]:
    """What matches the titles that a title in the table of passes stands for, with a remark or without."""
    return re.compile(".+?".join(map(re.escape, title.split("…"))) + r"( \(.+\))*", re.DOTALL)


def _is_replaced(report: Report, offset: int) -> bool:
    return report.document.text[offset : offset + 1] == "\ufffd"
