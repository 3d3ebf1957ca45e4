"""Makes the record of a capture: what the run, the traced graph and the new nodes say about the user's code."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from torchlean_core.basics.paths import real
from torchlean_core.basics.reading import MOST_SOURCE, read_regular
from torchlean_core.capture.assemble import Finished
from torchlean_core.capture.errors import CaptureFinding, Span
from torchlean_core.capture.load import Loaded
from torchlean_core.capture.pipeline import Observer
from torchlean_core.capture.places import Stack, module_of_node
from torchlean_core.capture.record import Bound, Expression, File, Line, Record, Seen
from torchlean_core.capture.recorder import Recorder
from torchlean_core.capture.target import Shape, Target
from torchlean_core.capture.trace import Traced

_Key = tuple[str, Span]


@dataclass(slots=True)
class _Found:
    """What is known of an expression."""

    function: str
    values: list[Seen] = field(default_factory=list)
    operators: dict[str, None] = field(default_factory=dict)
    nodes: dict[int, None] = field(default_factory=dict)


class Explainer(Observer):
    """Watches one capture and tells what it learned, also where it failed half-way."""

    def __init__(self, target: Target, shape: Shape, text: str | None = None) -> None:
        """Begin.

        Args:
            target: The model.
            shape: Shape of its input.
            text: What runs in place of what is in the file.
        """
        self._target = target
        self._shape = shape
        self._text = text
        self._begin = time.monotonic()
        self._loaded: Loaded | None = None
        self._recorder: Recorder | None = None
        self._traced: Traced | None = None
        self._finished: Finished | None = None

    @property
    def line(self) -> int | None:
        """Line where the model is defined, once it was loaded."""
        return None if self._loaded is None else self._loaded.line

    def loaded(self, loaded: Loaded) -> None:
        """Keep it."""
        self._loaded = loaded

    @contextmanager
    def running(self, module: torch.nn.Module) -> Iterator[None]:
        """Record the run."""
        assert self._loaded is not None
        self._recorder = Recorder(self._loaded.user)
        with self._recorder.recording(module):
            yield

    def traced(self, traced: Traced) -> None:
        """Keep it."""
        self._traced = traced

    def finished(self, finished: Finished) -> None:
        """Keep it."""
        self._finished = finished

    def record(self, findings: Sequence[CaptureFinding] = (), result: dict[str, Any] | None = None) -> Record:
        """What was learned.

        Args:
            findings: What is the matter.
            result: What the capture job gives; None where it failed.
        """
        recorder = self._recorder
        expressions = self._expressions()
        paths = [str(real(self._target.file))]
        paths += [file for file, _ in expressions]
        paths += recorder.files() if recorder is not None else []
        paths += [finding.file for finding in findings if finding.file is not None]
        numbers = {path: number for number, path in enumerate(dict.fromkeys(paths))}
        listed = [
            Expression(
                numbers[file], span, one.function, tuple(one.values), tuple(one.operators), tuple(one.nodes)
            )
            for (file, span), one in expressions.items()
        ]
        lines = recorder.lines(numbers) if recorder is not None else []
        if recorder is not None and recorder.replaced:
            lines = sorted([*lines, *_lines_of(listed, lines)], key=lambda line: (line.file, line.line))
        return Record(
            self._target.name,
            tuple(self._shape),
            tuple(self._file(path) for path in numbers),
            tuple(lines),
            tuple(sorted(listed, key=_order)),
            tuple(findings),
            complete=recorder is not None and recorder.complete,
            traced_by_other=recorder is not None and recorder.replaced,
            result=None if result is None else self._summary(result),
        )

    def _file(self, path: str) -> File:
        if self._text is not None and path == str(real(self._target.file)):
            content = self._text.encode("utf-8", "surrogatepass")
        else:
            try:
                content = read_regular(Path(path), MOST_SOURCE)
            except OSError:  # gone meanwhile
                content = b""
        loaded = self._loaded
        if loaded is not None and loaded.sha256 is not None and path == str(loaded.file):
            return File(path, loaded.sha256)  # of what ran: the file may have been saved again since
        return File(path, hashlib.sha256(content).hexdigest())

    def _summary(self, result: dict[str, Any]) -> dict[str, Any]:
        names = ("nodes", "parameters", "max_relative_error", "dtype", "output")
        return {
            **{name: result.get(name) for name in names},
            "seconds": round(time.monotonic() - self._begin, 3),
        }

    def _expressions(self) -> dict[_Key, _Found]:
        found: dict[_Key, _Found] = {}
        if self._traced is not None:
            self._add_traced(self._traced, found)
        if self._finished is not None:
            for number, origin in enumerate(self._finished.origins):
                for place in origin.stack:
                    entry = found.setdefault((place.file, place.span), _Found(place.function))
                    entry.nodes[number] = None
        if self._recorder is not None:
            for key, expression in self._recorder.calls().items():
                entry = found.setdefault(key, _Found(expression.function))
                entry.values = list(expression.values)  # counted exactly
        return found

    def _add_traced(self, traced: Traced, found: dict[_Key, _Found]) -> None:
        """Operators and results of the innermost expressions of the traced graph."""
        runs: list[tuple[Stack, torch.fx.Node, torch.fx.Node]] = []  # first and last node of each evaluation
        for node in traced.module.graph.nodes:
            stack = traced.stacks.of_node(node) if node.op == "call_function" else ()
            if not stack:
                continue
            place = stack[-1]
            entry = found.setdefault((place.file, place.span), _Found(place.function))
            entry.operators[str(node.target)] = None
            if runs and runs[-1][0] is stack and runs[-1][1].target is not node.target:
                runs[-1] = (stack, runs[-1][1], node)
            else:
                runs.append((stack, node, node))
        for stack, _, node in runs:
            value = node.meta.get("val")
            if isinstance(value, torch.Tensor) and all(type(size) is int for size in value.shape):
                module = module_of_node(node)
                entry = found[stack[-1].file, stack[-1].span]
                _add(entry.values, value, module[0] if module else "")


def _lines_of(expressions: Sequence[Expression], known: Sequence[Line]) -> list[Line]:
    """Lines that were not recorded, with what the outermost and last expression that ends on each gave."""
    have = {(line.file, line.end_line) for line in known}
    found: dict[tuple[int, int], Expression] = {}
    for one in sorted(expressions, key=lambda one: (-one.span.line, -one.span.column, one.span.end_column)):
        key = one.file, one.span.end_line
        before = found.get(key)
        if (
            key in have
            or not one.values
            or (before is not None and before.span.end_column > one.span.end_column)
        ):
            continue
        found[key] = one
    return [
        Line(
            file,
            one.span.line,
            end,
            one.function,
            (Bound("", one.values),),
            sum(seen.count for seen in one.values),
        )
        for (file, end), one in found.items()
    ]


def _add(values: list[Seen], value: torch.Tensor, module: str) -> None:
    shape, dtype = tuple(value.shape), str(value.dtype).removeprefix("torch.")
    for place, seen in enumerate(values):
        if seen.shape == shape and seen.dtype == dtype:
            modules = tuple(dict.fromkeys((*seen.modules, module)))
            values[place] = replace(seen, count=seen.count + 1, modules=modules)
            return
    values.append(Seen(shape, dtype, 1, (module,)))


def _order(one: Expression) -> tuple[int, int, int, int, int]:
    """By place; what holds others comes before them."""
    span = one.span
    return one.file, span.line, span.column, -span.end_line, -span.end_column
