"""Diagnostics of open artifacts: pulled where the client can pull, pushed otherwise, never both."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from torchlean_core.check import RULES, Finding, Report, Severity
from torchlean_core.check.places import place
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
    """Sends what the checker finds, as one types."""

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self.pulled = False
        self._refreshable = False
        self._due: dict[str, asyncio.Handle] = {}
        self._checking: dict[str, asyncio.Task[None]] = {}

    def register(self, params: types.InitializeParams) -> None:
        """Pull where the client can; else push."""
        text = params.capabilities.text_document
        self.pulled = text is not None and text.diagnostic is not None
        workspace = params.capabilities.workspace
        self._refreshable = bool(
            workspace and workspace.diagnostics and workspace.diagnostics.refresh_support
        )
        if self.pulled:
            options = types.DiagnosticOptions(
                identifier="torchlean", inter_file_dependencies=False, workspace_diagnostics=False
            )
            self.server.on(types.TEXT_DOCUMENT_DIAGNOSTIC, self._pull, options)

    def _pull(
        self, params: types.DocumentDiagnosticParams
    ) -> Generator[Any, Any, types.DocumentDiagnosticReport]:
        document = self.server.documents.get(params.text_document.uri)
        if document is not None and document.is_slow:
            document = yield self.server.checked, (document,), None
        if document is None or not document.is_artifact or not self.server.settings.enable:
            return types.RelatedFullDocumentDiagnosticReport(items=[])
        result = str(document.serial)
        if params.previous_result_id == result:
            return types.RelatedUnchangedDocumentDiagnosticReport(result_id=result)
        return types.RelatedFullDocumentDiagnosticReport(items=diagnostics(document), result_id=result)

    def document_open(self, document: Snapshot) -> None:
        """Push at once."""
        self._push(document.uri)

    def document_change(self, document: Snapshot) -> None:
        """Push when the changes that wait already have been read, once for all of them."""
        if self.pulled:
            return
        if (waiting := self._due.pop(document.uri, None)) is not None:
            waiting.cancel()
        self._due[document.uri] = asyncio.get_running_loop().call_later(0.01, self._push, document.uri)

    def settings_change(self) -> None:
        """Push again, or ask the client to pull again."""
        if not self.pulled:
            for document in self.server.documents:
                self._push(document.uri)
        elif self._refreshable:
            self.server.workspace_diagnostic_refresh(None)

    def document_close(self, uri: str) -> None:
        """Clear what was pushed."""
        if (waiting := self._due.pop(uri, None)) is not None:
            waiting.cancel()
        if not self.pulled:
            self.server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))

    def _push(self, uri: str) -> None:
        self._due.pop(uri, None)
        document = self.server.documents.get(uri)
        if self.pulled or document is None or not document.is_artifact:
            return
        if document.is_slow:
            if uri not in self._checking:
                self._checking[uri] = asyncio.ensure_future(self._push_later(document))
            return
        items = diagnostics(document) if self.server.settings.enable else []
        self.server.text_document_publish_diagnostics(
            types.PublishDiagnosticsParams(uri, items, document.version)
        )

    async def _push_later(self, document: Snapshot) -> None:
        """Push when a big document has been checked; the one task covers versions that come meanwhile."""
        try:
            latest = await self.server.checked(document)
        finally:
            self._checking.pop(document.uri, None)
        if latest is not None:
            self._push(latest.uri)


def diagnostics(document: Snapshot) -> list[types.Diagnostic]:
    """The findings of a document as the protocol has them, the worst kept where there are too many."""
    findings = document.report.findings
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
    report = document.report
    rule = RULES.get(finding.code)
    return types.Diagnostic(
        range=document.range(*report.span(finding)),
        severity=_SEVERITY[finding.severity],
        code=finding.code,
        code_description=types.CodeDescription(rule.url) if rule is not None else None,
        source="torchlean",
        message=finding.message,
        tags=_TAGS.get(finding.code),
        related_information=_related(document, report, finding),
    )


def _related(
    document: Snapshot, report: Report, finding: Finding
) -> list[types.DiagnosticRelatedInformation] | None:
    return [
        types.DiagnosticRelatedInformation(
            types.Location(document.uri, document.range(*place(report.document, other.index, other.path))),
            other.message,
        )
        for other in finding.related
    ] or None
