"""What a feature is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lsprotocol import types

    from torchlean_ls.documents import Snapshot
    from torchlean_ls.server import Server


class Feature:
    """One feature of the server.

    The hooks do nothing here; a feature overrides those it needs. A hook that raises is logged and does not
    keep other features from theirs.
    """

    def __init__(self, server: Server) -> None:
        self.server = server

    def register(self, params: types.InitializeParams) -> None:
        """Register the LSP methods that suit the client, before capabilities are announced."""

    def initialized(self) -> None:
        """The client is ready."""

    def document_open(self, document: Snapshot) -> None:
        """A document was opened."""

    def document_change(self, document: Snapshot) -> None:
        """A document has a new version."""

    def document_save(self, document: Snapshot) -> None:
        """A document was saved."""

    def document_close(self, uri: str) -> None:
        """A document was closed."""

    def settings_change(self) -> None:
        """The settings are others."""

    def shutdown(self) -> None:
        """The server is about to end."""
