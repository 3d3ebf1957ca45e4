"""Inlay hints of a Python file: the shapes that the last capture saw, at the ends of lines."""

from __future__ import annotations

from typing import Any

from torchlean_core.live import hints
from torchlean_ls.documents import Snapshot
from torchlean_ls.lsp import types
from torchlean_ls.python.live import Live


def python_hints(live: Live, document: Snapshot, where: types.Range) -> list[dict[str, Any]]:
    """The hints of the lines in a range, as plain JSON."""
    found = []
    for hint in hints(live.views(document), where.start.line + 1, where.end.line + 1):
        end = document.lines.line_span(hint.line - 1)[1]
        found.append(
            {
                "position": document.plain_range(end, end)["end"],
                "label": hint.label,
                "tooltip": hint.tooltip,
                "paddingLeft": True,
            }
        )
    return found
