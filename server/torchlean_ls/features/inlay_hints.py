"""Inlay hints: kind and shape behind every parent id, the captured operator behind a kind."""

from __future__ import annotations

from typing import Any

from lsprotocol import types

from torchlean_core.navigate.hints import Hint, hints
from torchlean_ls.client import Client
from torchlean_ls.documents import Snapshot
from torchlean_ls.features.base import Feature
from torchlean_ls.protocol import Plain

MAX_HINTS = 2_000
"""Hints of one answer; the log says how many were left out."""


class InlayHints(Feature):
    """Answers `textDocument/inlayHint`."""

    def register(self, client: Client) -> None:
        """Hints are asked for by visible range."""
        self._refreshable = client.refreshes("inlayHint")
        self.server.on_artifact(types.TEXT_DOCUMENT_INLAY_HINT, self._hints)

    def settings_change(self) -> None:
        """Ask the client to ask anew."""
        if self._refreshable:
            self.server.workspace_inlay_hint_refresh(None)

    def _hints(self, document: Snapshot, params: types.InlayHintParams) -> Plain:
        settings = self.server.settings
        start, end = document.offset(params.range.start), document.offset(params.range.end)
        shown: list[dict[str, Any]] = []
        left_out = 0
        for hint in hints(
            document.links, start, end, parents=settings.parent_hints, targets=settings.target_hints
        ):
            if len(shown) < MAX_HINTS:
                shown.append(_hint(document, hint))
            else:
                left_out += 1
        if left_out:
            self.server.note(f"{left_out:,} more inlay hints are not shown")
        return Plain(shown)


def _hint(document: Snapshot, hint: Hint) -> dict[str, Any]:
    line, character = document.lines.position(hint.offset, document.encoding)
    found: dict[str, Any] = {
        "position": {"line": line, "character": character},
        "label": hint.label,
        "paddingLeft": True,
    }
    if hint.tooltip:
        found["tooltip"] = hint.tooltip
    return found
