"""Completion in `# torchlean:` comments."""

from __future__ import annotations

from typing import Any

from torchlean_core.capture.directives import Completion, directive_completions
from torchlean_ls.documents import Snapshot
from torchlean_ls.lsp import types
from torchlean_ls.python.live import Live


def directives(
    live: Live, document: Snapshot, position: types.Position
) -> list[tuple[Completion, dict[str, Any]]]:
    """What can be written at a position, each with the range that it replaces."""
    if position.line >= len(document.lines):
        return []
    start, end = document.lines.line_span(position.line)
    text = document.text[start:end]
    if not text.lstrip().startswith("#"):
        return []
    place = document.offset(position) - start
    found = directive_completions(text, place, _shapes(live, document, position.line))
    return [(one, document.plain_range(start + one.start, start + one.end)) for one in found]


def _shapes(live: Live, document: Snapshot, line: int) -> list[tuple[tuple[int, ...], str]]:
    """Shapes for the model below a line (from 0): what it was captured with, and what its first layer suggests."""
    model = next((one for one in live.classes.of(document) if one.name_span.line > line), None)
    if model is None:
        return []
    found = {}
    last = live.model(document, model.name)
    if last is not None and last.record.example_shape:
        found[last.record.example_shape] = "captured with it"
    guess = live.classes.guess(document, model.name)
    if guess is not None:
        found.setdefault(guess.shape, guess.why)
    return list(found.items())
