"""The names of its file's top level that a piece of Python refers to, as scopes have it (no torch here)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from torchlean_core.capture.pyfile import Imported, chain

_REFLECTIVE = frozenset({"globals", "eval", "exec", "vars", "locals"})
"""Built-in functions through which any name can be reached."""
_FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_COMPREHENSIONS = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@dataclass(slots=True)
class Names:
    """What a piece of Python refers to.

    Attributes:
        chains: Dotted names whose first part no scope inside binds (`("nn", "Linear")`).
        imports: What statements inside functions import.
        reflective: Whether it can reach any name of the file (`globals()`).
    """

    chains: set[tuple[str, ...]] = field(default_factory=set)
    imports: set[Imported] = field(default_factory=set)
    reflective: bool = False


def names_in(node: ast.AST) -> Names:
    """What a statement of a file's top level refers to.

    Raises:
        RecursionError: It is nested too deep.
    """
    found = Names()
    _visit(node, frozenset(), found)
    return found


def _visit(node: ast.AST, bound: frozenset[str], found: Names) -> None:
    if isinstance(node, ast.Name):
        _refer((node.id,), bound, found)
    elif isinstance(node, ast.Attribute):
        names = chain(node)
        if names is None:
            _visit(node.value, bound, found)
        else:
            _refer(names, bound, found)
    elif isinstance(node, _FUNCTIONS):
        _function(node, bound, found)
    elif isinstance(node, _COMPREHENSIONS):
        _comprehension(node, bound, found)
    elif isinstance(node, ast.Import):
        found.imports.update(Imported(0, alias.name, None) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        found.imports.update(Imported(node.level, node.module or "", alias.name) for alias in node.names)
    else:
        if isinstance(node, ast.Call) and (imported := _imported_by_call(node)) is not None:
            found.imports.add(imported)
        for child in ast.iter_child_nodes(node):
            _visit(child, bound, found)


def _refer(names: tuple[str, ...], bound: frozenset[str], found: Names) -> None:
    if names[0] not in bound:
        found.chains.add(names)
        found.reflective = found.reflective or (len(names) == 1 and names[0] in _REFLECTIVE)


def _imported_by_call(node: ast.Call) -> Imported | None:
    """The module of `importlib.import_module("layers")`, where it is written out."""
    names = chain(node.func)
    if names is None or names[-1] not in ("import_module", "__import__") or not node.args:
        return None
    first = node.args[0]
    if not isinstance(first, ast.Constant) or not isinstance(first.value, str):
        return None
    module = first.value.lstrip(".")
    return Imported(len(first.value) - len(module), module, None)


def _function(node: _FUNCTIONS, bound: frozenset[str], found: Names) -> None:
    arguments = node.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [one for one in (arguments.vararg, arguments.kwarg) if one is not None]
    outside: list[ast.AST | None] = [*arguments.defaults, *arguments.kw_defaults]
    outside += [one.annotation for one in every]
    body: list[ast.AST]
    if isinstance(node, ast.Lambda):
        body = [node.body]
    else:
        outside += [*node.decorator_list, node.returns]
        body = [*node.body]
    for part in outside:
        if part is not None:
            _visit(part, bound, found)
    own, free = _locals(body)
    inside = (bound | own | {one.arg for one in every}) - free
    for part in body:
        _visit(part, inside, found)


def _comprehension(node: _COMPREHENSIONS, bound: frozenset[str], found: Names) -> None:
    inside = bound | {
        one.id
        for generator in node.generators
        for one in ast.walk(generator.target)
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)
    }
    for place, generator in enumerate(node.generators):
        _visit(generator.iter, inside if place else bound, found)
        for test in [generator.target, *generator.ifs]:
            _visit(test, inside, found)
    parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
    for part in parts:
        _visit(part, inside, found)


def _locals(body: list[ast.AST]) -> tuple[set[str], set[str]]:
    """Names that a function's body binds, and names that it declares to be global."""
    own: set[str] = set()
    free: set[str] = set()
    for node in _own_nodes(body):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            own.add(node.id)
        elif isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            own.add(node.name)
        elif isinstance(node, ast.Import):
            own.update(alias.asname or alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            own.update(alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            own.add(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            own.add(node.rest)
        elif isinstance(node, ast.Global):
            free.update(node.names)
    return own, free


def _own_nodes(body: list[ast.AST]) -> Iterator[ast.AST]:
    """The nodes of a scope, without those of the scopes in it."""
    pending = list(body)
    while pending:
        node = pending.pop()
        yield node
        if isinstance(node, ast.ClassDef | _FUNCTIONS):
            continue
        if isinstance(node, _COMPREHENSIONS):
            # Only `:=` in it binds outside.
            pending += [one for one in ast.walk(node) if isinstance(one, ast.NamedExpr)]
            continue
        pending += ast.iter_child_nodes(node)
