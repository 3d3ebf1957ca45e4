"""Example shapes as they are written over models."""

from __future__ import annotations

from collections.abc import Iterable

from torchlean_core.capture.models import Model
from torchlean_ls.documents import Snapshot
from torchlean_ls.lsp import types


def shape_text(shape: Iterable[int]) -> str:
    """A shape as directives and arguments have it: `1,4`."""
    return ",".join(map(str, shape))


def shape_edit(document: Snapshot, model: Model, shape: str) -> types.TextEdit:
    """The edit that writes an example shape over a model: in place of the one that is there, if any."""
    for directive in model.directives:
        if directive.key == "example-shape":
            start = document.lines.line_span(min(directive.line, len(document.lines) - 1))[0]
            begin, end = start + directive.value_start, start + directive.end
            text = shape if directive.value is not None else f"={shape}"
            return types.TextEdit(document.range(begin, end), text)
    start, end = document.lines.line_span(min(model.first_line, len(document.lines) - 1))
    line = document.text[start:end]
    indent = line[: len(line) - len(line.lstrip())]
    ends = "\r\n" if document.text[end : end + 2] == "\r\n" else "\n"
    text = f"{indent}# torchlean: example-shape={shape}{ends}"
    return types.TextEdit(document.range(start, start), text)
