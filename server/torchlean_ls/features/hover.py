"""Hover: what a node computes, its operands and shapes, its parameters, who uses it; what a field means."""

from __future__ import annotations

import re

from lsprotocol import types

from torchlean_core.navigate.explain import explain
from torchlean_ls.client import Client
from torchlean_ls.documents import Snapshot
from torchlean_ls.features.base import Feature

_MARKS = re.compile(r"\*\*|`")
_LINK = re.compile(r"\[([^]]*)\]\(([^)]*)\)")


class Hover(Feature):
    """Answers `textDocument/hover`."""

    def register(self, client: Client) -> None:
        """Markdown where the client shows it, else plain text."""
        self._markdown = client.markdown("textDocument.hover.contentFormat")
        self.server.on_artifact(types.TEXT_DOCUMENT_HOVER, self._hover)

    def _hover(self, document: Snapshot, params: types.HoverParams) -> types.Hover | None:
        spot = document.spot(params.position)
        text = explain(document.links, spot) if spot is not None else None
        if spot is None or text is None:
            return None
        span = spot.span
        if spot.index is not None and not spot.on_key:
            span = document.report.document.node_span(spot.index) or span
        kind = types.MarkupKind.Markdown if self._markdown else types.MarkupKind.PlainText
        content = types.MarkupContent(kind, text if self._markdown else plain(text))
        return types.Hover(content, document.range(*span))


def plain(text: str) -> str:
    """Markdown without its marks."""
    return _LINK.sub(r"\1 (\2)", _MARKS.sub("", text))
