"""Lines and columns of a text, counted as LSP counts them.

A line ends at a line feed, a carriage return, or both together, and nowhere else (not at U+2028 or U+0085,
where `str.splitlines` ends one too). Columns are counted in the units of an encoding.
"""

from __future__ import annotations

import enum
import itertools
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from torchlean_core.text.offsets import Offsets

_LINE_END = re.compile(r"\r\n|\n|\r")
_STRIDE = 4_096


class Encoding(enum.Enum):
    """Units in which columns are counted."""

    UTF8 = "utf-8"
    UTF16 = "utf-16"
    UTF32 = "utf-32"

    def units(self, text: str) -> int:
        """Length of a text in this encoding's units."""
        if self is Encoding.UTF32 or text.isascii():
            return len(text)
        if self is Encoding.UTF8:
            return len(text.encode("utf-8", "surrogatepass"))
        return len(text.encode("utf-16-le", "surrogatepass")) // 2

    def prefix(self, text: str, units: int) -> int:
        """Number of characters of `text` that the first `units` units hold; its length if they exceed it.

        A position inside a character counts as the one before it.
        """
        if self is Encoding.UTF32 or text.isascii():
            return min(units, len(text))
        used = index = 0
        # First in strides, then character by character in the one that goes too far.
        for width in (_STRIDE, 1):
            while index < len(text) and (taken := used + self.units(text[index : index + width])) <= units:
                used, index = taken, min(index + width, len(text))
        return index


class Position(NamedTuple):
    """A place in a text: line and column, both from 0."""

    line: int
    character: int


class Range(NamedTuple):
    """A stretch of text, from `start` up to but not including `end`."""

    start: Position
    end: Position


def _line_starts(text: str) -> Iterator[int]:
    """Offsets behind every line end."""
    if "\r" in text:
        for match in _LINE_END.finditer(text):
            yield match.end()
        return
    find = text.find
    position = find("\n") + 1
    while position:
        yield position
        position = find("\n", position) + 1


class LineIndex:
    """The line starts of one text.

    Attributes:
        text: The text.
        starts: Offset of every line's first character.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.starts = Offsets(itertools.chain([0], _line_starts(text)))
        self._line_feeds_only = "\r" not in text
        self._ascii = text.isascii()
        self._last = (0, 0, 0, Encoding.UTF16)

    def edited(self, text: str, start: int, end: int, new: str) -> LineIndex:
        """The index of the text in which `[start:end]` was replaced; this one must not be used any more.

        Args:
            text: The whole new text.
            start: Offset of the first character replaced.
            end: Offset behind the last character replaced.
            new: What stands there now.
        """
        if not self._line_feeds_only or "\r" in new:
            return LineIndex(text)  # an edit can join or part a carriage return and a line feed
        following = LineIndex.__new__(LineIndex)
        following.text, following.starts, following._line_feeds_only = text, self.starts, True
        following._ascii = self._ascii and new.isascii()
        following._last = (0, 0, 0, Encoding.UTF16)
        first, last = self.starts.count_up_to(start), self.starts.count_up_to(end)
        inside = [start + offset for offset in _line_starts(new)]
        following.starts.replace(first, last, inside, len(new) - (end - start))
        return following

    def __len__(self) -> int:
        return len(self.starts)

    def line_span(self, line: int) -> tuple[int, int]:
        """Offsets of a line's first character and of the end of its content, without the line end."""
        start = self.starts[line]
        end = self.starts[line + 1] if line + 1 < len(self.starts) else len(self.text)
        while end > start and self.text[end - 1] in "\r\n":
            end -= 1
        return start, end

    def position(self, offset: int, encoding: Encoding = Encoding.UTF16) -> Position:
        """Line and column of an offset."""
        line = self.starts.count_up_to(offset) - 1
        start = self.starts[line]
        if self._ascii:  # the line may be the whole of a big file: do not copy it
            return Position(line, offset - start)
        return Position(line, self._column(start, offset, encoding))

    def _column(self, start: int, offset: int, encoding: Encoding) -> int:
        """Units between a line's start and an offset in it, counted from where was counted to last time.

        A minified file is one line, and places in it are asked for by the thousand: counting each from the start
        would take minutes.
        """
        line, at, units, kind = self._last  # read and written at once: threads ask, too
        if line != start or kind is not encoding or abs(offset - at) > offset - start:
            at, units = start, 0
        if offset >= at:
            units += encoding.units(self.text[at:offset])
        else:
            units -= encoding.units(self.text[offset:at])
        self._last = start, offset, units, encoding
        return units

    def positions(self, offsets: Iterable[int], encoding: Encoding = Encoding.UTF16) -> list[tuple[int, int]]:
        """Line and column of many offsets that do not come far before one another: quicker than one by one."""
        text, starts, feeds_only, ascii_only = self.text, self.starts, self._line_feeds_only, self._ascii
        found = []
        line = start = at = 0  # `start` is where the line begins that `at` is in
        for offset in offsets:
            if offset < start or not feeds_only or offset - at > _STRIDE:
                line = starts.count_up_to(offset) - 1
                start = starts[line]
            elif feeds := text.count("\n", at, offset):
                line += feeds
                start = text.rfind("\n", 0, offset) + 1
            at = offset
            found.append((line, offset - start if ascii_only else self._column(start, offset, encoding)))
        return found

    def ranges(
        self, spans: Iterable[tuple[int, int]], encoding: Encoding = Encoding.UTF16
    ) -> list[tuple[int, int, int, int]]:
        """First line and column, last line and column of many spans: quicker than one by one, as `positions`."""
        spans = list(spans)
        if not (self._ascii and self._line_feeds_only):
            ends = self.positions([offset for span in spans for offset in span], encoding)
            return [(*first, *last) for first, last in zip(ends[::2], ends[1::2], strict=True)]
        find, starts = self.text.find, self.positions([start for start, _ in spans])
        return [  # most spans end in the line that they begin in
            (line, column, line, column + end - start)
            if find("\n", start, end) < 0
            else (line, column, *self.position(end))
            for (start, end), (line, column) in zip(spans, starts, strict=True)
        ]

    def range(self, start: int, end: int, encoding: Encoding = Encoding.UTF16) -> Range:
        """Range between two offsets."""
        return Range(self.position(start, encoding), self.position(end, encoding))

    def offset(self, position: Position, encoding: Encoding = Encoding.UTF16) -> int:
        """Offset of a position; one past the end of a line or of the text is that end."""
        if position.line < 0:
            return 0
        if position.line >= len(self.starts):
            return len(self.text)
        start, end = self.line_span(position.line)
        if self._ascii:
            return min(start + max(position.character, 0), end)
        return start + encoding.prefix(self.text[start:end], max(position.character, 0))
