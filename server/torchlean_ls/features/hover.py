"""Hover: what a node computes, its operands, parameters and users; what a field means; shapes in models."""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import Any

from torchlean_core.check.nodes import Record
from torchlean_core.lean import find_project
from torchlean_core.navigate.explain import explain, tells_dialect
from torchlean_ls.client import Client
from torchlean_ls.documents import Snapshot
from torchlean_ls.feature import Feature
from torchlean_ls.lsp import methods, types
from torchlean_ls.python.expressions import expression_of
from torchlean_ls.python.hovers import python_hover
from torchlean_ls.uris import file_path

_MARKS = re.compile(r"\*\*|`")
_LINK = re.compile(r"\[([^]]*)\]\(([^)]*)\)")


class Hover(Feature):
    """Answers `textDocument/hover`."""

    def register(self, client: Client) -> None:
        """Markdown where the client shows it, else plain text."""
        self._markdown = client.markdown("textDocument.hover.contentFormat")
        self.server.on_artifact(methods.TEXT_DOCUMENT_HOVER, self._hover)
        self.server.on_python(methods.TEXT_DOCUMENT_HOVER, self._python_hover)

    def _python_hover(
        self, document: Snapshot, params: types.HoverParams
    ) -> Generator[Any, Any, types.Hover | None]:
        self.server.live.touched(document.uri, params.position.line)
        latest = yield self.server.live.ready(document)
        told = (
            (yield from python_hover(self.server.live, latest, params.position))
            if latest is not None
            else None
        )
        if told is None or latest is None:
            return None
        return types.Hover(self._content(told[0]), latest.range(*told[1]))

    def _content(self, text: str) -> types.MarkupContent:
        kind = types.MarkupKind.Markdown if self._markdown else types.MarkupKind.PlainText
        return types.MarkupContent(kind, text if self._markdown else plain(text))

    def _hover(
        self, document: Snapshot, params: types.HoverParams
    ) -> Generator[Any, Any, types.Hover | None]:
        spot = document.spot(params.position)
        path = file_path(document.uri)

        def expression(record: Record) -> str | None:
            if path is None:
                return None
            return expression_of(document.report.document.value, record, path, self.server.sources)

        reads = None
        if spot is not None and tells_dialect(spot) and path is not None:
            project = yield self.server.in_thread(find_project, path.parent)
            reads = None if project is None else project.dialect
        text = explain(document.links, spot, expression, reads) if spot is not None else None
        if spot is None or text is None:
            return None
        span = spot.span
        if spot.index is not None and not spot.on_key:
            span = document.report.document.node_span(spot.index) or span
        return types.Hover(self._content(text), document.range(*span))


def plain(text: str) -> str:
    """Markdown without its marks."""
    return _LINK.sub(r"\1 (\2)", _MARKS.sub("", text))
