"""From a model to its artifact and its generated module, from an expression to its nodes."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

from torchlean_core.live.describe import expression_at
from torchlean_ls.documents import Snapshot
from torchlean_ls.lsp import types
from torchlean_ls.python.classes import name_span
from torchlean_ls.python.live import Live
from torchlean_ls.python.nodes import artifact_of, nodes_of
from torchlean_ls.python.state import state_of
from torchlean_ls.uris import plain_uri


def class_locations(live: Live, document: Snapshot, position: types.Position) -> list[types.Location] | None:
    """The artifact of the model whose name stands at a position, and the module generated from it."""
    offset = document.offset(position)
    for model in live.classes.of(document):
        first, last = name_span(document, model)
        if first <= offset <= last:
            state = state_of(live, document, model)
            paths = [path for path in (state.artifact, state.module) if path is not None]
            start = types.Position(0, 0)
            return [types.Location(plain_uri(path), types.Range(start, start)) for path in paths] or None
    return None


def node_locations(
    live: Live, document: Snapshot, position: types.Position
) -> Generator[Any, Any, list[types.Location] | None]:
    """The nodes that the expression at a position became, in the artifacts of all models that it belongs to."""
    column = (
        document.offset(position) - document.lines.line_span(min(position.line, len(document.lines) - 1))[0]
    )
    wanted: dict[Path, set[int]] = {}
    for view in live.views(document):
        path, found = artifact_of(view.record), expression_at(view, position.line + 1, column)
        if path is not None and found is not None:
            wanted.setdefault(path, set()).update(found[0].nodes)
    locations = []
    for path, numbers in wanted.items():
        nodes = yield live.server.in_thread(nodes_of, path, live.encoding)
        locations += [
            types.Location(plain_uri(path), nodes[number].range)
            for number in sorted(numbers)
            if number in nodes
        ]
    return locations or None
