"""Folding and selection ranges: nodes, and the values in them."""

from __future__ import annotations

import itertools
from typing import Any

from torchlean_core.navigate.outline import folds
from torchlean_ls.client import Client
from torchlean_ls.documents import Snapshot
from torchlean_ls.feature import Feature
from torchlean_ls.lsp import methods, types

MAX_FOLDS = 5_000
"""Ranges of one answer, unless the client wants fewer; the log says how many were left out."""
_SPARE = 100
"""Ranges that are looked at beyond the limit: some are on one line and cannot be folded."""

MAX_SELECTIONS = 100
"""Ranges around one position, each in the next as JSON: more could not be written, or be read by an editor."""
_OUTERMOST = 4
"""Of those, how many are the outermost where there are more: the text, the root, its nodes, and the node."""


class Folding(Feature):
    """Answers `textDocument/foldingRange` and `textDocument/selectionRange`."""

    def register(self, client: Client) -> None:
        """As many ranges as the client wants."""
        limit = client.get("textDocument.foldingRange.rangeLimit")
        self._limit = min(limit, MAX_FOLDS) if type(limit) is int and limit > 0 else MAX_FOLDS
        self.server.on_artifact(methods.TEXT_DOCUMENT_FOLDING_RANGE, self._folds)
        self.server.on_artifact(methods.TEXT_DOCUMENT_SELECTION_RANGE, self._selections)

    def _folds(self, document: Snapshot, params: types.FoldingRangeParams) -> types.Json:
        found: list[dict[str, Any]] = []
        spans = list(itertools.islice(folds(document.links), self._limit + _SPARE))
        left_out = max(0, len(document.report.records) - len(spans))
        offsets = [offset for start, end in spans for offset in (start, max(end - 1, start))]
        places = document.lines.positions(offsets)
        for (first, _), (last, _) in zip(places[::2], places[1::2], strict=True):
            if last - first < 2:
                continue  # the line of the closing bracket stays in sight
            if len(found) < self._limit:
                found.append({"startLine": first, "endLine": last - 1, "kind": "region"})
            else:
                left_out += 1
        if left_out:
            self.server.note(f"{left_out:,} more ranges cannot be folded")
        return found

    def _selections(
        self, document: Snapshot, params: types.SelectionRangeParams
    ) -> list[types.SelectionRange] | None:
        return [self._selection(document, position) for position in params.positions]

    def _selection(self, document: Snapshot, position: types.Position) -> types.SelectionRange:
        """The ranges around a position from the whole text down to the value."""
        text = document.report.document
        spans: list[tuple[int, int]] = [(0, len(text.text))]
        if text.root is not None:
            spans.append((text.root.start, text.root.end))
        spot = document.spot(position)
        if spot is not None:
            if spot.index is not None and text.spans is not None:
                spans.append((text.spans.opening, min(text.spans.closing + 1, len(text.text))))
            spans += [*reversed(spot.around), spot.span]
        offset = document.offset(position)
        chain: list[tuple[int, int]] = []
        for start, end in spans:
            if start <= offset <= end and (
                not chain or (chain[-1] != (start, end) and chain[-1][0] <= start and end <= chain[-1][1])
            ):
                chain.append((start, end))
        if len(chain) > MAX_SELECTIONS:
            chain[_OUTERMOST : len(chain) - MAX_SELECTIONS + _OUTERMOST] = []
        selection: types.SelectionRange | None = None
        for start, end in chain:
            selection = types.SelectionRange(document.range(start, end), selection)
        assert selection is not None, "the whole text holds every position"
        return selection
