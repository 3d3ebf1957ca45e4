"""A JSON text, read: its value, its troubles, and where in the text everything stands.

Most texts are valid JSON, and positions are asked for only where something is wrong. So the value comes from
`quick_json`, and trees with positions are made for single nodes when they are needed (`Document.tree_of`). Texts
that it refuses, that have a duplicate key, or whose exact numbers matter are read by `tree` instead.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from torchlean_core.basics.lazy import lazy
from torchlean_core.basics.reading import MOST_ARTIFACT, read_regular
from torchlean_core.text.condense import Condensed, condense
from torchlean_core.text.lines import LineIndex
from torchlean_core.text.numbers import Numbers, may_have_long_exponent
from torchlean_core.text.parser import parse_node, parse_tree
from torchlean_core.text.quick_json import Unread, read, read_as_spelled, read_root
from torchlean_core.text.regions import (
    count_colons,
    object_in_array,
    read_elements,
    recover_elements,
    troubles_around,
)
from torchlean_core.text.spans import Spans, element_spans, spans_of_tree
from torchlean_core.text.tree import BAD, HUGE, MARK, MARKED, MAX_TROUBLES, Tree, Trouble

__all__ = ["BAD", "HUGE", "Change", "Document", "no_collector", "read_bytes", "read_file", "read_text"]

_KEY = re.compile(r'[ \t\r\n]*[{,][ \t\r\n]*"(?:[^"\\]++|\\.)*+"[ \t\r\n]*:[ \t\r\n]*')
_FLOAT_ID = re.compile(r'id"[ \t\r\n]*+:[ \t\r\n]*+[0-9]++\.')
_HEAD = 4096
"""Characters in which the first node begins, if a file is as others are."""


class Change(NamedTuple):
    """Which nodes an edit replaced: `removed` ones from the place `first` on, by `added` others."""

    first: int
    removed: int
    added: int


class Document:
    """One version of a text.

    Attributes:
        text: The text.
        value: The root value as Python; `BAD` where there is none. Integers are exact when `exact`.
        troubles: What is wrong with the text as JSON.
        exact: Whether `value` came from the exact parser.
        as_spelled: Whether the numbers in `value` are as TorchLean reads them; otherwise it may hold floats for `2.0`.
    """

    def __init__(
        self,
        text: str,
        value: Any,
        troubles: list[Trouble],
        tree: Tree | None,
        *,
        lines: LineIndex | None = None,
        spans: Spans | None = None,
        short: Condensed | None = None,
        as_spelled: bool = False,
    ) -> None:
        self.text = text
        self.value = value
        self.troubles = troubles
        self.exact = tree is not None or value is BAD
        self.as_spelled = as_spelled or self.exact
        self._tree = tree
        self._short = short
        self._latest: tuple[int, Tree | None] | None = None
        if lines is not None:
            self.lines = lines
        if spans is not None:
            self.spans = spans

    @lazy
    def lines(self) -> LineIndex:
        """The line starts of the text."""
        return LineIndex(self.text)

    def exactly(self) -> Document:
        """The same text read by the exact parser."""
        return self if self.exact else _read_exactly(self.text)

    def spelled(self) -> Document:
        """The same text with its numbers as they are spelled, read quickly where that can be.

        For texts with many integers that are spelled as floats (`2.0`): others are told apart node by node.
        """
        if self.as_spelled or self.troubles:
            return self.exactly()
        with no_collector():
            try:
                value = read_as_spelled(self.text if self._short is None else self._short.text)
            except Unread:
                return self.exactly()
            if self._short is not None:
                value = _filled(self._short, value)
        lines, spans = self.__dict__.get("lines"), self.__dict__.get("spans")
        return Document(
            self.text, value, [], None, lines=lines, spans=spans, short=self._short, as_spelled=True
        )

    def edited(
        self, text: str, lines: LineIndex, start: int, end: int, new: str
    ) -> tuple[Document, Change] | None:
        """The next version, read from this one; this one must not be used any more.

        Args:
            text: The next version's text.
            lines: Its line starts.
            start: Offset of the first character that was replaced.
            end: Offset behind the last character that was replaced.
            new: What stands there now.

        Returns:
            The next version, and which nodes are others. None where that takes reading the whole text: where
            more than nodes changed, or the array of nodes ends elsewhere now.
        """
        spans = self.spans if len(self.troubles) < MAX_TROUBLES else None
        if spans is None or not spans.closed or start <= spans.opening or end > spans.closing:
            return None
        if self._tree is not None and "[" in self.text[: self._tree.start]:
            return (
                None  # a bracket before the root was taken for too much at the end only: it counts in between
            )
        first, last = spans.touched(start, end)
        if first and type(self.value["nodes"][first - 1]) is str:
            first -= 1  # a colon behind would make it a key
        shift = len(new) - (end - start)
        region_start = spans.ends[first - 1] if first else spans.opening + 1
        region_end = (spans.starts[last] if last < len(spans) else spans.closing) + shift
        old_end = spans.starts[last] if last < len(spans) else spans.closing
        broken = any(
            trouble.code == "TL001" and not region_start <= trouble.start <= old_end
            for trouble in self.troubles
        )
        take = read_as_spelled if self.as_spelled else read
        found = read_elements(text, region_start, region_end, first > 0, last < len(spans), take)
        if found is not None and not (broken and object_in_array(text, region_start, region_end)):
            values, places = found
            troubles: list[Trouble] = []
        else:
            recovered = recover_elements(text, spans, region_start, first > 0, last, shift, broken)
            if recovered is None:
                return None
            values, places, troubles, last = recovered
        old_end = spans.starts[last] if last < len(spans) else spans.closing
        around = troubles_around(self.troubles, region_start, old_end, shift)
        nodes = self.value["nodes"]
        value = {**self.value, "nodes": [*nodes[:first], *values, *nodes[last:]]}
        if around is None or not value["nodes"] or sum(map(len, around)) + len(troubles) >= MAX_TROUBLES:
            return None
        was_broken = any(trouble.code == "TL001" for trouble in self.troubles)
        is_broken = any(trouble.code == "TL001" for part in (*around, troubles) for trouble in part)
        if was_broken != is_broken and object_in_array(text, spans.opening + 1, len(text)):
            return None  # how such a node is read depends on whether the text is JSON
        spans.replace(first, last, places, shift)
        all_troubles = [*around[0], *troubles, *around[1]]
        following = Document(
            text, value, all_troubles, None, lines=lines, spans=spans, as_spelled=self.as_spelled
        )
        return following, Change(first, last - first, len(values))

    @lazy
    def tree(self) -> Tree | None:
        """Positions of the whole text; None for an empty one. Costly for a big one: see `tree_of`."""
        return self._tree if self.exact else parse_tree(self.text)[0]

    @lazy
    def root(self) -> Tree | None:
        """Positions of the root and its members, where what is inside `nodes` may be left out."""
        if self.exact or (spans := self.spans) is None:
            return self.tree
        inside = spans.closing - spans.opening - 1
        shell = self.text[: spans.opening + 1] + self.text[spans.closing :]
        tree = parse_tree(shell)[0]
        if tree is not None:
            _shift_tree(tree, spans.opening, inside)
        return tree

    @lazy
    def spans(self) -> Spans | None:
        """Places of the elements of `nodes`; None where there is no such array."""
        if self.exact:
            return spans_of_tree(self.text, self._tree)
        if type(self.value) is not dict:
            return None
        short = self._short
        text = self.text if short is None else short.text
        position, is_ascii = 0, text.isascii()
        for key, raw in read_root(text).items():
            match = _KEY.match(text, position)
            if match is None:
                return None
            content = memoryview(raw)
            position = match.end() + (len(content) if is_ascii else len(str(content, "utf-8")))
            if key == "nodes":
                if text[match.end()] != "[":
                    return None
                starts, ends = element_spans(text, match.end() + 1, position - 1)
                if len(starts) != len(self.value["nodes"]):
                    return spans_of_tree(self.text, parse_tree(self.text)[0])
                if short is None:
                    return Spans(starts, ends, match.end(), position - 1)
                place = short.place
                return Spans(map(place, starts), map(place, ends), place(match.end()), place(position - 1))
        return None

    def node_span(self, index: int) -> tuple[int, int] | None:
        """Offsets of the node at a place of `nodes`, or None where there is none."""
        spans = self.spans
        if spans is None or not 0 <= index < len(spans):
            return None
        return spans.starts[index], spans.ends[index]

    def place(
        self,
        index: int,
        path: tuple[str | int, ...],
        on_key: bool,
        quick: Callable[[str, int, int, tuple[str | int, ...], bool], tuple[int, int] | None],
        find: Callable[[Tree, tuple[str | int, ...], bool], tuple[int, int]],
    ) -> tuple[int, int]:
        """Offsets of something inside a node.

        Args:
            index: Place of the node.
            path: Keys and array positions that lead to it.
            on_key: Whether the last key is meant instead of its value.
            quick: Finds it in the text between two offsets where that is easy, else gives None.
            find: Finds it in the node's tree; what it finds is kept as long as the node's text does not change.
        """
        spans = self.spans
        if spans is None or not 0 <= index < len(spans.starts):
            return 0, min(1, len(self.text))
        start, end = spans.starts[index], spans.ends[index]
        found = None if self.has_numbers(index) else quick(self.text, start, end, path, on_key)
        if found is not None:
            return found
        known = spans.inside.setdefault(index, {})
        key = path, on_key
        if key not in known:
            tree = self._latest_tree(index, start, end)
            found = find(tree, path, on_key) if tree is not None else (start, start + 1)
            known[key] = found[0] - start, found[1] - start
        first, last = known[key]
        return start + first, start + last

    def has_numbers(self, index: int) -> bool:
        """Whether there is a long array of numbers in a node, so that nothing should look through its text."""
        raw = self.value["nodes"][index]
        return type(raw) is dict and Numbers in map(type, raw.values())

    def _latest_tree(self, index: int, start: int, end: int) -> Tree | None:
        """Positions inside a node; kept until those of another are wanted, since findings come node by node."""
        latest = self._latest
        if latest is None or latest[0] != index:
            latest = self._latest = index, parse_node(self.text, start, end, self.value["nodes"][index])
        return latest[1]

    def tree_of(self, index: int) -> Tree | None:
        """Positions inside the node at a place of `nodes`."""
        span = self.node_span(index)
        return None if span is None else parse_node(self.text, *span, self.value["nodes"][index])


def _shift_tree(tree: Tree, behind: int, shift: int) -> None:
    """Move everything that stands behind an offset."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        node.start += shift * (node.start > behind)
        node.end += shift * (node.end > behind + 1)
        waiting += node.items
        for pair in node.members:
            waiting += pair


