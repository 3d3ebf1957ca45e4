"""A JSON parser that keeps the position of every value and goes on after errors.

It reads what is left when something is missing or too much, and reports each trouble once, at its place.
It is iterative, so that depth is bounded by `MAX_DEPTH` and not by the interpreter's stack. The fast path in
`document` does without it; it serves texts with errors, exact numbers, and the positions of single nodes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from torchlean_core.kinds.numbers import TooManyDigits, parse_number

MAX_DEPTH = 10_000
"""Nesting that is still read (ir-v1 section 6)."""

MAX_TROUBLES = 100
"""Troubles reported in one text; what follows a hundredth is noise."""

MAX_IN_ELEMENT = 3
"""Troubles reported of one element of `nodes`: behind a lost quote everything looks wrong."""


class _Sentinel:
    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


BAD: Any = _Sentinel("unreadable")
"""Value of something that is not JSON: reported already, so that checks stay silent about it."""

HUGE: Any = _Sentinel("a number with too many digits")
"""Value of a number that stands for more digits than are ever expanded."""


class Trouble(NamedTuple):
    """Something wrong with the text as JSON."""

    code: str
    message: str
    start: int
    end: int


@dataclass(slots=True, eq=False)
class Tree:
    """One JSON value with its place.

    Attributes:
        start: Offset of its first character.
        end: Offset after its last character.
        value: As Python, or `BAD` or `HUGE`; of equal keys the last counts.
        items: Trees of an array's elements.
        members: Trees of an object's keys and values, in order, equal keys included.
    """

    start: int
    end: int
    value: Any
    items: list[Tree] = field(default_factory=list)
    members: list[tuple[Tree, Tree]] = field(default_factory=list)

    def member(self, key: str) -> tuple[Tree, Tree] | None:
        """Key and value trees of a key; of equal ones the last."""
        found = None
        for pair in self.members:
            if pair[0].value == key:
                found = pair
        return found


_SPACE = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(r'"([^"\\\x00-\x1f]*)"')
_STRING_WITH_ESCAPES = re.compile(r'"((?:[^"\\\r\n]|\\[^\r\n])*)("?)')
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_WORD = re.compile(r"[^\s,:\[\]{}\"]+")
_BAD_ESCAPE = re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})|(\\.?)|([\x00-\x1f])')
_SKIP_DEEP = re.compile(r'[^"\[\]{}]*(?:"(?:[^"\\]|\\.)*"|([\[{])|([\]}])|$)', re.DOTALL)
_ESCAPE = re.compile(
    r'\\(u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|["\\/bfnrt])'
)
_LETTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_CONSTANTS = {"true": True, "false": False, "null": None}


def parse_tree(text: str, start: int = 0, end: int | None = None) -> tuple[Tree | None, list[Trouble]]:
    """Parse one JSON value of `text[start:end]`; offsets in the result count from the start of `text`.

    Returns:
        The value, None where there is none at all, and the troubles in the order of their places.
    """
    return _Parser(text, start, len(text) if end is None else end).parse()


def parse_elements(
    text: str, start: int, follows: bool, stop: Callable[[int], bool]
) -> tuple[list[Tree], list[Trouble]] | None:
    """Parse elements of the root's array `nodes` from the middle of a text.

    This reads what `parse_tree` of the whole text reads there, if what stands before is read as it was.

    Args:
        text: The whole text.
        start: Where to begin: behind an element, or behind the array's opening bracket.
        follows: Whether an element stands before.
        stop: Asked where an element begins, and at the array's closing bracket: whether to stop there.

    Returns:
        The elements, and the troubles; None where the text or the array ends before `stop` says so.
    """
    parser = _Parser(text, start, len(text))
    return parser.elements(follows, stop)


class _Stop(Exception):
    """The parser has arrived where it was to stop."""


class _Open(NamedTuple):
    """A container that is being read."""

    tree: Tree
    is_object: bool


class _Parser:
    def __init__(self, text: str, start: int, end: int) -> None:
        self.text = text
        self.begin = start
        self.position = start
        self.end = end
        self.troubles: list[Trouble] = []
        self.stack: list[_Open] = []
        self.keys: list[Tree | None] = []  # the key that waits for its value, per open container
        self.root: Tree | None = None
        self.stop: Callable[[int], bool] | None = None
        self.noise = 0  # troubles since the last member of the root, or element of one, began or ended

    def elements(self, follows: bool, stop: Callable[[int], bool]) -> tuple[list[Tree], list[Trouble]] | None:
        self.root, array = Tree(0, 0, {}), Tree(self.begin, self.begin, [])
        before = [Tree(self.begin, self.begin, BAD)] if follows else []
        array.items += before
        self.stack = [_Open(self.root, True), _Open(array, False)]
        self.keys = [Tree(0, 0, "nodes"), None]
        self.stop = stop
        try:
            while len(self.stack) > 1 and self.position < self.end and len(self.troubles) < MAX_TROUBLES:
                if self.stack[-1].is_object:
                    self._member()
                else:
                    self._element()
        except _Stop:
            return array.items[len(before) :], self.troubles
        return None

    def _at_stop(self) -> bool:
        return self.stop is not None and len(self.stack) == 2 and self.stop(self.position)

    def parse(self) -> tuple[Tree | None, list[Trouble]]:
        self._space()
        if self.position >= self.end:
            self._trouble("the file is empty; expected a JSON object", self.begin, self.begin)
            return None, self.troubles
        self._value()
        while self.stack:
            if self.position >= self.end:
                self._unfinished()
                break
            if self.stack[-1].is_object:
                self._member()
            else:
                self._element()
            if len(self.troubles) >= MAX_TROUBLES:
                self._give_up()
                break
        else:
            self._space()
            if self.position < self.end:
                self._trouble("unexpected text after the end of the JSON value", self.position, self.end)
        return self.root, self.troubles

    # -- containers ---------------------------------------------------------------------------------------

    def _member(self) -> None:
        """Read one member of the innermost object, or its end."""
        tree = self.stack[-1].tree
        comma = self._separator(tree.members, "}")
        if comma is None:
            return
        char = self.text[self.position]
        if char != '"':
            start = self.position
            word = _WORD.match(self.text, start, self.end)
            if char in "[{":
                self._trouble("expected a key in double quotes, found a value", start, start + 1)
                self.keys[-1] = None
                self._value()
            elif word:
                self.position = word.end()
                self._trouble(
                    f"expected a key in double quotes, found `{_short(word[0])}`", start, word.end()
                )
                self._after_key(Tree(start, word.end(), word[0]))
            else:
                self.position += 1
                self._trouble(f"expected a key in double quotes, found `{char}`", start, start + 1)
            return
        key = self._string()
        self._after_key(key)

    def _after_key(self, key: Tree) -> None:
        tree = self.stack[-1].tree
        if isinstance(key.value, str) and key.value in tree.value:
            self._add("TL002", f"duplicate key {_quote(key.value)}", key.start, key.end)
        self._space()
        if self.position < self.end and self.text[self.position] == ":":
            self.position += 1
            self._space()
        else:
            self._trouble(f"expected `:` after {_key(key)}", key.start, key.end)
        if self.position >= self.end or self.text[self.position] in ",}]":
            if self.position < self.end:
                self._trouble(f"{_key(key)} has no value", key.start, key.end)
            self._attach(key, Tree(key.end, key.end, BAD))
            return
        self.keys[-1] = key
        self._value()

    def _element(self) -> None:
        """Read one element of the innermost array, or its end."""
        tree = self.stack[-1].tree
        if self._separator(tree.items, "]") is not None:
            if len(self.stack) <= 2:
                self.noise = 0
            if self._at_stop():
                raise _Stop
            self._value()

    def _separator(self, before: list[Any], closer: str) -> bool | None:
        """Go past a comma to the next member; None where the container ended here."""
        self._space()
        comma = None
        while self.position < self.end and self.text[self.position] == ",":
            if comma is not None or not before:
                self._trouble("unexpected `,`", self.position, self.position + 1)
            comma = self.position
            self.position += 1
            self._space()
        if self.position >= self.end:
            return None
        char = self.text[self.position]
        if char in "]}":
            if char == closer:
                if comma is not None and before:
                    self._trouble(f"trailing `,` before `{closer}`", comma, comma + 1)
                if self._at_stop():
                    raise _Stop
                self.position += 1
                self._close()
            else:
                self._mismatch(char, closer)
            return None
        if char == ":":
            self._trouble("unexpected `:`", self.position, self.position + 1)
            self.position += 1
            return None
        if comma is None and before:
            last = before[-1] if isinstance(before[-1], Tree) else before[-1][1]
            self._trouble(f"expected `,` or `{closer}`", last.end, last.end + 1)
        return comma is not None

    def _mismatch(self, char: str, closer: str) -> None:
        """A closing bracket of the other sort ends an outer container, or is noise."""
        self._trouble(f"expected `{closer}`, found `{char}`", self.position, self.position + 1)
        if any(frame.is_object == (char == "}") for frame in self.stack):
            while self.stack[-1].is_object != (char == "}"):
                self._close()
            self.position += 1
            self._close()
        else:
            self.position += 1

    def _close(self) -> None:
        frame = self.stack.pop()
        self.keys.pop()
        frame.tree.end = self.position
        if self.stack:
            self._attach(self.keys[-1], frame.tree)

    def _attach(self, key: Tree | None, value: Tree) -> None:
        """Put a finished value into the innermost container."""
        frame = self.stack[-1]
        if len(self.stack) <= 2:
            self.noise = 0
        if not frame.is_object:
            frame.tree.items.append(value)
            frame.tree.value.append(value.value)
        elif key is not None and isinstance(key.value, str):
            frame.tree.members.append((key, value))
            frame.tree.value[key.value] = value.value
            self.keys[-1] = None

    def _open(self, is_object: bool) -> None:
        if len(self.stack) >= MAX_DEPTH:
            start = self.position
            self._trouble(f"nested more than {MAX_DEPTH:,} deep", start, start + 1)
            self._skip_deep()
            self._finish(Tree(start, self.position, BAD))
            return
        tree = Tree(self.position, self.position + 1, {} if is_object else [])
        if self.root is None:
            self.root = tree
        self.stack.append(_Open(tree, is_object))
        self.keys.append(None)
        if len(self.stack) <= 2:
            self.noise = 0
        self.position += 1

    def _skip_deep(self) -> None:
        """Go past a container without reading it."""
        depth = 0
        while self.position < self.end:
            match = _SKIP_DEEP.match(self.text, self.position, self.end)
            if match is None or match.end() == self.position:
                self.position = self.end  # an unterminated string
                return
            self.position = match.end()
            depth += (match[1] is not None) - (match[2] is not None)
            if depth == 0 and (match[1] or match[2]):
                return

    def _finish(self, tree: Tree) -> None:
        """A value is read: it is the root, or part of the innermost container."""
        if self.stack:
            self._attach(self.keys[-1], tree)
        elif self.root is None:
            self.root = tree

    # -- values -------------------------------------------------------------------------------------------

    def _value(self) -> None:
        char = self.text[self.position]
        if char in "{[":
            self._open(char == "{")
        elif char == '"':
            self._finish(self._string())
        else:
            self._finish(self._word())

    def _word(self) -> Tree:
        start = self.position
        match = _WORD.match(self.text, start, self.end)
        if match is None:
            self.position += 1
            self._trouble(f"expected a value, found `{self.text[start]}`", start, self.position)
            return Tree(start, self.position, BAD)
        word = match[0]
        self.position = match.end()
        if word in _CONSTANTS:
            return Tree(start, self.position, _CONSTANTS[word])
        if _NUMBER.fullmatch(word):
            try:
                return Tree(start, self.position, parse_number(word))
            except TooManyDigits:
                return Tree(start, self.position, HUGE)
        self._trouble(_word_message(word), start, self.position)
        return Tree(start, self.position, BAD)

    def _string(self) -> Tree:
        start = self.position
        match = _STRING.match(self.text, start, self.end)
        if match:
            self.position = match.end()
            return Tree(start, self.position, match[1])
        loose = _STRING_WITH_ESCAPES.match(self.text, start, self.end)
        if loose is None:  # pragma: no cover - the pattern matches any text that starts with a quote
            raise AssertionError("a string starts with a quote")
        self.position = loose.end()
        if not loose[2]:
            self._trouble("the string has no closing quote on its line", start, self.position)
            return Tree(start, self.position, BAD)
        for found in _BAD_ESCAPE.finditer(self.text, loose.start(1), loose.end(1)):
            if found[1]:
                self._trouble(f"`{found[1]}` is no JSON escape", found.start(), found.end())
            elif found[2]:
                message = f"control character U+{ord(found[2]):04X} in a string; write an escape"
                self._trouble(message, found.start(), found.end())
        return Tree(start, self.position, _ESCAPE.sub(_unescape, loose[1]))

    # -- places -------------------------------------------------------------------------------------------

    def _space(self) -> None:
        match = _SPACE.match(self.text, self.position, self.end)
        if match:
            self.position = match.end()

    def _unfinished(self) -> None:
        """The text ended inside containers: close them, and say where the innermost began."""
        frame = self.stack[-1]
        closer = "}" if frame.is_object else "]"
        last = len(self.text[self.begin : self.end].rstrip()) + self.begin
        self._trouble(
            f"the text ends before the `{closer}` of an {'object' if frame.is_object else 'array'}",
            max(last - 1, self.begin),
            last,
        )
        while self.stack:
            if self.keys[-1] is not None and self.stack[-1].is_object:
                self._attach(self.keys[-1], Tree(self.position, self.position, BAD))
            self._close()

    def _give_up(self) -> None:
        while self.stack:
            self._close()

    def _trouble(self, message: str, start: int, end: int) -> None:
        self.noise += 1
        if self.noise <= MAX_IN_ELEMENT:
            self._add("TL001", message, start, end)

    def _add(self, code: str, message: str, start: int, end: int) -> None:
        self.troubles.append(Trouble(code, message, start, end))


def _unescape(match: re.Match[str]) -> str:
    escape = match[1]
    if escape[0] != "u":
        return _LETTERS.get(escape, escape)
    if len(escape) > 5:
        high, low = int(escape[1:5], 16), int(escape[7:], 16)
        return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
    return chr(int(escape[1:], 16))


def _word_message(word: str) -> str:
    if word in ("NaN", "Infinity", "-Infinity", "nan", "inf", "-inf"):
        return f"`{word}` is not JSON: numbers are finite"
    if word in ("True", "False", "None"):
        return (
            f"`{word}` is Python; JSON writes `{ {'True': 'true', 'False': 'false', 'None': 'null'}[word] }`"
        )
    if word.startswith(("//", "/*", "#")):
        return "JSON has no comments"
    if word.startswith("'"):
        return "JSON strings stand in double quotes"
    if word[0] in "+-.0123456789":
        return f"`{_short(word)}` is not a JSON number"
    return f"expected a value, found `{_short(word)}`"


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"


def _key(key: Tree) -> str:
    return f"the key {_quote(key.value)}" if isinstance(key.value, str) else "this key"


def _quote(text: str) -> str:
    return f'"{_short(text)}"'
