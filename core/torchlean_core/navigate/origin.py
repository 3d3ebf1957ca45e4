"""Where a captured node comes from: the model file and the line, as its extra fields say."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from torchlean_core.check.nodes import Record


class Origin(NamedTuple):
    """A place in a model file: the file, the class where known, and the line (from 1) where known."""

    file: Path
    name: str | None
    line: int | None


def origin_of(root: Any, record: Record | None, artifact: Path) -> Origin | None:
    """The place in the model file that an artifact, or one node of it, was captured from.

    Args:
        root: The root object, whose `captured_from` names the file relative to the artifact.
        record: A node, whose `source` names the line; None for the artifact as a whole.
        artifact: The artifact's file.
    """
    captured = root.get("captured_from") if isinstance(root, dict) else None
    if not isinstance(captured, dict):
        return None
    file = captured.get("file")
    if not isinstance(file, str) or not file or "\0" in file:
        return None
    name = captured.get("class")
    source = record.raw.get("source") if record is not None else None
    line = source.get("line") if isinstance(source, dict) else None
    if type(line) is not int or line < 1:
        line = None
    return Origin(artifact.parent / file, name if isinstance(name, str) else None, line)
