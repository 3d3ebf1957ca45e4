"""Reads a text container by container, and decides what follows a value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torchlean_core.text.parser import ahead
from torchlean_core.text.parser.containers import NODES, Open
from torchlean_core.text.parser.messages import key_named, quote, short
from torchlean_core.text.parser.recovery import Recovery, Undecided
from torchlean_core.text.parser.values import NUMBER, WORD
from torchlean_core.text.tree import BAD, MARK, MARKED, MAX_IN_ELEMENT, MAX_TROUBLES, Tree, Trouble


class _Stop(Exception):
    """The parser has arrived where it was to stop."""


class Parser(Recovery):
    """Reads a text; once it is known not to be JSON, also by what can only be meant."""

    def parse(self) -> tuple[Tree | None, list[Trouble]]:
        """The value of the text, and what is wrong with it."""
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
        """Elements of `nodes` from the middle of a text, up to where `stop` says so."""
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
        except Undecided:
            pass
        return None

    def node(self) -> Tree | None:
        """One element of `nodes`, with the places of all that is inside."""
        array = self._open_nodes()
        self.whole = True
        self._read_containers()
        return array.items[0] if array.items else None

    def _at_stop(self) -> bool:
        return self.stop is not None and len(self.stack) == 2 and self.stop(self.position)

    def _open_nodes(self) -> Tree:
        """Begin in the middle, in the array `nodes` of a root."""
        self.root, array = Tree(0, 0, {}), Tree(self.begin, self.begin, [])
        self.stack = [Open(self.root, True), Open(array, False)]
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
            self.stack.append(Open(self.root, True))
            self.keys.append(None)
            return True
        self._trouble("unexpected text after the end of the JSON value", self.position, self.end)
        return False

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
        word = WORD.match(self.text, start, self.end)
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
                self._trouble(f"unexpected `{short(word[0])}`", start, word.end(), reach)
                return
            self._trouble(f"expected a key in double quotes, found `{short(word[0])}`", start, word.end())
            if NUMBER.fullmatch(word[0]):
                self._lost_array(tree, int, list)
            else:
                self._after_key(Tree(start, word.end(), word[0]))
        else:
            self.position += 1
            self._trouble(f"expected a key in double quotes, found `{char}`", start, start + 1)

    def _after_key(self, key: Tree) -> None:
        tree = self.stack[-1].tree
        if isinstance(key.value, str) and key.value in tree.value and not self.noise:
            self._add("TL002", f"duplicate key {quote(key.value)}", key.start, key.end)
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
            self._trouble(f"expected `:` after {key_named(key)}", key.start, key.end)
        if self.position >= self.end or self.text[self.position] in ",}]":
            if self.position < self.end:
                self._trouble(f"{key_named(key)} has no value", key.start, key.end)
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

    def with_places(self, node: Tree) -> Tree:
        """A node that was read without places, with those of all that is inside."""
        return Parser(self.text, node.start, node.end, False).node() or node


def _place(trouble: Trouble) -> int:
    return trouble.start
