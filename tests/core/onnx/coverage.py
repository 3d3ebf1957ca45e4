"""The page docs/onnx-coverage.md: what becomes of ONNX's own tests of operators."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from torchlean_core.onnx.operators.registry import OPERATORS

from .backend import COMPOSED, Outcome

DOCUMENT = Path(__file__).parents[3] / "docs" / "onnx-coverage.md"
COUNTED = ("passed", "folded", "refused")
_MOST_REASONS = 4

_HEAD = """# What is covered of ONNX

Every operator of an ONNX file that has an exact form is captured, others are refused with a reason. This table counts
ONNX's own tests of operators (onnx {version}, operator sets from {oldest} on): of each test the first operand of
float32 is the network's input, the other operands are numbers of the file. *Passed*: the artifact gives what the test
expects. *Known*: nothing depends on an input, and what is computed beforehand is what the test expects. No test gives
anything else than it expects.

{total} tests: {passed} passed, {folded} known, {refused} refused. `make coverage` writes this page.

| operator | passed | known | refused | why |
|---|--:|--:|--:|---|
"""


def rows(outcomes: Mapping[str, Sequence[Outcome]]) -> dict[str, str]:
    """The lines of the table, by operator: all that are in the table of operators."""
    names = [*sorted(OPERATORS), COMPOSED]
    return {name: _row(name, outcomes.get(name, ())) for name in names}


def _row(name: str, found: Sequence[Outcome]) -> str:
    counts = [sum(one.verdict == verdict for one in found) for verdict in COUNTED]
    reasons = list(dict.fromkeys(_short(one.reason) for one in found if one.verdict == "refused"))
    more = f"; {len(reasons) - _MOST_REASONS} more reasons" if len(reasons) > _MOST_REASONS else ""
    why = "; ".join(reasons[:_MOST_REASONS]) + more
    shown = "operators by their definitions" if name == COMPOSED else f"`{name}`"
    return f"| {shown} | {' | '.join(str(one or '') for one in counts)} | {why} |"


_SHORT = 70


def _short(reason: str) -> str:
    """The first words of a reason, without what belongs to one test alone."""
    text = reason.partition("; ")[0].partition(": ")[0] if len(reason) > _SHORT else reason
    text = " ".join(text.split()).replace("|", "\\|")
    return text if len(text) <= _SHORT else text[: _SHORT - 1].rstrip() + "…"


def document(outcomes: Mapping[str, Sequence[Outcome]], version: str, oldest: int) -> str:
    """The page."""
    every = [one for found in outcomes.values() for one in found]
    counts = {verdict: sum(one.verdict == verdict for one in every) for verdict in COUNTED}
    head = _HEAD.format(version=version, oldest=oldest, total=f"{len(every):,}", **counts)
    return head + "\n".join(rows(outcomes).values()) + "\n"


def document_rows(text: str) -> dict[str, str]:
    """The lines of the table in a page, by operator."""
    return dict(_named(line) for line in text.splitlines() if line.startswith(("| `", "| operators by")))


def _named(line: str) -> tuple[str, str]:
    name = line.split("|")[1].strip().strip("`")
    return (COMPOSED if name.startswith("operators") else name), line


def grouped(found: Iterable[tuple[str, Outcome]]) -> dict[str, list[Outcome]]:
    """Outcomes by operator."""
    groups: dict[str, list[Outcome]] = {}
    for operator, outcome in found:
        groups.setdefault(operator, []).append(outcome)
    return groups
