"""A syntax tree as text that is the same wherever and however the same program is written (no torch here).

`ast.dump` says something else in each version of Python. Here an empty field is left out, so that a field that a newer
version adds changes nothing; so are positions, contexts, documentation, `pass`, and the `u` of `u"…"`.
"""

from __future__ import annotations

import ast

_SKIPPED = frozenset({"ctx", "kind", "type_comment", "type_ignores"})


def tree_text(node: ast.AST) -> str:
    """The text of a tree.

    Raises:
        RecursionError: It is nested too deep.
    """
    parts: list[str] = []
    _write(node, parts)
    return "".join(parts)


def _write(value: object, parts: list[str]) -> None:
    if isinstance(value, ast.AST):
        parts.append(type(value).__name__)
        parts.append("(")
        for name in value._fields:
            item = getattr(value, name, None)
            if item is None:
                if not (isinstance(value, ast.Constant) and name == "value"):
                    continue
            elif name in _SKIPPED or item == []:
                continue
            elif isinstance(item, list):
                item = [one for one in item if not _says_nothing(one)]
            parts.append(f"{name}=")
            _write(item, parts)
            parts.append(",")
        parts.append(")")
    elif isinstance(value, list):
        parts.append("[")
        for item in value:
            _write(item, parts)
            parts.append(",")
        parts.append("]")
    elif type(value) is int:
        parts.append(hex(value))  # decimal digits of a huge one cost too much, and Python refuses them
    elif isinstance(value, str):
        parts.append(ascii(value))
    else:
        parts.append(f"{type(value).__name__}:{value!r}")


def _says_nothing(node: object) -> bool:
    """Whether a statement does nothing: documentation (or another lone constant) and `pass`."""
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
