"""A JSON text, read: its value, its troubles, and where in the text everything stands.

Most texts are valid JSON, and positions are asked for only where something is wrong. So the value comes from
msgspec, and trees with positions are made for single nodes when they are needed (`Document.tree_of`). Texts
that msgspec refuses, that have a duplicate key, or whose exact numbers matter are read by `tree` instead.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import msgspec

from torchlean_core.text.lines import LineIndex
from torchlean_core.text.tree import BAD, HUGE, Tree, Trouble, parse_tree

__all__ = ["BAD", "HUGE", "Document", "read_bytes", "read_text"]

_KEY = re.compile(r'[ \t\r\n]*[{,][ \t\r\n]*"(?:[^"\\]|\\.)*"[ \t\r\n]*:[ \t\r\n]*')
_RAW_ROOT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_RAW_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_ANY = msgspec.json.Decoder()


class Document:
    """One version of a text.

    Attributes:
        text: The text.
        value: The root value as Python; `BAD` where there is none. Integers are exact when `exact`.
        troubles: What is wrong with the text as JSON.
        exact: Whether `value` came from the exact parser; otherwise it may hold floats for `2.0`.
    """

    def __init__(self, text: str, value: Any, troubles: list[Trouble], tree: Tree | None) -> None:
        self.text = text
        self.value = value
        self.troubles = troubles
        self.exact = tree is not None or value is BAD
        self._tree = tree

    @cached_property
    def lines(self) -> LineIndex:
        """The line starts of the text."""
        return LineIndex(self.text)

    def exactly(self) -> Document:
        """The same text read by the exact parser."""
        return self if self.exact else _read_exactly(self.text)

    @cached_property
    def tree(self) -> Tree | None:
        """Positions of the whole text; None for an empty one. Costly for a big one: see `tree_of`."""
        return self._tree if self.exact else parse_tree(self.text)[0]

    @cached_property
    def _node_spans(self) -> list[tuple[int, int]] | None:
        """Spans of the elements of `nodes`, found without reading what is inside them."""
        if self.exact:
            return None
        position = 0
        for key, raw in _RAW_ROOT.decode(self.text).items():
            match = _KEY.match(self.text, position)
            content = bytes(raw).decode()
            if match is None or not self.text.startswith(content, match.end()):
                return None
            if key == "nodes":
                return list(_element_spans(self.text, match.end(), _RAW_LIST.decode(raw)))
            position = match.end() + len(content)
        return None

    def node_span(self, index: int) -> tuple[int, int] | None:
        """Offsets of the node at a place of `nodes`, or None where there is none."""
        if (spans := self._node_spans) is not None:
            return spans[index] if 0 <= index < len(spans) else None
        nodes = self._nodes_tree()
        if nodes is None or not 0 <= index < len(nodes.items):
            return None
        return nodes.items[index].start, nodes.items[index].end

    def tree_of(self, index: int) -> Tree | None:
        """Positions inside the node at a place of `nodes`."""
        if (spans := self._node_spans) is None:
            nodes = self._nodes_tree()
            return nodes.items[index] if nodes is not None and 0 <= index < len(nodes.items) else None
        return parse_tree(self.text, *spans[index])[0] if 0 <= index < len(spans) else None

    def _nodes_tree(self) -> Tree | None:
        pair = self.tree.member("nodes") if self.tree is not None else None
        return pair[1] if pair is not None else None


def _element_spans(text: str, start: int, elements: list[msgspec.Raw]) -> Iterator[tuple[int, int]]:
    position = start + 1
    for raw in elements:
        content = bytes(raw).decode()
        # Only white space and a comma stand between elements, so the first match is the element itself.
        position = text.index(content, position)
        yield position, position + len(content)
        position += len(content)


@contextmanager
def _no_collector() -> Iterator[None]:
    """The garbage collector off: half of the time of a big parse would go into it."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def read_text(text: str) -> Document:
    """Read a text; never raises for what the text says."""
    with _no_collector():
        try:
            value = _ANY.decode(text)
            if _keys_are_unique(text, value):
                return Document(text, value, [], None)
        except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError):
            pass  # not JSON, nested deep, or a number msgspec does not hold: the exact parser says which
        return _read_exactly(text)


def _read_exactly(text: str) -> Document:
    with _no_collector():
        tree, troubles = parse_tree(text)
    return Document(text, BAD if tree is None else tree.value, troubles, tree)


def read_bytes(content: bytes) -> Document:
    """Read a file's content; bytes that are not UTF-8, and a byte-order mark, become troubles."""
    troubles = []
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        text = content.decode("utf-8", "replace")
        start = len(content[: error.start].decode("utf-8"))
        byte = content[error.start]
        troubles.append(Trouble("TL003", f"not UTF-8: byte 0x{byte:02X} at this place", start, start + 1))
    if text.startswith("\ufeff"):
        # Read on behind the mark; a space keeps every offset in place.
        troubles.append(Trouble("TL003", "the file starts with a byte-order mark; JSON has none", 0, 1))
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
    return _count_colons(value) == colons


def _count_colons(value: Any) -> int:
    kind = type(value)
    if kind is str:
        return int(value.count(":"))
    if kind is dict:
        return sum(1 + key.count(":") + _count_colons(item) for key, item in value.items())
    if kind is list:
        return sum(map(_count_colons, value))
    return 0
