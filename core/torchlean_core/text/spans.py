"""Where the elements of `nodes` stand in a text, also while it is edited."""

from __future__ import annotations

import re
from array import array
from collections.abc import Hashable, Iterable

from torchlean_core.text.offsets import Offsets
from torchlean_core.text.tree import Tree

_QUICK_DEPTH = 6
_PLAIN = r'[^{}"]++|"(?:[^"\\]++|\\.)*+"'


def _objects(depth: int) -> str:
    """A pattern of an object of valid JSON with objects in it up to a depth."""
    inside = "|" + _objects(depth - 1) if depth > 1 else ""
    return rf"\{{(?:{_PLAIN}{inside})*+\}}"


_ELEMENT = re.compile(r"[ \t\r\n,]*+()" + _objects(_QUICK_DEPTH))
_OPENING = re.compile(r"[ \t\r\n,]*+(?=(\{))")
_BRACE = re.compile(rf"(?:{_PLAIN})*+(?:(\{{)|\}})")


class Spans:
    """Places of the elements of `nodes` in a text that is edited.

    Attributes:
        starts: Offset of each element's first character.
        ends: Offset behind each element's last character.
        opening: Offset of the array's opening bracket.
        closing: Offset of its closing bracket, or of the end of the text.
        closed: Whether there is a closing bracket.
        inside: Places inside elements, relative to their starts: by element, then by what was looked for.
    """

    def __init__(
        self, starts: Iterable[int], ends: Iterable[int], opening: int, closing: int, closed: bool = True
    ) -> None:
        self.starts, self.ends = Offsets(starts), Offsets(ends)
        self.opening = opening
        self.closing = closing
        self.closed = closed
        self.inside: dict[int, dict[Hashable, tuple[int, int]]] = {}

    def __len__(self) -> int:
        return len(self.starts)

    def touched(self, start: int, end: int) -> tuple[int, int]:
        """The elements `[first:last]` that a replacement of `[start:end]` can change.

        One that it only stands beside is among them: `1` becomes `12`, an unfinished object goes on.
        """
        first = self.ends.count_up_to(start - 1)
        return first, max(first, self.starts.count_up_to(end))

    def replace(self, first: int, last: int, places: list[tuple[int, int]], shift: int) -> None:
        """Put others in place of `[first:last]`, and shift what follows."""
        self.starts.replace(first, last, [start for start, _ in places], shift)
        self.ends.replace(first, last, [end for _, end in places], shift)
        self.closing += shift
        if last - first == len(places):
            for index in range(first, last):
                self.inside.pop(index, None)
        else:
            self.inside.clear()


def spans_of_tree(text: str, tree: Tree | None) -> Spans | None:
    """Places of the elements of `nodes` in a tree; None where there is no such array."""
    pair = tree.member("nodes") if tree is not None else None
    if pair is None or type(pair[1].value) is not list:
        return None
    nodes = pair[1]
    last = nodes.items[-1].end if nodes.items else nodes.start + 1
    closed = text[nodes.start] == "[" and last < nodes.end and text[nodes.end - 1] == "]"
    starts, ends = [item.start for item in nodes.items], [item.end for item in nodes.items]
    return Spans(starts, ends, nodes.start, nodes.end - 1 if closed else len(text), closed)


def element_spans(text: str, start: int, end: int) -> tuple[array[int], array[int]]:
    """Starts and ends of the objects between two places of valid JSON; fewer than there are where one is no such."""
    starts, ends = array("q"), array("q")
    match, position = _ELEMENT.match, start
    while True:
        while (found := match(text, position, end)) is not None:
            position = found.end()
            starts.append(found.start(1))
            ends.append(position)
        opening = _OPENING.match(text, position, end)
        if opening is None:
            return starts, ends
        position = _closing(text, opening.start(1), end)
        starts.append(opening.start(1))
        ends.append(position)


def _closing(text: str, start: int, end: int) -> int:
    """Where an object of valid JSON ends that is nested deeper than a pattern goes: brace by brace."""
    depth, position = 0, start
    while (found := _BRACE.match(text, position, end)) is not None:
        position = found.end()
        depth += 1 if found[1] else -1
        if not depth:
            break
    return position
