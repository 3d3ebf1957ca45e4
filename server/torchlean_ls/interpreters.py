"""Which Python does the work on a document: each folder of the workspace may have its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torchlean_ls.uris import file_path

if TYPE_CHECKING:
    from pathlib import Path

    from torchlean_ls.host import Host
    from torchlean_ls.settings import Settings


class Interpreters:
    """The interpreters of workers, by folder.

    A server checks all folders of its window, whatever interpreter it runs in itself; what a folder's own settings
    choose is the one that its models are captured and trained in.
    """

    def __init__(self, server: Host) -> None:
        self._server = server
        self._of_folder: dict[str, Settings] = {}

    def take(self, of_folder: Mapping[str, Settings]) -> bool:
        """Take in what the client told for each folder, by its URI; whether that is another choice than before."""
        before = {folder: settings.python for folder, settings in self._of_folder.items()}
        self._of_folder = dict(of_folder)
        return before != {folder: settings.python for folder, settings in self._of_folder.items()}

    def of(self, uri: str) -> str | None:
        """The Python of workers for a document, None for the server's own; an untrusted workspace chooses none."""
        folder = self._folder(uri)
        settings = self._of_folder.get(folder, self._server.settings) if folder else self._server.settings
        python = settings.python if self._server.trusted else None
        if python is None or not python.strip():
            return None
        return self._server.folders.program(python, folder)

    def all(self) -> set[str | None]:
        """The interpreters that a document of the workspace, or one outside of it, may ask for."""
        return {self.of(uri) for uri in (*self._server.folders.roots, "")}

    def _folder(self, uri: str) -> str | None:
        """The innermost folder of the workspace that a document is in."""
        path = file_path(uri)
        if path is None:
            return None
        around: list[tuple[str, Path]] = [
            (folder, root) for folder, root in self._server.folders.roots.items() if path.is_relative_to(root)
        ]
        return max(around, key=lambda one: len(one[1].parts))[0] if around else None
