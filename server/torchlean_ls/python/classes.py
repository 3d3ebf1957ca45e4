"""The models of the open Python documents, and where their definitions stand."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

from torchlean_core.capture.configured import named_in_settings
from torchlean_core.capture.guess import Guess, guess_shape
from torchlean_core.capture.models import Model
from torchlean_core.capture.pyfile import PythonFile
from torchlean_core.capture.view import PythonView
from torchlean_core.capture.workspace import Sources, Workspace
from torchlean_core.errors import UserError
from torchlean_ls.documents import Snapshot
from torchlean_ls.uris import file_name, file_path


class Classes:
    """The models of open documents, found once for each version; while one does not parse, where they were before.

    Attributes:
        roots: Folders of the workspace, in which modules are looked for.
        sources: Reads Python files, of open ones their texts.
    """

    def __init__(self, roots: Callable[[], list[Path]], sources: Sources) -> None:
        self.roots = roots
        self.sources = sources
        self._known: dict[str, tuple[int, dict[str, Model]]] = {}
        self._views: dict[str, PythonView] = {}

    def of(self, document: Snapshot) -> list[Model]:
        """The models of a document, in its order."""
        return list(self._by_name(document).values())

    def named(self, document: Snapshot, name: str) -> Model | None:
        """The model of a name."""
        return self._by_name(document).get(name)

    def _by_name(self, document: Snapshot) -> dict[str, Model]:
        known = self._known.get(document.uri)
        if known is None or known[0] != document.serial:
            found = {model.name: model for model in self._find(document)}
            known = self._known[document.uri] = document.serial, found
        return known[1]

    def _find(self, document: Snapshot) -> list[Model]:
        path = file_path(document.uri) or Path(file_name(document.uri))
        view = self._views.get(document.uri)
        if view is None:
            view = self._views[document.uri] = PythonView(path, self.sources)
        try:
            named = named_in_settings(path)
        except UserError:
            named = frozenset()  # the settings file is wrong, which is said where settings are read
        return view.update(document.text, named, self.roots())

    def file(self, document: Snapshot) -> PythonFile | None:
        """The last version of a document that parses."""
        self.of(document)
        return self._views[document.uri].file

    def guess(self, document: Snapshot, name: str) -> Guess | None:
        """A likely example shape of a model of a document, in its last version that parses."""
        file = self.file(document)
        if file is None:
            return None
        return guess_shape(file, name, Workspace(file.path, self.sources, self.roots()))

    def tree(self, document: Snapshot) -> ast.Module | None:
        """The syntax tree of a document; None where it does not parse."""
        file = self.file(document)
        return file.tree if file is not None and file.text == document.text else None

    def parses(self, document: Snapshot) -> bool:
        """Whether a document is Python."""
        self.of(document)
        return self._views[document.uri].parses

    def forget(self, uri: str) -> None:
        """A document was closed."""
        self._known.pop(uri, None)
        self._views.pop(uri, None)

    def find_anew(self) -> None:
        """Other files changed: bases may be others, or settings name other functions."""
        self._known.clear()


def name_span(document: Snapshot, model: Model) -> tuple[int, int]:
    """Offsets of a model's name in its definition."""
    span = model.name_span
    start, end = document.lines.line_span(min(span.line, len(document.lines) - 1))
    return min(start + span.start, end), min(start + span.end, end)
