"""Inlay hints: kind and shape behind every parent id, the captured operator behind a kind; shapes in models."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from torchlean_core.navigate.hints import Hint, hints
from torchlean_ls.client import Client
from torchlean_ls.documents import Snapshot
from torchlean_ls.feature import Feature
from torchlean_ls.lsp import methods, types
from torchlean_ls.python.hints import python_hints

MAX_HINTS = 2_000
"""Hints of one answer, but for those of its last node; the log says of how many nodes they were left out."""


class InlayHints(Feature):
    """Answers `textDocument/inlayHint`."""

    def register(self, client: Client) -> None:
        """Hints are asked for by visible range."""
        self._refreshable = client.refreshes("inlayHint")
        self.server.on_artifact(methods.TEXT_DOCUMENT_INLAY_HINT, self._hints)
        self.server.on_python(methods.TEXT_DOCUMENT_INLAY_HINT, self._python_hints)

    def settings_change(self) -> None:
        """Ask the client to ask anew."""
        if self._refreshable:
            self.server.refresh(methods.WORKSPACE_INLAY_HINT_REFRESH)

    def _hints(self, document: Snapshot, params: types.InlayHintParams) -> types.Json:
        settings = self.server.settings
        start, end = document.offset(params.range.start), document.offset(params.range.end)
        found, left_out = hints(
            document.links,
            start,
            end,
            parents=settings.parent_hints,
            targets=settings.target_hints,
            limit=MAX_HINTS,
        )
        if left_out:
            self.server.note(f"the inlay hints of {left_out:,} more nodes are not shown")
        places = document.lines.positions([hint.offset for hint in found], document.encoding)
        return [_hint(hint, *place) for hint, place in zip(found, places, strict=True)]

    def _python_hints(
        self, document: Snapshot, params: types.InlayHintParams
    ) -> Generator[Any, Any, types.Json]:
        latest = yield self.server.live.ready(document)
        if latest is None or not self.server.settings.shape_hints:
            return []
        return python_hints(self.server.live, latest, params.range)


def _hint(hint: Hint, line: int, character: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "position": {"line": line, "character": character},
        "label": hint.label,
        "paddingLeft": True,
    }
    if hint.tooltip:
        found["tooltip"] = hint.tooltip
    return found
