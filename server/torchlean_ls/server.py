"""The server: a session with a client, whose documents and files are handed to the features."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from torchlean_core.check import Finding
from torchlean_core.text import Encoding
from torchlean_ls.answering import Answering
from torchlean_ls.asking import Asking
from torchlean_ls.client import Client
from torchlean_ls.documents import Snapshot
from torchlean_ls.folders import Folders
from torchlean_ls.interpreters import Interpreters
from torchlean_ls.loading import Features
from torchlean_ls.lsp import methods, types
from torchlean_ls.protocol import Protocol
from torchlean_ls.python.open_texts import OpenTexts
from torchlean_ls.settings import Settings
from torchlean_ls.told_settings import ToldSettings
from torchlean_ls.unopened import Unopened
from torchlean_ls.uris import file_uri

if TYPE_CHECKING:
    from torchlean_core.capture.workspace import Sources
    from torchlean_ls.features.commands import Commands
    from torchlean_ls.features.companions import Companions
    from torchlean_ls.features.diagnostics import Diagnostics
    from torchlean_ls.python.live import Live
    from torchlean_ls.training import Trainings
    from torchlean_ls.workers import Workers

_log = logging.getLogger(__name__)
_PARENT_CHECK_SECONDS = 2.0


class Server(Asking, Answering):
    """The TorchLean language server.

    Attributes:
        client: What the client can do.
        folders: The workspace's folders, and the settings files in them.
        unopened: The artifacts in these folders.
        settings: The client's settings.
        interpreters: The Pythons that its settings choose for work, by folder.
        trusted: Whether code of the workspace may run when a command asks for it.
        confirms: Whether the client itself asks the questions that an error's `data.confirm` has.
        forms: Whether the client asks what a form has, `data.form` of an error.
        shows_training: Whether the client draws trainings: it gets their points.
        features: The features that were made until now.
        on_exit: Called when the client wants the process to end.
    """

    protocol: Protocol

    def __init__(self) -> None:
        super().__init__()
        self.protocol = Protocol(self)
        self.client = Client({})
        self.open_texts = OpenTexts(self.documents)
        self.folders = Folders()
        self.unopened = Unopened(self)
        self.settings = Settings()
        self.interpreters = Interpreters(self)
        self.trusted = True
        self.confirms = False
        self.forms = False
        self.shows_training = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._unsaid: list[str] = []
        self._told = ToldSettings(self)
        self.folders.warn = self.warn
        self.documents.declares = lambda uri: self.folders.declares(uri, self.settings)
        self.features = Features(self)
        self._parent_watch: asyncio.Task[None] | None = None
        self.was_shut_down = False
        self.on_exit: Callable[[], None] = self.end
        for method, handler in (
            (methods.INITIALIZED, self._initialized),
            (methods.TEXT_DOCUMENT_DID_OPEN, self.did_open),
            (methods.TEXT_DOCUMENT_DID_CHANGE, self.did_change),
            (methods.TEXT_DOCUMENT_DID_SAVE, self._did_save),
            (methods.TEXT_DOCUMENT_DID_CLOSE, self.did_close),
            (methods.WORKSPACE_DID_CHANGE_CONFIGURATION, self._told.changed),
            (methods.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS, self.did_change_folders),
            (methods.WORKSPACE_DID_CHANGE_WATCHED_FILES, self._did_change_files),
            (methods.WORKSPACE_DID_RENAME_FILES, self._did_rename_files),
            (methods.WORKSPACE_DID_DELETE_FILES, self._did_delete_files),
            (methods.WORKSPACE_EXECUTE_COMMAND, self.execute),
        ):
            self.on(method, handler)

    async def execute(self, params: types.ExecuteCommandParams) -> Any:
        """Run a command; see `features.commands`."""
        return await self.commands.execute(params)

    @cached_property
    def sources(self) -> Sources:
        """The texts of Python files, as they are open or on disk."""
        from torchlean_core.capture.workspace import Sources

        return Sources(self.open_texts.read)

    @cached_property
    def trainings(self) -> Trainings:
        """The last training of each artifact."""
        from torchlean_ls.training import Trainings

        return Trainings(self)

    @property
    def workers(self) -> Workers:
        """Processes that have torch loaded."""
        workers: Workers = self.features["Workers"]
        return workers

    @property
    def diagnostics(self) -> Diagnostics:
        """What sends findings."""
        diagnostics: Diagnostics = self.features["Diagnostics"]
        return diagnostics

    @property
    def commands(self) -> Commands:
        """What runs commands."""
        commands: Commands = self.features["Commands"]
        return commands

    def companion_findings(self, uri: str) -> list[Finding]:
        """What is wrong with the files beside a document, as last seen."""
        companions: Companions = self.features["Companions"]
        return companions.of(uri)

    def findings_of(self, document: Snapshot) -> list[Finding]:
        """What is wrong with an artifact and the files that belong to it, as far as settings files let it through."""
        found = [*document.report.findings, *self.companion_findings(document.uri)]
        return self.folders.wanted(document.uri, found)

    @property
    def live(self) -> Live:
        """What captures told about Python files."""
        live: Live = self.features["Live"]
        return live

    def python_findings(self, document: Snapshot) -> list[Finding]:
        """What is wrong with a Python file, as far as settings files let it through; each finding has a span."""
        found = [*self.companion_findings(document.uri), *self.live.findings(document)]
        return self.folders.wanted(document.uri, found)

    def findings_changed(self, uri: str) -> None:
        """The findings of a document are others, though its text is not."""
        self.features.each(lambda feature: feature.findings_change(uri))

    def files_written(self, *paths: Path) -> None:
        """A command wrote files: whoever watches none is told so too."""
        self._files_changed({file_uri(path): False for path in paths})

    def warn(self, message: str) -> None:
        """Show the user what is wrong and stands in no document; from any thread, and once the client is ready."""
        _log.warning("%s", message)
        if self._loop is None:
            self._unsaid.append(message)
        else:
            self._loop.call_soon_threadsafe(self._show_warning, message)

    def _show_warning(self, message: str) -> None:
        self.window_show_message(types.ShowMessageParams(types.MessageType.Warning, message))

    def note(self, message: str) -> None:
        """Tell the client's log something that an answer has no room for."""
        self.window_log_message(types.LogMessageParams(types.MessageType.Info, message))

    # -- life ---------------------------------------------------------------------------------------------

    def initialize(self, params: types.InitializeParams, client: Client) -> None:
        """The session begins: what the client can do is known."""
        self.client = client
        self.documents.encoding = Encoding(client.encoding)
        self.folders.begin(params)
        options = params.initialization_options
        if isinstance(options, dict):
            self.trusted = options.get("trusted", True) is not False
            self.confirms = options.get("confirms") is True
            self.forms = options.get("forms") is True
            self.shows_training = options.get("training") is True
            self.settings = self._told.read(options.get("settings"))
        self.features.register(client)
        if params.process_id:
            self._parent_watch = asyncio.ensure_future(self._watch_parent(params.process_id))

    async def _initialized(self, params: Any) -> None:
        self._loop = asyncio.get_running_loop()
        while self._unsaid:
            self._show_warning(self._unsaid.pop(0))
        await self._told.register()
        await self._told.pull()

    def use(self, settings: Settings, of_folder: Mapping[str, Settings] | None = None) -> None:
        """Work by other settings.

        Args:
            settings: Those of the window.
            of_folder: Those of its folders, by URI; None where they were not told, and are as before.
        """
        others = of_folder is not None and self.interpreters.take(of_folder)
        if settings != self.settings or others:
            self.settings = settings
            self.documents.declare_anew()
            self.unopened.forget()
            self.features.each(lambda feature: feature.settings_change())
            self._told.watch_anew()

    def shut_down(self) -> None:
        """Do nothing more."""
        self.was_shut_down = True
        self.features.each(lambda feature: feature.shutdown())

    def end(self) -> NoReturn:
        """End the process, with 0 after a `shutdown` and 1 otherwise; what still runs is stopped.

        Nothing is waited for: the interpreter would wait for its threads, and one that checks a big file for nobody
        takes seconds.
        """
        self.features.each(lambda feature: feature.shutdown())
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):  # whoever would read it may be gone
                stream.flush()
        os._exit(0 if self.was_shut_down else 1)

    async def _watch_parent(self, process_id: int) -> None:
        """End with the client, even where it died without a word."""
        while _alive(process_id):
            await asyncio.sleep(_PARENT_CHECK_SECONDS)
        _log.warning("the client (process %d) is gone", process_id)
        self.end()

    # -- documents ----------------------------------------------------------------------------------------

    def did_open(self, params: types.DidOpenTextDocumentParams) -> None:
        """Take a document in."""
        document = self.documents.open(params.text_document)
        self.open_texts.forget(document.uri)
        self.features.each(lambda feature: feature.document_open(document))

    def did_change(self, params: types.DidChangeTextDocumentParams) -> None:
        """Take a new version of a document in."""
        document = self.documents.change(params)
        if document is not None:
            self.open_texts.edited(document)
            places = [change.range for change in params.content_changes if change.range is not None]
            if places:
                self.live.touched(document.uri, places[-1].start.line)
            self.features.each(lambda feature: feature.document_change(document))

    def _did_save(self, params: types.DidSaveTextDocumentParams) -> None:
        document = self.documents.get(params.text_document.uri)
        if document is not None:
            self.open_texts.saved(document)
            self.features.each(lambda feature: feature.document_save(document))

    def did_close(self, params: types.DidCloseTextDocumentParams) -> None:
        """Let a document go."""
        self.documents.close(params.text_document.uri)
        self.open_texts.forget(params.text_document.uri)
        self.features.each(lambda feature: feature.document_close(params.text_document.uri))

    # -- the workspace ------------------------------------------------------------------------------------

    def did_change_folders(self, params: types.DidChangeWorkspaceFoldersParams) -> None:
        """The workspace has other folders."""
        self.folders.change(params)
        self.unopened.forget()
        self.features.each(lambda feature: feature.settings_change())
        self.in_background(self._told.pull())

    def _did_change_files(self, params: types.DidChangeWatchedFilesParams) -> None:
        deleted = types.FileChangeType.Deleted
        self._files_changed({change.uri: change.type is deleted for change in params.changes})

    def _did_rename_files(self, params: types.RenameFilesParams) -> None:
        changes: dict[str, bool] = {}
        for file in params.files:
            changes |= {file.old_uri: True, file.new_uri: False}
        self._files_changed(changes)

    def _did_delete_files(self, params: types.DeleteFilesParams) -> None:
        self._files_changed({file.uri: True for file in params.files})

    def _files_changed(self, changes: dict[str, bool]) -> None:
        """Files changed on disk: URI to whether the file is gone."""
        self.unopened.forget()
        self.open_texts.files_changed(changes)
        if self.folders.holds_settings(changes):
            self.folders.forget_settings()
            self.features.each(lambda feature: feature.settings_change())
        self.features.each(lambda feature: feature.files_change(changes))

    def settings_path(self, uri: str) -> Path | None:
        """The file whose folder decides which settings apply to a document."""
        return self.folders.path_for(uri)


def _alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # it exists, and belongs to somebody else
    return True


def create_server() -> Server:
    """A server with all its features."""
    server = Server()
    server.features.make_all()
    return server