@contextmanager
def no_collector() -> Iterator[None]:
    """The garbage collector off: half of the time of a big parse would go into it."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def read_text(text: str, lines: LineIndex | None = None) -> Document:
    """Read a text (whose line starts may be known); never raises for what the text says."""
    with no_collector():
        try:
            short = condense(text)
            content = text if short is None else short.text
            as_spelled = _FLOAT_ID.search(content, 0, _HEAD) is not None  # else it would be read twice
            value = (read_as_spelled if as_spelled else read)(content)
            if _keys_are_unique(content, value) and not may_have_long_exponent(content):
                if short is not None:
                    value = _filled(short, value)
                return Document(text, value, [], None, lines=lines, short=short, as_spelled=as_spelled)
        except Unread as error:
            # Nested deep, or a number that is not held: the exact parser says which.
            # Half of a surrogate pair is JSON, and refused all the same; behind a byte-order mark stands JSON, too.
            otherwise = "\\ud" in text or "\\uD" in text or text.startswith(MARK)
            return _read_exactly(text, lines, broken=error.malformed and not otherwise)
        return _read_exactly(text, lines)


def _filled(short: Condensed, value: Any) -> Any:
    """The value of a text, of what is left of it without its long arrays of numbers."""
    nodes = value.get("nodes") if type(value) is dict else None
    filled = short.fill(nodes) if type(nodes) is list else False
    return value if filled else short.expand(value)


def _read_exactly(text: str, lines: LineIndex | None = None, broken: bool = False) -> Document:
    with no_collector():
        tree, troubles = parse_tree(text, broken=broken)
    return Document(text, BAD if tree is None else tree.value, troubles, tree, lines=lines)


def read_file(path: Path) -> Document:
    """Read a file as `read_bytes` does, with no more than one copy of its content at a time.

    Raises:
        OSError: It cannot be read.
    """
    return _read_decoded(*_decoded(read_regular(path, MOST_ARTIFACT)))


def read_bytes(content: bytes) -> Document:
    """Read a file's content; bytes that are not UTF-8, and a byte-order mark, become troubles."""
    return _read_decoded(*_decoded(content))


