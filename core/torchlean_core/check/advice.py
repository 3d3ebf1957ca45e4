"""Findings that are no errors: what is worth knowing of a node, as its kind's entry has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torchlean_core.check.findings import Finding
from torchlean_core.check.rules import RULES
from torchlean_core.kinds import Kind


def advise(
    index: int,
    node_id: int | None,
    kind: Kind,
    shape: list[int] | None,
    fields: Mapping[str, Any],
    findings: list[Finding],
) -> None:
    """Append what a kind's entry advises (TL401, TL402, TL404, TL406) for one tensor-valued node.

    Of TL402 the checker keeps the first in a file.

    Args:
        index: Place of the node.
        node_id: Its raw id.
        kind: Its kind.
        shape: Its declared shape; None where it cannot be read.
        fields: Its own and extra fields.
        findings: Where to append.
    """
    note = None if kind.advice is None else kind.advice(fields, shape)
    if note is not None:
        severity = RULES[note.code].severity
        findings.append(Finding(note.code, severity, note.message, index, node_id, (note.field,)))
