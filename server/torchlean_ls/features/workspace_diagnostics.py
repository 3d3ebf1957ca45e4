"""Diagnostics of the artifacts that are not open: found and checked in a thread, file by file."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from torchlean_core.artifact.companions import companion_paths, has_files_beside, names_model
from torchlean_core.basics.reading import MOST_ARTIFACT, read_regular
from torchlean_core.check import Report, check_bytes
from torchlean_ls.client import Client
from torchlean_ls.documents import Snapshot
from torchlean_ls.feature import Feature
from torchlean_ls.findings import diagnostics
from torchlean_ls.lsp import methods, types
from torchlean_ls.python.diagnostics import python_diagnostics
from torchlean_ls.uris import file_path

if TYPE_CHECKING:
    from torchlean_ls.host import Host

_Report = dict[str, Any]

SLICE_SECONDS = 0.05
"""How long files are checked before others may use the thread, and what was found is sent."""


class _Known(NamedTuple):
    """An artifact that was read: its version, the file of its model, and whether that uses others."""

    version: str
    model: Path | None
    uses: bool


class WorkspaceDiagnostics(Feature):
    """Answers `workspace/diagnostic`; open documents are left to `textDocument/diagnostic`."""

    def __init__(self, server: Host) -> None:
        super().__init__(server)
        self._epoch = 0
        self._told: set[str] = set()  # files that findings were sent of
        self._models: dict[str, _Known] = {}
        self._python = 0  # how often Python files changed

    def register(self, client: Client) -> None:
        """Only who pulls asks for it."""
        self._pulled = client.pulls and client.refreshes("diagnostics")
        if client.pulls:
            self.server.on(methods.WORKSPACE_DIAGNOSTIC, self._diagnose)

    def settings_change(self) -> None:
        """Everything may be judged otherwise now."""
        self._epoch += 1

    def files_change(self, changes: Mapping[str, bool]) -> None:
        """Ask the client to ask again."""
        if any(uri.endswith(".py") for uri in changes):
            self._python += 1
        if self._pulled:
            self.server.refresh(methods.WORKSPACE_DIAGNOSTIC_REFRESH)

    def document_save(self, document: Snapshot) -> None:
        """A model was saved: not every client watches files, and artifacts that came from it are judged again."""
        path = file_path(document.uri)
        if path is None or not document.is_python or not self._pulled:
            return
        self._python += 1
        saved = os.path.realpath(path)
        known = [one for one in list(self._models.values()) if one.model is not None]
        if any(one.uses or os.path.realpath(str(one.model)) == saved for one in known):
            self.server.refresh(methods.WORKSPACE_DIAGNOSTIC_REFRESH)

    async def _diagnose(self, params: types.WorkspaceDiagnosticParams) -> types.Json:
        known = {one.uri: one.value for one in params.previous_result_ids}
        if not self.server.settings.enable or self.server.settings.validate == "off":
            return {"items": []}
        files = await self.server.unopened.all()
        reports: list[_Report] = []
        began = time.monotonic()
        open_paths = self.server.unopened.open_paths()
        for uri, path in files.items():
            if path in open_paths:
                continue
            report = await self.server.in_thread(self._check, uri, path, known.get(uri))
            if report is not None:
                reports.append(report)
            if time.monotonic() - began > SLICE_SECONDS:
                reports = self._send(params.partial_result_token, reports)
                await asyncio.sleep(0)
                open_paths = self.server.unopened.open_paths()
                began = time.monotonic()
        models = self._models_with_findings()
        reports += models.values()
        open_uris = {document.uri for document in self.server.documents}
        for uri in (self._told | set(known)) - set(files) - set(models) - open_uris:
            self._told.discard(uri)
            self._models.pop(uri, None)
            reports.append(_full(uri, []))
        if params.partial_result_token is not None:
            self._send(params.partial_result_token, reports)
            reports = []
        return {"items": reports}

    def _models_with_findings(self) -> dict[str, _Report]:
        """What captures found in Python files that are not open."""
        found = {}
        for uri, (document, findings) in self.server.live.unopened().items():
            wanted = self.server.folders.wanted(uri, findings)
            if items := python_diagnostics(self.server, document, wanted):
                self._told.add(uri)
                found[uri] = _full(uri, items)
        return found

    def _send(self, token: types.ProgressToken | None, reports: list[_Report]) -> list[_Report]:
        """Send a part of the answer, where the client takes parts; returns what is still to be sent."""
        if token is None or not reports:
            return reports
        params = {"token": token, "value": {"items": reports}}
        self.server.protocol.notify(methods.PROGRESS, params)
        return []

    def _check(self, uri: str, path: Path, known: str | None) -> _Report | None:
        """Check one file in the thread; None where it cannot be read and nothing was said of it."""
        try:
            version = _state(path)
            result = self._result(uri, path, version)
            if result is not None and result == known:
                return {"kind": "unchanged", "uri": uri, "version": None, "resultId": result}
            content = read_regular(path, MOST_ARTIFACT)
        except OSError:
            return _full(uri, []) if known else None
        report = check_bytes(content)
        names = names_model(report.document.text)
        model, uses = _model_file(report, path) if names else (None, False)
        self._models[uri] = _Known(version, model, uses)
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
        return {**_full(uri, items), "resultId": result}

    def _result(self, uri: str, path: Path, version: str) -> str | None:
        """The state of a file and of all that belong to it: another one means other findings.

        None where it is not known which files these are: where this version was not read yet.
        """
        seen = self._models.get(uri)
        if seen is None or seen.version != version:
            return None
        beside = [*companion_paths(path), *([seen.model] if seen.model is not None else [])]
        # What it uses is found by reading Python, so any change there may be one of that.
        epochs = [str(self._epoch), *([str(self._python)] if seen.uses else [])]
        return ".".join([version, *epochs, *map(_state_if_there, beside)])


def _full(uri: str, items: list[dict[str, Any]]) -> _Report:
    return {"kind": "full", "uri": uri, "version": None, "items": items}


def _model_file(report: Report, artifact: Path) -> tuple[Path | None, bool]:
    """The file of an artifact's model, and whether that uses others."""
    from torchlean_core.companions import model_of

    model = model_of(report.document.value, artifact)
    return (model.file, bool(model.uses)) if model is not None else (None, False)


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
