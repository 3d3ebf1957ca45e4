"""A JSON parser that keeps the position of every value and goes on after errors.

It reads what is left when something is missing or too much, and reports each trouble once, at its place. Where a
bracket is missing or too much, what a root, its `nodes` and a node look like tells where it belongs, so that the
nodes behind it are read as what they are.
It is iterative, so that depth is bounded by `MAX_DEPTH` and not by the interpreter's stack. The fast path in
`document` does without it; it serves texts with errors, exact numbers, and the positions of single nodes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from torchlean_core.text.numbers import Numbers
from torchlean_core.text.tree import Tree, Trouble

if TYPE_CHECKING:
    from torchlean_core.text.parser.parser import Parser

__all__ = ["parse_elements", "parse_node", "parse_tree"]


def parse_tree(text: str, *, broken: bool = False) -> tuple[Tree | None, list[Trouble]]:
    """Parse one JSON value.

    Args:
        text: The text.
        broken: Whether it is known not to be JSON.

    Returns:
        The value, None where there is none at all, and the troubles in the order of their places.
    """
    found = _parser(text, 0, len(text), broken).parse()
    return found if broken or not _has_trouble(found[1]) else _parser(text, 0, len(text), True).parse()


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
    found = None if broken else _parser(text, start, len(text), False).elements(follows, stop)
    if found is None or _has_trouble(found[1]):
        found = _parser(text, start, len(text), True).elements(follows, stop)
    return found


def parse_node(text: str, start: int, end: int, known: Any = None) -> Tree | None:
    """Parse one element of `nodes`, as `parse_tree` of the whole text reads it, with the places of all inside.

    Args:
        text: The whole text.
        start: Where the element begins.
        end: Where it ends.
        known: What was read there: long arrays of numbers that are in it need not be read again.
    """
    parser = _parser(text, start, end, False)
    if type(known) is dict:
        parser.known = {key: value for key, value in known.items() if type(value) is Numbers}
    return parser.node()


def _has_trouble(troubles: list[Trouble]) -> bool:
    return any(trouble.code == "TL001" for trouble in troubles)


def _parser(text: str, start: int, end: int, broken: bool) -> Parser:
    """A parser; it is imported when something is to be placed, since most texts are opened without."""
    from torchlean_core.text.parser.parser import Parser

    return Parser(text, start, end, broken)
