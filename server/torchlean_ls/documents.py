"""Open documents: their texts, versions, and what the checker says of them, made once per version."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from torchlean_core.artifact.companions import is_artifact_name, names_model
from torchlean_core.artifact.detect import looks_like_artifact
from torchlean_core.basics.lazy import lazy
from torchlean_core.check import Report
from torchlean_core.check.checker import Check
from torchlean_core.navigate import Links, Spot, spot_at
from torchlean_core.text import Change, Document, Encoding, LineIndex, Position, read_text
from torchlean_ls.lsp import types
from torchlean_ls.memory import give_back_memory
from torchlean_ls.splice import Splice, spliced
from torchlean_ls.uris import file_name

_log = logging.getLogger(__name__)

_serial = itertools.count()

BIG = 400_000
"""Characters from which on a text is checked in a thread, so that other requests need not wait for it."""


class Snapshot:
    """One version of an open document.

    What the checker makes of it is passed on to the next version, so only the latest one may be asked.

    Attributes:
        declared: Whether a setting says that this file is an artifact.
        serial: Number of this version among all of all documents, also of those closed and opened again.
        busy: Whether a thread is at work on it; then nothing is passed on.
        is_prepared: Whether what edits and looks at single nodes need has been made ahead of time.
    """

    def __init__(
        self,
        uri: str,
        language: str,
        version: int,
        text: str,
        encoding: Encoding,
        lines: LineIndex | None = None,
        declared: bool = False,
    ) -> None:
        self.uri = uri
        self.declared = declared
        self.language = language
        self.version = version
        self.text = text
        self.encoding = encoding
        self.serial = next(_serial)
        self.busy = False
        self.is_prepared = False
        if lines is not None:
            self.lines = lines
        self._document: Document | None = None
        self._check: Check | None = None
        self._changes: list[Change] = []
        self._splice: Splice | None = None

    @lazy
    def lines(self) -> LineIndex:
        """The line starts of this version."""
        return LineIndex(self.text)

    @property
    def is_slow(self) -> bool:
        """Whether asking for the report takes long enough to belong in a thread."""
        if not self.is_big or "report" in self.__dict__:
            return False
        return not self._is_followed

    @property
    def _is_followed(self) -> bool:
        """Whether what is known of an earlier version says most of this one."""
        check, document = self._check, self._document
        return check is not None and document is not None and check.is_quick(document, self._changes)

    @property
    def is_big(self) -> bool:
        """Whether what takes time in proportion to the text belongs in a thread."""
        return len(self.text) >= BIG

    @property
    def is_ready(self) -> bool:
        """Whether looking at a single node, or editing it, takes no time in proportion to the text."""
        return not self.is_big or (self.is_prepared and not self.is_slow)

    @lazy
    def is_artifact(self) -> bool:
        """Whether the text is checked as an artifact: by its name or language, or by what it holds."""
        name = file_name(self.uri)
        if self.declared or is_artifact_name(name) or self.language == "torchlean-ir":
            return True
        return (name.endswith(".json") or self.language == "json") and looks_like_artifact(self.text)

    @lazy
    def names_model(self) -> bool:
        """Whether the text may say which model it was captured from: looked for where it is not known otherwise."""
        root = self._document.value if self._document is not None else None
        return "captured_from" in root if type(root) is dict else names_model(self.text)

    @property
    def is_python(self) -> bool:
        """Whether this is a Python file."""
        return self.language == "python" or file_name(self.uri).endswith(".py")

    @lazy
    def report(self) -> Report:
        """The check of this version: of what changed where that is known, else of everything."""
        if self._check is not None and self._document is not None:
            self.is_prepared &= self._is_followed
            self._check.update(self._document, self._changes)
        else:
            self._document = read_text(self.text, self.lines)
            self._check = Check(self._document)
        self._changes = []
        return self._check.report()

    def prepare(self) -> None:
        """Make what hovers and the check of the next version need ahead of time, so that the first is fast too."""
        if self._check is not None:
            self._check.prepare()
        self.is_prepared = True
        give_back_memory(len(self.text))

    @lazy
    def links(self) -> Links:
        """Who uses whom in this version."""
        return Links(self.report)

    def spot(self, position: types.Position) -> Spot | None:
        """What stands at a position of the protocol."""
        return spot_at(self.report.document, self.offset(position))

    def changed(self, version: int, changes: Sequence[types.TextDocumentContentChangeEvent]) -> Snapshot:
        """The next version; ranges out of bounds are clamped, reversed ones put right."""
        if not changes and version != self.version:
            nothing = types.Position(0, 0)
            changes = [
                types.TextDocumentContentChangeEvent("", types.Range(nothing, nothing))
            ]  # the version is another one
        latest = self
        for change in changes:
            latest = latest._changed(version, change)
        return latest

    def _changed(self, version: int, change: types.TextDocumentContentChangeEvent) -> Snapshot:
        if change.range is None:
            return Snapshot(
                self.uri, self.language, version, change.text, self.encoding, declared=self.declared
            )
        start, end = self.offset(change.range.start), self.offset(change.range.end)
        if end < start:
            start, end = end, start
        text, splice = spliced(self.text, self._splice, start, end, change.text)
        self._splice = None
        lines = self.lines.edited(text, start, end, change.text) if self.is_ready and not self.busy else None
        following = Snapshot(self.uri, self.language, version, text, self.encoding, lines, self.declared)
        following._splice = splice
        if self.__dict__.get("is_artifact"):
            following.is_artifact = True  # what once was an artifact stays one while it is being edited
        if self._document is not None and lines is not None:
            edited = self._document.edited(text, lines, start, end, change.text)
            if edited is not None:
                following._document = edited[0]
                following._check = self._check
                following._changes = [*self._changes, edited[1]]
                following.is_prepared = self.is_prepared
        return following

    def offset(self, position: types.Position) -> int:
        """Offset of a position of the protocol; out of range is the nearest place."""
        return self.lines.offset(Position(position.line, position.character), self.encoding)

    def range(self, start: int, end: int) -> types.Range:
        """Range of the protocol between two offsets."""
        first, last = self.lines.range(start, end, self.encoding)
        return types.Range(types.Position(*first), types.Position(*last))

    def plain_range(self, start: int, end: int) -> dict[str, Any]:
        """The same as JSON."""
        (line, column), (last, until) = self.lines.range(start, end, self.encoding)
        return {"start": {"line": line, "character": column}, "end": {"line": last, "character": until}}

    def plain_ranges(self, spans: Iterable[tuple[int, int]]) -> list[dict[str, Any]]:
        """Many ranges as JSON, of spans that stand in order: quicker than one by one."""
        return [
            {"start": {"line": line, "character": column}, "end": {"line": last, "character": until}}
            for line, column, last, until in self.lines.ranges(spans, self.encoding)
        ]


class Documents:
    """The open documents by URI.

    Attributes:
        encoding: Units of columns in positions.
        declares: Whether a setting says that the file of a URI is an artifact.
    """

    def __init__(self) -> None:
        self.encoding = Encoding.UTF16
        self.declares: Callable[[str], bool] = lambda uri: False
        self._open: dict[str, Snapshot] = {}

    def __iter__(self) -> Iterator[Snapshot]:
        return iter(list(self._open.values()))

    def get(self, uri: str) -> Snapshot | None:
        """The present version of an open document."""
        return self._open.get(uri)

    def open(self, item: types.TextDocumentItem) -> Snapshot:
        """Take a document in; one that is open already is replaced."""
        declared = self.declares(item.uri)
        snapshot = Snapshot(
            item.uri, item.language_id, item.version, item.text, self.encoding, declared=declared
        )
        self._open[item.uri] = snapshot
        return snapshot

    def change(self, params: types.DidChangeTextDocumentParams) -> Snapshot | None:
        """Apply changes in their order; None for a document that is not open."""
        document = params.text_document
        old = self._open.get(document.uri)
        if old is None:
            _log.warning("change of a document that is not open: %s", document.uri)
            return None
        version = old.version if document.version is None else document.version
        if version < old.version:
            _log.warning("version %d after %d of %s", version, old.version, document.uri)
        new = old.changed(version, params.content_changes)
        self._open[document.uri] = new
        return new

    def close(self, uri: str) -> None:
        """Let a document go."""
        self._open.pop(uri, None)

    def declare_anew(self) -> None:
        """Look again which files the settings say to be artifacts."""
        for document in self:
            declared = self.declares(document.uri)
            if declared != document.declared:
                document.declared = declared
                document.__dict__.pop("is_artifact", None)
