"""Find references and document highlight: every place that names a node; the nodes of an expression."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from torchlean_core.check.places import place
from torchlean_core.navigate import Use
from torchlean_ls.client import Client
from torchlean_ls.documents import Snapshot
from torchlean_ls.feature import Feature
from torchlean_ls.lsp import methods, types
from torchlean_ls.python.links import node_locations

MAX_REFERENCES = 2_000
"""Places that are sent; the log says how many were left out."""


class References(Feature):
    """Answers `textDocument/references` and `textDocument/documentHighlight`."""

    def register(self, client: Client) -> None:
        """Every client gets plain locations."""
        self.server.on_artifact(methods.TEXT_DOCUMENT_REFERENCES, self._references)
        self.server.on_python(methods.TEXT_DOCUMENT_REFERENCES, self._of_expression)
        self.server.on_artifact(methods.TEXT_DOCUMENT_DOCUMENT_HIGHLIGHT, self._highlights)

    def _of_expression(
        self, document: Snapshot, params: types.ReferenceParams
    ) -> Generator[Any, Any, list[types.Location] | None]:
        latest = yield self.server.live.ready(document)
        if latest is None:
            return None
        return (yield from node_locations(self.server.live, latest, params.position))

    def _references(self, document: Snapshot, params: types.ReferenceParams) -> list[types.Location] | None:
        node_id = self._node_id(document, params.position)
        if node_id is None:
            return None
        links = document.links
        uses = list(links.declarations(node_id)) if params.context.include_declaration else []
        uses += links.uses(node_id)
        return [types.Location(document.uri, one) for one in self._ranges(document, uses, node_id)]

    def _highlights(
        self, document: Snapshot, params: types.DocumentHighlightParams
    ) -> list[types.DocumentHighlight] | None:
        node_id = self._node_id(document, params.position)
        if node_id is None:
            return None
        written = document.links.declarations(node_id)
        read = list(document.links.uses(node_id))
        kinds = types.DocumentHighlightKind
        found = [
            types.DocumentHighlight(one, kinds.Write) for one in self._ranges(document, written, node_id)
        ]
        return found + [
            types.DocumentHighlight(one, kinds.Read) for one in self._ranges(document, read, node_id)
        ]

    def _node_id(self, document: Snapshot, position: types.Position) -> int | None:
        """The node that is named at a position, or that begins there."""
        spot = document.spot(position)
        if spot is None:
            return None
        named = document.links.named(spot)
        if named is None and spot.index is not None and spot.path in ((), ("kind",)):
            record = document.report.records[spot.index]
            return record.id if record is not None else None
        return named

    def _ranges(self, document: Snapshot, uses: list[Use], node_id: int) -> list[types.Range]:
        if len(uses) > MAX_REFERENCES:
            left_out = len(uses) - MAX_REFERENCES
            self.server.note(f"node {node_id}: {left_out:,} more places that name it are not shown")
        text = document.report.document
        return [document.range(*place(text, use.index, use.path)) for use in uses[:MAX_REFERENCES]]
