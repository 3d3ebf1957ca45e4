"""Document links: from an artifact to the model that it was captured from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from torchlean_core.check.places import place
from torchlean_core.navigate.origin import origin_of
from torchlean_ls.client import Client
from torchlean_ls.documents import Snapshot
from torchlean_ls.feature import Feature
from torchlean_ls.lsp import methods, types
from torchlean_ls.uris import file_path, plain_uri


class DocumentLinks(Feature):
    """Answers `textDocument/documentLink`."""

    def register(self, client: Client) -> None:
        """Tooltips where the client shows them."""
        self._tooltips = client.has("textDocument.documentLink.tooltipSupport")
        self.server.on_artifact(methods.TEXT_DOCUMENT_DOCUMENT_LINK, self._links)

    def _links(self, document: Snapshot, params: types.DocumentLinkParams) -> list[types.DocumentLink]:
        path = file_path(document.uri)
        if path is None:
            return []
        return [
            types.DocumentLink(document.range(*span), plain_uri(target), tooltip if self._tooltips else None)
            for span, target, tooltip in _targets(document, path)
        ]


def _targets(document: Snapshot, path: Path) -> Iterator[tuple[tuple[int, int], Path, str]]:
    """The places that are names of files. Others would look like something wrong: links are underlined."""
    text = document.report.document
    root = text.value
    if not isinstance(root, dict):
        return
    origin = origin_of(root, None, path)
    if origin is not None and _exists(origin.file):
        span = place(text, None, ("captured_from", "file"))
        yield span, origin.file, f"Model {origin.file.name}"


def _exists(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