def _decoded(content: bytes) -> tuple[str, list[Trouble]]:
    troubles: list[Trouble] = []
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        text = content.decode("utf-8", "replace")
        start = len(content[: error.start].decode("utf-8"))
        byte = content[error.start]
        message = f"not UTF-8: byte 0x{byte:02X} at this place"
        troubles.append(Trouble("TL003", message, start, start + 1, start + 1))
    return text, troubles


def _read_decoded(text: str, troubles: list[Trouble]) -> Document:
    if text.startswith(MARK):
        # Read on behind the mark; a space keeps every offset in place.
        troubles.append(Trouble("TL003", MARKED, 0, 1, 1))
        document = read_text(" " + text[1:])
    else:
        document = read_text(text)
    if troubles:
        document = document.exactly()
        document.troubles[:0] = troubles
    return document


def _keys_are_unique(text: str, value: Any) -> bool:
    """Whether no object of a valid text has a key twice; False also where that is not sure.

    Every key is followed by one colon, and every other colon stands in a string. Where the text has just as
    many colons as the value has keys and colons in strings, no key went missing in the value.
    """
    colons = text.count(":")
    if isinstance(value, dict):
        nodes = value.get("nodes")
        if isinstance(nodes, list) and all(type(node) is dict for node in nodes):
            count = len(value) + sum(map(len, nodes))
            if count == colons:
                return True
    if "\\u003" in text:  # an escaped colon would be counted in the value, but not in the text
        return False
    return count_colons(value) == colons
