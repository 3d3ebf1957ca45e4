"""The generated module of an artifact, written again when the artifact is saved, where a setting wants that."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from torchlean_core.artifact.companions import generated_module
from torchlean_core.emit.writer import lost_by_emit
from torchlean_core.errors import UserError
from torchlean_ls.documents import Snapshot
from torchlean_ls.feature import Feature
from torchlean_ls.lsp import types
from torchlean_ls.lsp.errors import JsonRpcException
from torchlean_ls.uris import file_path

if TYPE_CHECKING:
    from torchlean_ls.host import Host


class Refreshing(Feature):
    """Refreshes on save (`torchlean.refreshOnSave`): never a module that was edited, and never a new one."""

    def __init__(self, server: Host) -> None:
        super().__init__(server)
        self._at_work: set[str] = set()
        self._again: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def document_save(self, document: Snapshot) -> None:
        """Refresh the module of an artifact without errors."""
        path = file_path(document.uri)
        settings = self.server.settings
        if not (settings.enable and settings.refresh_on_save) or path is None or not document.is_artifact:
            return
        if document.uri in self._at_work:
            self._again.add(document.uri)
            return
        self._tasks.add(task := asyncio.ensure_future(self._refresh(document.uri, path)))
        task.add_done_callback(self._tasks.discard)

    async def _refresh(self, uri: str, path: Path) -> None:
        self._at_work.add(uri)
        try:
            while True:
                self._again.discard(uri)
                await self._refresh_once(uri, path)
                if uri not in self._again:
                    return
        finally:
            self._at_work.discard(uri)

    async def _refresh_once(self, uri: str, path: Path) -> None:
        document = self.server.documents.get(uri)
        latest = (
            await self.server.checked(document) if document is not None and document.is_slow else document
        )
        if latest is None or not latest.report.ok:
            return
        try:
            module = await self.server.in_thread(generated_module, path)
            if module is None:
                return
            if await self.server.in_thread(lost_by_emit, module):
                self.server.note(f"{module.name} was edited by hand: it is not refreshed on save")
                return
            argument = {"uri": uri, "out": module.name, "quiet": True}
            await self.server.commands.execute(types.ExecuteCommandParams("torchlean.refresh", [argument]))
        except (UserError, JsonRpcException) as error:
            self.server.note(f"{path.name}: its module is not refreshed: {error}")
