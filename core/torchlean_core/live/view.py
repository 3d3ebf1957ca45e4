"""What a capture told about a Python file, moved along with the edits made since."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from torchlean_core.capture.errors import Call, CaptureFinding, Span
from torchlean_core.capture.record import Bound, Expression, Line, Record
from torchlean_core.capture.target import split_lines
from torchlean_core.live.labels import label, merged, tooltip
from torchlean_core.live.lines import Moved


class Hint(NamedTuple):
    """Shapes at the end of a line.

    Attributes:
        line: The line, from 1, in the text of now.
        label: What is shown.
        tooltip: All that is known.
    """

    line: int
    label: str
    tooltip: str


@dataclass(frozen=True, slots=True)
class Place:
    """A finding in the text of now.

    Attributes:
        finding: What was found; `calls` are moved, those that are gone are left out.
        span: Where it stands; None where it is about the class as a whole.
        modules: The modules it was found for, each once.
        model: The model that was captured.
    """

    finding: CaptureFinding
    span: Span | None
    modules: tuple[str, ...]
    model: str

    @property
    def message(self) -> str:
        """What is shown: operator, the modules that have it, and what is the matter."""
        finding = self.finding
        if finding.operator is None:
            return finding.message
        if len(self.modules) > 1:
            names = ", ".join(self.modules[:3]) + (", …" if len(self.modules) > 3 else "")
            return f"{finding.operator} in {len(self.modules)} modules ({names}): {finding.message}"
        where = f" in {self.modules[0]}" if self.modules else ""
        return f"{finding.operator}{where}: {finding.message}"


class LiveModel:
    """What the last capture of one model told, with the texts that ran.

    Attributes:
        record: What was learned.
        texts: Lines of each file that ran, by real path; a file whose text is not known is left out.
    """

    def __init__(self, record: Record, texts: Mapping[str, str]) -> None:
        self.record = record
        self.texts = {os.path.realpath(path): split_lines(text) for path, text in texts.items()}
        self.main = os.path.realpath(record.files[0].path) if record.files else ""
        self._places = {os.path.realpath(file.path): index for index, file in enumerate(record.files)}

    @property
    def files(self) -> list[str]:
        """Real paths of the files that something is known of."""
        return list(self.texts)

    def without_findings(self) -> LiveModel:
        """The shapes alone: what a later capture, which came to no line, found is to be told with them."""
        shapes = LiveModel(replace(self.record, findings=()), {})
        shapes.texts = self.texts
        return shapes

    def view(self, path: str, lines: Sequence[str], known: list[Moved] | None = None) -> View | None:
        """What is known of a file, in its text of now; None where nothing is.

        Args:
            path: Its real path.
            lines: The lines of now.
            known: Comparisons with these lines that were made for other models; a new one is added.
        """
        old = self.texts.get(path)
        if old is None:
            return None
        known = [] if known is None else known
        moved = next((one for one in known if one.old == old), None)
        if moved is None:
            moved = Moved(old, lines)
            known.append(moved)
        return View(self, path, moved)

    def place(self, path: str) -> int | None:
        """Place of a file in `record.files`."""
        return self._places.get(path)


class View:
    """One file of a record in its text of now.

    Attributes:
        model: What the capture told.
        path: Real path of the file.
        moved: Where its lines are now.
    """

    def __init__(self, model: LiveModel, path: str, moved: Moved) -> None:
        self.model = model
        self.path = path
        self.moved = moved
        self.file = model.place(path)

    @property
    def record(self) -> Record:
        """What was learned."""
        return self.model.record

    def lines(self, first: int = 1, last: int | None = None) -> Iterator[tuple[Line, int]]:
        """Statements that still stand as they ran, each with the line at whose end its hint is now.

        Args:
            first: Statements whose hint would stand above this line are left out.
            last: Those whose hint would stand below this line, too.
        """
        for line in self.record.lines:
            if line.file == self.file:
                end = self.moved.line(line.end_line)
                if end is None or end < first or (last is not None and end > last):
                    continue
                block = self.moved.block(line.line, line.end_line)
                if block is not None:
                    yield line, block[1]

    def expressions_at(self, line: int) -> Iterator[tuple[Expression, Span]]:
        """Expressions on a line that still stand as they ran, with their places now."""
        ran = self.moved.back(line)
        if ran is None:
            return
        for expression in self.record.expressions:
            span = expression.span
            if expression.file == self.file and span.line <= ran <= span.end_line:
                now = self.moved.span(span)
                if now is not None:
                    yield expression, now

    def statement_at(self, line: int) -> tuple[Line, int] | None:
        """The statement that a line belongs to, if it still stands as it ran, and its first line now."""
        ran = self.moved.back(line)
        if ran is None:
            return None
        for one in self.record.lines:
            if one.file == self.file and one.line <= ran <= one.end_line:
                block = self.moved.block(one.line, one.end_line)
                if block is not None:
                    return one, block[0]
        return None

    def findings(self) -> Iterator[Place]:
        """What is the matter in this file, one for each place."""
        groups: dict[tuple[object, ...], list[CaptureFinding]] = {}
        for finding in self.record.findings:
            file = os.path.realpath(finding.file) if finding.file is not None else self.model.main
            if file == self.path:
                key = finding.code, finding.span or finding.line, finding.operator, finding.message
                groups.setdefault(key, []).append(finding)
        for group in groups.values():
            span = self._span(group[0])
            if span is None and group[0].line is not None:
                continue  # its line was edited: what is there now was not captured
            modules = tuple(dict.fromkeys(name for one in group for name in _modules(one)))
            finding = replace(group[0], calls=tuple(self._calls(group[0])))
            yield Place(finding, span, modules, self.record.name)

    def _span(self, finding: CaptureFinding) -> Span | None:
        if finding.span is not None:
            return self.moved.span(finding.span)
        line = self.moved.line(finding.line) if finding.line is not None else None
        if line is None:
            return None
        head = re.match(rf"\s*(?:class|def)\s+({re.escape(self.record.name)})\b", self.moved.new[line - 1])
        if head is not None:  # about the model as a whole
            return Span(line, head.start(1), line, head.end(1))
        return line_span(self.moved.new, line)

    def _calls(self, finding: CaptureFinding) -> Iterator[Call]:
        for call in finding.calls:
            if os.path.realpath(call.file) != self.path:
                yield call
            elif (span := self.moved.span(call.span)) is not None:
                yield replace(call, span=span)


def _modules(finding: CaptureFinding) -> list[str]:
    """The modules for which something was found: the first with its class, as `module` has it."""
    first = [finding.module] if finding.module is not None else []
    return first + [f"`{path}`" for path in finding.modules[len(first) :]]


def line_span(lines: Sequence[str], line: int) -> Span:
    """The content of a line (from 1), without the space around it."""
    text = lines[line - 1]
    content = text.strip()
    start = len(text) - len(text.lstrip()) if content else 0
    return Span(line, start, line, start + max(len(content), 1))


def hints(views: Iterable[View], first: int = 1, last: int | None = None) -> list[Hint]:
    """The shapes at the ends of lines, in order; what several models say of a line is put together.

    Args:
        views: What is known.
        first: First line that is wanted.
        last: Last line; None for all.
    """
    found: dict[int, list[Sequence[Bound]]] = {}
    functions: dict[int, dict[str, None]] = {}
    for view in views:
        for line, at in view.lines(first, last):
            if line.bound:
                found.setdefault(at, []).append(line.bound)
                functions.setdefault(at, {})[line.function] = None
    result = []
    for at in sorted(found):
        bound = merged(found[at])
        text = label(bound)
        if text is not None:
            result.append(Hint(at, text, tooltip(bound, ", ".join(filter(None, functions[at])))))
    return result


def findings(views: Iterable[View]) -> list[Place]:
    """What is the matter, in order of the text; what several models have in common is said once."""
    found: dict[tuple[object, ...], Place] = {}
    for view in views:
        for place in view.findings():
            about = place.model if place.span is None else None
            key = place.finding.code, place.span, about, place.finding.operator, place.finding.message
            known = found.get(key)
            if known is not None:
                modules = tuple(dict.fromkeys((*known.modules, *place.modules)))
                place = replace(known, modules=modules)
            found[key] = place
    return sorted(found.values(), key=lambda one: (one.span.line, one.span.column) if one.span else (0, 0))
