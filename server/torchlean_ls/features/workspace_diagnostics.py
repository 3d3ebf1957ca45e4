"""Diagnostics of the artifacts that are not open: found and checked in a thread, file by file."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lsprotocol import types

from torchlean_core.artifact.companions import companion_paths, has_files_beside, names_model
from torchlean_core.artifact.discovery import find_artifacts
from torchlean_core.check import Report, check_bytes
from torchlean_core.config import SettingsFinder
from torchlean_core.errors import UsageError
from torchlean_ls.client import Client
from torchlean_ls.documents import Snapshot
from torchlean_ls.features.base import Feature
from torchlean_ls.features.diagnostics import diagnostics
from torchlean_ls.uris import file_path, file_uri

if TYPE_CHECKING:
    from torchlean_ls.server import Server

_Report = types.WorkspaceFullDocumentDiagnosticReport | types.WorkspaceUnchangedDocumentDiagnosticReport

SLICE_SECONDS = 0.05
"""How long files are checked before others may use the thread, and what was found is sent."""

LIST_SECONDS = 5.0
"""How long the list of files is kept where nobody says that it changed."""

MAX_FILES = 10_000
"""Files that are checked; the log says how many were left out."""


class WorkspaceDiagnostics(Feature):
    """Answers `workspace/diagnostic`; open documents are left to `textDocument/diagnostic`."""

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self._epoch = 0
        self._listed: tuple[float, dict[str, Path]] | None = None
        self._told: set[str] = set()  # files that findings were sent of
        self._models: dict[
            str, tuple[str, Path | None]
        ] = {}  # version of each artifact, and what it came from

    def register(self, client: Client) -> None:
        """Only who pulls asks for it."""
        self._refreshable = client.refreshes("diagnostics")
        self._pulled = client.pulls
        if client.pulls:
            self.server.on(types.WORKSPACE_DIAGNOSTIC, self._diagnose)

    def settings_change(self) -> None:
        """Everything may be judged otherwise now."""
        self._epoch += 1
        self._listed = None

    def files_change(self, changes: Mapping[str, bool]) -> None:
        """Ask the client to ask again."""
        self._listed = None
        if self._pulled and self._refreshable:
            self.server.workspace_diagnostic_refresh(None)

    def document_save(self, document: Snapshot) -> None:
        """A model was saved: not every client watches files, and artifacts that came from it are judged again."""
        path = file_path(document.uri)
        if path is None or not document.is_python or not (self._pulled and self._refreshable):
            return
        saved = os.path.realpath(path)
        if any(model and os.path.realpath(model) == saved for _, model in list(self._models.values())):
            self.server.workspace_diagnostic_refresh(None)

    async def _diagnose(self, params: types.WorkspaceDiagnosticParams) -> types.WorkspaceDiagnosticReport:
        known = {one.uri: one.value for one in params.previous_result_ids}
        if not self.server.settings.enable or self.server.settings.validate == "off":
            return types.WorkspaceDiagnosticReport([])
        files = await self._files()
        reports: list[_Report] = []
        began = time.monotonic()
        for uri, path in files.items():
            if self.server.documents.get(uri) is not None:
                continue
            report = await self.server.in_thread(self._check, uri, path, known.get(uri))
            if report is not None:
                reports.append(report)
            if time.monotonic() - began > SLICE_SECONDS:
                reports = self._send(params.partial_result_token, reports)
                await asyncio.sleep(0)
                began = time.monotonic()
        open_uris = {document.uri for document in self.server.documents}
        for uri in (self._told | set(known)) - set(files) - open_uris:
            self._told.discard(uri)
            self._models.pop(uri, None)
            reports.append(types.WorkspaceFullDocumentDiagnosticReport(uri=uri, items=[], version=None))
        if params.partial_result_token is not None:
            self._send(params.partial_result_token, reports)
            reports = []
        return types.WorkspaceDiagnosticReport(reports)

    def _send(self, token: types.ProgressToken | None, reports: list[_Report]) -> list[_Report]:
        """Send a part of the answer, where the client takes parts; returns what is still to be sent."""
        if token is None or not reports:
            return reports
        partial = types.WorkspaceDiagnosticReportPartialResult(reports)
        value = self.server.protocol._converter.unstructure(partial)
        self.server.protocol.notify(types.PROGRESS, types.ProgressParams(token, value))
        return []

    async def _files(self) -> dict[str, Path]:
        """The artifacts of the workspace."""
        now = time.monotonic()
        if self._listed is None or now - self._listed[0] > LIST_SECONDS:
            roots = list(self.server.folders.roots.values())
            files = await self.server.in_thread(_list_files, roots)
            if len(files) > MAX_FILES:
                self.server.note(f"{len(files) - MAX_FILES:,} more artifacts are not checked")
                files = dict(list(files.items())[:MAX_FILES])
            self._listed = time.monotonic(), files
        return self._listed[1]

    def _check(self, uri: str, path: Path, known: str | None) -> _Report | None:
        """Check one file in the thread; None where it cannot be read and nothing was said of it."""
        try:
            version = _state(path)
            result = self._result(uri, path, version)
            if result is not None and result == known:
                return types.WorkspaceUnchangedDocumentDiagnosticReport(
                    uri=uri, result_id=result, version=None
                )
            content = path.read_bytes()
        except OSError:
            return types.WorkspaceFullDocumentDiagnosticReport(uri=uri, items=[]) if known else None
        report = check_bytes(content)
        names = names_model(report.document.text)
        self._models[uri] = version, _model_file(report, path) if names else None
        result = self._result(uri, path, version)  # before its files are read: they may change meanwhile
        document = Snapshot(
            uri, "json", 0, report.document.text, self.server.documents.encoding, report.document.lines
        )
        document.report = report
        found = report.findings
        if names or has_files_beside(path):
            from torchlean_core.companions import artifact_findings

            found = [*found, *artifact_findings(path, report)]
        items = diagnostics(document, self.server.folders.wanted(uri, found))
        self._told.add(uri)
        return types.WorkspaceFullDocumentDiagnosticReport(
            uri=uri, items=items, result_id=result, version=None
        )

    def _result(self, uri: str, path: Path, version: str) -> str | None:
        """The state of a file and of all that belong to it: another one means other findings.

        None where it is not known which files these are: where this version was not read yet.
        """
        seen = self._models.get(uri)
        if seen is None or seen[0] != version:
            return None
        beside = [*companion_paths(path), *([seen[1]] if seen[1] is not None else [])]
        return ".".join([version, str(self._epoch), *map(_state_if_there, beside)])


def _model_file(report: Report, artifact: Path) -> Path | None:
    from torchlean_core.companions import model_of

    model = model_of(report.document.value, artifact)
    return model.file if model is not None else None


def _state(path: Path) -> str:
    """Time and size of a file.

    Raises:
        OSError: It is not there.
    """
    status = path.stat()
    return f"{status.st_mtime_ns}-{status.st_size}"


def _state_if_there(path: Path) -> str:
    try:
        return _state(path)
    except (OSError, ValueError):  # no name for a file, in the latter case
        return ""


def _list_files(roots: list[Path]) -> dict[str, Path]:
    """The artifacts below the roots, as `torchlean check` finds them."""
    found: dict[str, Path] = {}
    for root in roots:
        try:
            files = find_artifacts(root, None, SettingsFinder(), lambda path, error: None)
        except UsageError:
            # A settings file is wrong, which is said where settings are read: without it nothing is left out.
            files = find_artifacts(root, [], SettingsFinder(), lambda path, error: None)
        found |= {file_uri(path): path for path in files}
    return found
