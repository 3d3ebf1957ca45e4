"""What features see of the server: documents, settings, the workspace, ways to answer and to work."""

# ruff: noqa: D102 -- what each does is said where it is done
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torchlean_core.capture.workspace import Sources
    from torchlean_core.check import Finding
    from torchlean_ls.client import Client
    from torchlean_ls.documents import Documents, Snapshot
    from torchlean_ls.features.commands import Commands
    from torchlean_ls.features.diagnostics import Diagnostics
    from torchlean_ls.folders import Folders
    from torchlean_ls.interpreters import Interpreters
    from torchlean_ls.lsp import types
    from torchlean_ls.protocol import Protocol as Connection
    from torchlean_ls.python.live import Live
    from torchlean_ls.settings import Settings
    from torchlean_ls.training import Trainings
    from torchlean_ls.unopened import Unopened
    from torchlean_ls.workers import Workers


class Answers(Protocol):
    """Who is called for which method of the protocol; see `Answering`."""

    def on(self, method: str, handler: Callable[[Any], Any]) -> None: ...
    def on_artifact(self, method: str, handler: Callable[[Snapshot, Any], Any]) -> None: ...
    def on_python(self, method: str, handler: Callable[[Snapshot, Any], Any]) -> None: ...


class Works(Protocol):
    """Long work, done while others are served; see `Checking`."""

    async def in_thread(self, work: Callable[..., Any], *args: Any) -> Any: ...
    async def on_document(self, document: Snapshot, work: Callable[..., Any], *args: Any) -> Any: ...
    async def checked(self, document: Snapshot) -> Snapshot | None: ...
    async def ready(self, document: Snapshot) -> Snapshot | None: ...


class Asks(Protocol):
    """What the client is asked and told; see `Asking`."""

    @property
    def protocol(self) -> Connection: ...
    def note(self, message: str) -> None: ...
    def refresh(self, method: str) -> None: ...
    def window_log_message(self, params: types.LogMessageParams) -> None: ...
    async def window_show_message_request_async(
        self, params: types.ShowMessageRequestParams
    ) -> types.MessageActionItem | None: ...
    async def window_show_document_async(
        self, params: types.ShowDocumentParams
    ) -> types.ShowDocumentResult: ...
    async def workspace_apply_edit_async(
        self, params: types.ApplyWorkspaceEditParams
    ) -> types.ApplyWorkspaceEditResult: ...


class Host(Answers, Works, Asks, Protocol):
    """The session that a feature is a part of; the server, and nothing of its own life.

    Attributes:
        client: What the client can do.
        documents: The open documents.
        folders: The workspace's folders, and the settings files in them.
        unopened: The artifacts in these folders.
        settings: The client's settings.
        interpreters: The Pythons that its settings choose for work, by folder.
        trusted: Whether code of the workspace may run when a command asks for it.
        forms: Whether the client asks what a form has, `data.form` of an error.
        shows_training: Whether the client draws trainings: it gets their points.
        was_shut_down: Whether the session is over.
    """

    client: Client
    documents: Documents
    folders: Folders
    unopened: Unopened
    settings: Settings
    interpreters: Interpreters
    trusted: bool
    confirms: bool
    forms: bool
    shows_training: bool
    was_shut_down: bool

    @property
    def sources(self) -> Sources: ...
    @property
    def live(self) -> Live: ...
    @property
    def trainings(self) -> Trainings: ...
    @property
    def commands(self) -> Commands: ...
    @property
    def diagnostics(self) -> Diagnostics: ...
    @property
    def workers(self) -> Workers: ...
    def companion_findings(self, uri: str) -> list[Finding]: ...
    def python_findings(self, document: Snapshot) -> list[Finding]: ...
    def findings_of(self, document: Snapshot) -> list[Finding]: ...
    def findings_changed(self, uri: str) -> None: ...
    def files_written(self, *paths: Path) -> None: ...
