"""Outline and workspace symbols: the nodes of a graph by id, kind, module and operator."""

from __future__ import annotations

from typing import Any

from lsprotocol import types

from torchlean_core.navigate.outline import Entry, entries, matches
from torchlean_core.text import no_collector
from torchlean_ls.client import Client
from torchlean_ls.documents import Snapshot
from torchlean_ls.features.base import Feature
from torchlean_ls.protocol import Plain
from torchlean_ls.uris import file_name

MAX_SYMBOLS = 1_000
"""Nodes of one outline; the last entry says how many were left out."""

MAX_FOUND = 200
"""Results of one search; the log says how many were left out."""

SYMBOL_KINDS = {
    "input": types.SymbolKind.Variable,
    "constant": types.SymbolKind.Constant,
    "layer": types.SymbolKind.Class,
    "tuple": types.SymbolKind.Array,
    "operation": types.SymbolKind.Function,
    "unknown": types.SymbolKind.Null,
}
_NUMBERS = {role: kind.value for role, kind in SYMBOL_KINDS.items()}


class Symbols(Feature):
    """Answers `textDocument/documentSymbol` and `workspace/symbol`."""

    def register(self, client: Client) -> None:
        """A tree where the client shows one, else a flat list."""
        self._tree = client.has("textDocument.documentSymbol.hierarchicalDocumentSymbolSupport")
        self.server.on_artifact(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL, self._outline)
        self.server.on(types.WORKSPACE_SYMBOL, self._search)

    def _outline(self, document: Snapshot, params: types.DocumentSymbolParams) -> Plain:
        count = len(document.report.records)
        shown = count if count <= MAX_SYMBOLS else MAX_SYMBOLS - 1
        with no_collector():  # nothing here makes cycles, and much is made
            return Plain(self._tree_or_list(document, shown, count))

    def _tree_or_list(self, document: Snapshot, shown: int, count: int) -> list[dict[str, Any]]:
        found = list(entries(document.links, 0, shown))
        span = document.report.document.node_span(shown) if shown < count else None
        if span is not None:
            note = f"… {count - shown:,} more nodes; search by id or kind"
            found.append(Entry(shown, note, "", "unknown", span))
        where = document.plain_ranges(entry.span for entry in found)
        if not self._tree:
            return [
                {
                    "name": entry.name,
                    "kind": _NUMBERS[entry.role],
                    "location": {"uri": document.uri, "range": whole},
                }
                for entry, whole in zip(found, where, strict=True)
            ]
        return [
            {
                "name": entry.name,
                "detail": entry.detail,
                "kind": _NUMBERS[entry.role],
                "range": whole,
                "selectionRange": {"start": whole["start"], "end": whole["start"]},
            }
            for entry, whole in zip(found, where, strict=True)
        ]

    def _search(self, params: types.WorkspaceSymbolParams) -> Plain:
        found: list[dict[str, Any]] = []
        left_out = 0
        for document in self.server.documents:
            if document.is_slow or not document.is_artifact or not self.server.settings.enable:
                continue  # a big file that is still being checked is searched when that is done
            for record in document.report.records:
                if record is None or not matches(record, params.query):
                    continue
                if len(found) == MAX_FOUND:
                    left_out += 1
                    continue
                for entry in entries(document.links, record.index, record.index + 1):
                    where = {"uri": document.uri, "range": document.plain_range(*entry.span)}
                    name = file_name(document.uri)
                    kind = _NUMBERS[entry.role]
                    found.append({"name": entry.name, "kind": kind, "location": where, "containerName": name})
        if left_out:
            self.server.note(f"{left_out:,} more nodes match {params.query!r} and are not shown")
        return Plain(found)
