"""The models of a Python document, and where their definitions stand."""

from __future__ import annotations

import re
from pathlib import Path

from torchlean_core.capture.models import Model, find_models
from torchlean_ls.documents import Snapshot
from torchlean_ls.uris import file_name, file_path


class Classes:
    """The models of open documents, found once for each version."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, list[Model]]] = {}

    def of(self, document: Snapshot) -> list[Model]:
        """The models of a document, in its order."""
        known = self._known.get(document.uri)
        if known is None or known[0] != document.serial:
            path = file_path(document.uri) or Path(file_name(document.uri))
            known = self._known[document.uri] = document.serial, find_models(document.text, path)
        return known[1]

    def named(self, document: Snapshot, name: str) -> Model | None:
        """The model of a name."""
        return next((model for model in self.of(document) if model.name == name), None)

    def forget(self, uri: str) -> None:
        """A document was closed."""
        self._known.pop(uri, None)


def name_span(document: Snapshot, model: Model) -> tuple[int, int]:
    """Offsets of a model's name behind its `class` or `def`; its first line where that is not found."""
    start = document.lines.line_span(min(model.first_line, len(document.lines) - 1))[0]
    match = re.compile(rf"^[ \t]*(?:class|def)[ \t]+({re.escape(model.name)})\b", re.M).search(
        document.text, start
    )
    return match.span(1) if match is not None else (start, start)
