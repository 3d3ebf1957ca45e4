"""What a parser knows while it reads: where it is, which containers are open, and what was wrong."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import NamedTuple

from torchlean_core.text.numbers import Numbers
from torchlean_core.text.tree import BAD, MAX_DEPTH, MAX_IN_ELEMENT, Tree, Trouble

NODES = "nodes"
_SPACE = re.compile(r"[ \t\r\n]*")
STRAY_QUOTE = re.compile(r'"[ \t]*+[,:\]}]')
_STRETCH = re.compile(
    r'"(?:[^"\\]++|\\.)*+"|([\[{][^"\]}]{0,65535}+)|([^"\[{]{1,65536}+)', re.DOTALL
)  # a string, brackets of which none closes, or of which none opens
_CLOSING = re.compile(r"[\]}]")


class Open(NamedTuple):
    """A container that is being read."""

    tree: Tree
    is_object: bool


class Containers:
    """Opens containers, puts what was read into them, and closes them.

    What is `broken` may be read in ways that JSON would not allow: a node does not stand in a list of numbers.
    """

    def __init__(self, text: str, start: int, end: int, broken: bool) -> None:
        self.text = text
        self.begin = start
        self.position = start
        self.end = end
        self.broken = broken
        self.troubles: list[Trouble] = []
        self.stack: list[Open] = []
        self.keys: list[Tree | None] = []  # the key that waits for its value, per open container
        self.root: Tree | None = None
        self.stop: Callable[[int], bool] | None = None
        self.before: Tree | None = None  # stands for the element before the part that is read
        self.noise = 0  # troubles since the last member of the root, or element of one, began or ended
        self.numbers_end = 0  # of a long array of numbers with something wrong in it
        self.known: dict[str, Numbers] = {}  # long arrays that were read before, by their key
        self.whole = False  # whether every node gets the places of all that is inside

    @property
    def _in_nodes(self) -> bool:
        """Whether the root's array `nodes` is open."""
        key = self.keys[0] if len(self.stack) > 1 else None
        return key is not None and key.value == NODES and not self.stack[1].is_object

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
        self.stack.append(Open(tree, is_object))
        self.keys.append(None)
        if len(self.stack) <= 2:
            self.noise = 0
        self.position += length

    def _skip_deep(self) -> None:
        """Go past a container without reading it."""
        depth = 0
        while (found := _STRETCH.match(self.text, self.position, self.end)) is not None:
            start, self.position = found.span()
            if found[1] is not None:
                depth += found[1].count("[") + found[1].count("{")
            elif found[2] is not None:
                closed = found[2].count("]") + found[2].count("}")
                if closed >= depth:
                    for closing in itertools.islice(_CLOSING.finditer(found[2]), depth):
                        self.position = start + closing.end()
                    return
                depth -= closed
        self.position = self.end  # a string that does not end, or nothing more

    def _finish(self, tree: Tree) -> None:
        """A value is read: it is the root, or part of the innermost container."""
        if self.stack:
            self._attach(self.keys[-1], tree)
        elif self.root is None:
            self.root = tree

    def _space(self) -> None:
        match = _SPACE.match(self.text, self.position, self.end)
        if match:
            self.position = match.end()
        # Behind a lost quote, closing ones look like opening ones. No name of the format begins as such a "string".
        if self.noise and STRAY_QUOTE.match(self.text, self.position, self.end):
            self.position += 1
            self._space()

    def _skip(self, char: str, reach: int | None) -> bool:
        self._trouble(f"unexpected `{char}`", self.position, self.position + 1, reach)
        self.position += 1
        return True

    def _trouble(self, message: str, start: int, end: int, reach: int | None = None) -> None:
        self.noise += 1
        if self.noise <= MAX_IN_ELEMENT:
            self._add("TL001", message, start, end, reach)
        elif reach is not None:  # it is not told, but what was told reaches as far
            self.troubles[-1] = self.troubles[-1].reaching(reach)

    def _add(self, code: str, message: str, start: int, end: int, reach: int | None = None) -> None:
        found = Trouble(code, message, start, end, end if reach is None else max(reach, end))
        place = len(self.troubles)
        while place and self.troubles[place - 1].start >= start:
            place -= 1
            if self.troubles[place][:4] == found[:4]:
                # Once is enough: a second bracket is missing there, for one.
                self.troubles[place] = self.troubles[place].reaching(found.reach)
                return
        self.troubles.append(found)
