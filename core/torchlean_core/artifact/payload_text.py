"""Parameters in an artifact's text, put there, replaced, or taken out; everything else stays as it is spelled."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from torchlean_core.errors import UserError
from torchlean_core.text import Document
from torchlean_core.text.tree import Tree

Fields = Mapping[str, str] | Mapping[str, str | None]
"""JSON texts by field; None for one that goes."""


def with_fields(document: Document, changes: Mapping[int, Fields]) -> Iterator[str]:
    """The text of a document with other fields in some nodes, in pieces.

    Args:
        document: A text without troubles.
        changes: For nodes, by their places, the fields that change.

    Raises:
        UserError: A node has no place in the text.
    """
    position, text = 0, document.text
    for index in sorted(changes):
        tree = document.tree_of(index)
        if tree is None or not isinstance(tree.value, dict):
            raise UserError(f"nodes[{index}] is no object")
        yield text[position : tree.start]
        yield from _node(text, tree, changes[index])
        position = tree.end
    yield text[position:]


def _node(text: str, tree: Tree, fields: Fields) -> list[str]:
    """The pieces of a node's text."""
    members = tree.members
    gap = text[members[0][1].end : members[1][0].start] if len(members) > 1 else ", "
    tight = gap == ","
    kept = [(key, value) for key, value in members if fields.get(key.value, "") is not None]
    known = {key.value for key, _ in kept}
    parts = [text[tree.start : members[0][0].start] if members else "{"]
    for number, (key, value) in enumerate(kept):
        parts.append(gap if number else "")
        new = _spelled(fields.get(key.value), tight)
        parts.append(text[key.start : value.start])
        parts.append(text[value.start : value.end] if new is None else new)
    for name, new in fields.items():
        if new is not None and name not in known:
            colon = ":" if tight else ": "
            parts += [
                gap if known or len(parts) > 1 else "",
                json.dumps(name),
                colon,
                _spelled(new, tight) or "",
            ]
            known.add(name)
    parts.append(text[members[-1][1].end : tree.end] if members else "}")
    return parts


def _spelled(text: str | None, tight: bool) -> str | None:
    """A value as the node around it is spelled: without spaces in a text that has none."""
    return text.replace(", ", ",") if tight and text is not None else text
