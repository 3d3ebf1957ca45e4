"""A record as a listing: the source that ran, its shapes at the right margin, each finding under its expression."""

from __future__ import annotations

import os
import textwrap
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from torchlean_core.capture.errors import CaptureFinding
from torchlean_core.capture.record import Line, Record
from torchlean_core.live.labels import modules_text, shape_text
from torchlean_core.live.texts import text_that_ran
from torchlean_core.live.view import LiveModel, Place, View, hints

_MARGIN = 64
"""Column of the source behind which shapes stand, where no line is longer."""

_MAX_MARGIN = 96
_WRAP = 100


class Piece(NamedTuple):
    """A piece of a line of the listing.

    Attributes:
        text: Its text.
        role: What it is: `head`, `number`, `source`, `shape`, `mark`, `message` or `note`.
    """

    text: str
    role: str


@dataclass(frozen=True, slots=True)
class _Block:
    """A function that ran, or a line outside of them with a finding."""

    title: str
    first: int
    last: int


def listing(record: Record, texts: Iterable[str] = ()) -> Iterator[list[Piece]]:
    """The lines of the listing.

    Args:
        record: What a capture learned.
        texts: Texts that may have run in place of what is in a file.
    """
    sources = {
        file.path: source
        for file in record.files
        if (source := text_that_ran(Path(file.path), file.sha256, texts)) is not None
    }
    model = LiveModel(record, sources)
    for file in record.files:
        path = os.path.realpath(file.path)
        lines = model.texts.get(path)
        if lines is None:
            yield [Piece(f"{_shown(file.path)}: changed since it ran; nothing of it can be shown", "note")]
            continue
        view = model.view(path, lines)
        if view is not None:
            yield from _file(view, _shown(file.path), lines)
    unplaced = [one for one in record.findings if one.line is None and one.span is None]
    for finding in unplaced:
        yield [Piece(f"{finding.code}: {finding.message}", "message")]
    yield from _closing(record)


def _closing(record: Record) -> Iterator[list[Piece]]:
    if record.traced_by_other:
        text = "the code installed a tracer of its own, so what its lines bind was not recorded"
        yield [Piece(text, "note")]
    elif record.complete and not record.lines:
        yield [Piece("none of the code that ran below forward is in a file of its own", "note")]
    elif record.lines and not record.complete:
        yield [Piece("forward did not come to its end: what follows has no shapes", "note")]


def _file(view: View, shown: str, lines: Sequence[str]) -> Iterator[list[Piece]]:
    labels = {hint.line: hint.label for hint in hints([view])}
    marks: dict[int, list[Place]] = {}
    for place in view.findings():
        if place.span is not None:
            marks.setdefault(place.span.end_line, []).append(place)
    ran = [line for line in view.record.lines if line.file == view.file]
    if not ran and not marks:
        return
    shape = shape_text(view.record.example_shape)
    yield [Piece(f"{shown}  {view.record.name} with {shape}" if view.file == 0 else shown, "head")]
    width = len(str(len(lines)))
    for block in _blocks(ran, marks):
        yield [Piece(f"{'':{width}}   {block.title}" if block.title else f"{'':{width}}   ⋮", "note")]
        sources = [lines[number - 1].expandtabs(4) for number in range(block.first, block.last + 1)]
        margin = min(max([_MARGIN, *(_width(source) + 2 for source in sources)]), _MAX_MARGIN)
        for number, source in enumerate(sources, block.first):
            row = [Piece(f"{number:{width}} │ ", "number"), Piece(source, "source")]
            if number in labels:
                gap = " " * max(margin - _width(source), 2)
                row += [Piece(gap, "source"), Piece(labels[number], "shape")]
            yield row
            for place in marks.get(number, ()):
                yield from _mark(place, lines, width)


def _blocks(ran: Sequence[Line], marks: dict[int, list[Place]]) -> list[_Block]:
    """The stretches of the file that are shown, in order: functions that ran, and findings outside of them."""
    functions: dict[str, list[Line]] = {}
    for line in ran:
        functions.setdefault(line.function, []).append(line)
    found = []
    for function, own in functions.items():
        modules = dict.fromkeys(
            module for line in own for bound in line.bound for seen in bound.values for module in seen.modules
        )
        title = function + (f" in {modules_text(modules)}" if any(modules) else "")
        last = max(line.end_line for line in own)
        found.append(_Block(title, min(line.line for line in own), last))
    for places in marks.values():
        for place in places:
            assert place.span is not None
            first, last = place.span.line, place.span.end_line
            if not any(block.first <= first and last <= block.last for block in found):
                found.append(_Block("", first, last))
    return sorted(found, key=lambda block: (block.first, block.last))


def _mark(place: Place, lines: Sequence[str], width: int) -> Iterator[list[Piece]]:
    """Carets under the expression, on its last line, and what is the matter."""
    span = place.span
    assert span is not None
    text = lines[span.end_line - 1]
    start = span.column if span.end_line == span.line else len(text) - len(text.lstrip())
    before = _width(text[:start])
    length = max(_width(text[: span.end_column]) - before, 1)
    lead = f"{'':{width}} │ {'':{before}}"
    yield [Piece(lead, "number"), Piece("^" * length, "mark")]
    indent = f"{'':{width}} │ {'':{min(before, _WRAP // 2)}}"
    for part in textwrap.wrap(f"{place.finding.code} {_message(place)}", max(_WRAP - before, 40)):
        yield [Piece(indent, "number"), Piece(part, "message")]


def _width(text: str) -> int:
    """Columns that a text takes in a terminal."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text.expandtabs(4)) + wide - sum(unicodedata.combining(char) > 0 for char in text)


def _message(place: Place) -> str:
    finding: CaptureFinding = place.finding
    return place.message + finding.told.removeprefix(finding.message)


def _shown(path: str) -> str:
    """A path as one would write it in the working directory."""
    try:
        return min(os.path.relpath(path), path, key=len)
    except ValueError:  # another drive
        return path
