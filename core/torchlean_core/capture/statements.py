"""The statements of a Python file by line: where each ends, for hints that stand at its end (no torch here)."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Statement(NamedTuple):
    """A simple statement, or the header of a compound one or of a function.

    Attributes:
        line: First line.
        end_line: Last line.
        names: Local names that it binds, in the order in which they stand.
    """

    line: int
    end_line: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Statements:
    """The statements of a file.

    Attributes:
        by_line: The statement that a line belongs to; lines between statements have none.
        headers: The header of each function by the line where its code object begins (the first decorator's).
    """

    by_line: dict[int, Statement]
    headers: dict[int, Statement]

    @classmethod
    def of(cls, source: str) -> Statements:
        """Read them from a file's text; a text that is no Python has none."""
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return cls({}, {})
        lines = source.split("\n")  # as Python counts them: form feeds and the like end none
        by_line: dict[int, Statement] = {}
        headers: dict[int, Statement] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                begin = min([node.lineno, *(one.lineno for one in node.decorator_list)])
                headers[begin] = Statement(node.lineno, _header_end(node, node.body, lines), ())
            elif isinstance(node, ast.stmt) and not isinstance(node, ast.ClassDef):
                body = getattr(node, "body", None) or getattr(node, "cases", None)
                end = _header_end(node, body, lines) if body else node.end_lineno or node.lineno
                statement = Statement(node.lineno, end, tuple(dict.fromkeys(bound_names(node))))
                for line in range(node.lineno, end + 1):
                    before = by_line.get(line)
                    # Several statements on one line: what they bind is told together.
                    by_line[line] = statement if before is None else _joined(before, statement)
        return cls(by_line, headers)


def _joined(a: Statement, b: Statement) -> Statement:
    names = tuple(dict.fromkeys((*a.names, *b.names)))
    return Statement(min(a.line, b.line), max(a.end_line, b.end_line), names)


def _header_end(node: ast.stmt, body: Sequence[ast.AST], lines: list[str]) -> int:
    """Last line before the body that is neither empty nor a comment."""
    first: ast.AST = body[0]
    where: ast.AST = first.pattern if isinstance(first, ast.match_case) else first
    decorators: list[ast.expr] = getattr(first, "decorator_list", [])
    begin = min(
        getattr(where, "lineno", node.lineno), *(one.lineno for one in decorators), node.end_lineno or 1
    )
    if begin == node.lineno:
        return begin
    line: int = begin - 1
    while line > node.lineno and (not (text := lines[line - 1].strip()) or text.startswith("#")):
        line -= 1
    return line


def bound_names(node: ast.stmt) -> Iterable[str]:
    """Names that a statement stores to: its own targets, and `:=` in it; not those of statements in its body."""
    pending: list[ast.AST] = [
        child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.stmt | ast.match_case)
    ]
    while pending:
        one = pending.pop(0)
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store):
            yield one.id
        if not isinstance(one, ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            pending[:0] = [
                child
                for child in ast.iter_child_nodes(one)
                if not isinstance(child, ast.stmt | ast.excepthandler)
            ]
