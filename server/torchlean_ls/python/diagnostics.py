"""Findings about Python files as the protocol has them: plain JSON."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torchlean_core.capture.errors import Call
from torchlean_core.check import Finding
from torchlean_ls.documents import Snapshot
from torchlean_ls.findings import plain_diagnostic, typed
from torchlean_ls.lsp import types
from torchlean_ls.uris import plain_uri

if TYPE_CHECKING:
    from torchlean_ls.host import Host


def python_diagnostics(server: Host, document: Snapshot, findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Findings with spans; related information leads from the model's `forward` down to each."""
    found = []
    for finding in findings:
        if finding.span is None:
            continue
        one = plain_diagnostic(finding, document.plain_range(*finding.span))
        calls: tuple[Call, ...] = finding.data.get("calls", ())
        if calls:
            one["relatedInformation"] = [
                {"location": _location(server, call), "message": f"called by {call.function}"}
                for call in calls
            ]
        found.append(one)
    return found


def typed_diagnostic(server: Host, document: Snapshot, finding: Finding) -> types.Diagnostic:
    """One finding in the protocol's types, for answers that have those."""
    [one] = python_diagnostics(server, document, [finding])
    return typed(one)


def _location(server: Host, call: Call) -> dict[str, Any]:
    """Where a call stands; columns are counted in the text that ran."""
    lines = server.live.lines_of(os.path.realpath(call.file))
    encoding = server.documents.encoding

    def position(line: int, column: int) -> dict[str, int]:
        text = lines[line - 1] if lines is not None and line <= len(lines) else ""
        prefix = text[:column]
        return {"line": line - 1, "character": encoding.units(prefix) + column - len(prefix)}

    span = call.span
    where = {"start": position(span.line, span.column), "end": position(span.end_line, span.end_column)}
    return {"uri": plain_uri(Path(call.file)), "range": where}
