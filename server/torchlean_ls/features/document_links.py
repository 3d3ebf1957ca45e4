"""Document links: from an artifact to the files that belong to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lsprotocol import types

from torchlean_core.artifact.companions import generated_module, params_path
from torchlean_core.check.places import place
from torchlean_core.navigate.origin import origin_of
from torchlean_ls.client import Client
from torchlean_ls.documents import Snapshot
from torchlean_ls.features.base import Feature
from torchlean_ls.uris import file_path, plain_uri


class DocumentLinks(Feature):
    """Answers `textDocument/documentLink`."""

    def register(self, client: Client) -> None:
        """Tooltips where the client shows them."""
        self._tooltips = client.has("textDocument.documentLink.tooltipSupport")
        self.server.on_artifact(types.TEXT_DOCUMENT_DOCUMENT_LINK, self._links)

    def _links(self, document: Snapshot, params: types.DocumentLinkParams) -> list[types.DocumentLink]:
        path = file_path(document.uri)
        if path is None:
            return []
        return [
            types.DocumentLink(document.range(*span), plain_uri(target), tooltip if self._tooltips else None)
            for span, target, tooltip in _targets(document, path)
        ]


def _targets(document: Snapshot, path: Path) -> Iterator[tuple[tuple[int, int], Path, str]]:
    """One place of the root for each file: the format for the code, the nodes for their parameters."""
    text = document.report.document
    root = text.value
    if not isinstance(root, dict):
        return
    origin = origin_of(root, None, path)
    if origin is not None and _exists(origin.file):
        span = place(text, None, ("captured_from", "file"))
        yield span, origin.file, f"Model {origin.file.name}"
    module, params = generated_module(path), params_path(path)
    if "format" in root and module is not None:
        yield place(text, None, ("format",)), module, f"Generated module {module.name}"
    if "nodes" in root and _exists(params):
        yield place(text, None, ("nodes",), on_key=True), params, f"Parameters {params.name}"


def _exists(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
