"""Outline and workspace symbols: the nodes of a graph by id, kind, module and operator."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torchlean_core.navigate.outline import Entry, entries, matches, search_texts
from torchlean_core.text import no_collector
from torchlean_ls.client import Client
from torchlean_ls.documents import Snapshot
from torchlean_ls.feature import Feature
from torchlean_ls.lsp import methods, types
from torchlean_ls.symbol_index import SymbolIndex
from torchlean_ls.uris import file_name

if TYPE_CHECKING:
    from torchlean_ls.host import Host

MAX_SYMBOLS = 1_000
"""Nodes of one outline; the last entry says how many were left out."""

MAX_FOUND = 200
"""Results of one search; the log says how many were left out."""

SLICE_SECONDS = 0.05
"""How long files are searched before others may use the thread."""

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

    def __init__(self, server: Host) -> None:
        super().__init__(server)
        self._index = SymbolIndex()

    def register(self, client: Client) -> None:
        """A tree where the client shows one, else a flat list."""
        self._tree = client.has("textDocument.documentSymbol.hierarchicalDocumentSymbolSupport")
        self.server.on_artifact(methods.TEXT_DOCUMENT_DOCUMENT_SYMBOL, self._outline)
        self.server.on(methods.WORKSPACE_SYMBOL, self._search)

    def _outline(self, document: Snapshot, params: types.DocumentSymbolParams) -> types.Json:
        count = len(document.report.records)
        shown = count if count <= MAX_SYMBOLS else MAX_SYMBOLS - 1
        with no_collector():  # nothing here makes cycles, and much is made
            return self._tree_or_list(document, shown, count)

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

    async def _search(self, params: types.WorkspaceSymbolParams) -> types.Json:
        """The nodes that match, of the open documents as they are there, then of the other files of the workspace."""
        if not self.server.settings.enable:
            return []
        found: list[dict[str, Any]] = []
        left_out = 0
        for document in self.server.documents:
            if document.is_slow or not document.is_artifact:
                continue  # a big file that is still being checked is searched when that is done
            for record in document.report.records:
                if record is None or not matches(search_texts(record), params.query):
                    continue
                if len(found) == MAX_FOUND:
                    left_out += 1
                    continue
                for entry in entries(document.links, record.index, record.index + 1):
                    where = document.plain_range(*entry.span)
                    found.append(_symbol(document.uri, entry.name, entry.role, where))
        files = list((await self.server.unopened.all()).items())
        await self.server.in_thread(self._index.keep_only, {path for _, path in files})
        done = 0
        while done < len(files) and len(found) < MAX_FOUND:
            # In turns: other requests and other long work come between, and a search that is cancelled ends here.
            searched, more, unshown = await self.server.in_thread(
                self._search_files,
                files[done:],
                self.server.unopened.open_paths(),
                params.query,
                MAX_FOUND - len(found),
            )
            done += searched
            found += more
            left_out += unshown
        self._say_what_is_left_out(params.query, left_out, len(files) - done)
        return found

    def _search_files(
        self, files: list[tuple[str, Path]], skipped: set[Path], query: str, limit: int
    ) -> tuple[int, list[dict[str, Any]], int]:
        """Search files for a moment, in the thread.

        Returns:
            How many files were searched, what was found, and how many nodes more match in these files.
        """
        found: list[dict[str, Any]] = []
        left_out = 0
        until = time.monotonic() + SLICE_SECONDS
        for searched, (uri, path) in enumerate(files):
            if searched and (time.monotonic() > until or len(found) == limit):
                return searched, found, left_out
            nodes = None if path in skipped else self._index.of(path, self.server.documents.encoding)
            for one in nodes.matching(query) if nodes is not None else ():
                if len(found) == limit:
                    left_out += 1
                else:
                    found.append(_symbol(uri, one.name, one.role, one.range))
        return len(files), found, left_out

    def _say_what_is_left_out(self, query: str, nodes: int, files: int) -> None:
        notes = [f"{nodes:,} more nodes match {query!r} and are not shown"] if nodes else []
        notes += [f"{files:,} artifacts that are not open were not searched for {query!r}"] if files else []
        if notes:
            self.server.note("; ".join(notes))


def _symbol(uri: str, name: str, role: str, where: dict[str, Any]) -> dict[str, Any]:
    location = {"uri": uri, "range": where}
    return {"name": name, "kind": _NUMBERS[role], "location": location, "containerName": file_name(uri)}
