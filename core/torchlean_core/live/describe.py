"""What is known of the name or the expression at a place of a Python file."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from torchlean_core.capture.errors import Span
from torchlean_core.capture.pyfile import column, parse
from torchlean_core.capture.record import Bound, Expression, Line, Seen
from torchlean_core.live.flow import reaching
from torchlean_core.live.labels import merged, modules_text, shape_text
from torchlean_core.live.view import View

_MAX_NODES = 8


class Described(NamedTuple):
    """What one capture told of a place.

    Attributes:
        span: What it is about, in the text of now.
        title: The name, or the expression.
        bound: What it was: of several names those of the parts (`out[0]`).
        operators: The operators that it became.
        nodes: The nodes that it became.
        view: Whose capture told it.
    """

    span: Span
    title: str
    bound: tuple[Bound, ...]
    operators: tuple[str, ...]
    nodes: tuple[int, ...]
    view: View


def describe(views: Iterable[View], line: int, column: int) -> list[Described]:
    """What captures told of a place (line from 1, column in characters): one entry for each model that knows it."""
    found = [_of_name(view, line, column) or _of_expression(view, line, column) for view in views]
    return [one for one in found if one is not None]


def expression_at(view: View, line: int, column: int) -> tuple[Expression, Span] | None:
    """The innermost expression at a place, and where it stands now."""
    around = [pair for pair in view.expressions_at(line) if _contains(pair[1], line, column)]
    return min(around, key=lambda pair: _size(pair[1]), default=None)


def text_at(lines: Sequence[str], span: Span) -> str:
    """The text of a span, on one line."""
    if span.line == span.end_line:
        return lines[span.line - 1][span.column : span.end_column]
    parts = [lines[span.line - 1][span.column :], *lines[span.line : span.end_line - 1]]
    return " ".join(part.strip() for part in [*parts, lines[span.end_line - 1][: span.end_column]])


def markdown(found: Sequence[Described], link: Callable[[Described, int], str]) -> str:
    """The text of a hover.

    Args:
        found: What was found, of one place.
        link: Shows a node of an entry, as Markdown.
    """
    texts: dict[str, list[str]] = {}
    for one in found:
        texts.setdefault(_text(one, link), []).append(one.view.record.name)
    if len(texts) == 1:
        return next(iter(texts))
    return "\n\n---\n\n".join(f"**{', '.join(names)}**\n\n{text}" for text, names in texts.items())


def _text(one: Described, link: Callable[[Described, int], str]) -> str:
    title = one.title if len(one.title) <= 60 else one.title[:59] + "…"
    values = [(bound.name, seen) for bound in one.bound for seen in bound.values]
    if len(values) == 1:
        lines = [f"`{title}`: {_value(values[0][1])}"]
    else:
        lines = [f"`{title}`", ""]
        several = len(one.bound) > 1
        lines += [
            f"- {f'`{name}` ' if several and name else ''}{_value(seen, counted=True)}"
            for name, seen in values
        ]
    if one.nodes:
        shown = ", ".join(link(one, number) for number in one.nodes[:_MAX_NODES])
        more = f" and {len(one.nodes) - _MAX_NODES} more" if len(one.nodes) > _MAX_NODES else ""
        lines += ["", f"became {shown}{more}"]
    if one.operators:
        lines += ["", "operators: " + ", ".join(f"`{name}`" for name in one.operators)]
    return "\n".join(lines)


def _value(seen: Seen, *, counted: bool = False) -> str:
    times = f" ×{seen.count}" if seen.count > 1 or counted else ""
    where = f" in {modules_text(seen.modules)}" if any(seen.modules) else ""
    return f"`{shape_text(seen.shape)}` {seen.dtype}{times}{where}"


# -- names ------------------------------------------------------------------------------------------------------


def _of_name(view: View, line: int, column: int) -> Described | None:
    """A local name: what its statement bound it to, or where it is read, the statement that bound it last."""
    statement = view.statement_at(line)
    if statement is None:
        return None
    record_line, first = statement
    last = first + record_line.end_line - record_line.line
    name = _name_at(view.moved.new[first - 1 : last], line - first, column)
    if name is None:
        return None
    span = Span(line, name.start, line, name.end)
    for sources in _binding(view, record_line, first, name):
        bound = [[one for one in source.bound if _is_of(one.name, name.text)] for source in sources]
        if any(bound):
            return Described(span, name.text, merged(bound), (), (), view)
    return None


def _is_of(bound: str, name: str) -> bool:
    return bound == name or bound.startswith((f"{name}[", f"{name}."))


def _binding(view: View, here: Line, now: int, name: _Name) -> Iterator[list[Line]]:
    """Statements of the same function that may have bound a name: those together that may all have, likeliest first.

    Args:
        view: What is known of the file.
        here: The statement that has the name.
        now: Its first line in the text of now.
        name: The name; what a statement stores is its own.
    """
    same = [one for one in view.record.lines if one.file == here.file and one.function == here.function]
    if name.stored:
        yield [one for one in same if one.line == here.line]
        return
    found = reaching("\n".join(view.moved.new), now, name.text)
    if found is not None:
        back = {view.moved.back(line) for line in found}
        if None in back:
            return  # a line that was edited since may have bound it
    else:  # does not parse at the moment
        back = set(reaching("\n".join(view.moved.old), here.line, name.text) or ())
    yield [one for one in same if any(line and one.line <= line <= one.end_line for line in back)]
    if not back:  # bound in the statement itself, as by `:=`
        yield [one for one in same if one.line == here.line]


class _Name(NamedTuple):
    text: str
    start: int
    end: int
    stored: bool


def _name_at(lines: Sequence[str], row: int, place: int) -> _Name | None:
    """The local name at a place of a statement; None where something else stands there."""
    indent = len(lines[0]) - len(lines[0].lstrip())
    text = "\n".join([lines[0][indent:], *lines[1:]])
    tree, above = _parsed(text)
    if tree is None:
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            name, stored = node.id, isinstance(node.ctx, ast.Store)
        elif isinstance(node, ast.arg):
            name, stored = node.arg, True
        else:
            continue
        if node.lineno - 1 - above != row:
            continue
        shift = indent if row == 0 else 0
        start = column(lines[row][shift:], node.col_offset) + shift
        if start <= place <= start + len(name):
            return _Name(name, start, start + len(name), stored)
    return None


def _parsed(text: str) -> tuple[ast.Module | None, int]:
    """The tree of a statement or of the header of one, and how many lines were put above it."""
    for above, candidate in (
        (0, text),
        (0, text + " pass"),
        (1, f"if 1: pass\n{text} pass"),  # elif, else
        (1, f"try: pass\n{text} pass"),  # except, finally
        (1, f"match 1:\n {text} pass"),
    ):
        tree = parse(candidate)
        if tree is not None:
            return tree, above
    return None, 0


# -- expressions --------------------------------------------------------------------------------------------------


def _of_expression(view: View, line: int, column: int) -> Described | None:
    found = expression_at(view, line, column)
    if found is None:
        return None
    expression, span = found
    if span.column == span.end_column and span.line == span.end_line:  # only its line is known
        text = view.moved.new[line - 1]
        span = Span(line, len(text) - len(text.lstrip()), line, len(text.rstrip()))
    title = text_at(view.moved.new, span)
    values = (Bound("", expression.values),)
    return Described(span, title, values, expression.operators, expression.nodes, view)


def _contains(span: Span, line: int, column: int) -> bool:
    if span.line == span.end_line and span.column == span.end_column:
        return span.line == line
    return (span.line, span.column) <= (line, column) <= (span.end_line, span.end_column)


def _size(span: Span) -> tuple[int, int]:
    if span.line == span.end_line and span.column == span.end_column:
        return (1 << 30, 0)
    return span.end_line - span.line, span.end_column - span.column
