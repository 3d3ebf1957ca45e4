"""A JSON parser that keeps the position of every value and goes on after errors.

It reads what is left when something is missing or too much, and reports each trouble once, at its place. Where a
bracket is missing or too much, what a root, its `nodes` and a node look like tells where it belongs, so that the
nodes behind it are read as what they are.
It is iterative, so that depth is bounded by `MAX_DEPTH` and not by the interpreter's stack. The fast path in
`document` does without it; it serves texts with errors, exact numbers, and the positions of single nodes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from torchlean_core.kinds import FIELD_NAMES, ROOT_NAMES
from torchlean_core.kinds.numbers import TooManyDigits, parse_number
from torchlean_core.text import ahead
from torchlean_core.text.condense import has_long_stretch, long_array_at
from torchlean_core.text.numbers import MAX_EXPONENT_DIGITS, Numbers
from torchlean_core.text.quick_json import Unread, read
from torchlean_core.text.tree import (
    BAD,
    HUGE,
    MARK,
    MARKED,
    MAX_DEPTH,
    MAX_IN_ELEMENT,
    MAX_TROUBLES,
    Tree,
    Trouble,
)

NODES = "nodes"
_SPACE = re.compile(r"[ \t\r\n]*")
_SIMPLE_NODE = re.compile(r'\{(?:[^{}"\[\]\\-]++|"[^"\\\x00-\x1f]*+"|\[[^\[\]{}"\\-]*+\])*+\}')
_STRAY_QUOTE = re.compile(r'"[ \t]*+[,:\]}]')
_COMMENT = re.compile(r"/\*(?s:.*?)(?:\*/|\Z)|(?://|#|<{7}|={7}|>{7})[^\r\n]*")
_PROSE = re.compile(r"[^\r\n{}\[\]]+")
_STRUCTURE = re.compile(r"[,:\[\]{}]")
_VALUE_STARTS = "[-0123456789tfn"
_STRING = re.compile(r'"([^"\\\x00-\x1f]*)"')
_STRING_WITH_ESCAPES = re.compile(r'"((?:[^"\\\r\n]|\\[^\r\n])*)("?)')
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?(\d+))?", re.ASCII)
_S = r"[ \t\r\n]*+"
_ONE = r"-?+(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?+[0-9]{1,19}+)?+"
_ANY = _ONE
for _ in range(6):  # arrays of arrays, as deep as weights are
    _ANY = rf"(?:{_ONE}|\[{_S}(?:{_ANY}{_S}(?:,(?!{_S}\]){_S}|(?=\])))*+\])"
_ANY += rf"(?={_S}[,\]])"
_RUN = re.compile(rf"{_ANY}(?:{_S},{_S}{_ANY})*+")
_LEAST_RUN = 64
_WORD = re.compile(r"[^\s,:\[\]{}\"]+")
_BAD_ESCAPE = re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})|(\\.?)|([\x00-\x1f])')
_SKIP_DEEP = re.compile(r'[^"\[\]{}]*(?:"(?:[^"\\]|\\.)*"|([\[{])|([\]}])|$)', re.DOTALL)
_ESCAPE = re.compile(
    r'\\(u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|["\\/bfnrt])'
)
_LETTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_CONSTANTS = {"true": True, "false": False, "null": None}


def parse_tree(text: str, *, broken: bool = False) -> tuple[Tree | None, list[Trouble]]:
    """Parse one JSON value.

    Args:
        text: The text.
        broken: Whether it is known not to be JSON.

    Returns:
        The value, None where there is none at all, and the troubles in the order of their places.
    """
    found = _Parser(text, 0, len(text), broken).parse()
    return found if broken or not _has_trouble(found[1]) else _Parser(text, 0, len(text), True).parse()


def parse_elements(
    text: str, start: int, follows: bool, stop: Callable[[int], bool], *, broken: bool
) -> tuple[list[Tree], list[Trouble]] | None:
    """Parse elements of the root's array `nodes` from the middle of a text.

    This reads what `parse_tree` of the whole text reads there, if what stands before is read as it was.

    Args:
        text: The whole text.
        start: Where to begin: behind an element, or behind the array's opening bracket.
        follows: Whether an element stands before.
        stop: Asked where an element begins, and at the array's closing bracket: whether to stop there.
        broken: Whether the text is known not to be JSON.

    Returns:
        The elements, and the troubles; None where the text or the array ends before `stop` says so.
    """
    found = None if broken else _Parser(text, start, len(text), False).elements(follows, stop)
    if found is None or _has_trouble(found[1]):
        found = _Parser(text, start, len(text), True).elements(follows, stop)
    return found


def parse_node(text: str, start: int, end: int, known: Any = None) -> Tree | None:
    """Parse one element of `nodes`, as `parse_tree` of the whole text reads it, with the places of all inside.

    Args:
        text: The whole text.
        start: Where the element begins.
        end: Where it ends.
        known: What was read there: long arrays of numbers that are in it need not be read again.
    """
    parser = _Parser(text, start, end, False)
    if type(known) is dict:
        parser.known = {key: value for key, value in known.items() if type(value) is Numbers}
    return parser.node()


def _has_trouble(troubles: list[Trouble]) -> bool:
    return any(trouble.code == "TL001" for trouble in troubles)


class _Stop(Exception):
    """The parser has arrived where it was to stop."""


class _Undecided(Exception):
    """How to read on depends on what stands before the part that is read."""


class _Open(NamedTuple):
    """A container that is being read."""

    tree: Tree
    is_object: bool


class _Parser:
    """Reads a text; once it is known not to be JSON, also by what can only be meant.

    What is `broken` may be read in ways that JSON would not allow: a node does not stand in a list of numbers.
    """

    def __init__(self, text: str, start: int, end: int, broken: bool) -> None:
        self.text = text
        self.begin = start
        self.position = start
        self.end = end
        self.broken = broken
        self.troubles: list[Trouble] = []
        self.stack: list[_Open] = []
        self.keys: list[Tree | None] = []  # the key that waits for its value, per open container
        self.root: Tree | None = None
        self.stop: Callable[[int], bool] | None = None
        self.before: Tree | None = None  # stands for the element before the part that is read
        self.noise = 0  # troubles since the last member of the root, or element of one, began or ended
        self.numbers_end = 0  # of a long array of numbers with something wrong in it
        self.known: dict[str, Numbers] = {}  # long arrays that were read before, by their key
        self.whole = False  # whether every node gets the places of all that is inside

    def parse(self) -> tuple[Tree | None, list[Trouble]]:
        if self.text.startswith(MARK):  # in an open document: `read_bytes` takes that of a file away
            self.troubles.append(Trouble("TL003", MARKED, 0, 1, 1))
            self.position = 1
        self._space()
        if self.position >= self.end:
            self._trouble("the file is empty; expected a JSON object", self.begin, self.begin)
            return None, self.troubles
        while self.text[self.position] in "]},:":
            self._skip(self.text[self.position], None)
            self._space()
            if self.position >= self.end or len(self.troubles) >= MAX_IN_ELEMENT:
                return None, self.troubles
        key, reach = ahead.key_at(self.text, self.position, self.end)
        if key is not None:
            self._trouble("expected `{` before the first key", self.position, self.position + 1, reach)
            self._open(True, length=0)
        else:
            self._value()
        while self._read_containers() and self._goes_on():
            pass
        return self.root, sorted(self.troubles, key=_place)

    def elements(self, follows: bool, stop: Callable[[int], bool]) -> tuple[list[Tree], list[Trouble]] | None:
        array = self._open_nodes()
        if follows:
            self.before = Tree(self.begin, self.begin, BAD)
            array.items.append(self.before)
        self.stop = stop
        try:
            while len(self.stack) > 1 and self.position < self.end and len(self.troubles) < MAX_TROUBLES:
                self._step()
        except _Stop:
            return array.items[follows:], sorted(self.troubles, key=_place)
        except _Undecided:
            pass
        return None

    def node(self) -> Tree | None:
        array = self._open_nodes()
        self.whole = True
        self._read_containers()
        return array.items[0] if array.items else None

    def _at_stop(self) -> bool:
        return self.stop is not None and len(self.stack) == 2 and self.stop(self.position)

    def _open_nodes(self) -> Tree:
        """Begin in the middle, in the array `nodes` of a root."""
        self.root, array = Tree(0, 0, {}), Tree(self.begin, self.begin, [])
        self.stack = [_Open(self.root, True), _Open(array, False)]
        self.keys = [Tree(0, 0, NODES), None]
        return array

    def _read_containers(self) -> bool:
        """Read all open containers to their ends; whether they have any."""
        while self.stack:
            if self.position >= self.end:
                self._unfinished()
                return False
            self._step()
            if len(self.troubles) >= MAX_TROUBLES:
                self._give_up()
                return False
        return True

    def _step(self) -> None:
        if self.stack[-1].is_object:
            self._member()
        else:
            self._element()

    def _goes_on(self) -> bool:
        """What stands behind the root: nothing, members that are its own, or what does not belong there."""
        begin = self.position
        self._space()
        if self.position >= self.end or self.root is None:
            return False
        place = ahead.behind_comma(self.text, self.position, self.end)
        key, reach = ahead.key_at(self.text, place, self.end)
        if key is not None and isinstance(self.root.value, dict) and self.text[begin - 1] == "}":
            self._trouble("unexpected `}`: more keys follow", begin - 1, begin, reach)
            self.stack.append(_Open(self.root, True))
            self.keys.append(None)
            return True
        self._trouble("unexpected text after the end of the JSON value", self.position, self.end)
        return False

    # -- containers ---------------------------------------------------------------------------------------

    @property
    def _in_nodes(self) -> bool:
        """Whether the root's array `nodes` is open."""
        key = self.keys[0] if len(self.stack) > 1 else None
        return key is not None and key.value == NODES and not self.stack[1].is_object

    def _member(self) -> None:
        """Read one member of the innermost object, or its end."""
        tree = self.stack[-1].tree
        comma = self._separator(tree.members, "}")
        if comma is None:
            return
        char = self.text[self.position]
        if char == '"':
            self._after_key(self._string(is_key=True))
            return
        start = self.position
        word = _WORD.match(self.text, start, self.end)
        if char in "[{":
            self._trouble("expected a key in double quotes, found a value", start, start + 1)
            self.keys[-1] = None
            self._value()
        elif word:
            self.position = word.end()
            key, reach = ahead.key_at(
                self.text, ahead.behind_space(self.text, word.end(), self.end), self.end
            )
            if self.broken and key is not None:
                self._trouble(f"unexpected `{_short(word[0])}`", start, word.end(), reach)
                return
            self._trouble(f"expected a key in double quotes, found `{_short(word[0])}`", start, word.end())
            if _NUMBER.fullmatch(word[0]):
                self._lost_array(tree, int, list)
            else:
                self._after_key(Tree(start, word.end(), word[0]))
        else:
            self.position += 1
            self._trouble(f"expected a key in double quotes, found `{char}`", start, start + 1)

    def _after_key(self, key: Tree) -> None:
        tree = self.stack[-1].tree
        if isinstance(key.value, str) and key.value in tree.value and not self.noise:
            self._add("TL002", f"duplicate key {_quote(key.value)}", key.start, key.end)
        self._space()
        if self._next_in("{}[]") and self._is_behind(":"):
            self._skip(self.text[self.position], self.position + 2)
            self._space()
        if self._next_in(":"):
            self.position += 1
            self._space()
            if self._next_in(":") or (self._next_in("]}") and self._value_behind()):
                self._skip(self.text[self.position], self.position + 2)
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

    def _next_in(self, characters: str) -> bool:
        return self.position < self.end and self.text[self.position] in characters

    def _is_behind(self, characters: str) -> bool:
        """Whether one of some characters stands behind the one here, and behind space."""
        place = ahead.behind_space(self.text, self.position + 1, self.end)
        return place < self.end and self.text[place] in characters

    def _value_behind(self) -> bool:
        """Whether a value stands behind the character here, and is no key."""
        place = ahead.behind_space(self.text, self.position + 1, self.end)
        if self.text.startswith('"', place, self.end):
            return ahead.key_at(self.text, place, self.end)[0] is None
        return self._is_behind(_VALUE_STARTS)

    def _element(self) -> None:
        """Read one element of the innermost array, or its end."""
        tree = self.stack[-1].tree
        if self._separator(tree.items, "]") is not None:
            if len(self.stack) <= 2:
                self.noise = 0
            if self._at_stop():
                raise _Stop
            if self.position >= self.numbers_end or not self._run():
                self._value()

    def _separator(self, before: list[Any], closer: str) -> bool | None:
        """Go past a comma to the next member; None where the container ended here, or has to be looked at anew."""
        begin = self.position
        self._space()
        comma, extra = None, []
        while self.position < self.end:
            if self.text[self.position] == ",":
                if comma is not None or not before:
                    extra.append(self.position)
                comma = self.position
                self.position += 1
            elif not self.broken or not self._garbage():
                break
            self._space()
        if self.position >= self.end:
            self._extra_commas(extra)
            return None
        char = self.text[self.position]
        out_of_place = char in '{["' and self._is_out_of_place(char, begin)
        if not out_of_place or self.position > begin:  # else it is read again
            self._extra_commas(extra)
        if out_of_place:
            return None
        if char in "]}":
            if char != closer:
                self._mismatch(char, closer)
                return None
            if comma is not None and before:
                self._trouble(f"trailing `,` before `{closer}`", comma, comma + 1)
            if self._at_stop():
                raise _Stop
            if char == "]" and len(self.stack) == 2 and self._in_nodes and self._nodes_go_on():
                return None
            if (
                char == "}"
                and self.noise
                and len(self.stack) == 3
                and self._in_nodes
                and self._node_goes_on()
            ):
                return None
            self.position += 1
            self._close()
            return None
        if char == ":":
            self._trouble("unexpected `:`", self.position, self.position + 1)
            self.position += 1
            return None
        if comma is None and before:
            last = before[-1] if isinstance(before[-1], Tree) else before[-1][1]
            self._trouble(f"expected `,` or `{closer}`", last.end, last.end + 1)
        return comma is not None

    def _extra_commas(self, places: list[int]) -> None:
        for place in places:
            self._trouble("unexpected `,`", place, place + 1)

    def _garbage(self) -> bool:
        """Go past a comment, a mark of a merge conflict, or (among the nodes) words that are no JSON."""
        start = self.position
        match = _COMMENT.match(self.text, start, self.end)
        if match is None and len(self.stack) == 2 and self._in_nodes:
            word = _WORD.match(self.text, start, self.end)
            is_value = word is not None and (_NUMBER.fullmatch(word[0]) or word[0] in _CONSTANTS)
            match = _PROSE.match(self.text, start, self.end) if word is not None and not is_value else None
            if match is not None:
                self._trouble(f"expected a node, found `{_short(match[0].rstrip())}`", start, match.end())
        elif match is not None:
            is_conflict = match[0][0] in "<=>"
            message = "a merge conflict stands here" if is_conflict else "JSON has no comments"
            self._trouble(message, start, match.end(), match.end() + 1)
        if match is not None:
            self.position = match.end()
        return match is not None

    def _mismatch(self, char: str, closer: str) -> None:
        """A closing bracket of the other sort ends an outer container, or is too much."""
        start = self.position
        stray, reach = self._is_stray(char)
        if stray:
            message = f"unexpected `{char}`" if self._in_nodes else f"expected `{closer}`, found `{char}`"
            self._trouble(message, start, start + 1, reach)
            self.position += 1
            if self.stack[-1].is_object:
                self._lost_array(self.stack[-1].tree, int)
            return
        self._trouble(f"expected `{closer}`, found `{char}`", start, start + 1, reach)
        while self.stack[-1].is_object != (char == "}"):
            self._close()
        self.position += 1
        self._close()

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

    def _open(self, is_object: bool, length: int = 1) -> None:
        """Begin a container whose opening bracket stands here, unless its length is 0: then it is missing."""
        if len(self.stack) >= MAX_DEPTH:
            start = self.position
            self._trouble(f"nested more than {MAX_DEPTH:,} deep", start, start + 1)
            self._skip_deep()
            self._finish(Tree(start, self.position, BAD))
            return
        tree = Tree(self.position, self.position + length, {} if is_object else [])
        if self.root is None:
            self.root = tree
        self.stack.append(_Open(tree, is_object))
        self.keys.append(None)
        if len(self.stack) <= 2:
            self.noise = 0
        self.position += length

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

    # -- brackets that are missing, or too much -----------------------------------------------------------

    def _is_stray(self, char: str) -> tuple[bool, int | None]:
        """Whether a closing bracket of the other sort is too much here; and how far that depends on the text."""
        inner = self.stack[2:] if self._in_nodes else self.stack
        if any(frame.is_object == (char == "}") for frame in inner):
            if inner is self.stack or char == "]" or any(frame.is_object for frame in inner[1:]):
                return False, None
            ends, reach = ahead.node_ends(self.text, self.position + 1, self.end)
            return not ends, reach  # in an array of a node
        if inner is self.stack:
            return True, None
        if char == "}":  # between nodes: it ends the root, or nothing
            return not ahead.text_ends(self.text, self.position + 1, self.end), self.position + 2
        goes_on, reach = ahead.root_goes_on(self.text, self.position + 1, self.end)
        return not goes_on, reach

    def _nodes_go_on(self) -> bool:
        """Go past a bracket that would end `nodes`, where a node follows."""
        start = self.position
        follows, reach = ahead.node_follows(self.text, start + 1, self.end)
        if follows:
            self._trouble("unexpected `]`: more nodes follow", start, start + 1, reach)
            self.position += 1
        return follows

    def _node_goes_on(self) -> bool:
        """Go past a brace that would end a broken node, where neither a node, nor a key, nor the end follows."""
        place = ahead.behind_comma(self.text, self.position + 1, self.end)
        if place >= self.end or self.text[place] in '"{]}':
            self.troubles[-1] = self.troubles[-1].reaching(place + 1)
            return False
        return self._skip("}", place + 1)

    def _is_out_of_place(self, char: str, begin: int) -> bool:
        """Deal with what cannot stand here unless a bracket before it is missing, or it is too much itself.

        Args:
            char: The character here: a quote, or an opening bracket.
            begin: Where the value before ended.
        """
        tree, is_object = self.stack[-1]
        if not is_object and self.broken and self._is_lost_node(char, begin):
            return True
        if char == '"':
            if is_object or len(self.stack) == 1:
                return False
            key, reach = ahead.key_at(self.text, self.position, self.end)
            if key is None:
                return False
            if len(self.stack) > 2 or not self._in_nodes or key in ROOT_NAMES:
                self._end_here(begin, "]", reach)
            else:
                self._node_without_brace(tree, begin, reach)
            return True
        if not is_object:
            return False
        if char == "[":
            following = ahead.behind_space(self.text, self.position + 1, self.end)
            key, reach = ahead.key_at(self.text, following, self.end)
            return key is not None and self._skip("[", reach)
        if not tree.members:
            return self._skip("{", None)
        if len(self.stack) == 1:
            return self._nodes_without_bracket(tree, begin) or self._skip("{", None)
        if not self._in_nodes:
            return False
        has_id, reach = ahead.id_ahead(self.text, self.position + 1, self.end)
        if has_id and "id" in self.stack[2].tree.value:
            self._end_here(begin, "}", reach)
            return True
        return self._skip("{", reach)

    def _skip(self, char: str, reach: int | None) -> bool:
        self._trouble(f"unexpected `{char}`", self.position, self.position + 1, reach)
        self.position += 1
        return True

    def _end_here(self, begin: int, closer: str, reach: int) -> None:
        """End the innermost container where its last member ended; its closing bracket is missing."""
        self._trouble(f"expected `{closer}` behind this", begin - 1, begin, reach)
        self.position = begin
        self._close()

    def _node_without_brace(self, nodes: Tree, begin: int, reach: int) -> None:
        """Members stand among the nodes: of a new one, or of the one before, which was closed too early."""
        if self.stop is not None:
            raise _Undecided
        has_id, far = ahead.id_ahead(self.text, self.position, self.end)
        last = nodes.items[-1] if nodes.items else None
        is_part = last is not None and isinstance(last.value, dict) and not (has_id and "id" in last.value)
        if last is not None and is_part and self.text[last.end - 1] == "}":
            self._trouble("unexpected `}`: more keys follow", last.end - 1, last.end, max(far, reach))
            if len(last.members) < len(last.value):  # it was simple, and read without places
                last = parse_node(self.text, last.start, last.end) or last
            nodes.items.pop()
            nodes.value.pop()
            self.stack.append(_Open(last, True))
            self.keys.append(None)
            self.position = begin
            return
        self._trouble(
            "expected `{` before the first key of a node", self.position, self.position + 1, max(far, reach)
        )
        self._open(True, length=0)

    def _nodes_without_bracket(self, root: Tree, begin: int) -> bool:
        """A second object where `nodes` had one: they are an array's elements."""
        key, first = root.members[-1]
        if self.broken and NODES not in root.value:
            place = self.position
            has_id, reach = ahead.id_ahead(self.text, place + 1, self.end)
            is_node, far = ahead.node_follows(self.text, place, self.end)
            if has_id and is_node:
                self._trouble('expected `"nodes": [` before the nodes', place, place + 1, max(reach, far))
                self.keys[0] = Tree(place, place, NODES)
                self._open(False, length=0)
            return has_id and is_node
        if key.value != NODES or not isinstance(first.value, dict):
            return False
        self._trouble("expected `[` before the nodes", first.start, first.start + 1, self.position + 1)
        root.members.pop()
        self.keys[0] = key
        self.stack.append(_Open(Tree(first.start, begin, [first.value], [first]), False))
        self.keys.append(None)
        self.position = begin
        return True

    def _is_lost_node(self, char: str, begin: int) -> bool:
        """Deal with a node that seems to stand in an array of another one, and with a bracket before nodes."""
        inside = ahead.behind_space(self.text, self.position + 1, self.end)
        if char == "[" and len(self.stack) == 2 and self._in_nodes:
            follows, reach = ahead.node_follows(self.text, self.position + 1, self.end)
            if not follows and self.text.startswith("]", inside, self.end):
                follows, reach = ahead.root_goes_on(self.text, inside + 1, self.end)
            return follows and self._skip("[", reach)
        if char != "{" or not self._in_nodes or len(self.stack) < 4:
            return False
        if any(frame.is_object for frame in self.stack[3:]):
            return False
        key = self.keys[2]
        has_id, reach = ahead.id_ahead(self.text, self.position + 1, self.end)
        if key is None or key.value not in FIELD_NAMES or not has_id:
            return False
        self._trouble("expected `]` behind this", begin - 1, begin, reach)
        self.position = begin
        while len(self.stack) > 2:
            self._close()
        return True

    @staticmethod
    def _lost_array(tree: Tree, *types: type) -> None:
        """More of an array stands behind a value: it was its beginning, with a bracket missing or too much."""
        if tree.members and type(tree.members[-1][1].value) in types:
            key, value = tree.members[-1]
            tree.members[-1] = key, Tree(value.start, value.end, BAD)
            tree.value[key.value] = BAD

    # -- values -------------------------------------------------------------------------------------------

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
        match = _RUN.match(self.text, self.position, self.numbers_end)
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
        match = _WORD.match(self.text, start, self.end)
        if match is None:
            self.position += 1
            self._trouble(f"expected a value, found `{self.text[start]}`", start, self.position)
            return Tree(start, self.position, BAD)
        word = match[0]
        self.position = match.end()
        if word in _CONSTANTS:
            return Tree(start, self.position, _CONSTANTS[word])
        if number := _NUMBER.fullmatch(word):
            if len((number[1] or "").lstrip("0")) > MAX_EXPONENT_DIGITS:
                self._trouble(_too_long_exponent(word), start, self.position)
                return Tree(start, self.position, BAD)
            try:
                return Tree(start, self.position, parse_number(word))
            except TooManyDigits:
                return Tree(start, self.position, HUGE)
        self._trouble(_word_message(word), start, self.position)
        return Tree(start, self.position, BAD)

    def _string(self, is_key: bool = False) -> Tree:
        start = self.position
        match = _STRING.match(self.text, start, self.end)
        if match:
            self.position = match.end()
            follows = self.text[match.end()] if match.end() < self.end else ","
            if follows == '"' and (stray := _STRAY_QUOTE.match(self.text, match.end(), self.end)):
                self._skip('"', stray.end())
            elif follows.isalnum() or follows == "_":
                if not match[1]:
                    self.position = start
                    self._skip('"', match.end() + 1)
                    return self._string(is_key)
                if _STRUCTURE.search(match[1]):
                    return self._cut_string(start, match.end(), is_key)
            return Tree(start, match.end(), match[1])
        loose = _STRING_WITH_ESCAPES.match(self.text, start, self.end)
        if loose is None:  # pragma: no cover - the pattern matches any text that starts with a quote
            raise AssertionError("a string starts with a quote")
        if not loose[2]:
            return self._cut_string(start, loose.end(), is_key)
        self.position = loose.end()
        for found in _BAD_ESCAPE.finditer(self.text, loose.start(1), loose.end(1)):
            if found[1]:
                self._trouble(f"`{found[1]}` is no JSON escape", found.start(), found.end())
            elif found[2]:
                message = f"control character U+{ord(found[2]):04X} in a string; write an escape"
                self._trouble(message, found.start(), found.end())
        return Tree(start, self.position, _ESCAPE.sub(_unescape, loose[1]))

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

    # -- places -------------------------------------------------------------------------------------------

    def _space(self) -> None:
        match = _SPACE.match(self.text, self.position, self.end)
        if match:
            self.position = match.end()
        # Behind a lost quote, closing ones look like opening ones. No name of the format begins as such a "string".
        if self.noise and _STRAY_QUOTE.match(self.text, self.position, self.end):
            self.position += 1
            self._space()

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
        if self.root is not None and len(self.root.items) == 1 and isinstance(self.root.value[0], dict):
            self.root = self.root.items[0]  # an opening bracket too much stood before the root

    def _give_up(self) -> None:
        while self.stack:
            self._close()

    def _trouble(self, message: str, start: int, end: int, reach: int | None = None) -> None:
        self.noise += 1
        if self.noise <= MAX_IN_ELEMENT:
            self._add("TL001", message, start, end, reach)
        elif reach is not None:  # it is not told, but what was told reaches as far
            self.troubles[-1] = self.troubles[-1].reaching(reach)

    def _add(self, code: str, message: str, start: int, end: int, reach: int | None = None) -> None:
        self.troubles.append(Trouble(code, message, start, end, end if reach is None else max(reach, end)))


def _place(trouble: Trouble) -> int:
    return trouble.start


def _unescape(match: re.Match[str]) -> str:
    escape = match[1]
    if escape[0] != "u":
        return _LETTERS.get(escape, escape)
    if len(escape) > 5:
        high, low = int(escape[1:5], 16), int(escape[7:], 16)
        return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
    return chr(int(escape[1:], 16))


def _too_long_exponent(word: str) -> str:
    return f"`{_short(word)}` cannot be read: its exponent has more than {MAX_EXPONENT_DIGITS} digits"


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
