"""Values of expressions that can be told without running anything: literals, arithmetic, names (no torch here)."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

from torchlean_core.capture.pyfile import PythonFile, chain

_LIMIT = 1 << 40
_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}

Values = Mapping[str, Any]
"""Known values by dotted name (`width`, `self.width`)."""


class Unknown(Exception):
    """A value cannot be told without running the program."""


def value_of(node: ast.expr, known: Values, file: PythonFile | None = None, depth: int = 0) -> Any:
    """The value of an expression: a number, text, None, or a list or tuple of such.

    Args:
        node: The expression.
        known: Values of names.
        file: Where other names are looked for: its top level.
        depth: How many names led here.

    Raises:
        Unknown: It cannot be told.
    """
    if depth > 50:
        raise Unknown
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Tuple | ast.List):
        return tuple(value_of(item, known, file, depth + 1) for item in node.elts)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_number(value_of(node.operand, known, file, depth + 1))
    if isinstance(node, ast.BinOp):
        return _computed(node, known, file, depth)
    if isinstance(node, ast.Subscript):
        return _item(node, known, file, depth)
    names = chain(node)
    if names is None:
        raise Unknown
    dotted = ".".join(names)
    if dotted in known:
        return known[dotted]
    bindings = file.bindings.get(dotted, []) if file is not None and len(names) == 1 else []
    if len(bindings) == 1 and isinstance(bindings[0].value, ast.expr):
        return value_of(bindings[0].value, {}, file, depth + 1)
    raise Unknown


def _computed(node: ast.BinOp, known: Values, file: PythonFile | None, depth: int) -> int:
    left = _number(value_of(node.left, known, file, depth + 1))
    right = _number(value_of(node.right, known, file, depth + 1))
    if isinstance(node.op, ast.Pow) and 0 <= right <= 16 and abs(left) < 1 << 16:
        return _bounded(left**right)
    compute = _OPERATORS.get(type(node.op))
    if compute is None or (right == 0 and isinstance(node.op, ast.FloorDiv | ast.Mod)):
        raise Unknown
    return _bounded(compute(left, right))


def _item(node: ast.Subscript, known: Values, file: PythonFile | None, depth: int) -> Any:
    items = value_of(node.value, known, file, depth + 1)
    index = value_of(node.slice, known, file, depth + 1)
    if isinstance(items, tuple) and type(index) is int and -len(items) <= index < len(items):
        return items[index]
    raise Unknown


def _number(value: Any) -> int:
    if type(value) is not int:
        raise Unknown
    return value


def _bounded(value: int) -> int:
    if abs(value) > _LIMIT:
        raise Unknown
    return value
