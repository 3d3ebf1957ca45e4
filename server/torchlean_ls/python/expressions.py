"""The expression that a node of an artifact came from, as its hover names it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from torchlean_core.capture.errors import Span
from torchlean_core.capture.meaning import text_hash
from torchlean_core.capture.workspace import Sources
from torchlean_core.check.nodes import Record
from torchlean_core.companions import model_of
from torchlean_core.live import split_lines
from torchlean_core.live.describe import text_at
from torchlean_core.live.texts import text_that_ran
from torchlean_core.navigate.explain import code
from torchlean_core.navigate.origin import Origin, origin_of
from torchlean_ls.uris import plain_uri


def expression_of(root: Any, record: Record, artifact: Path, sources: Sources) -> str | None:
    """A link to an expression with its text, as Markdown; None where it is not known or its file is another one now.

    Args:
        root: The artifact's value.
        record: The node.
        artifact: The artifact's file.
        sources: Knows the texts of open files.
    """
    origin = origin_of(root, record, artifact)
    if origin is None or origin.span is None:
        return None
    text = _text(root, origin, artifact, sources)
    if text is None:
        return None
    lines = split_lines(text.removeprefix("\ufeff"))
    span = Span(*origin.span)
    if span.end_line > len(lines):
        return None
    shown = f"[{origin.file.name}:{span.line}]({plain_uri(origin.file)}#L{span.line})"
    return f"{shown} `{code(text_at(lines, span))}`"


def _text(root: Any, origin: Origin, artifact: Path, sources: Sources) -> str | None:
    """The text that was captured, where the file still holds it, or an editor has it open."""
    model = model_of(root, artifact)
    if model is None or model.sha256 is None:
        return None
    file = os.path.normpath(origin.file)
    if file == os.path.normpath(model.file):
        opened = sources.opened(Path(os.path.realpath(file)))
        return text_that_ran(Path(file), model.sha256, [opened] if opened is not None else [])
    known = {os.path.normpath(model.folder / name): value for name, value in model.texts}
    # A host: a hover must not make the computer log in to one.
    if file not in known or file.startswith(("//", "\\\\")):
        return None
    for text in (sources.opened(Path(os.path.realpath(file))), text_that_ran(Path(file), None)):
        if text is not None and text_hash(text) == known[file]:
            return text
    return None
