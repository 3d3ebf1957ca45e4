"""The models of a Python file, found by reading it and never by running it."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

_DIRECTIVE = re.compile(r"#\s*torchlean:\s*example-shape\s*=\s*(\d+(?:\s*,\s*\d+)*)\s*$")


@dataclass(frozen=True, slots=True)
class Model:
    """A class that looks like a model.

    Attributes:
        name: Its name.
        first_line: First line of its definition, decorators and directive comment included, from 0.
        last_line: Last line of its definition, from 0.
        example_shape: Shape from a `# torchlean: example-shape=1,4` comment over the class.
    """

    name: str
    first_line: int
    last_line: int
    example_shape: tuple[int, ...] | None


def find_models(source: str) -> list[Model]:
    """Classes at the top of a file that derive from something called `Module`, directly or from another here.

    A file that is no valid Python has none.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    lines = source.splitlines()
    known: set[str] = set()
    models = []
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and any(_is_module(base, known) for base in node.bases):
            known.add(node.name)
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]) - 1
            shape, top = _directive(lines, first)
            models.append(Model(node.name, top, (node.end_lineno or node.lineno) - 1, shape))
    return models


def _is_module(base: ast.expr, known: set[str]) -> bool:
    if isinstance(base, ast.Attribute):
        return base.attr in ("Module", "Sequential")
    return isinstance(base, ast.Name) and (base.id in ("Module", "Sequential") or base.id in known)


def _directive(lines: list[str], first: int) -> tuple[tuple[int, ...] | None, int]:
    """The example shape in the comment block over a line, and the block's first line."""
    shape = None
    line = first
    while line > 0 and lines[line - 1].lstrip().startswith("#"):
        line -= 1
        if shape is None and (match := _DIRECTIVE.search(lines[line])):
            shape = tuple(int(dim) for dim in match[1].split(","))
    return shape, line
