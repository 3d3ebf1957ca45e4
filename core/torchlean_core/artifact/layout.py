"""The canonical form of an artifact's text, token by token: one node per line, fields in a fixed order.

The form is that of `write.canonical_text`. Here it is made of the text's own tokens and not of values, so that every
number and string stays spelled as it is: `1.0`, `1e2` and `10^40` written out keep their meaning to whoever reads it.
"""

from __future__ import annotations

import json
import re

from torchlean_core.artifact.write import NODE_ORDER, ROOT_ORDER, ordered_node
from torchlean_core.errors import UserError
from torchlean_core.text import Document
from torchlean_core.text.condense import has_long_stretch
from torchlean_core.text.numbers import Numbers
from torchlean_core.text.quick_json import Unread, read
from torchlean_core.text.tree import Tree

_SPELLED = re.compile(r"[0-9][.eE]|-0")
"""What a number has that may be spelled in several ways."""


class CannotFormat(UserError):
    """A text has no canonical form; the message says why."""


def format_document(document: Document) -> str:
    """The text in canonical form; formatting it again changes nothing, and it means the same.

    Raises:
        CannotFormat: It is no JSON object, or a key in it is there twice.
    """
    require_sound(document)
    root = document.root
    if root is None or not isinstance(root.value, dict):
        raise CannotFormat("only an artifact's JSON object has a canonical form")
    text = document.text
    lines = []
    for key, value in _ordered(root, ROOT_ORDER):
        if key.value != "nodes":
            lines.append(f"  {_flat(text, key)}: {_flat(text, value)}")
    pair = root.member("nodes")
    if pair is not None:
        lines.append(f"  {_flat(text, pair[0])}: {_nodes(document, pair[1])}")
    return "{\n" + ",\n".join(lines) + "\n}\n" if lines else "{\n\n}\n"


def format_node(document: Document, index: int) -> str | None:
    """One element of `nodes` on one line, of a text without troubles; None where it has no place."""
    span = document.node_span(index)
    if span is None:
        return None
    quick = _plain(document.text[span[0] : span[1]])
    if quick is not None:
        return quick
    tree = document.tree_of(index)
    return None if tree is None else _element(document.text, tree)


def _plain(text: str) -> str | None:
    """A node whose numbers and strings have one spelling only, which is that of their values; None for others."""
    if "\\" in text or has_long_stretch(text, 0, len(text)) or _SPELLED.search(text):
        return None
    try:
        node = read(text)
    except Unread:
        return None
    if type(node) is not dict:
        return None
    flat = json.dumps(ordered_node(node), ensure_ascii=False)
    # No number was long enough to be rounded, and no sign of a zero was lost, if nothing became shorter or longer.
    return flat if len("".join(flat.split())) == len("".join(text.split())) else None


def require_sound(document: Document) -> None:
    """Check that a text can be formatted.

    Raises:
        CannotFormat: It is no JSON, or a key in it is there twice.
    """
    if document.troubles:
        trouble = document.troubles[0]
        place = document.lines.position(trouble.start)
        raise CannotFormat(f"line {place.line + 1}: {trouble.message}; mend that first")


def _nodes(document: Document, value: Tree) -> str:
    spans = document.spans
    if spans is None or not isinstance(value.value, list):
        return _flat(document.text, value)
    if not len(spans):
        return "[]"
    body = ",\n".join(f"    {format_node(document, index)}" for index in range(len(spans)))
    return f"[\n{body}\n  ]"


def _element(text: str, tree: Tree) -> str:
    if not isinstance(tree.value, dict):
        return _flat(text, tree)
    members = _ordered(tree, NODE_ORDER)
    return "{" + ", ".join(f"{_flat(text, key)}: {_flat(text, value)}" for key, value in members) + "}"


def _ordered(tree: Tree, order: tuple[str, ...]) -> list[tuple[Tree, Tree]]:
    rank = {name: position for position, name in enumerate(order)}
    return sorted(tree.members, key=lambda pair: rank.get(pair[0].value, len(order)))


def _flat(text: str, tree: Tree) -> str:
    """A value on one line, with the text's own spelling of strings and numbers."""
    parts: list[str] = []
    waiting: list[Tree | str] = [tree]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            parts.append(part)
        elif isinstance(part.value, Numbers):
            parts.append(part.value.flat_text())
        elif isinstance(part.value, dict):
            inner: list[Tree | str] = ["{"]
            for number, (key, value) in enumerate(part.members):
                inner += [", "] * (number > 0)
                inner += [key, ": ", value]
            waiting += [*inner, "}"][::-1]
        elif isinstance(part.value, list):
            inner = ["["]
            for number, item in enumerate(part.items):
                inner += [", "] * (number > 0)
                inner.append(item)
            waiting += [*inner, "]"][::-1]
        else:
            parts.append(text[part.start : part.end])
    return "".join(parts)
