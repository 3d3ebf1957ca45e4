"""Call hierarchy: the producers and consumers of a node."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torchlean_core.check.nodes import Record
from torchlean_core.check.places import place
from torchlean_core.navigate.outline import detail_of, entries, role_of
from torchlean_ls.client import Client
from torchlean_ls.documents import Snapshot
from torchlean_ls.feature import Feature
from torchlean_ls.features.symbols import SYMBOL_KINDS
from torchlean_ls.lsp import methods, types

MAX_CALLS = 500
"""Producers or consumers that are sent; the log says how many were left out."""


class CallHierarchy(Feature):
    """Answers `textDocument/prepareCallHierarchy` and what follows it.

    A consumer "calls" its operands, as an expression calls the functions whose results it uses.
    """

    def register(self, client: Client) -> None:
        """Items name their node by its id, which is looked up again in the version of then."""
        self.server.on_artifact(methods.TEXT_DOCUMENT_PREPARE_CALL_HIERARCHY, self._prepare)
        self.server.on(methods.CALL_HIERARCHY_INCOMING_CALLS, self._consumers)
        self.server.on(methods.CALL_HIERARCHY_OUTGOING_CALLS, self._producers)

    def _prepare(
        self, document: Snapshot, params: types.CallHierarchyPrepareParams
    ) -> list[types.CallHierarchyItem] | None:
        spot = document.spot(params.position)
        if spot is None:
            return None
        named = document.links.named(spot)
        if named is None and spot.index is not None:
            record = document.report.records[spot.index]
        else:
            record = document.links.record(named) if named is not None else None
        return [_item(document, record)] if record is not None else None

    def _consumers(
        self, params: types.CallHierarchyIncomingCallsParams
    ) -> list[types.CallHierarchyIncomingCall] | None:
        found = self._find(params.item)
        if found is None:
            return None
        document, record = found
        places: dict[int, list[int]] = {}
        for index, position in document.links.users_of(record.ref):
            places.setdefault(index, []).append(position)
        calls = []
        for index in self._capped(places, "consumers"):
            user = document.report.records[index]
            if user is not None:
                calls.append(
                    types.CallHierarchyIncomingCall(
                        _item(document, user), _ranges(document, user, places[index])
                    )
                )
        return calls

    def _producers(
        self, params: types.CallHierarchyOutgoingCallsParams
    ) -> list[types.CallHierarchyOutgoingCall] | None:
        found = self._find(params.item)
        if found is None:
            return None
        document, record = found
        places: dict[int, list[int]] = {}
        for position, parent in enumerate(document.links.parents(record)):
            if parent is not None:
                places.setdefault(parent.index, []).append(position)
        calls = []
        for index in self._capped(places, "producers"):
            parent = document.report.records[index]
            if parent is not None:
                ranges = _ranges(document, record, places[index])
                calls.append(types.CallHierarchyOutgoingCall(_item(document, parent), ranges))
        return calls

    def _capped(self, places: Iterable[int], what: str) -> list[int]:
        found = list(places)
        if len(found) > MAX_CALLS:
            self.server.note(f"{len(found) - MAX_CALLS:,} more {what} are not shown")
        return found[:MAX_CALLS]

    def _find(self, item: types.CallHierarchyItem) -> tuple[Snapshot, Record] | None:
        """The node of an item in the present version."""
        document = self.server.documents.get(item.uri)
        data: Any = item.data
        node_id = data.get("node") if isinstance(data, dict) else None
        if document is None or not document.is_artifact or type(node_id) is not int:
            return None
        record = document.links.record(node_id)
        return (document, record) if record is not None else None


def _item(document: Snapshot, record: Record) -> types.CallHierarchyItem:
    entry = next(entries(document.links, record.index, record.index + 1))
    text = document.report.document
    return types.CallHierarchyItem(
        name=entry.name,
        kind=SYMBOL_KINDS[role_of(document.links, record)],
        uri=document.uri,
        range=document.range(*entry.span),
        selection_range=document.range(*place(text, record.index, ("id",))),
        detail=detail_of(record),
        data={"node": record.ref},
    )


def _ranges(document: Snapshot, record: Record, positions: list[int]) -> list[types.Range]:
    text = document.report.document
    return [document.range(*place(text, record.index, ("parents", one))) for one in positions]
