"""The client's settings as it tells them, by itself or when it is asked, and the files that it watches for them."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from torchlean_ls.lsp import methods, types
from torchlean_ls.lsp.errors import JsonRpcException
from torchlean_ls.settings import Settings, complaints

if TYPE_CHECKING:
    from torchlean_ls.server import Server

_log = logging.getLogger(__name__)
_FILES = "torchlean-files"
"""Name of the request to watch files."""


class ToldSettings:
    """Hears of settings, and hands them to the server."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._complaints: list[str] = []
        self._told = 0  # how often the client told its settings, or was asked for them
        self._watched: list[str] | None = None  # patterns of the files that the client was asked to watch
        self._registering = asyncio.Lock()

    async def register(self) -> None:
        """Ask the client to watch files and to tell of other settings, where it can be asked that."""
        client = self._server.client
        wanted = []
        if client.watches:
            wanted.append(self._watching())
        if client.has("workspace.didChangeConfiguration.dynamicRegistration"):
            section = types.DidChangeConfigurationRegistrationOptions("torchlean")
            method = methods.WORKSPACE_DID_CHANGE_CONFIGURATION
            wanted.append(types.Registration("torchlean-settings", method, section))
        if wanted:
            try:
                await self._server.client_register_capability_async(types.RegistrationParams(wanted))
            except JsonRpcException as error:
                _log.warning("the client does not register what it announced: %s", error)

    def _watching(self) -> types.Registration:
        """The request to watch files, by the patterns that the settings have now."""
        self._watched = self._server.folders.watched(self._server.settings)
        watchers = [types.FileSystemWatcher(pattern) for pattern in self._watched]
        options = types.DidChangeWatchedFilesRegistrationOptions(watchers)
        return types.Registration(_FILES, methods.WORKSPACE_DID_CHANGE_WATCHED_FILES, options)

    def watch_anew(self) -> None:
        """Have other files watched, where a setting names others as artifacts."""
        if self._watched is not None:
            self._server.in_background(self._watch_anew())

    async def _watch_anew(self) -> None:
        async with self._registering:
            if self._watched == self._server.folders.watched(self._server.settings):
                return
            method = methods.WORKSPACE_DID_CHANGE_WATCHED_FILES
            old = types.UnregistrationParams([types.Unregistration(_FILES, method)])
            new = types.RegistrationParams([self._watching()])
            try:
                await self._server.client_unregister_capability_async(old)
                await self._server.client_register_capability_async(new)
            except JsonRpcException as error:
                _log.warning("the client does not watch other files: %s", error)

    async def pull(self) -> None:
        """Ask the client for its settings, where it answers that."""
        if not self._server.client.has("workspace.configuration"):
            return
        self._told += 1
        asked = self._told
        folders = list(self._server.folders.roots)
        items = [types.ConfigurationItem(folder, "torchlean") for folder in (None, *folders)]
        try:
            answer = await self._server.workspace_configuration_async(types.ConfigurationParams(items))
        except JsonRpcException as error:
            _log.warning("the client does not tell its settings: %s", error)
            return
        if asked != self._told:
            return  # it told newer ones meanwhile
        if answer and isinstance(answer[0], dict):
            of_folder = dict(zip(folders, answer[1:], strict=False))
            self._complain(*answer)
            told = {folder: Settings.read(values) for folder, values in of_folder.items() if values}
            self._server.use(Settings.read(answer[0]), told)

    def read(self, values: Any) -> Settings:
        """Settings of the client; what is wrong with them is told once."""
        self._complain(values)
        return Settings.read(values)

    def _complain(self, *sections: Any) -> None:
        """Say what is wrong with settings, once for each fault."""
        found = list(dict.fromkeys(complaint for values in sections for complaint in complaints(values)))
        for complaint in found:
            if complaint not in self._complaints:
                self._server.warn(complaint)
        self._complaints = found

    def changed(self, params: types.DidChangeConfigurationParams) -> None:
        """The client has other settings, and tells them or wants to be asked."""
        settings = params.settings
        if isinstance(settings, dict) and "torchlean" in settings:
            self._told += 1
            # What is told is the window's; where there are several folders, each may have its own.
            several = len(self._server.folders.roots) > 1
            self._server.use(self.read(settings["torchlean"]), None if several else {})
        else:
            several = True
        if several:
            self._server.in_background(self.pull())
