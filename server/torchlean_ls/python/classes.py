"""The models of a Python document, and where their definitions stand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from torchlean_core.capture.configured import named_in_settings
from torchlean_core.capture.directives import directive_problems
from torchlean_core.capture.errors import CaptureFinding
from torchlean_core.capture.models import Model, models_of
from torchlean_core.capture.pyfile import PythonFile, parse
from torchlean_core.capture.workspace import Sources
from torchlean_core.errors import UserError
from torchlean_core.live import Moved, split_lines
from torchlean_ls.documents import Snapshot
from torchlean_ls.uris import file_name, file_path


class Classes:
    """The models of open documents, found once for each version; while one does not parse, where they were before.

    Attributes:
        roots: Folders of the workspace, in which modules are looked for.
    """

    def __init__(self, roots: Callable[[], list[Path]]) -> None:
        self.roots = roots
        self._known: dict[str, tuple[int, list[Model]]] = {}
        self._parsed: dict[str, tuple[list[str], list[Model], PythonFile]] = {}
        self._problems: dict[str, tuple[int, list[CaptureFinding]]] = {}
        self._sources = Sources()

    def of(self, document: Snapshot) -> list[Model]:
        """The models of a document, in its order."""
        known = self._known.get(document.uri)
        if known is None or known[0] != document.serial:
            path = file_path(document.uri) or Path(file_name(document.uri))
            known = self._known[document.uri] = document.serial, self._find(document, path)
        return known[1]

    def _find(self, document: Snapshot, path: Path) -> list[Model]:
        tree = parse(document.text)
        lines = split_lines(document.text)
        if tree is None:
            before = self._parsed.get(document.uri)
            return [] if before is None else list(_moved(before[1], Moved(before[0], lines)))
        try:
            named = named_in_settings(path)
        except UserError:
            named = frozenset()  # the settings file is wrong, which is said where settings are read
        file = PythonFile(path, document.text, tree)
        models = models_of(file, named, self._sources, self.roots())
        self._parsed[document.uri] = lines, models, file
        return models

    def file(self, document: Snapshot) -> PythonFile | None:
        """The last version of a document that parses."""
        self.of(document)
        parsed = self._parsed.get(document.uri)
        return parsed[2] if parsed is not None else None

    def named(self, document: Snapshot, name: str) -> Model | None:
        """The model of a name."""
        return next((model for model in self.of(document) if model.name == name), None)

    def directive_problems(self, document: Snapshot) -> list[CaptureFinding]:
        """What is wrong with the directives of a document."""
        if "torchlean:" not in document.text:
            return []
        known = self._problems.get(document.uri)
        if known is None or known[0] != document.serial:
            known = self._problems[document.uri] = document.serial, directive_problems(document.text)
        return known[1]

    def forget(self, uri: str) -> None:
        """A document was closed."""
        self._known.pop(uri, None)
        self._parsed.pop(uri, None)
        self._problems.pop(uri, None)

    def find_anew(self) -> None:
        """Other files changed: bases may be others, or settings name other functions."""
        self._known.clear()


def _moved(models: list[Model], moved: Moved) -> Iterator[Model]:
    """The models whose heads still stand in a text that does not parse."""
    for model in models:
        line = moved.line(model.name_span.line + 1)
        if line is not None:
            shift = line - 1 - model.name_span.line
            last = moved.line(model.last_line + 1)
            yield replace(
                model,
                first_line=max(model.first_line + shift, 0),
                last_line=last - 1 if last is not None else max(model.last_line + shift, line - 1),
                name_span=replace(model.name_span, line=line - 1),
            )


def name_span(document: Snapshot, model: Model) -> tuple[int, int]:
    """Offsets of a model's name in its definition."""
    span = model.name_span
    start, end = document.lines.line_span(min(span.line, len(document.lines) - 1))
    return min(start + span.start, end), min(start + span.end, end)
