"""Open documents: their texts, versions, and what the checker says of them, made once per version."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from functools import cached_property

from lsprotocol import types

from torchlean_core.artifact.companions import is_artifact_name
from torchlean_core.artifact.detect import looks_like_artifact
from torchlean_core.check import Report, check_text
from torchlean_core.text import Encoding, LineIndex, Position
from torchlean_ls.uris import file_name

_log = logging.getLogger(__name__)

Change = types.TextDocumentContentChangePartial | types.TextDocumentContentChangeWholeDocument


class Snapshot:
    """One version of an open document; never changes."""

    def __init__(self, uri: str, language: str, version: int, text: str, encoding: Encoding) -> None:
        self.uri = uri
        self.language = language
        self.version = version
        self.text = text
        self.encoding = encoding

    @cached_property
    def is_artifact(self) -> bool:
        """Whether the text is checked as an artifact: by its name or language, or by what it holds."""
        name = file_name(self.uri)
        if is_artifact_name(name) or self.language == "torchlean-ir":
            return True
        return (name.endswith(".json") or self.language == "json") and looks_like_artifact(self.text)

    @property
    def is_python(self) -> bool:
        """Whether this is a Python file."""
        return self.language == "python" or file_name(self.uri).endswith(".py")

    @cached_property
    def report(self) -> Report:
        """The check of this version."""
        return check_text(self.text)

    @cached_property
    def lines(self) -> LineIndex:
        """The line starts of this version."""
        return LineIndex(self.text)

    def offset(self, position: types.Position) -> int:
        """Offset of a position of the protocol; out of range is the nearest place."""
        return self.lines.offset(Position(position.line, position.character), self.encoding)

    def range(self, start: int, end: int) -> types.Range:
        """Range of the protocol between two offsets."""
        first, last = self.lines.range(start, end, self.encoding)
        return types.Range(types.Position(*first), types.Position(*last))


class Documents:
    """The open documents by URI."""

    def __init__(self) -> None:
        self.encoding = Encoding.UTF16
        self._open: dict[str, Snapshot] = {}

    def __iter__(self) -> Iterator[Snapshot]:
        return iter(list(self._open.values()))

    def get(self, uri: str) -> Snapshot | None:
        """The present version of an open document."""
        return self._open.get(uri)

    def open(self, item: types.TextDocumentItem) -> Snapshot:
        """Take a document in; one that is open already is replaced."""
        snapshot = Snapshot(item.uri, item.language_id, item.version, item.text, self.encoding)
        self._open[item.uri] = snapshot
        return snapshot

    def change(self, params: types.DidChangeTextDocumentParams) -> Snapshot | None:
        """Apply changes in their order; None for a document that is not open."""
        document = params.text_document
        old = self._open.get(document.uri)
        if old is None:
            _log.warning("change of a document that is not open: %s", document.uri)
            return None
        text = apply_changes(old.text, params.content_changes, self.encoding)
        new = Snapshot(old.uri, old.language, document.version, text, self.encoding)
        self._open[document.uri] = new
        return new

    def close(self, uri: str) -> None:
        """Let a document go."""
        self._open.pop(uri, None)


def apply_changes(text: str, changes: Sequence[Change], encoding: Encoding) -> str:
    """A text after content changes; ranges out of bounds are clamped, reversed ones put right."""
    for change in changes:
        if isinstance(change, types.TextDocumentContentChangeWholeDocument):
            text = change.text
            continue
        lines = LineIndex(text)
        start = lines.offset(Position(change.range.start.line, change.range.start.character), encoding)
        end = lines.offset(Position(change.range.end.line, change.range.end.character), encoding)
        if end < start:
            start, end = end, start
        text = text[:start] + change.text + text[end:]
    return text
