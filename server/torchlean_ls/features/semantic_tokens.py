"""Semantic tokens: kinds as functions, ids as variables, the fields of a kind as properties."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from torchlean_core.check.nodes import Record
from torchlean_core.check.places import place
from torchlean_core.navigate.links import Links
from torchlean_ls.capabilities import TOKEN_MODIFIERS, TOKEN_TYPES
from torchlean_ls.client import Client
from torchlean_ls.documents import Snapshot
from torchlean_ls.feature import Feature
from torchlean_ls.lsp import methods, types

if TYPE_CHECKING:
    from torchlean_ls.host import Host

MAX_NODES = 2_000
"""Nodes of one answer. A longer file is coloured by the ranges that are in sight."""

_NUMBERS = 5
"""Numbers of one token: lines down, columns to the right, length, type, modifiers."""

_TYPES = {name: number for number, name in enumerate(TOKEN_TYPES)}
_DECLARATION = 1 << TOKEN_MODIFIERS.index("declaration")


class _Token(NamedTuple):
    start: int
    end: int
    type: int
    modifiers: int


class _Result(NamedTuple):
    """What a client was sent of a document."""

    id: str
    data: array[int]


class SemanticTokens(Feature):
    """Answers `textDocument/semanticTokens/full`, `…/full/delta` and `…/range`."""

    def __init__(self, server: Host) -> None:
        super().__init__(server)
        self._deltas = False
        self._sent: dict[str, _Result] = {}  # the last result of each open document

    def register(self, client: Client) -> None:
        """Full and range; a client takes what it wants. Results are kept only for one that asks what changed."""
        self._refreshable = client.refreshes("semanticTokens")
        self._deltas = client.token_deltas
        self.server.on_artifact(methods.TEXT_DOCUMENT_SEMANTIC_TOKENS_FULL, self._full)
        self.server.on_artifact(methods.TEXT_DOCUMENT_SEMANTIC_TOKENS_RANGE, self._range)
        if self._deltas:
            self.server.on_artifact(methods.TEXT_DOCUMENT_SEMANTIC_TOKENS_FULL_DELTA, self._delta)

    def document_close(self, uri: str) -> None:
        """Forget what was sent."""
        self._sent.pop(uri, None)

    def settings_change(self) -> None:
        """Ask the client to ask anew."""
        if self._refreshable:
            self.server.refresh(methods.WORKSPACE_SEMANTIC_TOKENS_REFRESH)

    def _full(self, document: Snapshot, params: types.SemanticTokensParams) -> types.Json:
        result = self._result(document)
        return self._whole(result) if result is not None else None

    def _delta(self, document: Snapshot, params: types.SemanticTokensDeltaParams) -> types.Json:
        before = self._sent.get(document.uri)
        result = self._result(document)
        if result is None:
            return None
        if before is None or before.id != params.previous_result_id:
            return self._whole(result)
        return {"resultId": result.id, "edits": changes(before.data, result.data)}

    def _result(self, document: Snapshot) -> _Result | None:
        """The tokens of a document, which are kept until the next result; None for a long one."""
        known = self._sent.pop(document.uri, None)
        if len(document.report.records) > MAX_NODES:
            return None
        number = str(document.serial)  # another version of this or any document has another one
        if known is not None and known.id == number:
            result = known
        else:
            result = _Result(number, array("I", encode(document, _tokens(document, 0, len(document.text)))))
        if self._deltas:
            self._sent[document.uri] = result
        return result

    def _whole(self, result: _Result) -> dict[str, Any]:
        data = result.data.tolist()
        return {"resultId": result.id, "data": data} if self._deltas else {"data": data}

    def _range(self, document: Snapshot, params: types.SemanticTokensRangeParams) -> types.Json:
        start, end = document.offset(params.range.start), document.offset(params.range.end)
        return {"data": encode(document, _tokens(document, start, end))}


def _tokens(document: Snapshot, start: int, end: int) -> list[_Token]:
    links = document.links
    text = document.report.document
    spans = text.spans
    found: list[_Token] = []
    for path, _ in links.ends():
        span = place(text, None, path)
        if start <= span[0] < end:
            found.append(_Token(*span, _TYPES["variable"], 0))
    if spans is None:
        return sorted(found)
    first, last = spans.touched(start, end)
    left_out = max(0, last - first - MAX_NODES)
    for index in range(first, min(last - left_out, len(document.report.records))):
        record = document.report.records[index]
        if record is not None:
            found += (token for token in _node_tokens(links, record) if start <= token.start < end)
    return sorted(found)


def _node_tokens(links: Links, record: Record) -> Iterator[_Token]:
    text = links.report.document
    entry = links.entry(record)
    if record.id is not None:
        yield _Token(*place(text, record.index, ("id",)), _TYPES["variable"], _DECLARATION)
    if record.kind is not None:
        role = "function" if entry is not None else "namespace"
        yield _Token(*place(text, record.index, ("kind",)), _TYPES[role], 0)
    for position, parent in enumerate(record.parents or ()):
        if parent is not None:
            yield _Token(*place(text, record.index, ("parents", position)), _TYPES["variable"], 0)
    for field in entry.fields if entry is not None else ():
        if field.name in record.raw:
            yield _Token(*place(text, record.index, (field.name,), on_key=True), _TYPES["property"], 0)


def encode(document: Snapshot, tokens: list[_Token]) -> list[int]:
    """Tokens as the protocol has them: five numbers each, places relative to the token before."""
    data: list[int] = []
    line = column = 0
    for token in tokens:
        start, end = document.lines.range(token.start, token.end, document.encoding)
        if end.line != start.line or end.character <= start.character:
            continue  # a token stands on one line
        if start.line != line:
            column = 0
        data += (start.line - line, start.character - column, end.character - start.character)
        data += (token.type, token.modifiers)
        line, column = start
    return data


def changes(before: array[int], after: array[int]) -> list[dict[str, Any]]:
    """What to do to the numbers of one result to get those of another: replace what is between equal ends.

    Places are relative to the token before, so an edit changes the tokens in it and the one behind it.
    """
    if before == after:
        return []
    old, new, width = before.tobytes(), after.tobytes(), _NUMBERS * before.itemsize
    same = _common_start(old, new) // width
    left = min(len(old), len(new)) - same * width
    behind = min(_common_start(old[::-1], new[::-1]), left) // width
    start, old_end, new_end = (
        _NUMBERS * same,
        len(before) - _NUMBERS * behind,
        len(after) - _NUMBERS * behind,
    )
    return [{"start": start, "deleteCount": old_end - start, "data": after[start:new_end].tolist()}]


def _common_start(one: bytes, other: bytes) -> int:
    """How many bytes two texts begin with that are the same."""
    same, end = 0, min(len(one), len(other))
    while same < end:
        middle = (same + end + 1) // 2
        if one[same:middle] == other[same:middle]:
            same = middle
        else:
            end = middle - 1
    return same
