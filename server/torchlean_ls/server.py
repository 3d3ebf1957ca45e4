"""The server: registers each LSP method once and hands documents to the features."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from torchlean_core import __version__
from torchlean_core.text import Encoding
from torchlean_ls.documents import Documents, Snapshot
from torchlean_ls.features import FEATURES, Commands, Feature
from torchlean_ls.protocol import Protocol
from torchlean_ls.settings import Settings

_log = logging.getLogger(__name__)
_PARENT_CHECK_SECONDS = 2.0


class Server(LanguageServer):
    """The TorchLean language server.

    Attributes:
        documents: The open documents.
        settings: The client's settings.
        trusted: Whether code of the workspace may run when a command asks for it.
        features: The features, in order.
    """

    def __init__(self) -> None:
        super().__init__(
            "torchlean-ls",
            __version__,
            text_document_sync_kind=types.TextDocumentSyncKind.Incremental,
            protocol_cls=Protocol,
        )
        self.documents = Documents()
        self.settings = Settings()
        self.trusted = True
        self.features: list[Feature] = [feature(self) for feature in FEATURES]
        self._parent_watch: asyncio.Task[None] | None = None
        self._checker = ThreadPoolExecutor(1, "torchlean-check")
        self._big_documents = asyncio.Lock()
        self._background: set[asyncio.Task[None]] = set()
        self.was_shut_down = False
        self.on(types.INITIALIZE, self._initialize)
        self.on(types.INITIALIZED, self._initialized)
        self.on(types.SHUTDOWN, self._shutdown)
        self.on(types.TEXT_DOCUMENT_DID_SAVE, self._did_save)
        self.on(types.WORKSPACE_DID_CHANGE_CONFIGURATION, self._did_change_configuration)

    def on(self, method: str, handler: Callable[[Any], Any], options: Any = None) -> None:
        """Register the handler of an LSP method; pygls wants plain functions, not bound ones.

        A generator answers at once, unless it yields a coroutine function and its arguments to wait for.
        """
        if inspect.iscoroutinefunction(handler):

            async def call_async(params: Any) -> Any:
                return await handler(params)

            self.feature(method, options)(call_async)
        elif inspect.isgeneratorfunction(handler):

            def call_generator(params: Any) -> Any:
                return (yield from handler(params))

            self.feature(method, options)(call_generator)
        else:

            def call(params: Any) -> Any:
                return handler(params)

            self.feature(method, options)(call)

    async def checked(self, document: Snapshot) -> Snapshot | None:
        """A document whose report is at hand; a big one is checked in a thread, while others are served.

        Returns:
            The latest version; None where the document was closed meanwhile.
        """
        latest: Snapshot | None = document
        while latest is not None and latest.is_slow and latest.is_artifact:
            async with self._big_documents:
                latest = self.documents.get(document.uri)
                if latest is None or not latest.is_slow:
                    continue
                latest.busy = True
                await asyncio.get_running_loop().run_in_executor(self._checker, _check, latest)
                latest.busy = False
            self._background.add(task := asyncio.ensure_future(self._prepare(latest)))
            task.add_done_callback(self._background.discard)
            latest = self.documents.get(document.uri)
        return latest

    async def _prepare(self, document: Snapshot) -> None:
        """Make a big document ready to be edited, once it has been checked and its report was sent."""
        async with self._big_documents:
            if self.documents.get(document.uri) is document:
                document.busy = True
                await asyncio.get_running_loop().run_in_executor(self._checker, document.prepare)
                document.busy = False

    async def execute(self, params: types.ExecuteCommandParams) -> Any:
        """Run a command; see `features.commands`."""
        for feature in self.features:
            if isinstance(feature, Commands):
                return await feature.execute(params)
        raise LookupError("no feature runs commands")

    # -- life ---------------------------------------------------------------------------------------------

    def _initialize(self, params: types.InitializeParams) -> None:
        self.documents.encoding = Encoding(self.workspace.position_encoding or "utf-16")
        options = params.initialization_options
        if isinstance(options, dict):
            self.trusted = options.get("trusted", True) is not False
            self.settings = Settings.read(options.get("settings"))
        for feature in self.features:
            feature.register(params)
        if params.process_id:
            self._parent_watch = asyncio.ensure_future(self._watch_parent(params.process_id))

    async def _initialized(self, params: types.InitializedParams) -> None:
        self._each(lambda feature: feature.initialized())
        await self._pull_settings()

    async def _pull_settings(self) -> None:
        """Ask the client for its settings, where it answers that."""
        workspace = self.client_capabilities.workspace
        if workspace is None or not workspace.configuration:
            return
        item = types.ConfigurationItem(section="torchlean")
        answer = await self.workspace_configuration_async(types.ConfigurationParams([item]))
        if answer and isinstance(answer[0], dict):
            self._use(Settings.read(answer[0]))

    def _use(self, settings: Settings) -> None:
        if settings != self.settings:
            self.settings = settings
            self._each(lambda feature: feature.settings_change())

    def _shutdown(self, params: None) -> None:
        self.was_shut_down = True
        self._each(lambda feature: feature.shutdown())

    async def _watch_parent(self, process_id: int) -> None:
        """End with the client, even where it died without a word."""
        while _alive(process_id):
            await asyncio.sleep(_PARENT_CHECK_SECONDS)
        _log.warning("the client (process %d) is gone", process_id)
        self._each(lambda feature: feature.shutdown())
        os._exit(1)

    # -- documents ----------------------------------------------------------------------------------------

    def did_open(self, params: types.DidOpenTextDocumentParams) -> None:
        """Take a document in."""
        document = self.documents.open(params.text_document)
        self._each(lambda feature: feature.document_open(document))

    def did_change(self, params: types.DidChangeTextDocumentParams) -> None:
        """Take a new version of a document in."""
        document = self.documents.change(params)
        if document is not None:
            self._each(lambda feature: feature.document_change(document))

    def _did_save(self, params: types.DidSaveTextDocumentParams) -> None:
        document = self.documents.get(params.text_document.uri)
        if document is not None:
            self._each(lambda feature: feature.document_save(document))

    def did_close(self, params: types.DidCloseTextDocumentParams) -> None:
        """Let a document go."""
        self.documents.close(params.text_document.uri)
        self._each(lambda feature: feature.document_close(params.text_document.uri))

    async def _did_change_configuration(self, params: types.DidChangeConfigurationParams) -> None:
        settings = params.settings
        if isinstance(settings, dict) and "torchlean" in settings:
            self._use(Settings.read(settings["torchlean"]))
        else:
            await self._pull_settings()

    def _each(self, call: Callable[[Feature], None]) -> None:
        """Call a hook of every feature; one that fails is logged, and the others still run."""
        for feature in self.features:
            try:
                call(feature)
            except Exception:
                _log.exception("%s failed", type(feature).__name__)


def _check(document: Snapshot) -> None:
    """Make the report, which the document keeps."""
    _ = document.report


def _alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # it exists, and belongs to somebody else
    return True


def create_server() -> Server:
    """A server that is ready to be started."""
    return Server()
