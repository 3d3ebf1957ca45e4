"""Diagnostics of the artifacts that are not open: found and checked in a thread, file by file."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from torchlean_core.artifact.discovery import find_artifacts
from torchlean_core.check import check_bytes
from torchlean_core.config import SettingsFinder
from torchlean_core.errors import UsageError
from torchlean_ls.client import Client
from torchlean_ls.documents import Snapshot
from torchlean_ls.features.base import Feature
from torchlean_ls.features.companions import companion_paths
from torchlean_ls.findings import diagnostics
from torchlean_ls.protocol import Plain
from torchlean_ls.uris import file_uri

if TYPE_CHECKING:
    from torchlean_ls.server import Server

_Report = dict[str, Any]

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

    async def _diagnose(self, params: types.WorkspaceDiagnosticParams) -> Plain:
        known = {one.uri: one.value for one in params.previous_result_ids}
        if not self.server.settings.enable or self.server.settings.validate == "off":
            return Plain({"items": []})
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
            reports.append(_full(uri, []))
        if params.partial_result_token is not None:
            self._send(params.partial_result_token, reports)
            reports = []
        return Plain({"items": reports})

    def _send(self, token: types.ProgressToken | None, reports: list[_Report]) -> list[_Report]:
        """Send a part of the answer, where the client takes parts; returns what is still to be sent."""
        if token is None or not reports:
            return reports
        params = {"token": token, "value": {"items": reports}}
        self.server.protocol.notify_plainly(types.PROGRESS, params)
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
            status = path.stat()
            result = f"{status.st_mtime_ns}.{status.st_size}.{self._epoch}{_companion_state(path)}"
            if result == known:
                return {"kind": "unchanged", "uri": uri, "version": None, "resultId": result}
            content = path.read_bytes()
        except OSError:
            return _full(uri, []) if known else None
        report = check_bytes(content)
        document = Snapshot(
            uri, "json", 0, report.document.text, self.server.documents.encoding, report.document.lines
        )
        document.report = report
        found = report.findings
        if any(os.path.lexists(one) for one in companion_paths(path)):
            from torchlean_core.companions import artifact_findings

            found = [*found, *artifact_findings(path, report)]
        items = diagnostics(document, self.server.folders.wanted(uri, found))
        self._told.add(uri)
        return {**_full(uri, items), "resultId": result}


def _full(uri: str, items: list[dict[str, Any]]) -> _Report:
    return {"kind": "full", "uri": uri, "version": None, "items": items}


def _companion_state(artifact: Path) -> str:
    """Times and sizes of the files beside an artifact: others mean other findings."""
    state = ""
    for path in companion_paths(artifact):
        try:
            status = path.stat()
        except OSError:
            continue
        state += f".{status.st_mtime_ns}.{status.st_size}"
    return state


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
