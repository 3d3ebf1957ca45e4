"""Reading values: strings, numbers, words, and at once what is often there, as whole nodes and arrays of numbers."""

from __future__ import annotations

import json
import re
from functools import cache

from torchlean_core.kinds.numbers import TooManyDigits, parse_number
from torchlean_core.text.condense import has_long_stretch, long_array_at
from torchlean_core.text.numbers import MAX_EXPONENT_DIGITS, Numbers
from torchlean_core.text.parser import ahead
from torchlean_core.text.parser.containers import STRAY_QUOTE, Containers
from torchlean_core.text.parser.messages import too_long_exponent, word_message
from torchlean_core.text.quick_json import Unread, read
from torchlean_core.text.tree import BAD, HUGE, MAX_IN_ELEMENT, Tree

_SIMPLE_NODE = re.compile(r'\{(?:[^{}"\[\]\\-]++|"[^"\\\x00-\x1f]*+"|\[[^\[\]{}"\\-]*+\])*+\}')
_STRUCTURE = re.compile(r"[,:\[\]{}]")
_STRING = re.compile(r'"([^"\\\x00-\x1f]*)"')
_PIECE = re.compile(
    r'(?:[^"\\\r\n]{1,256}+|\\(?:u(?:[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|[0-9a-fA-F]{4})'
    r"|[^\r\n])){1,4096}+"
)  # of a string; no escape and no pair of them is cut, and none takes so long that other threads would wait
NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?(\d+))?", re.ASCII)
_LEAST_RUN = 64
WORD = re.compile(r"[^\s,:\[\]{}\"]+")
_BAD_ESCAPE = re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})|(\\.?)|([\x00-\x1f])')
_UP_TO_FAULT = re.compile(
    r'(?:[^\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+(?:(\\.?|[\x00-\x1f])|\Z)'
)
_INTO_BAD_ESCAPE = re.compile(r'(?:[^\\]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+(?:\\|\Z)')
CONSTANTS = {"true": True, "false": False, "null": None}


@cache
def _run_of_numbers() -> re.Pattern[str]:
    """Elements of an array, all numbers or arrays of numbers, as deep as weights are; it takes long to compile."""
    space = r"[ \t\r\n]*+"
    one = r"-?+(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?+[0-9]{1,19}+)?+"
    element = one
    for _ in range(6):
        element = rf"(?:{one}|\[{space}(?:{element}{space}(?:,(?!{space}\]){space}|(?=\])))*+\])"
    element += rf"(?={space}[,\]])"
    return re.compile(rf"{element}(?:{space},{space}{element})*+")


