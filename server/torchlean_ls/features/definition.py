"""Go to definition: from an id to its node, from a node to the expression that it came from, and from a model on."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

from torchlean_core.basics.reading import MOST_SOURCE, read_lines, read_regular
from torchlean_core.check.places import place
from torchlean_core.navigate import Links, Spot
from torchlean_core.navigate.origin import Origin, origin_of
from torchlean_core.text import LineIndex
from torchlean_ls.client import Client
from torchlean_ls.documents import Snapshot
from torchlean_ls.feature import Feature
from torchlean_ls.lsp import methods, types
from torchlean_ls.python.links import class_locations
from torchlean_ls.uris import file_path, plain_uri

_ORIGIN_FIELDS = ("kind", "debug_target", "source")
"""Fields from which one goes to the model file."""


class Definition(Feature):
    """Answers `textDocument/definition`."""

    def register(self, client: Client) -> None:
        """Every client gets plain locations."""
        self.server.on_artifact(methods.TEXT_DOCUMENT_DEFINITION, self._definition)
        self.server.on_python(methods.TEXT_DOCUMENT_DEFINITION, self._of_class)

    def _of_class(
        self, document: Snapshot, params: types.DefinitionParams
    ) -> Generator[Any, Any, list[types.Location] | None]:
        latest = yield self.server.live.ready(document)
        return class_locations(self.server.live, latest, params.position) if latest is not None else None

    def _definition(self, document: Snapshot, params: types.DefinitionParams) -> list[types.Location] | None:
        spot = document.spot(params.position)
        if spot is None:
            return None
        links = document.links
        named = links.named(spot)
        if named is not None:
            return locations(document, links, named)
        component = _component(document, links, spot)
        if component is not None:
            return [component]
        origin = _origin(document, links, spot)
        return [origin] if origin is not None else None


def locations(document: Snapshot, links: Links, node_id: int) -> list[types.Location] | None:
    """The nodes that an id means: the whole nodes, so that a peek shows them."""
    found = []
    for use in links.declarations(node_id):
        span = links.report.document.node_span(use.index) if use.index is not None else None
        if span is not None:
            found.append(types.Location(document.uri, document.range(*span)))
    return found or None


def _component(document: Snapshot, links: Links, spot: Spot) -> types.Location | None:
    """From the `index` of a projection to the component's shape in the tuple."""
    record = links.report.records[spot.index] if spot.index is not None else None
    if record is None or spot.path != ("index",) or not record.parents or type(spot.value) is not int:
        return None
    parent = links.record(record.parents[0]) if record.parents[0] is not None else None
    if parent is None or parent.tuple_shapes is None or not 0 <= spot.value < len(parent.tuple_shapes):
        return None
    span = place(links.report.document, parent.index, ("tuple_shapes", spot.value))
    return types.Location(document.uri, document.range(*span))


def _origin(document: Snapshot, links: Links, spot: Spot) -> types.Location | None:
    """The place in the model file that a node, or the whole artifact, was captured from."""
    path = file_path(document.uri)
    if path is None:
        return None
    root = links.report.document.value
    if spot.index is None:
        wanted = spot.field == "captured_from"
        origin = origin_of(root, None, path) if wanted else None
    else:
        wanted = spot.field is None or spot.field in _ORIGIN_FIELDS
        origin = origin_of(root, links.report.records[spot.index], path) if wanted else None
    if origin is None or not _is_file(origin.file):
        return None
    if origin.span is not None and (where := _span_range(document, origin.file, origin.span)) is not None:
        return types.Location(plain_uri(origin.file), where)
    line = origin.line - 1 if origin.line is not None else _class_line(origin)
    return types.Location(
        plain_uri(origin.file), types.Range(types.Position(line, 0), types.Position(line, 0))
    )


def _span_range(document: Snapshot, file: Path, span: tuple[int, int, int, int]) -> types.Range | None:
    """The expression, in the protocol's columns; None where the file is shorter by now."""
    try:
        text = read_regular(file, MOST_SOURCE).decode("utf-8", "replace").removeprefix("\ufeff")
    except OSError:
        return None
    lines = LineIndex(text)
    line, column, end_line, end_column = span
    if end_line > len(lines):
        return None

    def position(number: int, place: int) -> types.Position:
        start, end = lines.line_span(number - 1)
        return types.Position(*lines.position(min(start + place, end), document.encoding))

    return types.Range(position(line, column), position(end_line, end_column))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _class_line(origin: Origin) -> int:
    """The line of the class in the model file, from 0; the first line where it is not found."""
    from torchlean_core.capture.models import find_models

    try:
        source = read_lines(origin.file, MOST_SOURCE)
    except OSError:
        return 0
    for model in find_models(source, origin.file):
        if model.name == origin.name:
            return model.first_line
    return 0
