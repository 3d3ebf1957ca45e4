"""The models of a Python file while it is typed: what changed is parsed again, and what does not parse is moved along.

As long as a text does not parse, the models of the last text that did are told, moved by the lines that were put in or
taken out above them; those whose head is gone are left out.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from torchlean_core.capture.models import Model, NameSpan, models_of
from torchlean_core.capture.pyfile import PythonFile, lines_of, parse, parse_or_error
from torchlean_core.capture.workspace import Sources

_GOES_ON = re.compile(r"never closed|unterminated triple|EOF")
"""Errors of a piece of a text that the text behind it may mend."""


class PythonView:
    """One Python document.

    Attributes:
        file: The last text that parsed; None where none did yet.
        parses: Whether the present text is that one.
        models: The models of the present text, as far as they are known.
    """

    def __init__(self, path: Path, sources: Sources | None = None) -> None:
        self._path = path.absolute()
        self._sources = sources
        self._text: str | None = None
        self._good: list[Model] = []
        self.file: PythonFile | None = None
        self.parses = False
        self.models: list[Model] = []

    def update(self, text: str, named: Collection[str] = (), roots: Sequence[Path] = ()) -> list[Model]:
        """Take a text, and give its models.

        Args:
            text: The document's text as it is now.
            named: Names that the settings have a table for.
            roots: Folders of the workspace, in which modules are looked for.
        """
        if text != self._text:
            self._text = text
            tree = parse(text) if self.file is None else _parsed_again(self.file, text)
            self.parses = tree is not None
            if tree is not None:
                self.file = PythonFile(self._path, text, tree)
        if self.file is None:
            self.models = []
        elif self.parses:
            # Asked for again even of the same text: other files may have changed.
            self._good = self.models = models_of(self.file, named, self._sources, roots)
        else:
            moved = Moved(self.file.lines, lines_of(text.removeprefix("\ufeff")))
            found = (moved.model(model) for model in self._good)
            self.models = [model for model in found if model is not None]
        return self.models

    def line_of_good(self, line: int) -> int | None:
        """The line of `file` that a line of the present text is, both from 0; None for a line that changed."""
        if self.file is None or self._text is None:
            return None
        return (
            line
            if self.parses
            else Moved(lines_of(self._text.removeprefix("\ufeff")), self.file.lines).line(line)
        )


class Moved:
    """Lines of an old text in a new one: what is the same before and behind the part that changed."""

    def __init__(self, old: Sequence[str], new: Sequence[str]) -> None:
        self._new = new
        shorter = min(len(old), len(new))
        head = 0
        while head < shorter and old[head] == new[head]:
            head += 1
        tail = 0
        while tail < shorter - head and old[-1 - tail] == new[-1 - tail]:
            tail += 1
        self.head = head
        self.tail = len(old) - tail
        self.delta = len(new) - len(old)

    def line(self, line: int) -> int | None:
        """Where a line of the old text is now; None where it is in the part that changed."""
        if line < self.head:
            return line
        return line + self.delta if line >= self.tail else None

    def model(self, model: Model) -> Model | None:
        """A model of the old text in the new one; None where its head is gone."""
        line = self.line(model.name_span.line)
        name = model.name_span
        if line is None:
            found = self._head_of(model)
            if found is None:
                return None
            line, name = found.line, found
        shift = line - model.name_span.line
        last = self.line(model.last_line)
        last = self._grown(self.head - 1 if last is None else last)
        forward = None if model.forward_line is None else self.line(model.forward_line)
        return replace(
            model,
            first_line=min(line, model.first_line + shift),
            last_line=max(last, line),
            name_span=NameSpan(line, name.start, name.end),
            forward_line=forward,
            directives=tuple(
                replace(one, line=place)
                for one in model.directives
                if (place := self.line(one.line)) is not None
            ),
        )

    def _grown(self, last: int) -> int:
        """Last line of a definition with the indented lines that were put behind it."""
        for line in range(last + 1, self.tail + self.delta):
            text = self._new[line]
            if text and not text[0].isspace():
                break
            if text.strip():
                last = line
        return last

    def _head_of(self, model: Model) -> NameSpan | None:
        """Where the head of a definition stands in the part that changed."""
        head = re.compile(rf"(?:class|def)[ \t\f]+({re.escape(model.name)})\b")
        for line in range(self.head, self.tail + self.delta):
            if found := head.match(self._new[line]):
                return NameSpan(line, found.start(1), found.end(1))
        return None


def _parsed_again(old: PythonFile, text: str) -> ast.Module | None:
    """The tree of a text that differs little from another: only the statements at the change are parsed again.

    A statement that was whole stays the same as long as its lines and those next to it do. So the changed ones are
    parsed together with one neighbour on each side; where that fails in a way that the rest cannot mend, all of it
    does not parse. An edit that moves lines costs the whole.
    """
    lines = lines_of(text)
    if len(lines) != len(old.lines) or text.startswith("\ufeff"):
        return parse(text)
    moved = Moved(old.lines, lines)
    body = old.tree.body
    starts = [_first_line(node) for node in body]
    ends = [node.end_lineno or node.lineno for node in body]  # from 1: the line behind, from 0
    first = next((place for place, end in enumerate(ends) if end > moved.head), len(body))
    last = next((place for place in range(len(body) - 1, -1, -1) if starts[place] < moved.tail), -1) + 1
    first, last = max(0, min(first, last) - 1), min(len(body), max(first, last) + 1)
    begin = ends[first - 1] if first else 0
    stop = starts[last] if last < len(body) else len(lines)
    if any(start < begin for start in starts[first:]) or any(end > stop for end in ends[:last]):
        return parse(text)  # two statements share a line
    end = "\n" if last < len(body) else ""
    tree, error = parse_or_error("\n" * begin + "\n".join(lines[begin:stop]) + end)
    if tree is None:
        return parse(text) if error is None or _GOES_ON.search(error) else None
    return ast.Module(body=[*body[:first], *tree.body, *body[last:]], type_ignores=[])


def _first_line(node: ast.stmt) -> int:
    """First line of a statement, from 0, its decorators included."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(item.lineno for item in decorators)]) - 1
