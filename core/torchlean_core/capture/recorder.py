"""Records what the user's code does while a model runs once: the tensors that its lines bind, and calls give.

A run of its own, which nothing is compared with: a tracer makes Python slower, and changes no value. A tracer that
the user's code (or a debugger) installed wins: then names are not recorded.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any

import torch

from torchlean_core.capture.errors import Span
from torchlean_core.capture.places import UserCode, function_name
from torchlean_core.capture.record import Bound, Expression, Line, Seen
from torchlean_core.capture.statements import Statement, Statements

RETURN = "return"
_MAX_IN_CONTAINER = 8
_MAX_DEPTH = 2

_Tensors = dict[tuple[tuple[int, ...], str], "_Count"]


@dataclass(slots=True)
class _Count:
    """How often a tensor of one shape and type was seen, and for which modules."""

    count: int = 0
    modules: dict[str, None] = field(default_factory=dict)


@dataclass(slots=True)
class _Statement:
    """What was seen of one statement of one function."""

    count: int = 0
    bound: dict[str, _Tensors] = field(default_factory=dict)


@dataclass(slots=True)
class _Frame:
    """A running function of the user's.

    Attributes:
        file: Its file.
        module: Path of the module for which it runs.
        statement: The statement that it is at.
        failing: Whether an exception is on its way.
    """

    file: str
    module: str
    statement: Statement | None = None
    failing: bool = False


class Recorder:
    """Records one run.

    Attributes:
        code: Tells which code is the user's.
        complete: Whether the run came to its end.
        replaced: Whether another tracer was there, or was installed meanwhile.
    """

    def __init__(self, code: UserCode) -> None:
        self.code = code
        self.complete = False
        self.replaced = False
        self._known: dict[str, Statements] = {}
        self._lines: dict[tuple[str, Statement, str], _Statement] = {}
        self._calls: dict[tuple[int, int], tuple[CodeType, _Tensors]] = {}
        self._running: dict[FrameType, _Frame] = {}
        self._paths: dict[int, str] = {}

    @contextmanager
    def recording(self, module: torch.nn.Module) -> Iterator[None]:
        """Around the one run of a module.

        Args:
            module: The module, whose submodules' paths are known.
        """
        if sys.gettrace() is not None:
            self.replaced = True
            yield
            self.complete = True
            return
        self._paths = {id(part): path for path, part in module.named_modules()}
        tracer = self._enter
        sys.settrace(tracer)
        try:
            yield
            self.complete = True
        finally:
            # Equal, not identical: each access of a method makes a new one.
            if sys.gettrace() == tracer:
                sys.settrace(None)
            else:
                self.replaced = True
            self._running.clear()

    # -- the tracer ----------------------------------------------------------------------------------------

    def _enter(self, frame: FrameType, event: str, argument: Any) -> Callable[..., Any] | None:
        """A function begins: the user's is followed line by line; of those that it calls, the result is seen."""
        code = frame.f_code
        file = self.code.file_of(code)
        if file is None:
            caller = frame.f_back
            if caller is None or caller not in self._running:
                return None
            frame.f_trace_lines = False
            return self._result_for(caller)
        if code.co_name == "<lambda>":
            return self._lambda(frame, file)
        if code.co_name.startswith("<"):
            return None  # the body of a comprehension
        known = self._running.get(frame)
        if known is None:
            caller = frame.f_back
            known = self._running[frame] = _Frame(file, self._module_of(frame))
            if self._statements(file).headers and not _is_generator(code):
                self._arguments(frame, known)
            after = self._result_for(caller) if caller is not None and caller in self._running else None
        else:
            after = None  # a generator goes on

        def follow(frame: FrameType, event: str, argument: Any) -> Callable[..., Any] | None:
            if event == "line":
                self._reached(frame, known)
            elif event == "exception":
                known.failing = True
            elif event == "return":
                self._left(frame, known, argument)
                if after is not None:
                    after(frame, event, argument)
            return follow

        return follow

    def _lambda(self, frame: FrameType, file: str) -> Callable[..., Any]:
        """A lambda has no lines of its own: calls in it are seen, and what it gives to its caller."""
        caller = frame.f_back
        frame.f_trace_lines = False
        self._running[frame] = _Frame(file, self._module_of(frame))
        after = self._result_for(caller) if caller is not None and caller in self._running else None

        def follow(frame: FrameType, event: str, argument: Any) -> Callable[..., Any]:
            if event == "return":
                self._running.pop(frame, None)
                if after is not None:
                    after(frame, event, argument)
            return follow

        return follow

    def _module_of(self, frame: FrameType) -> str:
        """Path of the module whose method runs, else of the one that called."""
        code = frame.f_code
        if code.co_argcount and code.co_varnames:
            path = self._paths.get(id(frame.f_locals.get(code.co_varnames[0])))
            if path is not None:
                return path
        outer = frame.f_back
        while outer is not None:
            known = self._running.get(outer)
            if known is not None:
                return known.module
            outer = outer.f_back
        return ""

    def _arguments(self, frame: FrameType, known: _Frame) -> None:
        header = self._statements(known.file).headers.get(frame.f_code.co_firstlineno)
        if header is None:
            return
        code = frame.f_code
        count = code.co_argcount + code.co_kwonlyargcount
        count += bool(code.co_flags & 0x04) + bool(code.co_flags & 0x08)  # *args, **kwargs
        self._bind(frame, known, header, code.co_varnames[:count])

    def _reached(self, frame: FrameType, known: _Frame) -> None:
        statement = self._statements(known.file).by_line.get(frame.f_lineno)
        if known.failing:
            known.failing = False  # it was caught
        elif known.statement is not None and statement != known.statement:
            self._bind(frame, known, known.statement, known.statement.names)
        known.statement = statement

    def _left(self, frame: FrameType, known: _Frame, result: Any) -> None:
        if known.failing:
            self._running.pop(frame, None)
            return
        statement = known.statement
        if statement is not None:
            self._bind(frame, known, statement, statement.names)
            if not _is_generator(frame.f_code):
                self._see(self._statement(known, statement, frame.f_code).bound, RETURN, result, known.module)
        if not _is_generator(frame.f_code):
            self._running.pop(frame, None)

    def _bind(
        self,
        frame: FrameType,
        known: _Frame,
        statement: Statement,
        names: tuple[str, ...],
        again: bool = False,
    ) -> None:
        entry = self._statement(known, statement, frame.f_code)
        if again:
            return
        entry.count += 1
        if names:
            values = frame.f_locals
            for name in names:
                if name in values:
                    self._see(entry.bound, name, values[name], known.module)

    def _statement(self, known: _Frame, statement: Statement, code: CodeType) -> _Statement:
        key = (known.file, statement, function_name(code))
        entry = self._lines.get(key)
        if entry is None:
            entry = self._lines[key] = _Statement()
        return entry

    def _result_for(self, caller: FrameType) -> Callable[..., Any]:
        """Sees what a call in the user's code gives."""
        code, key = caller.f_code, (id(caller.f_code), caller.f_lasti)
        known = self._running[caller]

        def returned(frame: FrameType, event: str, argument: Any) -> Callable[..., Any]:
            if event == "return" and isinstance(argument, torch.Tensor):
                _count(self._calls.setdefault(key, (code, {}))[1], argument, known.module)
            return returned

        return returned

    def _see(self, table: dict[str, _Tensors], name: str, value: Any, module: str, depth: int = 0) -> None:
        if isinstance(value, torch.Tensor):
            _count(table.setdefault(name, {}), value, module)
        elif (depth < _MAX_DEPTH and type(value) in (tuple, list)) or isinstance(value, tuple):
            for place, item in enumerate(value[:_MAX_IN_CONTAINER]):
                self._see(table, f"{name}[{place}]", item, module, depth + 1)
        elif depth < _MAX_DEPTH and isinstance(value, dict):
            for key, item in list(value.items())[:_MAX_IN_CONTAINER]:
                if isinstance(key, str | int):
                    shown = f'"{key}"' if isinstance(key, str) else key
                    self._see(table, f"{name}[{shown}]", item, module, depth + 1)

    # -- results -------------------------------------------------------------------------------------------

    def _statements(self, file: str) -> Statements:
        found = self._known.get(file)
        if found is None:
            found = self._known[file] = Statements.of("\n".join(self.code.lines(file)))
        return found

    def lines(self, numbers: Mapping[str, int]) -> list[Line]:
        """The statements that ran, by file and line.

        Args:
            numbers: Place of each file in the record.
        """
        found = [
            Line(
                numbers[file],
                statement.line,
                statement.end_line,
                function,
                tuple(Bound(name, _values(tensors)) for name, tensors in seen.bound.items()),
                seen.count,
            )
            for (file, statement, function), seen in self._lines.items()
        ]
        return sorted(found, key=lambda line: (line.file, line.line, line.end_line))

    def calls(self) -> dict[tuple[str, Span], Expression]:
        """What the calls in the user's code gave, by file and place; `file` of the expressions is not set yet."""
        found = {}
        for (_, instruction), (code, tensors) in self._calls.items():
            place = self.code.place(code, instruction)
            if place is not None:
                found[place.file, place.span] = Expression(0, place.span, place.function, _values(tensors))
        return found

    def files(self) -> list[str]:
        """The files in which statements ran."""
        return list(dict.fromkeys(file for file, _, _ in self._lines))


def _is_generator(code: CodeType) -> bool:
    return bool(code.co_flags & (0x20 | 0x80 | 0x200))


def _count(table: _Tensors, tensor: torch.Tensor, module: str) -> None:
    key = (tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))
    entry = table.get(key)
    if entry is None:
        entry = table[key] = _Count()
    entry.count += 1
    entry.modules[module] = None


def _values(tensors: _Tensors) -> tuple[Seen, ...]:
    return tuple(
        Seen(shape, dtype, seen.count, tuple(seen.modules)) for (shape, dtype), seen in tensors.items()
    )
