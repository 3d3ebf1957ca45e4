"""Diagnostics of open artifacts: pulled where the client can pull, pushed otherwise, never both."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any

from torchlean_core.check import Finding
from torchlean_ls.client import Client
from torchlean_ls.documents import Snapshot
from torchlean_ls.feature import Feature
from torchlean_ls.findings import diagnostics
from torchlean_ls.lsp import methods, types
from torchlean_ls.python.diagnostics import python_diagnostics

if TYPE_CHECKING:
    from torchlean_ls.host import Host


class Diagnostics(Feature):
    """Sends what the checker finds, as one types or after saving, as the settings say."""

    def __init__(self, server: Host) -> None:
        super().__init__(server)
        self.pulled = False
        self._due: dict[str, asyncio.Handle] = {}
        self._checking: dict[str, asyncio.Task[None]] = {}
        self._saved: dict[str, int] = {}  # serial of the version of each document that was saved last
        self._epoch = 0  # how often settings, or the files beside a document, changed
        self._said: set[str] = set()  # Python files that something was pushed of
        self._refreshable = False
        # Of a client that pulls and cannot be asked to: what it was answered last, and documents it was told more of.
        self._answered: dict[str, list[dict[str, Any]]] = {}
        self._told: set[str] = set()

    def register(self, client: Client) -> None:
        """Pull where the client can; else push.

        A client that pulls and cannot be asked to pull anew (Neovim 0.11) would not hear of what other files and
        captures change: that alone is pushed to it, until it pulls the next time.
        """
        self.pulled = client.pulls
        self._refreshable = client.refreshes("diagnostics")
        if self.pulled:
            self.server.on(methods.TEXT_DOCUMENT_DIAGNOSTIC, self._pull)

    def _pull(self, params: types.DocumentDiagnosticParams) -> Generator[Any, Any, types.Json]:
        """Answer when a big document has been checked."""
        document = self.server.documents.get(params.text_document.uri)
        if document is not None and document.is_slow and self._is_shown(document):
            document = yield self.server.checked(document)
        return self._answer(document, params.previous_result_id)

    def _answer(self, document: Snapshot | None, previous: str | None) -> dict[str, Any]:
        """The report of a document whose check is at hand, or need not be; what was told besides is in it, too."""
        answer = self._answer_of(document, previous)
        if document is not None and not self._refreshable:
            if "items" in answer:
                self._answered[document.uri] = answer["items"]
            if document.uri in self._told:
                self._told.discard(document.uri)
                self._publish({"uri": document.uri, "diagnostics": []})
        return answer

    def _answer_of(self, document: Snapshot | None, previous: str | None) -> dict[str, Any]:
        if document is not None and previous is not None and not self._is_shown(document):
            return {"kind": "unchanged", "resultId": previous}
        if document is None or not (document.is_artifact or document.is_python):
            return {"kind": "full", "items": []}
        result = f"{document.serial}.{self._epoch}"
        if previous == result:
            return {"kind": "unchanged", "resultId": result}
        return {"kind": "full", "items": self._items(document), "resultId": result}

    def _is_shown(self, document: Snapshot) -> bool:
        """Whether this version is one that findings are shown of, by the setting `validate`."""
        if self.server.settings.validate != "onSave":
            return True
        return self._saved.get(document.uri) == document.serial

    def _items(self, document: Snapshot) -> list[dict[str, Any]]:
        settings = self.server.settings
        if not settings.enable or settings.validate == "off" or not self._is_shown(document):
            return []
        if document.is_python:
            return python_diagnostics(self.server, document, self.server.python_findings(document))
        found = [*document.report.findings, *self.server.companion_findings(document.uri)]
        return diagnostics(document, self.server.folders.wanted(document.uri, found))

    def push_file(self, document: Snapshot, found: list[Finding]) -> None:
        """Push what was found in a Python file that is not open."""
        items = python_diagnostics(self.server, document, self.server.folders.wanted(document.uri, found))
        self._publish({"uri": document.uri, "diagnostics": items})

    def clear_file(self, uri: str) -> None:
        """Clear what was pushed of a file that is not open."""
        self._clear(uri)

    def document_open(self, document: Snapshot) -> None:
        """Push at once."""
        self._saved[document.uri] = document.serial
        self._push(document.uri)

    def document_save(self, document: Snapshot) -> None:
        """Show what was held back until now."""
        self._saved[document.uri] = document.serial
        if self.server.settings.validate == "onSave":
            self._show_again()

    def document_change(self, document: Snapshot) -> None:
        """Push when the changes that wait already have been read, once for all of them."""
        if self.pulled or not self._is_shown(document):
            return
        if (waiting := self._due.pop(document.uri, None)) is not None:
            waiting.cancel()
        self._due[document.uri] = asyncio.get_running_loop().call_later(0.01, self._push, document.uri)

    def settings_change(self) -> None:
        """Push again, or ask the client to pull again."""
        self._epoch += 1
        self._show_again()

    def findings_change(self, uri: str) -> None:
        """Push again, or ask the client to pull again."""
        self._epoch += 1
        if not self.pulled:
            self._push(uri)
        elif self._refreshable:
            self.server.refresh(methods.WORKSPACE_DIAGNOSTIC_REFRESH)
        else:
            self._tell(uri)

    def _show_again(self) -> None:
        if not self.pulled:
            for document in self.server.documents:
                self._push(document.uri)
        elif self._refreshable:
            self.server.refresh(methods.WORKSPACE_DIAGNOSTIC_REFRESH)
        else:
            for document in self.server.documents:
                self._tell(document.uri)

    def _tell(self, uri: str) -> None:
        """Push what a client that pulls does not know yet, and what it was told before is no more."""
        document = self.server.documents.get(uri)
        if document is None or document.is_slow or not (document.is_artifact or document.is_python):
            return
        known = self._answered.get(uri, [])
        new = [item for item in self._items(document) if item not in known]
        if new or uri in self._told:
            self._publish({"uri": uri, "diagnostics": new, "version": document.version})
            (self._told.add if new else self._told.discard)(uri)

    def document_close(self, uri: str) -> None:
        """Clear what was pushed."""
        self._saved.pop(uri, None)
        self._answered.pop(uri, None)
        if uri in self._told:
            self._told.discard(uri)
            self._publish({"uri": uri, "diagnostics": []})
        self._clear(uri)

    def files_change(self, changes: Mapping[str, bool]) -> None:
        """Clear what was pushed of files that are gone."""
        for uri, gone in changes.items():
            if gone:
                self._clear(uri)

    def _clear(self, uri: str) -> None:
        if (waiting := self._due.pop(uri, None)) is not None:
            waiting.cancel()
        if not self.pulled:
            self._publish({"uri": uri, "diagnostics": []})

    def _push(self, uri: str) -> None:
        self._due.pop(uri, None)
        document = self.server.documents.get(uri)
        if self.pulled or document is None:
            return
        if not document.is_artifact and not (document.is_python and self._concerns(uri)):
            return
        if document.is_slow and document.is_artifact:
            if uri not in self._checking:
                self._checking[uri] = asyncio.ensure_future(self._push_later(document))
            return
        self._publish({"uri": uri, "diagnostics": self._items(document), "version": document.version})

    def _publish(self, params: dict[str, Any]) -> None:
        self.server.protocol.notify(methods.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS, params)

    def _concerns(self, uri: str) -> bool:
        """Whether there is something to say of a Python file, or was before."""
        document = self.server.documents.get(uri)
        found = document is not None and bool(self.server.python_findings(document))
        said = uri in self._said
        (self._said.add if found else self._said.discard)(uri)
        return found or said

    async def _push_later(self, document: Snapshot) -> None:
        """Push when a big document has been checked; the one task covers versions that come meanwhile."""
        try:
            latest = await self.server.checked(document)
        finally:
            self._checking.pop(document.uri, None)
        if latest is not None:
            self._push(latest.uri)
