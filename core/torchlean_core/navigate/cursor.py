"""What is being typed at an offset: of a text that is broken there, which is how texts are while one types.

The parser gives up too much to answer that (an unfinished string swallows what follows), so the tokens from the
start of the node up to the offset are read here once more, and those behind it as far as the node goes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, NamedTuple

from torchlean_core.text import Document
from torchlean_core.text.condense import LONG, place_behind

_TOKEN = re.compile(r'"(?:[^"\\\r\n]|\\[^\r\n])*"?|[{}\[\]:,]|[^\s{}\[\]:,"]+')
_CLOSERS = {"{": "}", "[": "]"}
MAX_AHEAD = 100_000
"""Characters behind the offset that are looked at for the rest of the node."""


class Level(Enum):
    """Where the offset is."""

    OUTSIDE = auto()  # before or behind the root object
    ROOT = auto()  # in the root object
    NODES = auto()  # between the elements of `nodes`
    NODE = auto()  # in a node
    DEEPER = auto()  # in a value of a node or of the root


class Await(Enum):
    """What comes next in a container."""

    KEY = auto()
    COLON = auto()
    VALUE = auto()
    COMMA = auto()


class _Token(NamedTuple):
    start: int
    end: int
    text: str


@dataclass
class _Frame:
    """An open container."""

    opener: str
    key: str | None = None  # of an object: the member that is being read
    awaits: Await = Await.KEY
    members: dict[str, Any] = field(default_factory=dict)
    items: list[Any] = field(default_factory=list)
    last_end: int = 0  # behind the last member or element


@dataclass(frozen=True)
class Cursor:
    """What is being typed.

    Attributes:
        level: Where the offset is.
        awaits: `KEY` where a key is typed, `VALUE` where a value is, `COMMA` and `COLON` where neither can be.
        index: Place in `nodes` of the node that the offset is in, or that a node typed here would have.
        key: The field whose value is typed; of a value in an array the field of the array.
        items: The elements that stand before the offset in the array that it is in.
        others: The elements that stand behind it there.
        is_item: Whether the value typed is an element of an array.
        prefix: What stands before the offset of the word or string that it is in, without the quote.
        replace: Offsets of what a completion replaces, quotes included.
        members: Fields of the object that the offset is in, with simple values and flat arrays, but for the one
            that is typed.
        comma_at: Where a comma is missing before what is typed; None where none is.
        colon_follows: Whether a colon stands behind what is typed.
        comma_follows: Whether what stands behind what is typed is separated from it, or nothing is there.
    """

    level: Level
    awaits: Await
    index: int
    key: str | None
    items: list[Any]
    others: list[Any]
    is_item: bool
    prefix: str
    replace: tuple[int, int]
    members: dict[str, Any]
    comma_at: int | None
    colon_follows: bool
    comma_follows: bool


def cursor_at(document: Document, offset: int) -> Cursor:
    """What is being typed at an offset of a text, however broken it is."""
    scan = _Scan(document, offset)
    return scan.cursor()


class _Scan:
    def __init__(self, document: Document, offset: int) -> None:
        self.text = document.text
        self.offset = offset
        self.stack: list[_Frame] = []
        self.index = 0
        self.anchor = 0
        self.node_starts: list[int] = []
        self.in_numbers = False  # whether the offset is in a long array of numbers
        spans = document.spans
        self.next_start = len(self.text)
        if spans is not None and offset > spans.opening:
            count = spans.starts.count_up_to(offset - 1)
            if spans.closed and offset > spans.closing:
                self.anchor = spans.closing + 1
                self._enter_root(document)
            else:
                root = _Frame("{", "nodes", Await.VALUE)
                nodes = _Frame("[", None, Await.VALUE, last_end=spans.ends[count - 2] if count > 1 else 0)
                self.stack = [root, nodes]
                self.index = max(count - 1, 0)
                self.anchor = spans.starts[count - 1] if count else spans.opening + 1
                if count > 1:
                    nodes.items.append(None)
            if count < len(spans):
                self.next_start = spans.starts[count]

    def _enter_root(self, document: Document) -> None:
        """Begin behind the array of nodes."""
        frame = _Frame("{", None, Await.COMMA, last_end=self.anchor)
        value = document.value
        if isinstance(value, dict):
            frame.members = {
                key: item if not isinstance(item, list | dict) else [] for key, item in value.items()
            }
        self.stack = [frame]

    # -- before the offset --------------------------------------------------------------------------------

    def cursor(self) -> Cursor:
        current: _Token | None = None
        for token in self._tokens(self.anchor, self.offset):
            closed = len(token.text) > 1 and token.text[0] == token.text[-1] == '"'
            inside = token.start < self.offset and (
                self.offset < token.end or (self.offset == token.end and not closed)
            )
            if inside and token.text[0] not in "{}[]:,":
                current = token
                break
            if token.end > self.offset:
                break
            self._take(token)
        return self._finish(current)

    def _tokens(self, start: int, until: int) -> Iterator[_Token]:
        """The tokens between two places. A long array of numbers is one, or only its end where `until` is in it."""
        text, position, key_end = self.text, start, 0
        while match := _TOKEN.search(text, position):
            first, position = match.span()
            if first >= until:
                return
            place = place_behind(text, key_end, len(text)) if match[0] == "[" and key_end else None
            if match[0] != ":":
                key_end = position if match[0][0] == '"' else 0
            if place is None or place[1] != first:
                yield _Token(first, position, match[0])
            elif place[2] <= until:
                position = place[2]
                yield _Token(first, position, "0")
            else:
                self.in_numbers = True
                position = max(text.rfind(",", first, until), position)
                depth = text.count("[", first, position) - text.count("]", first, position)
                for _ in range(depth):
                    yield _Token(first, first + 1, "[")

    def _take(self, token: _Token) -> None:
        text = token.text
        if text in ("{", "["):
            self._open(token)
        elif text in ("}", "]"):
            self._close(token)
        elif self.stack:
            frame = self.stack[-1]
            if text == ",":
                frame.awaits = Await.KEY if frame.opener == "{" else Await.VALUE
            elif text == ":":
                frame.awaits = Await.VALUE if frame.opener == "{" else frame.awaits
            elif frame.opener == "{" and frame.awaits is not Await.VALUE:
                frame.key = _scalar(text)
                frame.awaits = Await.COLON
            else:
                self._put(_scalar(text), token.end)

    def _open(self, token: _Token) -> None:
        if (
            token.text == "{"
            and self.stack
            and self.stack[-1].opener == "{"
            and self.stack[-1].awaits is not Await.VALUE
        ):
            # An object where a key should be: the node before was not closed, and this is the next one.
            while len(self.stack) > 2:
                self._leave(token.start)
        if token.text == "{" and self._level() is Level.NODES:
            self.index += bool(self.node_starts)
            self.node_starts.append(token.start)
        awaits = Await.KEY if token.text == "{" else Await.VALUE
        self.stack.append(_Frame(token.text, None, awaits, last_end=token.end))

    def _close(self, token: _Token) -> None:
        if not any(_CLOSERS[frame.opener] == token.text for frame in self.stack):
            return
        while _CLOSERS[self.stack[-1].opener] != token.text:
            self._leave(token.start)
        self._leave(token.end)

    def _leave(self, end: int) -> None:
        """Close the innermost container."""
        frame = self.stack.pop()
        if self.stack:
            self._put(frame.items if frame.opener == "[" else frame.members, end)

    def _put(self, value: Any, end: int) -> None:
        """A value is complete."""
        frame = self.stack[-1]
        frame.last_end = end
        frame.awaits = Await.COMMA
        if frame.opener == "[":
            frame.items.append(value)
        elif frame.key is not None:
            frame.members[frame.key] = value
            frame.key = None

    def _level(self) -> Level:
        depth = len(self.stack)
        if depth == 0:
            return Level.OUTSIDE
        if depth == 1:
            return Level.ROOT if self.stack[0].opener == "{" else Level.DEEPER
        if self.stack[0].key != "nodes" or self.stack[1].opener != "[":
            return Level.DEEPER
        if depth == 2:
            return Level.NODES
        return Level.NODE if depth == 3 and self.stack[2].opener == "{" else Level.DEEPER

    # -- at the offset ------------------------------------------------------------------------------------

    def _finish(self, current: _Token | None) -> Cursor:
        replace, prefix = (self.offset, self.offset), ""
        if current is not None:
            end = current.end if self._belongs(current) else self.offset
            replace, prefix = (current.start, end), self.text[current.start : self.offset].lstrip('"')
        level = self._level()
        frame = self.stack[-1] if self.stack else _Frame("{")
        awaits, comma_at = frame.awaits, None
        if (
            awaits is Await.COMMA
            and self.stack
            and (current is not None or level is Level.NODES or frame.last_end < self.offset)
        ):
            awaits, comma_at = (Await.KEY if frame.opener == "{" else Await.VALUE), frame.last_end
        is_item = frame.opener == "[" and level is not Level.NODES
        key = frame.key
        if is_item and len(self.stack) > 1:
            key = self.stack[-2].key
            if level is Level.DEEPER:
                in_node = len(self.stack) == 4 and self.stack[0].key == "nodes"
                in_root = len(self.stack) == 2 and self.stack[0].opener == "{"
                level = Level.NODE if in_node else Level.ROOT if in_root else Level.DEEPER
        owner = self.stack[-2] if is_item and len(self.stack) > 1 else frame
        follow = self._follow(replace[1], is_item)
        members = {**follow.members, **owner.members}
        members.pop(key or "", None)
        index = self.index
        if level is Level.NODES:
            index += bool(self.node_starts)
        return Cursor(
            level,
            awaits,
            index,
            key,
            list(frame.items) if is_item else [],
            follow.items,
            is_item,
            prefix,
            replace,
            members,
            comma_at,
            follow.colon,
            follow.separated,
        )

    def _belongs(self, token: _Token) -> bool:
        """Whether what stands behind the offset in a string or word is part of it, and no swallowed text."""
        rest = self.text[self.offset : token.end]
        if token.text[0] != '"':
            return True
        return rest.endswith('"') and not any(char in rest for char in ",:{}[]")

    # -- behind the offset --------------------------------------------------------------------------------

    def _follow(self, start: int, is_item: bool) -> _Following:
        """The members behind the offset, up to the end of the object."""
        until = min(
            start + (LONG if self.in_numbers else MAX_AHEAD),
            self.next_start if self.next_start > start else len(self.text),
        )
        following = _Following()
        inner: list[_Frame] = []
        frame = _Frame("[" if is_item else "{", None, Await.COMMA)
        first = True
        for token in self._tokens(start, until):
            text = token.text
            if first:
                following.colon = text == ":"
                following.separated = text in ",}]"
                if following.colon and not is_item:
                    frame.awaits, frame.key = Await.VALUE, ""
                    first = False
                    continue
                first = False
            top = inner[-1] if inner else frame
            if text in ("{", "["):
                if text == "{" and top.opener == "{" and top.awaits is not Await.VALUE:
                    break  # the next node, behind one that is not closed
                inner.append(_Frame(text, None, Await.KEY if text == "{" else Await.VALUE))
            elif text in ("}", "]"):
                if inner:
                    done = inner.pop()
                    _keep(inner[-1] if inner else frame, done.items if done.opener == "[" else done.members)
                elif is_item and text == "]" and frame.opener == "[":
                    following.items = frame.items
                    frame = _Frame("{", None, Await.COMMA)
                else:
                    break
            elif text == ",":
                top.awaits = Await.KEY if top.opener == "{" else Await.VALUE
            elif text == ":":
                top.awaits = Await.VALUE
            elif top.opener == "{" and top.awaits is not Await.VALUE:
                top.key, top.awaits = _scalar(text), Await.COLON
            else:
                _keep(top, _scalar(text))
        else:
            if first:
                following.separated = True
        following.members = {key: value for key, value in frame.members.items() if key}
        return following


@dataclass
class _Following:
    """What stands behind the offset."""

    members: dict[str, Any] = field(default_factory=dict)
    items: list[Any] = field(default_factory=list)
    colon: bool = False
    separated: bool = False


def _keep(frame: _Frame, value: Any) -> None:
    if frame.opener == "[":
        frame.items.append(value)
    elif frame.key is not None:
        frame.members[frame.key] = value
        frame.key = None
    frame.awaits = Await.COMMA


def _scalar(text: str) -> Any:
    """The value of a token; its text where it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return text.strip('"')
