"""The texts of open Python documents by path: they count instead of what is on disk."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from torchlean_core.basics.paths import real
from torchlean_ls.documents import Documents, Snapshot
from torchlean_ls.uris import file_path


class OpenTexts:
    """Finds the text of an open document by the path of its file, as `capture.workspace.Sources` asks for it.

    The latest news count: what was opened or typed counts more than the file, until the file changes below a text
    that nobody has edited (a checkout, and the editor has not read it again).
    """

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._paths: dict[str, frozenset[Path]] = {}
        self._edited: set[str] = set()
        self._outdated: set[str] = set()

    def read(self, path: Path) -> str | None:
        """The text of a file's document, which may not be saved; None where the file counts. From any thread."""
        for document in self._documents:
            if document.is_python and path in self._paths_of(document.uri):
                return None if document.uri in self._outdated else document.text
        return None

    def edited(self, document: Snapshot) -> None:
        """A document has a new version."""
        self._edited.add(document.uri)
        self._outdated.discard(document.uri)

    def saved(self, document: Snapshot) -> None:
        """A document is what its file is."""
        self._edited.discard(document.uri)
        self._outdated.discard(document.uri)

    def files_changed(self, uris: Iterable[str]) -> None:
        """Files changed on disk, by whomever."""
        changed = {path for uri in uris if (path := file_path(uri)) is not None}
        for document in self._documents:
            if document.uri not in self._edited and changed & self._paths_of(document.uri):
                self._outdated.add(document.uri)

    def forget(self, uri: str) -> None:
        """A document was closed, or is opened anew."""
        self._paths.pop(uri, None)
        self._edited.discard(uri)
        self._outdated.discard(uri)

    def _paths_of(self, uri: str) -> frozenset[Path]:
        """The paths that a document's file has: the one by which it was opened, and the one that links lead to."""
        known = self._paths.get(uri)
        if known is None:
            path = file_path(uri)
            known = self._paths[uri] = frozenset() if path is None else frozenset({path, real(path)})
        return known
