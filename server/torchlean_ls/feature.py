"""What a feature is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torchlean_ls.client import Client
    from torchlean_ls.documents import Snapshot
    from torchlean_ls.host import Host


class Feature:
    """One feature of the server.

    The hooks do nothing here; a feature overrides those it needs. A hook that raises is logged and does not
    keep other features from theirs.
    """

    def __init__(self, server: Host) -> None:
        self.server = server

    def register(self, client: Client) -> None:
        """Register the LSP methods that `capabilities` announces to this client."""

    def document_open(self, document: Snapshot) -> None:
        """A document was opened."""

    def document_change(self, document: Snapshot) -> None:
        """A document has a new version."""

    def document_save(self, document: Snapshot) -> None:
        """A document was saved."""

    def document_close(self, uri: str) -> None:
        """A document was closed."""

    def settings_change(self) -> None:
        """The settings are others: the client's, those in files, or the workspace's folders."""

    def findings_change(self, uri: str) -> None:
        """What is wrong with the files beside a document is another thing, though its text is not."""

    def files_change(self, changes: Mapping[str, bool]) -> None:
        """Files changed on disk: URI to whether the file is gone."""

    def shutdown(self) -> None:
        """The server is about to end."""
