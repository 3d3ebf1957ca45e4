"""Diagnostics of open artifacts: pulled where the client can pull, pushed otherwise, never both."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from torchlean_core.check import RULES, Finding, Severity
from torchlean_core.check.places import place
from torchlean_ls.client import Client
from torchlean_ls.documents import Snapshot
from torchlean_ls.features.base import Feature

if TYPE_CHECKING:
    from torchlean_ls.server import Server

MAX_DIAGNOSTICS = 1_000
"""Diagnostics of one document that are sent; the last one says how many more there are."""

_SEVERITY = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
    Severity.INFORMATION: types.DiagnosticSeverity.Information,
    Severity.HINT: types.DiagnosticSeverity.Hint,
}
_ORDER = {severity: order for order, severity in enumerate(Severity)}
_TAGS = {"TL403": [types.DiagnosticTag.Unnecessary]}


class Diagnostics(Feature):
    """Sends what the checker finds, as one types or after saving, as the settings say."""

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self.pulled = False
        self._refreshable = False
        self._due: dict[str, asyncio.Handle] = {}
        self._checking: dict[str, asyncio.Task[None]] = {}
        self._saved: dict[str, int] = {}  # serial of the version of each document that was saved last
        self._epoch = 0  # how often settings, or the files beside a document, changed
        self._said: set[str] = set()  # Python files that something was pushed of

    def register(self, client: Client) -> None:
        """Pull where the client can; else push."""
        self.pulled = client.pulls
        self._refreshable = client.refreshes("diagnostics")
        if self.pulled:
            self.server.on(types.TEXT_DOCUMENT_DIAGNOSTIC, self._pull)

    def _pull(
        self, params: types.DocumentDiagnosticParams
    ) -> Generator[Any, Any, types.DocumentDiagnosticReport]:
        document = self.server.documents.get(params.text_document.uri)
        if document is not None and not self._is_shown(document) and params.previous_result_id is not None:
            return types.RelatedUnchangedDocumentDiagnosticReport(result_id=params.previous_result_id)
        if document is not None and document.is_slow:
            document = yield self.server.checked, (document,), None
        if document is None or not (document.is_artifact or document.is_python):
            return types.RelatedFullDocumentDiagnosticReport(items=[])
        result = f"{document.serial}.{self._epoch}"
        if params.previous_result_id == result:
            return types.RelatedUnchangedDocumentDiagnosticReport(result_id=result)
        items = self._items(document)
        return types.RelatedFullDocumentDiagnosticReport(items=items, result_id=result)

    def _is_shown(self, document: Snapshot) -> bool:
        """Whether this version is one that findings are shown of, by the setting `validate`."""
        if self.server.settings.validate != "onSave":
            return True
        return self._saved.get(document.uri) == document.serial

    def _items(self, document: Snapshot) -> list[types.Diagnostic]:
        settings = self.server.settings
        if not settings.enable or settings.validate == "off" or not self._is_shown(document):
            return []
        found = self.server.companion_findings(document.uri)
        if document.is_artifact:
            found = [*document.report.findings, *found]
        return diagnostics(document, self.server.folders.wanted(document.uri, found))

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
            self.server.workspace_diagnostic_refresh(None)

    def _show_again(self) -> None:
        if not self.pulled:
            for document in self.server.documents:
                self._push(document.uri)
        elif self._refreshable:
            self.server.workspace_diagnostic_refresh(None)

    def document_close(self, uri: str) -> None:
        """Clear what was pushed."""
        self._saved.pop(uri, None)
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
            self.server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))

    def _push(self, uri: str) -> None:
        self._due.pop(uri, None)
        document = self.server.documents.get(uri)
        if self.pulled or document is None:
            return
        if not document.is_artifact and not (document.is_python and self._concerns(uri)):
            return
        if document.is_slow:
            if uri not in self._checking:
                self._checking[uri] = asyncio.ensure_future(self._push_later(document))
            return
        self.server.text_document_publish_diagnostics(
            types.PublishDiagnosticsParams(uri, self._items(document), document.version)
        )

    def _concerns(self, uri: str) -> bool:
        """Whether there is something to say of a Python file, or was before."""
        found = bool(self.server.companion_findings(uri))
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


def diagnostics(document: Snapshot, findings: list[Finding]) -> list[types.Diagnostic]:
    """Findings of a document as the protocol has them, the worst kept where there are too many."""
    if len(findings) > MAX_DIAGNOSTICS:
        left_out = len(findings) - MAX_DIAGNOSTICS + 1
        findings = sorted(findings, key=lambda finding: _ORDER[finding.severity])[: MAX_DIAGNOSTICS - 1]
        shown = [diagnostic(document, finding) for finding in findings]
        note = f"{left_out} more findings are not shown; `torchlean check` lists all"
        start = types.Range(types.Position(0, 0), types.Position(0, 1))
        return [
            *shown,
            types.Diagnostic(start, note, types.DiagnosticSeverity.Information, source="torchlean"),
        ]
    return [diagnostic(document, finding) for finding in findings]


def diagnostic(document: Snapshot, finding: Finding) -> types.Diagnostic:
    """One finding as the protocol has it."""
    rule = RULES.get(finding.code)
    span = finding.span if finding.span is not None else document.report.span(finding)
    return types.Diagnostic(
        range=document.range(*span),
        severity=_SEVERITY[finding.severity],
        code=finding.code,
        code_description=types.CodeDescription(rule.url) if rule is not None else None,
        source="torchlean",
        message=finding.message,
        tags=_TAGS.get(finding.code),
        related_information=_related(document, finding),
    )


def _related(document: Snapshot, finding: Finding) -> list[types.DiagnosticRelatedInformation] | None:
    return [
        types.DiagnosticRelatedInformation(
            types.Location(
                document.uri, document.range(*place(document.report.document, other.index, other.path))
            ),
            other.message,
        )
        for other in finding.related
    ] or None
