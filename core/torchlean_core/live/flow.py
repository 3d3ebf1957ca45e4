"""Which statements may have bound a local name that is read: reaching definitions in one function."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from functools import lru_cache

from torchlean_core.capture.pyfile import parse
from torchlean_core.capture.statements import bound_names

_Lines = frozenset[int]
_NONE: _Lines = frozenset()
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def reaching(text: str, line: int, name: str) -> set[int] | None:
    """First lines of the statements whose value a name may have where a statement begins to read it.

    Branches, loops and exceptions are followed without asking what their conditions are; the arguments are bound by
    the `def`.

    Args:
        text: A Python file.
        line: First line of the statement, from 1 (of a compound one, of its header).
        name: The name.

    Returns:
        Lines from 1; None where the text does not parse, or the line is in no function.
    """
    tree = _parsed(text)
    function = None if tree is None else _function_at(tree.body, line)
    if function is None:
        return None
    if function.lineno == line:
        return set()
    return set(_Flow(name).run(function).get(line, _NONE))


_parsed = lru_cache(4)(parse)


def _function_at(body: Iterable[ast.AST], line: int) -> _Function | None:
    """The innermost function that a line is in."""
    for node in body:
        if isinstance(node, ast.stmt | ast.excepthandler):
            if node.lineno <= line <= (node.end_lineno or node.lineno):
                inner = _function_at(ast.iter_child_nodes(node), line)
                return inner or (node if isinstance(node, _Function) else None)
        elif isinstance(node, ast.match_case) and (found := _function_at(node.body, line)) is not None:
            return found
    return None


class _Flow:
    """Follows one name through a function."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._before: dict[int, _Lines] = {}
        self._breaks: list[_Lines] = []  # of the loops around, innermost last
        self._continues: list[_Lines] = []
        self._bound: list[set[int]] = []  # by the bodies of the `try` statements around

    def run(self, function: _Function) -> dict[int, _Lines]:
        """What may have bound the name, before each statement."""
        self._body(function.body, frozenset({function.lineno}))
        return self._before

    def _body(self, body: Sequence[ast.stmt], lines: _Lines | None) -> _Lines | None:
        """What may have bound it behind a body; None where that is never reached."""
        for node in body:
            if lines is None:
                return None
            lines = self._statement(node, lines)
        return lines

    def _statement(self, node: ast.stmt, lines: _Lines) -> _Lines | None:
        self._before[node.lineno] = self._before.get(node.lineno, _NONE) | lines
        if isinstance(node, ast.For | ast.AsyncFor | ast.While):
            return self._loop(node, lines)
        if self._name in bound_names(node) or getattr(node, "name", None) == self._name:
            lines = frozenset({node.lineno})
            for known in self._bound:
                known.add(node.lineno)
        if isinstance(node, ast.If):
            return _either(self._body(node.body, lines), self._body(node.orelse, lines))
        if isinstance(node, ast.With | ast.AsyncWith):
            return self._body(node.body, lines)
        if isinstance(node, ast.Try | ast.TryStar):
            return self._try(node, lines)
        if isinstance(node, ast.Match):
            return _either(lines, *(self._body(case.body, lines) for case in node.cases))
        if isinstance(node, ast.Break) and self._breaks:
            self._breaks[-1] |= lines
        elif isinstance(node, ast.Continue) and self._continues:
            self._continues[-1] |= lines
        return None if isinstance(node, ast.Return | ast.Raise | ast.Break | ast.Continue) else lines

    def _loop(self, node: ast.For | ast.AsyncFor | ast.While, lines: _Lines) -> _Lines | None:
        binds = self._name in bound_names(node)
        own = frozenset({node.lineno})
        if binds:
            for known in self._bound:
                known.add(node.lineno)
        start, breaks = lines, _NONE
        for _ in range(3):  # by then nothing is new: what one round binds is there in the next
            self._breaks.append(_NONE)
            self._continues.append(_NONE)
            if isinstance(node, ast.While):  # its test is read again
                self._before[node.lineno] |= start
            end = self._body(node.body, own if binds else start)
            breaks |= self._breaks.pop()
            start = _either(start, end, self._continues.pop()) or _NONE
        after = start | own if binds and isinstance(node, ast.While) else start
        endless = (
            isinstance(node, ast.While) and isinstance(node.test, ast.Constant) and bool(node.test.value)
        )
        done = None if endless else self._body(node.orelse, after)
        return _either(done, breaks) if breaks or not endless else None

    def _try(self, node: ast.Try | ast.TryStar, lines: _Lines) -> _Lines | None:
        self._bound.append(set())
        end = self._body(node.body, lines)
        raised = lines | self._bound.pop()
        end = self._body(node.orelse, end)
        ends = [end]
        for handler in node.handlers:
            self._before[handler.lineno] = self._before.get(handler.lineno, _NONE) | raised
            ends.append(self._body(handler.body, raised))
        behind = _either(*ends)
        if not node.finalbody:
            return behind
        last = self._body(node.finalbody, _either(behind, raised))
        return None if behind is None else last


def _either(*ways: _Lines | None) -> _Lines | None:
    """What may be where several ways meet; None where none of them leads there."""
    reached = [way for way in ways if way is not None]
    return frozenset().union(*reached) if reached else None
