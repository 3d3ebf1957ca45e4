"""GELU by its tanh form, edited where the one that was refused is written: its call, or where its module is made."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from torchlean_core.capture.errors import Span
from torchlean_core.capture.pyfile import column, parse
from torchlean_core.capture.target import split_lines
from torchlean_core.live.fixes import Rewrite

_FUNCTIONS = frozenset({"torch.nn.functional.gelu", "torch._C._nn.gelu"})
_MODULES = frozenset({"torch.nn.GELU", "torch.nn.modules.activation.GELU"})
_CHAINS = frozenset({"Sequential", "ModuleList"})

Edit = tuple[int, int, int, str]


def tanh_gelu(text: str, span: Span, modules: Sequence[str]) -> Rewrite | None:
    """Edits that give a GELU its tanh form: another function than the model's, which has an exact form.

    Nothing else is touched: either the expression itself is a call of `gelu`, or every module that it was refused for
    is found where the class or function around the expression makes it.

    Args:
        text: The file.
        span: The expression.
        modules: Paths of the modules (`blocks.0.act`) for which it was refused; empty for none.

    Returns:
        The edits; None where what was refused is not found, or the text does not parse.
    """
    tree = parse(text)
    if tree is None:
        return None
    source = _Source(text, tree)
    calls = [source.call_at(span)] if source.call_at(span) is not None else source.made(span, modules)
    if not calls or any(call is None for call in calls):
        return None
    edits = [source.edit(call) for call in dict.fromkeys(calls) if call is not None]
    if any(edit is None for edit in edits):
        return None
    first = calls[0]
    assert first is not None
    shown = f"`{ast.unparse(first.func)}`"
    return Rewrite(
        f'Give {shown} `approximate="tanh"` (changes numbers)',
        tuple(edit for edit in edits if edit is not None),
    )


class _Source:
    """A file, and what its names mean."""

    def __init__(self, text: str, tree: ast.Module) -> None:
        self._lines = split_lines(text)
        self._tree = tree
        self._names: dict[str, str] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    top = alias.name.split(".")[0]
                    self._names[alias.asname or top] = alias.name if alias.asname else top
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for alias in node.names:
                    self._names[alias.asname or alias.name] = f"{node.module}.{alias.name}"

    def _meaning(self, node: ast.expr) -> str:
        """The dotted name that an expression means; "" where it is none."""
        if isinstance(node, ast.Name):
            return self._names.get(node.id, "")
        if isinstance(node, ast.Attribute):
            inner = self._meaning(node.value)
            return f"{inner}.{node.attr}" if inner else ""
        return ""

    def _span(self, node: ast.expr) -> Span:
        line, end_line = node.lineno, node.end_lineno or node.lineno
        return Span(
            line,
            column(self._lines[line - 1], node.col_offset),
            end_line,
            column(self._lines[end_line - 1], node.end_col_offset or 0),
        )

    def call_at(self, span: Span) -> ast.Call | None:
        """The call of the function `gelu` that is an expression."""
        for node in ast.walk(self._tree):
            if (
                isinstance(node, ast.Call)
                and self._meaning(node.func) in _FUNCTIONS
                and self._span(node) == span
            ):
                return node
        return None

    # -- modules ------------------------------------------------------------------------------------------

    def made(self, span: Span, modules: Sequence[str]) -> list[ast.Call | None]:
        """Where each module is made, in the class or function around a place; None for one that is not found."""
        around = self._around(span)
        return [None if around is None else self._made(around, path.split(".")) for path in modules]

    def _around(self, span: Span) -> ast.ClassDef | ast.FunctionDef | None:
        found = None
        for node in ast.walk(self._tree):
            if (
                isinstance(node, ast.ClassDef | ast.FunctionDef)
                and node.lineno <= span.line <= (node.end_lineno or node.lineno)
                and not isinstance(found, ast.ClassDef)
            ):
                found = node  # the outermost: methods belong to their class
        return found

    def _made(self, around: ast.ClassDef | ast.FunctionDef, path: list[str]) -> ast.Call | None:
        if isinstance(around, ast.FunctionDef):
            values = [node.value for node in ast.walk(around) if isinstance(node, ast.Return) and node.value]
            value = values[0] if len(values) == 1 else None
            if isinstance(value, ast.Name):
                value = _only(_assigned(around, value.id))
            return None if value is None else self._picked(value, path)
        # From the outermost: an attribute further in may be a library's, though this class has one of that name.
        for place in range(len(path)):
            values = list(_set(around, path[place]))
            if values:
                return self._picked(values[0], path[place + 1 :]) if len(values) == 1 else None
        return None

    def _picked(self, value: ast.expr, rest: Sequence[str]) -> ast.Call | None:
        """The GELU at a path below an expression that makes a module."""
        if not isinstance(value, ast.Call):
            return None
        if not rest:
            return value if self._meaning(value.func) in _MODULES else None
        parts: list[ast.expr] = list(value.args)
        if self._meaning(value.func).rpartition(".")[2] not in _CHAINS or not rest[0].isdigit():
            return None
        if len(parts) == 1 and isinstance(parts[0], ast.List | ast.Tuple):
            parts = list(parts[0].elts)
        number = int(rest[0])
        if number >= len(parts) or any(isinstance(part, ast.Starred) for part in parts[: number + 1]):
            return None
        return self._picked(parts[number], rest[1:])

    # -- edits --------------------------------------------------------------------------------------------

    def edit(self, call: ast.Call) -> Edit | None:
        """The edit of a call; None where it says something that is not understood."""
        is_function = self._meaning(call.func) in _FUNCTIONS
        given = [keyword.value for keyword in call.keywords if keyword.arg == "approximate"]
        given += call.args[1:] if is_function else call.args
        unknown = any(keyword.arg is None for keyword in call.keywords) or any(
            isinstance(argument, ast.Starred) for argument in call.args
        )
        if unknown or len(given) > 1:
            return None
        if given:
            value = given[0]
            if not isinstance(value, ast.Constant) or value.value != "none":
                return None
            where = self._span(value)
            return (where.line, where.column, where.end_column, '"tanh"')
        others = [*call.args, *(keyword.value for keyword in call.keywords)]
        if others:
            last = max((self._span(one) for one in others), key=lambda one: (one.end_line, one.end_column))
            return (last.end_line, last.end_column, last.end_column, ', approximate="tanh"')
        end = self._span(call)
        return (end.end_line, end.end_column - 1, end.end_column - 1, 'approximate="tanh"')


def _set(around: ast.ClassDef, attribute: str) -> Iterator[ast.expr]:
    """What a class assigns to `self.attribute`."""
    for node in ast.walk(around):
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            own = isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name)
            if own and getattr(target, "attr", None) == attribute:
                yield node.value


def _assigned(around: ast.FunctionDef, name: str) -> list[ast.expr]:
    return [
        node.value
        for node in ast.walk(around)
        if isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
    ]


def _only(values: Sequence[ast.expr]) -> ast.expr | None:
    return values[0] if len(values) == 1 else None
