"""Where a captured node comes from: the model file and the line, as its extra fields say."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

from torchlean_core.basics.reading import names_host
from torchlean_core.check.nodes import Record


class Origin(NamedTuple):
    """A place in a model file.

    Attributes:
        file: The file.
        name: The class, where it is known.
        line: The line (from 1), where it is known.
        span: The expression: line, column, last line, end column; lines from 1, columns from 0 in characters.
    """

    file: Path
    name: str | None
    line: int | None
    span: tuple[int, int, int, int] | None = None


def origin_of(root: Any, record: Record | None, artifact: Path) -> Origin | None:
    """The place in the model file that an artifact, or one node of it, was captured from.

    Args:
        root: The root object, whose `captured_from` names the file relative to the artifact.
        record: A node, whose `source` names the line; None for the artifact as a whole.
        artifact: The artifact's file.

    Returns:
        The place; None where nothing tells it, or the model is no text.
    """
    captured = root.get("captured_from") if isinstance(root, dict) else None
    if not isinstance(captured, dict):
        return None
    file = captured.get("file")
    if "format" in captured and "class" not in captured:
        return None  # a program of torch.export: it is no text, and the files in which it was written are elsewhere
    if not _is_name(file):
        return None
    name = captured.get("class")
    source = record.raw.get("source") if record is not None else None
    line = source.get("line") if isinstance(source, dict) else None
    if type(line) is not int or line < 1:
        line = None
    path = artifact.parent / file
    span = _span(source.get("span")) if isinstance(source, dict) else None
    other = source.get("file") if isinstance(source, dict) else None
    if span is not None and _is_name(other):
        path, line = path.parent / other, span[0]  # the expression stands in another file than the model
    return Origin(path, name if isinstance(name, str) else None, line, span)


def _is_name(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and value != "" and "\0" not in value and not names_host(value)


def _span(value: Any) -> tuple[int, int, int, int] | None:
    if not isinstance(value, list) or len(value) != 4 or not all(type(one) is int for one in value):
        return None
    line, column, end_line, end_column = value
    good = 1 <= line <= end_line and column >= 0 and end_column >= 0
    return (line, column, end_line, end_column) if good else None
