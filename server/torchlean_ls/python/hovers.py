"""Hover on Python files: shapes of names and calls, and how a model stands."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

from torchlean_core.capture.directives import directive_hover
from torchlean_core.capture.models import Model
from torchlean_core.live.describe import Described, describe, markdown
from torchlean_core.live.labels import shape_text
from torchlean_ls.documents import Snapshot
from torchlean_ls.lsp import types
from torchlean_ls.python.classes import name_span
from torchlean_ls.python.known import offsets
from torchlean_ls.python.live import Live
from torchlean_ls.python.nodes import Node, artifact_of, nodes_of
from torchlean_ls.python.state import State, state_of
from torchlean_ls.uris import plain_uri

Answer = tuple[str, tuple[int, int]] | None
"""Markdown, and the offsets that it is about."""

_TRACED_BY_OTHER = (
    "The code installed a tracer of its own (`sys.settrace`), so what its lines bind to names was not recorded: "
    "shapes are those of operators."
)


def python_hover(live: Live, document: Snapshot, position: types.Position) -> Generator[Any, Any, Answer]:
    """What is shown at a position; reading artifacts is left to a thread."""
    offset = document.offset(position)
    line = position.line + 1
    start, end = offsets(document, line, 0)
    text = document.text[start:end]
    if "torchlean:" in text and (told := directive_hover(text, offset - start)) is not None:
        return told[2], (start + told[0], start + told[1])
    found = describe(live.views(document), line, offset - start)
    if found:
        span = found[0].span
        same = [one for one in found if one.span == span]
        paths = {path for one in same if one.nodes and (path := artifact_of(one.view.record)) is not None}
        nodes = {}
        for path in sorted(paths):
            nodes[path] = yield live.server.in_thread(nodes_of, path, live.encoding)
        where = (
            offsets(document, span.line, span.column)[0],
            offsets(document, span.end_line, span.end_column)[0],
        )
        return markdown(same, lambda one, number: _link(one, number, nodes)), where
    for model in live.classes.of(document):
        where = name_span(document, model)
        if where[0] <= offset <= where[1]:
            return class_text(live, document, model), where
    return None


def _link(one: Described, number: int, nodes: Mapping[Path, Mapping[int, Node]]) -> str:
    path = artifact_of(one.view.record)
    node = nodes.get(path, {}).get(number) if path is not None else None
    if node is None or path is None:
        return f"node {number}"
    return f"[node {number}]({plain_uri(path)}#L{node.range.start.line + 1}) `{node.kind}`"


def class_text(live: Live, document: Snapshot, model: Model) -> str:
    """What is known of a model, as Markdown."""
    state = state_of(live, document, model)
    last = live.model(document, model.name)
    result = (last.record.result or {}) if last is not None else {}
    shape = last.record.example_shape if last is not None else state.shape
    lines = [f"**{model.name}**: {state.text}"]
    if shape:
        lines[0] += f", example shape `{shape_text(shape)}`"
    failure = live.failure(document, model.name)
    if failure is not None:
        lines += ["", failure]
    if last is not None and last.record.traced_by_other:
        lines += ["", _TRACED_BY_OTHER]
    numbers = _numbers(result)
    if numbers:
        lines += ["", ", ".join(numbers)]
    lines += ["", *_files(live, document, model, state)]
    return "\n".join(lines).rstrip()


def _numbers(result: Mapping[str, Any]) -> list[str]:
    """Size and error of a capture, in words."""
    found = []
    for key in ("parameters", "nodes"):
        if type(result.get(key)) is int:
            count = result[key]
            found.append(f"{count:,} {key if count != 1 else key[:-1]}")
    error, dtype = result.get("max_relative_error"), result.get("dtype")
    if isinstance(error, int | float):
        found.append(
            f"verified: relative error {error:.1e}" + (f" in {dtype}" if isinstance(dtype, str) else "")
        )
    if isinstance(result.get("seconds"), int | float):
        found.append(f"captured in {result['seconds']:.2f} s")
    return found


def _files(live: Live, document: Snapshot, model: Model, state: State) -> list[str]:
    on_disk = live.on_disk(document, model.name)
    stored = on_disk.stored if on_disk is not None else None
    found = []
    if state.artifact is not None:
        found.append(f"- artifact [{state.artifact.name}]({plain_uri(state.artifact)})")
    if stored is not None and stored.stale is not None:
        found.append(f"- {stored.stale}")
    if state.module is not None:
        found.append(f"- generated module [{state.module.name}]({plain_uri(state.module)})")
    return found
