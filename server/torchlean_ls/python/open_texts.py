"""The texts of open Python documents by path: they count instead of what is on disk."""

from __future__ import annotations

from pathlib import Path

from torchlean_ls.documents import Documents
from torchlean_ls.uris import file_path


class OpenTexts:
    """Finds the text of an open document by the path of its file, as `capture.workspace.Sources` asks for it."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._paths: dict[str, frozenset[Path]] = {}

    def read(self, path: Path) -> str | None:
        """The text of a file's document, which may not be saved; None where it is not open. From any thread."""
        for document in self._documents:
            if document.is_python and path in self._paths_of(document.uri):
                return document.text
        return None

    def forget(self, uri: str) -> None:
        """A document was closed: where its file is may be another place when it is opened again."""
        self._paths.pop(uri, None)

    def _paths_of(self, uri: str) -> frozenset[Path]:
        """The paths that a document's file has: the one by which it was opened, and the one that links lead to."""
        known = self._paths.get(uri)
        if known is None:
            path = file_path(uri)
            known = self._paths[uri] = frozenset() if path is None else frozenset({path, path.resolve()})
        return known
