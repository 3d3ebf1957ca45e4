"""What a generated module's artifact means for the module: findings on its header."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from torchlean_core.artifact.load import graph_of
from torchlean_core.basics.reading import MOST_ARTIFACT, read_regular
from torchlean_core.check.checker import check_bytes
from torchlean_core.check.findings import Finding
from torchlean_core.check.report import Report
from torchlean_core.check.rules import RULES
from torchlean_core.companions.judge import judge_module
from torchlean_core.emit.provenance import header_span, read_header
from torchlean_core.errors import UserError
from torchlean_core.graph import Program, lower


def is_generated(text: str) -> bool:
    """Whether a Python file was generated from an artifact; costs next to nothing for others."""
    return read_header(text[:20_000]) is not None


def artifact_of(module: Path, text: str) -> Path | None:
    """The artifact that a generated module names; None where the file was not generated."""
    found = read_header(text)
    return None if found is None else module.parent / found[0].artifact


def module_findings(
    module: Path,
    text: str,
    *,
    report: Callable[[Path], Report | None] | None = None,
    values: bool = True,
) -> list[Finding]:
    """What is wrong with a generated module, as findings whose `span` is its header in `text`.

    Args:
        module: Where the module is.
        text: Its text, which may be newer than the file.
        report: What the checker says of an artifact that is open in an editor; None, or an answer None, for
            the file as it is on disk.
        values: Whether the hash of a parameter file whose metadata have none may be computed, which reads it.
    """
    artifact = artifact_of(module, text)
    if artifact is None:
        return []
    judged = judge_module(text, module, artifact, _program(artifact, report), values=values)
    if judged is None:
        return []
    data = {"module": str(module), "artifact": str(artifact)}
    severity = RULES[judged.code].severity
    return [Finding(judged.code, severity, judged.message, span=header_span(text), data=data)]


def _program(artifact: Path, report: Callable[[Path], Report | None] | None) -> Program | None:
    """The artifact, lowered; None where it is gone or has errors, which is said of it itself."""
    known = report(artifact) if report is not None else None
    try:
        if known is None:
            if not artifact.is_file():
                return None
            known = check_bytes(read_regular(artifact, MOST_ARTIFACT))
        return lower(graph_of(known, artifact.name)) if known.ok else None
    except (OSError, UserError):
        return None
