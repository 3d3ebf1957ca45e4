"""Checks of values in Python code: statements that can only raise, and what a condition of theirs must be to pass.

`assert (x > 0).all()` and `if not valid.all(): raise ValueError(...)` depend on values that a trace does not have, and
change nothing of what is computed: a trace goes on as if they passed.
"""

from __future__ import annotations

import ast
import dis
import linecache
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path
from types import FrameType

import torch

from torchlean_core.capture.places import Stack, Stacks

_SIMPLE = (ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign)
"""Statements that may stand before a `raise`, to make its message."""


def passing_answer(frame: FrameType) -> bool | None:
    """The truth value with which a check passes, where that is what a frame asks for now; None for anything else.

    Args:
        frame: Is about to take the truth value of an expression.
    """
    position = _position(frame)
    tree = _tree(frame.f_code.co_filename)
    if position is None or tree is None:
        return None
    for statement in ast.walk(tree):
        if not isinstance(statement, ast.If | ast.Assert) or not _holds(statement.test, position):
            continue
        wanted = _wanted(statement)
        if wanted is None or _is_caught(frame):
            continue
        for node, negated in _conditions(statement.test):
            if _span(node) == position:
                return wanted ^ negated
    return None


def _is_caught(frame: FrameType | None) -> bool:
    """Whether an error of a frame may be caught on its way out of the model: then what follows depends on it.

    Torch's own frames, which call modules, pass errors on.
    """
    while frame is not None and frame.f_code.co_name != OUTERMOST:
        file = frame.f_code.co_filename
        if not file.startswith(_TORCH):
            tree = _tree(file)
            if tree is None or any(_catches(one, frame.f_lineno) for one in ast.walk(tree)):
                return True
        frame = frame.f_back
    return False


OUTERMOST = "told_of_state"
"""Name of the function that runs a model while it is told values."""

_TORCH = str(Path(torch.__file__).parent)


def _catches(statement: ast.AST, line: int) -> bool:
    """Whether a statement around a line may catch its errors."""
    if isinstance(statement, ast.Try | ast.TryStar):
        passed_on = all(isinstance(one.body[-1], ast.Raise) for one in statement.handlers)
        leaves = any(isinstance(one, ast.Return) for part in statement.finalbody for one in ast.walk(part))
        around = statement.body if not leaves else [*statement.body, *statement.orelse]
        return (not passed_on or leaves) and _spans(around, line)
    # What a context does with an error is not seen; torch's own let it pass.
    if isinstance(statement, ast.With | ast.AsyncWith):
        contexts = [ast.unparse(one.context_expr) for one in statement.items]
        return not all(one.startswith(_PASSING) for one in contexts) and _spans(statement.body, line)
    return False


_PASSING = ("torch.", "record_function", "autocast", "no_grad", "sdpa_kernel", "warnings.")


def _spans(body: list[ast.stmt], line: int) -> bool:
    return bool(body) and body[0].lineno <= line <= (body[-1].end_lineno or body[-1].lineno)


def _wanted(statement: ast.If | ast.Assert) -> bool | None:
    """The truth value of its test with which a statement does not raise; None where it does more than that."""
    if isinstance(statement, ast.Assert):
        return True
    if _raises(statement.body):
        return False
    return True if _raises(statement.orelse) else None


def _raises(body: list[ast.stmt]) -> bool:
    return (
        bool(body) and isinstance(body[-1], ast.Raise) and all(isinstance(one, _SIMPLE) for one in body[:-1])
    )


def _conditions(test: ast.expr, negated: bool = False) -> Iterator[tuple[ast.expr, bool]]:
    """The expressions that a test takes truth values of, each with whether the test has the opposite one.

    In `a and b` and `a or b`, too, the test comes out as wanted where each does: the last that is asked decides.
    """
    yield test, negated
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        yield from _conditions(test.operand, not negated)
    elif isinstance(test, ast.BoolOp):
        for value in test.values:
            yield from _conditions(value, negated)


Position = tuple[int, int, int, int]


def _position(frame: FrameType) -> Position | None:
    """Line, end line, column and end column (in bytes of UTF-8) of the expression that a frame is at.

    A jump is of the whole statement; the instruction before it gave the value that it depends on.
    """
    code, number = frame.f_code, frame.f_lasti // 2
    name = dis.opname[code.co_code[frame.f_lasti]]
    if "JUMP" in name or name == "TO_BOOL":
        number -= 1
    position = next(islice(code.co_positions(), max(number, 0), None))
    line, end_line, column, end_column = position
    if line is None or end_line is None or column is None or end_column is None:
        return None
    return line, end_line, column, end_column


def _span(node: ast.expr) -> Position:
    return (
        node.lineno,
        node.end_lineno or node.lineno,
        node.col_offset,
        node.end_col_offset or node.col_offset,
    )


def _holds(test: ast.expr, position: Position) -> bool:
    first, last, start, end = _span(test)
    return (first, start) <= (position[0], position[2]) and (position[1], position[3]) <= (last, end)


@lru_cache(maxsize=64)
def _tree(file: str) -> ast.Module | None:
    source = "".join(linecache.getlines(file))
    try:
        return ast.parse(source) if source else None
    except SyntaxError:  # the file changed since it was imported
        return None


# -- checks that are traced -----------------------------------------------------------------------------------

_OF_VALUES = frozenset({"aten::_assert_async", "aten::_functional_assert_async"})
"""Operators that only raise, where a value is not as a model's author wants it."""

_CHECKS = _OF_VALUES | {
    "aten::_assert_scalar",
    "aten::_assert_tensor_metadata",
    "aten::_linalg_check_errors",
    "aten::sym_constrain_range",
    "aten::sym_constrain_range_for_size",
}
"""Operators that only raise."""


def only_checks(node: torch.fx.Node) -> bool:
    """Whether an operator only raises an error, or does nothing."""
    return isinstance(node.target, torch._ops.OpOverload) and node.target._schema.name in _CHECKS


def without_checks(graph: torch.fx.Graph, stacks: Stacks) -> list[Stack]:
    """Take checks out of a graph; gives the places of those of values in the user's code."""
    places = []
    for node in reversed(list(graph.nodes)):
        if only_checks(node) and not node.users:
            if node.target._schema.name in _OF_VALUES and (stack := stacks.of_node(node)):
                places.append(stack)
            graph.erase_node(node)
    return places[::-1]