class Values(Containers):
    """Reads what stands where a value belongs; brackets only open."""

    def _value(self) -> None:
        char = self.text[self.position]
        if char == "{" and len(self.stack) == 2 and not self.whole and self._simple_node():
            return
        if char == "{" and self.stack and not (len(self.stack) == 2 and self._in_nodes):
            opens, reach = ahead.object_opens(self.text, self.position + 1, self.end)
            if not opens:
                self._skip("{", reach)
                self._space()
                char = self.text[self.position]
        if char == "[" and self._long_array():
            return
        if char in "{[":
            self._open(char == "{")
        elif char == '"':
            self._finish(self._string())
        else:
            self._finish(self._word())

    def _long_array(self) -> bool:
        """Read a long array of numbers in a node as one value; where it is not sound, only go past what is of it."""
        if len(self.stack) != 3 or not self._in_nodes or not self.stack[2].is_object:
            return False
        key, start = self.keys[2], self.position
        if key is None:
            return False
        known = self.known.get(key.value) if type(key.value) is str else None
        found: tuple[int, Numbers | None] | None
        if known is not None and self.text.startswith(known.text, start, self.end):
            found = start + len(known.text), known
        else:
            found = long_array_at(self.text, key.end, start, self.end)
        if found is None:
            return False
        end, numbers = found
        if numbers is None:
            self.numbers_end = end
            return False
        self.position = end
        self._finish(Tree(start, end, numbers))
        return True

    def _run(self) -> bool:
        """Read elements of a long array that is not sound up to where it may not be, as one stretch."""
        match = _run_of_numbers().match(self.text, self.position, self.numbers_end)
        if match is None or match.end() - match.start() < _LEAST_RUN:
            return False
        try:
            values = read(f"[{match[0]}]")
        except Unread:
            return False
        tree = self.stack[-1].tree
        tree.items.append(Tree(match.start(), match.end(), values))
        tree.value += values
        self.position = match.end()
        return True

    def _simple_node(self) -> bool:
        """Read a node that `read` reads just as this parser does, and much faster."""
        match = _SIMPLE_NODE.match(self.text, self.position, self.end) if self._in_nodes else None
        if match is None or has_long_stretch(self.text, match.start(), match.end()):
            return False
        content = match[0]
        try:
            value = read(content)
        except Unread:
            return False
        if content.count(":") != len(value):  # a key stands twice, or a colon in a string
            return False
        for item in value.values():
            if type(item) is float or (type(item) is list and float in map(type, item)):
                return False
        tree = Tree(self.position, match.end(), value)
        self.position = match.end()
        self._finish(tree)
        return True

    def _word(self) -> Tree:
        start = self.position
        match = WORD.match(self.text, start, self.end)
        if match is None:
            self.position += 1
            self._trouble(f"expected a value, found `{self.text[start]}`", start, self.position)
            return Tree(start, self.position, BAD)
        word = match[0]
        self.position = match.end()
        if word in CONSTANTS:
            return Tree(start, self.position, CONSTANTS[word])
        if number := NUMBER.fullmatch(word):
            if len((number[1] or "").lstrip("0")) > MAX_EXPONENT_DIGITS:
                self._trouble(too_long_exponent(word), start, self.position)
                return Tree(start, self.position, BAD)
            try:
                return Tree(start, self.position, parse_number(word))
            except TooManyDigits:
                return Tree(start, self.position, HUGE)
        self._trouble(word_message(word), start, self.position)
        return Tree(start, self.position, BAD)

    def _string(self, is_key: bool = False) -> Tree:
        start = self.position
        match = _STRING.match(self.text, start, self.end)
        if match:
            self.position = match.end()
            follows = self.text[match.end()] if match.end() < self.end else ","
            if follows == '"' and (stray := STRAY_QUOTE.match(self.text, match.end(), self.end)):
                self._skip('"', stray.end())
            elif follows.isalnum() or follows == "_":
                if not match[1]:
                    self.position = start
                    self._skip('"', match.end() + 1)
                    return self._string(is_key)
                if _STRUCTURE.search(match[1]):
                    return self._cut_string(start, match.end(), is_key)
            return Tree(start, match.end(), match[1])
        return self._escaped_string(start, is_key)

    def _escaped_string(self, start: int, is_key: bool) -> Tree:
        """A string with escapes, or with what should be one, piece by piece: it may be the whole of a big file."""
        pieces, position = [], start + 1
        while (piece := _PIECE.match(self.text, position, self.end)) is not None:
            position = piece.end()
            pieces.append(piece[0])
        if not self.text.startswith('"', position, self.end):
            return self._cut_string(start, position, is_key)
        self.position, position = position + 1, start + 1
        values = []
        for content in pieces:
            try:
                values.append(json.loads(f'"{content}"'))
            except json.JSONDecodeError:
                self._tell_faults(content, position)
                as_it_stands = "\\".join(_INTO_BAD_ESCAPE.findall(content)[:-1])  # the last match is empty
                values.append(json.loads(f'"{as_it_stands}"', strict=False))
            position += len(content)
        return Tree(start, self.position, "".join(values))

    def _tell_faults(self, content: str, start: int) -> None:
        """Tell of the bad escapes and control characters in a piece of a string."""
        if self.noise >= MAX_IN_ELEMENT:  # they are only counted: there can be millions
            self.noise += sum(map(bool, _UP_TO_FAULT.findall(content)))
            return
        for found in _BAD_ESCAPE.finditer(content):
            place, behind = start + found.start(), start + found.end()
            if found[1]:
                self._trouble(f"`{found[1]}` is no JSON escape", place, behind)
            elif found[2]:
                message = f"control character U+{ord(found[2]):04X} in a string; write an escape"
                self._trouble(message, place, behind)

    def _cut_string(self, start: int, end: int, is_key: bool) -> Tree:
        """A string whose closing quote is missing ends before what looks like the end of a member.

        Args:
            start: Where it begins.
            end: Where the line ends, or behind the quote that seems to close it.
            is_key: Whether a key is wanted.
        """
        structure = _STRUCTURE.search(self.text, start + 1, end)
        self.position = structure.start() if structure is not None else end
        self._trouble("the string has no closing quote", start, self.position, end + 1)
        name = self.text[start + 1 : self.position]
        return Tree(start, self.position, name if is_key and name.isidentifier() else BAD)
