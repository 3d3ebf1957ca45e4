"""Edits of artifacts, read from bytes that a fuzzer chooses, and what must hold after each of them.

A text that was edited is judged as a fresh one: same findings, same places, same nodes. And every fix that is offered
can be applied.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.spelling import spelled_as_floats
from torchlean_core.check import Report, check_text
from torchlean_core.check.fixes import apply_edits, fixes
from torchlean_core.text import Encoding, LineIndex
from torchlean_ls.documents import Snapshot
from torchlean_ls.lsp import types

_CASES = Path(__file__).parents[1]
_SHAPES = ("1", "0", "9", "7.0", "-", "2e0", "1e99999999999999999999", "-0", "1" * 30)
_MARKS = (
    ",",
    "[",
    "]",
    "{",
    "}",
    '"',
    ":",
    "\n",
    "\r\n",
    " ",
    "\\",
    "\ufeff",
    "𝔸",
    "\ud800",
    "//",
    "/*",
    "'",
    "",
)
_WORDS = (
    "null", "true", "NaN", "None", '"relu"', '"add"', '"input"', '"matmul"', '"softplus"', '"shape": [1]', '"id": 3',
    ', "axis": 1', '"nodes": [', '"parents": ["', '"output_ids": [0], ', '"output_id": 0, ', '"value_kind": "tuple", ',
    '{"id": 4, "kind": "relu", "parents": [3], "shape": [8, 16]},', '"id": 1, "id": 1', '"a:b"', "[[1, 2], [3, 4]]",
    ", " * 40, "[" * 40, '"weight": [[' + "1, " * 300 + "1]]",
)  # fmt: skip
SNIPPETS = (*_SHAPES, *_MARKS, *_WORDS)
_LENGTHS = (0, 0, 0, 1, 1, 2, 5, 30)
_ENCODINGS = tuple(Encoding)
_MOST_EDITS = 24


def bases() -> list[str]:
    """Texts to begin with: small cases of both dialects, and the least that is an object."""
    classic = sorted((_CASES / "conformance" / "cases").glob("valid_*.json"))[::6]
    general = sorted((_CASES / "conformance-general" / "cases").glob("valid_*.json"))[::8]
    found = [path.read_text("utf-8") for path in (*classic, *general)]
    small = [text for text in found if len(text) < 3_000][:40]
    return [
        "",
        "{}",
        '[{"nodes":[{"id": 0 "kind": "relu"}, {"id": 1]}',
        *small,
        *map(_minified, small[:10]),
        *map(spelled_as_floats, small[:6]),
    ]


def _minified(text: str) -> str:
    return json.dumps(json.loads(text), separators=(",", ":"))


class _Reader:
    """Numbers and texts out of bytes; zeros when they are used up."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1] if self._at <= len(self._data) else 0

    def below(self, most: int) -> int:
        """A number from 0 to `most`, itself included."""
        return (self.byte() * 256 + self.byte()) * most // 65_535

    def text(self, length: int) -> str:
        found = self._data[self._at : self._at + length]
        self._at += length
        return found.decode("utf-8", "surrogateescape")


class _Version:
    """A document as the server has it, from version to version."""

    def __init__(self, text: str, encoding: Encoding) -> None:
        self.snapshot = Snapshot("file:///m.ir.json", "json", 1, text, encoding)

    @property
    def text(self) -> str:
        return self.snapshot.text

    def report(self) -> Report:
        return self.snapshot.report

    def edit(self, start: int, end: int, new: str) -> None:
        """Replace a stretch, as a client says it: between two lines and columns, which is as near as it can say it."""
        change = types.TextDocumentContentChangeEvent(new, self.snapshot.range(start, end))
        self.snapshot = self.snapshot.changed(self.snapshot.version + 1, [change])


def _told(report: Report) -> list[Any]:
    return [
        (f.code, f.severity, f.index, f.node, f.message, f.related, report.range(f), report.span(f))
        for f in report.findings
    ]


def play(data: bytes, texts: list[str]) -> None:
    """Make the edits that some bytes say, and hold the result to what must hold.

    Raises:
        AssertionError: It does not.
    """
    reader = _Reader(data)
    choice = reader.byte()
    text = reader.text(reader.byte() * 2) if choice == 255 else texts[choice % len(texts)]
    version = _Version(text, _ENCODINGS[choice % len(_ENCODINGS)])
    for _ in range(_MOST_EDITS):
        if not reader.left:
            break
        how = reader.byte()
        start = reader.below(len(version.text))
        end = min(len(version.text), start + _LENGTHS[how % len(_LENGTHS)])
        new = reader.text(1 + how % 16) if how >= 224 else SNIPPETS[reader.byte() % len(SNIPPETS)]
        version.edit(start, end, new)
        if how & 8 or not reader.left:
            _require_fresh(version)
    report = _require_fresh(version)
    if data and data[-1] % 16 == 0:  # it costs more than all the rest
        _require_fixable(report)


def _require_fresh(version: _Version) -> Report:
    report, fresh = version.report(), check_text(version.text)
    assert list(version.snapshot.lines.starts) == list(LineIndex(version.text).starts), version.text
    assert _told(report) == _told(fresh), version.text
    assert report.dialect is fresh.dialect, version.text
    assert len(report.records) == len(fresh.records), version.text
    for index in range(len(fresh.records)):
        assert report.document.node_span(index) == fresh.document.node_span(index), version.text
    troubles = [(one.code, one.message, one.start) for one in fresh.document.troubles]
    assert len(set(troubles)) == len(troubles), version.text  # nothing is said twice
    return report


def _require_fixable(report: Report) -> None:
    text = report.document.text
    for finding in report.findings[:20]:
        for fix in fixes(report, finding):
            after = check_text(apply_edits(text, fix.edits))
            if fix.safe:
                assert len(after.findings) <= len(report.findings), (text, finding, fix.title)
