"""A Python file as text and tree, and the names that its top level binds (nothing is imported, no torch here)."""

from __future__ import annotations

import ast
import re
import threading
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

_LINE_ENDS = re.compile(r"\r\n|\r|\n")
_PARSING = threading.Lock()
"""Filters of warnings belong to the process: only one thread at a time may change and restore them."""


def parse(text: str) -> ast.Module | None:
    """The syntax tree of a text; None where it is not Python, or nested too deep to be read."""
    return parse_or_error(text)[0]


def parse_or_error(text: str) -> tuple[ast.Module | None, str | None]:
    """The syntax tree of a text, or else what Python says of it; both None where it is nested too deep."""
    with _PARSING, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an invalid escape in somebody's string
        try:
            return ast.parse(text.removeprefix("\ufeff")), None
        except (SyntaxError, ValueError) as error:
            return None, str(error)
        except (RecursionError, MemoryError):
            return None, None


def lines_of(text: str) -> list[str]:
    """The lines as Python counts them: `str.splitlines` also splits at form feeds and others."""
    return _LINE_ENDS.split(text)


def column(line: str, offset: int) -> int:
    """The column in characters of an offset of the syntax tree, which counts bytes of UTF-8."""
    return (
        offset
        if line.isascii()
        else len(line.encode("utf-8", "surrogatepass")[:offset].decode("utf-8", "replace"))
    )


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import statement binds a name to.

    Attributes:
        level: Number of leading dots.
        module: Dotted name of the module, "" for `from . import x`.
        name: What is taken from the module; None for the module itself.
    """

    level: int
    module: str
    name: str | None


@dataclass(frozen=True, slots=True)
class Binding:
    """One place of a file's top level that binds a name.

    Attributes:
        name: The name.
        statement: Place in the file's body of the statement in which that happens.
        value: What it is bound to: an import, a definition, an assigned expression; None for anything else.
    """

    name: str
    statement: int
    value: Imported | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.expr | None


class PythonFile:
    """A file that parses.

    Attributes:
        path: Where it is.
        text: Its text.
        tree: Its syntax tree.
    """

    def __init__(self, path: Path, text: str, tree: ast.Module) -> None:
        self.path = path
        self.text = text
        self.tree = tree

    @cached_property
    def lines(self) -> list[str]:
        """Its lines, without a byte-order mark."""
        return lines_of(self.text.removeprefix("\ufeff"))

    @cached_property
    def bindings(self) -> dict[str, list[Binding]]:
        """What binds each name of the top level, in order of the source.

        What only type checkers see, and what happens only where the file is the program, binds nothing.
        """
        found: dict[str, list[Binding]] = {}
        for index, statement in enumerate(self.tree.body):
            for name, value in bound(statement):
                found.setdefault(name, []).append(Binding(name, index, value))
        return found

    @cached_property
    def stars(self) -> list[Imported]:
        """The modules of `from module import *`."""
        return [
            Imported(node.level, node.module or "", None)
            for statement in self.tree.body
            for node in executed([statement])
            if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)
        ]


def executed(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run when a file is imported, in order; those of compound ones after the compound."""
    for statement in body:
        if isinstance(statement, ast.If) and is_guard(statement.test):
            yield from executed(statement.orelse)
            continue
        yield statement
        for part in ("body", "orelse", "finalbody"):
            if not isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                yield from executed(getattr(statement, part, ()))
        for handler in [*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())]:
            yield from executed(handler.body)


def is_guard(test: ast.expr) -> bool:
    """Whether an `if` is one whose body does not run on import: `TYPE_CHECKING`, `__name__ == "__main__"`, `False`."""
    if isinstance(test, ast.Attribute):
        return test.attr == "TYPE_CHECKING"
    if isinstance(test, ast.Name):
        return test.id == "TYPE_CHECKING"
    if isinstance(test, ast.Constant):
        return not test.value
    return isinstance(test, ast.Compare) and any(
        isinstance(side, ast.Name) and side.id == "__name__" for side in (test.left, *test.comparators)
    )


_Value = Imported | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.expr | None


def bound(statement: ast.stmt) -> Iterator[tuple[str, _Value]]:
    """The names that a statement binds where it stands, and to what."""
    for node in executed([statement]):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.asname is None:
                    top = alias.name.partition(".")[0]
                    yield top, Imported(0, top, None)
                else:
                    yield alias.asname, Imported(0, alias.name, None)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if alias.name != "*":
                    yield alias.asname or alias.name, Imported(node.level, node.module or "", alias.name)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    yield target.id, node.value
                else:
                    yield from ((name, None) for name in _stored(target))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            if node.value is not None:
                yield node.target.id, node.value
        else:
            yield from ((name, None) for name in _stored_by(node))


def _stored(target: ast.AST) -> Iterator[str]:
    for node in ast.walk(target):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            yield node.id


def _stored_by(statement: ast.stmt) -> Iterator[str]:
    """Names that other statements bind in their own heads: loops, `with`, `match`, `+=`, `:=`."""
    inner = [
        part
        for name in ("target", "targets", "iter", "items", "test", "value", "subject")
        for value in [getattr(statement, name, None)]
        for part in (value if isinstance(value, list) else [value])
        if isinstance(part, ast.AST)
    ]
    for part in inner:
        yield from _stored(part)
    for case in getattr(statement, "cases", ()):
        for node in ast.walk(case.pattern):
            name = getattr(node, "name", None) or getattr(node, "rest", None)
            if isinstance(name, str):
                yield name
    for handler in getattr(statement, "handlers", ()):
        if handler.name:
            yield handler.name


def chain(expression: ast.expr) -> tuple[str, ...] | None:
    """`("torch", "nn", "Module")` of `torch.nn.Module`; None for what is no dotted name."""
    parts: list[str] = []
    node = expression
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return (node.id, *reversed(parts)) if isinstance(node, ast.Name) else None
