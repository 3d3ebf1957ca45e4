"""Formatting to the canonical form: one node per line; never changes what a file means."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from torchlean_core.artifact.layout import CannotFormat, format_document, format_node, require_sound
from torchlean_core.check.fixes.edit import Edit
from torchlean_ls.client import Client
from torchlean_ls.documents import BIG, Snapshot
from torchlean_ls.edits import text_edits
from torchlean_ls.feature import Feature
from torchlean_ls.lsp import methods, types


class Formatting(Feature):
    """Answers `textDocument/formatting` and `textDocument/rangeFormatting`."""

    def register(self, client: Client) -> None:
        """The whole text, or the nodes in a range."""
        self.server.on(methods.TEXT_DOCUMENT_FORMATTING, self._format)
        self.server.on_artifact(methods.TEXT_DOCUMENT_RANGE_FORMATTING, self._format_range)

    def _format(
        self, params: types.DocumentFormattingParams
    ) -> Generator[Any, Any, list[types.TextEdit] | None]:
        document = self.server.documents.get(params.text_document.uri)
        if document is None or not self.server.settings.enable or not document.is_artifact:
            return None
        if document.is_slow:
            document = yield self.server.checked(document)
        if document is None:
            return None
        checked: Snapshot = document
        text: str
        try:
            if len(checked.text) < BIG:
                text = format_document(checked.report.document)
            else:
                text = yield self.server.in_thread(format_document, checked.report.document)
        except CannotFormat as error:
            self.server.note(f"not formatted: {error}")  # a message at every save would be in the way
            return None
        if self.server.documents.get(checked.uri) is not checked:
            return None  # it was edited meanwhile
        return text_edits(checked, _difference(checked.text, text))

    def _format_range(
        self, document: Snapshot, params: types.DocumentRangeFormattingParams
    ) -> list[types.TextEdit] | None:
        text = document.report.document
        if text.spans is None:
            return None
        start, end = document.offset(params.range.start), document.offset(params.range.end)
        first, last = text.spans.touched(start, end)
        edits = []
        try:
            require_sound(text)
            for index in range(first, last):
                new, span = format_node(text, index), text.node_span(index)
                if new is not None and span is not None:
                    edits += [
                        Edit(span[0] + one.start, span[0] + one.end, one.text)
                        for one in _difference(document.text[span[0] : span[1]], new)
                    ]
        except CannotFormat as error:
            self.server.note(f"not formatted: {error}")
            return None
        return text_edits(document, edits)


def _difference(old: str, new: str) -> list[Edit]:
    """One edit of what differs between two texts; none where nothing does."""
    if old == new:
        return []
    head = _common(old, new)
    tail = _common(old[head:][::-1], new[head:][::-1])
    if head and old[head - 1] == "\r":
        head -= 1  # a line end stays whole
    return [Edit(head, len(old) - tail, new[head : len(new) - tail])]


def _common(a: str, b: str) -> int:
    """How many characters two texts begin with in common, by halving: comparing slices is quick."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
