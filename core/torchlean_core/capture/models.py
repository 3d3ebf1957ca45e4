"""The models of a Python file, found by reading it and never by running it (no torch here)."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

from torchlean_core.capture.target import Shape, Target, shape_in_source
from torchlean_core.errors import UserError


@dataclass(frozen=True, slots=True)
class Model:
    """A class that looks like a model.

    Attributes:
        name: Its name.
        first_line: Line of its definition, from 0.
        last_line: Last line of its definition, from 0.
        example_shape: Shape that a `# torchlean: example-shape=1,4` comment over the class gives.
    """

    name: str
    first_line: int
    last_line: int
    example_shape: Shape | None


def find_models(source: str, file: Path) -> list[Model]:
    """Classes at the top of a file that derive from something called `Module`, directly or from another here.

    A file that is no valid Python (it is being typed) has none, and a malformed directive gives no shape.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    known: set[str] = set()
    models = []
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and any(_is_module(base, known) for base in node.bases):
            known.add(node.name)
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]) - 1
            last = (node.end_lineno or node.lineno) - 1
            models.append(Model(node.name, first, last, _shape(source, Target(file, node.name))))
    return models


def _is_module(base: ast.expr, known: set[str]) -> bool:
    if isinstance(base, ast.Attribute):
        return base.attr in ("Module", "Sequential")
    return isinstance(base, ast.Name) and (base.id in ("Module", "Sequential") or base.id in known)


def _shape(source: str, target: Target) -> Shape | None:
    try:
        return shape_in_source(source, target)
    except UserError:
        return None  # the capture says what is wrong with it
