"""Rename a node: another id, wherever it is named."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from torchlean_core.navigate.rename import RenameRefused, rename_edits
from torchlean_ls.client import Client
from torchlean_ls.documents import BIG, Snapshot
from torchlean_ls.edits import workspace_edit
from torchlean_ls.feature import Feature
from torchlean_ls.lsp import methods, types
from torchlean_ls.refused import Refused


class Rename(Feature):
    """Answers `textDocument/rename` and `textDocument/prepareRename`."""

    def register(self, client: Client) -> None:
        """Both requests, whether or not the client prepares."""
        self.server.on_artifact(methods.TEXT_DOCUMENT_RENAME, self._rename)
        self.server.on_artifact(methods.TEXT_DOCUMENT_PREPARE_RENAME, self._prepare)

    def _prepare(
        self, document: Snapshot, params: types.PrepareRenameParams
    ) -> types.PrepareRenamePlaceholder | None:
        spot = document.spot(params.position)
        node_id = document.links.named(spot) if spot is not None else None
        if spot is None or node_id is None or not document.links.declarations(node_id):
            return None
        return types.PrepareRenamePlaceholder(document.range(*spot.span), str(node_id))

    def _rename(
        self, document: Snapshot, params: types.RenameParams
    ) -> Generator[Any, Any, types.WorkspaceEdit | None]:
        spot = document.spot(params.position)
        node_id = document.links.named(spot) if spot is not None else None
        if node_id is None:
            raise Refused(
                "no node id stands here: ids, parents, and the ids of inputs and outputs can be renamed"
            )
        try:
            if len(document.text) < BIG:
                edits = rename_edits(document.links, node_id, params.new_name)
            else:
                work = rename_edits, document.links, node_id, params.new_name
                edits = yield self.server.on_document(document, *work)
        except RenameRefused as error:
            raise Refused(str(error)) from error
        if self.server.documents.get(document.uri) is not document:
            raise Refused("the file was edited meanwhile; rename again")
        return workspace_edit(document, edits, versioned=self.server.client.versioned_edits)
