"""Brackets and commas that are missing, or too much: where they belong follows from what artifacts look like."""

from __future__ import annotations

import re
from abc import abstractmethod

from torchlean_core.kinds import FIELD_NAMES, ROOT_NAMES
from torchlean_core.text.parser import ahead
from torchlean_core.text.parser.containers import NODES, Open
from torchlean_core.text.parser.messages import short
from torchlean_core.text.parser.values import CONSTANTS, NUMBER, WORD, Values
from torchlean_core.text.tree import BAD, Tree

_COMMENT = re.compile(r"/\*(?s:.*?)(?:\*/|\Z)|(?://|#|<{7}|={7}|>{7})[^\r\n]*")
_PROSE = re.compile(r"[^\r\n{}\[\]]+")
_VALUE_STARTS = "[-0123456789tfn"


class Undecided(Exception):
    """How to read on depends on what stands before the part that is read."""


class Recovery(Values):
    """Decides what was meant, says so, and goes on there."""

    @abstractmethod
    def with_places(self, node: Tree) -> Tree:
        """A node that was read without places, with those of all that is inside."""

    def _extra_commas(self, places: list[int]) -> None:
        for place in places:
            self._trouble("unexpected `,`", place, place + 1)

    def _garbage(self) -> bool:
        """Go past a comment, a mark of a merge conflict, or (among the nodes) words that are no JSON."""
        start = self.position
        match = _COMMENT.match(self.text, start, self.end)
        if match is None and len(self.stack) == 2 and self._in_nodes:
            word = WORD.match(self.text, start, self.end)
            is_value = word is not None and (NUMBER.fullmatch(word[0]) or word[0] in CONSTANTS)
            match = _PROSE.match(self.text, start, self.end) if word is not None and not is_value else None
            if match is not None:
                self._trouble(f"expected a node, found `{short(match[0].rstrip())}`", start, match.end())
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

    def _end_here(self, begin: int, closer: str, reach: int) -> None:
        """End the innermost container where its last member ended; its closing bracket is missing."""
        self._back_to(begin)
        self._trouble(f"expected `{closer}` behind this", begin - 1, begin, reach)
        self._close()

    def _back_to(self, begin: int) -> None:
        """Read on from where the value before ended; what was said of commas and comments since is said again."""
        while self.troubles and self.troubles[-1].start >= begin:
            self.troubles.pop()
            self.noise -= 1
        self.position = begin

    def _node_without_brace(self, nodes: Tree, begin: int, reach: int) -> None:
        """Members stand among the nodes: of a new one, or of the one before, which was closed too early."""
        if self.stop is not None:
            raise Undecided
        has_id, far = ahead.id_ahead(self.text, self.position, self.end)
        last = nodes.items[-1] if nodes.items else None
        is_part = last is not None and isinstance(last.value, dict) and not (has_id and "id" in last.value)
        if last is not None and is_part and self.text[last.end - 1] == "}":
            self._back_to(begin)
            self._trouble("unexpected `}`: more keys follow", last.end - 1, last.end, max(far, reach))
            if len(last.members) < len(last.value):  # it was simple, and read without places
                last = self.with_places(last)
            nodes.items.pop()
            nodes.value.pop()
            self.stack.append(Open(last, True))
            self.keys.append(None)
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
        reach = self.position + 1
        self._back_to(begin)
        self._trouble("expected `[` before the nodes", first.start, first.start + 1, reach)
        root.members.pop()
        self.keys[0] = key
        self.stack.append(Open(Tree(first.start, begin, [first.value], [first]), False))
        self.keys.append(None)
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
        self._back_to(begin)
        self._trouble("expected `]` behind this", begin - 1, begin, reach)
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
