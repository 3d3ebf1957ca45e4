"""Places in the user's own code: of live frames, of exceptions, and of traced operators.

A frame's place is the span of the expression that it is at (PEP 657); where a code object has no such positions, it
is the line.
"""

from __future__ import annotations

import os
import re
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import CodeType, FrameType, TracebackType
from typing import Any

import torch

from torchlean_core.capture.errors import Call, CaptureError, CaptureFinding, Span
from torchlean_core.capture.target import read_source, span_of_syntax_error, split_lines
from torchlean_core.errors import UserError, exit_told, text_of, told

_NUMBER = re.compile(r"<torchlean stack (?P<number>\d+)>")
_FILE_NODE = re.compile(r"<torchlean file node (?P<number>\d+)>")
_NO_GRAD = "<torchlean no grad>"
_HERE = Path((lambda: None).__code__.co_filename)
# In the standalone script all modules are one file, beside which the user's may lie.
_OWN = str(_HERE.parents[1] / "_")[:-1] if _HERE.name == "places.py" else str(_HERE)
_FOREIGN = ("site-packages", "dist-packages")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a frame of the user's code is.

    Attributes:
        file: Absolute path of the file.
        function: Qualified name of the function.
        span: The expression; the whole line where no more is known.
        is_here: Whether the file is known; else its name and the line are all that is, as of code that ran elsewhere.
    """

    file: str
    function: str
    span: Span
    is_here: bool = True


Stack = tuple[Place, ...]
"""The user's frames from the outermost to the innermost."""


@dataclass(frozen=True, slots=True)
class FileNode:
    """A node of a file that is a graph, which has nodes where code has lines.

    Attributes:
        operator: What it computes (`Conv`).
        name: Its name.
        output: Name of its first result.
    """

    operator: str
    name: str
    output: str


class UserCode:
    """Tells the user's own code from libraries', and where in it a frame is.

    The user's own is what lies in a file that is neither of the standard library, nor installed as a package, nor of
    this package.
    """

    def __init__(self, file: Path, source: str | None = None) -> None:
        """Take code of a model.

        Args:
            file: Absolute path of the model file: it is the user's wherever it lies.
            source: Its text as it ran; None for what is in the file.
        """
        self.file = str(file)
        self._texts: dict[str, list[str]] = {}
        if source is not None:
            self._texts[self.file] = split_lines(source)
        self._files: dict[str, str | None] = {self.file: self.file}
        # By identity, and kept alive: equal code objects can be of different files.
        self._codes: dict[int, tuple[CodeType, str | None]] = {}
        self._positions: dict[int, list[tuple[int | None, ...]]] = {}
        paths = sysconfig.get_paths()
        self._library = tuple(os.path.join(paths[name], "") for name in ("stdlib", "platstdlib"))  # noqa: PTH118

    def file_of(self, code: CodeType) -> str | None:
        """Absolute path of the file of the user's that a code object is from; None where it is not the user's."""
        known = self._codes.get(id(code))
        if known is None:
            known = self._codes[id(code)] = code, self._file(code.co_filename)
        return known[1]

    def is_own(self, file: str) -> bool:
        """Whether a file, by its absolute path, is the user's."""
        return self._file(file) == file

    def _file(self, name: str) -> str | None:
        if name not in self._files:
            self._files[name] = self._user_file(name)
        return self._files[name]

    def _user_file(self, name: str) -> str | None:
        if name.startswith("<"):  # made by exec: there is no file to show
            return None
        path = os.path.abspath(name)  # noqa: PTH100 -- a symbolic link stays one
        if path.startswith((_OWN, *self._library)) or any(part in _FOREIGN for part in Path(path).parts):
            return None
        return path if os.path.isfile(path) else None  # noqa: PTH113 -- asked for each file once

    def lines(self, file: str) -> list[str]:
        """The lines of a file of the user's, without their ends; none where it cannot be read any more."""
        if file not in self._texts:
            try:
                self._texts[file] = split_lines(read_source(Path(file)))
            except UserError:
                self._texts[file] = []
        return self._texts[file]

    def text_at(self, place: Place) -> str:
        """The source text of a place."""
        span = place.span
        lines = self.lines(place.file)[span.line - 1 : span.end_line]
        if not lines:
            return ""
        lines[-1] = lines[-1][: span.end_column]
        lines[0] = lines[0][span.column :]
        return "\n".join(lines)

    def _span(self, file: str, line: int, end_line: int, start: int | None, end: int | None) -> Span:
        if start is None or end is None:
            return self._whole_line(file, line)
        return Span(
            line, self._characters(file, line, start), end_line, self._characters(file, end_line, end)
        )

    def _characters(self, file: str, line: int, column: int) -> int:
        """Python counts columns in bytes of UTF-8."""
        text = self._line(file, line)
        if text.isascii():
            return column
        return len(text.encode("utf-8", "surrogatepass")[:column].decode("utf-8", "ignore"))

    def _whole_line(self, file: str, line: int) -> Span:
        text = self._line(file, line).rstrip()
        return Span(line, len(text) - len(text.lstrip()), line, len(text))

    def _line(self, file: str, line: int) -> str:
        lines = self.lines(file)
        return lines[line - 1] if 0 < line <= len(lines) else ""

    def place(self, code: CodeType, instruction: int, line: int | None = None) -> Place | None:
        """Where an instruction of a code object is; None where the code is not the user's.

        Args:
            code: The code object.
            instruction: Offset of the instruction in bytes (`f_lasti`).
            line: Its line, where it is known from elsewhere.
        """
        file = self.file_of(code)
        if file is None:
            return None
        positions = self._positions.get(id(code))
        if positions is None:
            positions = self._positions[id(code)] = list(code.co_positions())
        number = instruction // 2
        first, last, start, end = positions[number] if 0 <= number < len(positions) else (None,) * 4
        first = first or line or code.co_firstlineno
        return Place(file, function_name(code), self._span(file, first, last or first, start, end))

    def stack(self, frames: Sequence[tuple[CodeType, int]]) -> Stack:
        """The places of frames that are all of the user's code, in the same order."""
        places = (self.place(code, instruction) for code, instruction in frames)
        return tuple(place for place in places if place is not None)

    def of_exception(self, error: BaseException) -> Stack:
        """The user's frames that an exception went through, and the place of an error in their syntax."""
        found = []
        trace: TracebackType | None = error.__traceback__
        while trace is not None:
            place = self.place(trace.tb_frame.f_code, trace.tb_lasti, trace.tb_lineno)
            if place is not None:
                found.append(place)
            trace = trace.tb_next
        if isinstance(error, SyntaxError) and error.filename is not None and error.lineno is not None:
            file = self._file(error.filename)
            if file is not None:
                span = span_of_syntax_error(error) or self._whole_line(file, error.lineno)
                found.append(Place(file, "<module>", span))
        return tuple(found)


def function_name(code: CodeType) -> str:
    """Qualified name of a function, without the marks of functions in functions."""
    return code.co_qualname.replace(".<locals>", "")


class Stacks:
    """Records where in the user's code the nodes of a traced graph are made.

    Attributes:
        code: Tells which code is the user's.
    """

    def __init__(self, code: UserCode) -> None:
        self.code = code
        self._numbers: dict[tuple[int, ...], int] = {}
        self._last: Stack = ()
        self._found: list[Stack] = []
        self._grad: bool | None = None
        self._file_nodes: list[FileNode] = []
        self._in_file_node = False
        self._outermost: FrameType | None = None

    @property
    def grad_is_on(self) -> bool:
        """Whether an operator that is traced now has gradients, as the user's code says it."""
        return torch.is_grad_enabled() if self._grad is None else self._grad

    @contextmanager
    def grad_mode(self, on: bool) -> Iterator[None]:
        """Operators that are traced meanwhile count as with, or without, gradients, whatever torch's own state."""
        before, self._grad = self._grad, on
        try:
            yield
        finally:
            self._grad = before

    @contextmanager
    def in_file_node(self, node: FileNode) -> Iterator[None]:
        """Operators that are traced meanwhile are those that a node of a file comes to."""
        self._file_nodes.append(node)
        self._in_file_node = True
        try:
            yield
        finally:
            self._in_file_node = False

    def here(self) -> Stack:
        """The user's frames of the caller, while tracing."""
        number = self._number(sys._getframe(1), self._outermost)
        return () if number is None else self._found[number]

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Around tracing: nodes get the user's frames, of which there are some, as their stack trace.

        torch's own recording keeps lines only, and frames of functions called `forward` only. It leaves alone
        what is there already, and what is there is carried along through decompositions.
        """
        create_node = torch.fx.Graph.create_node
        outermost = self._outermost = sys._getframe(2)  # of the caller of this context manager

        def create(graph: torch.fx.Graph, *args: Any, **kwargs: Any) -> torch.fx.Node:
            node = create_node(graph, *args, **kwargs)
            number = self._number(sys._getframe(1), outermost)
            text = "" if number is None else self._text(number)
            if self._in_file_node:
                text += f"<torchlean file node {len(self._file_nodes) - 1}>"
            if not self.grad_is_on:
                text += _NO_GRAD
            if text:
                node.stack_trace = text
            return node

        torch.fx.Graph.create_node = create  # type: ignore[method-assign,assignment]
        try:
            yield
        finally:
            torch.fx.Graph.create_node = create_node  # type: ignore[method-assign]
            self._outermost = None

    def take(self, node: torch.fx.Node, stack: Stack) -> None:
        """Record a node that was made elsewhere, by the places that are known of it."""
        text = ""
        if stack:
            self._found.append(stack)
            text = self._text(len(self._found) - 1)
        if not self.grad_is_on:
            text += _NO_GRAD
        if text:
            node.stack_trace = text

    def _number(self, frame: FrameType | None, outermost: FrameType | None) -> int | None:
        found: list[tuple[CodeType, int]] = []
        key: list[int] = []
        file_of = self.code.file_of
        while frame is not None and frame is not outermost:
            code = frame.f_code
            if file_of(code) is not None:
                found.append((code, frame.f_lasti))
                key += (id(code), frame.f_lasti)
            frame = frame.f_back
        if not found:
            return None
        number = self._numbers.get(tuple(key))
        if number is None:
            number = self._numbers[tuple(key)] = len(self._found)
            self._found.append(self.code.stack(found[::-1]))
        self._last = self._found[number]
        return number

    def _text(self, number: int) -> str:
        lines = [f'File "{one.file}", line {one.span.line}, in {one.function}' for one in self._found[number]]
        return "\n".join([*lines, f"<torchlean stack {number}>"])

    @property
    def last(self) -> Stack:
        """Where the last operator was traced; empty where there was none."""
        return self._last

    def of_node(self, node: torch.fx.Node) -> Stack:
        """The user's frames that made a node, innermost last; empty where none is known."""
        found = _NUMBER.findall(node.meta.get("stack_trace") or "")
        return self._found[int(found[-1])] if found else ()

    def file_node(self, node: torch.fx.Node) -> FileNode | None:
        """The node of a file that made a node; None for one that code made."""
        found = _FILE_NODE.findall(node.meta.get("stack_trace") or "")
        return self._file_nodes[int(found[-1])] if found else None

    def grad_is_off(self, node: torch.fx.Node) -> bool:
        """Whether a node was made where the user's code has gradients switched off."""
        return _NO_GRAD in (node.meta.get("stack_trace") or "")


def line_in(stack: Stack, file: Path) -> int | None:
    """Line of the innermost frame in a file."""
    return next((place.span.line for place in reversed(stack) if place.file == str(file)), None)


def located(finding: CaptureFinding, stack: Stack, file: Path) -> CaptureFinding:
    """A finding with the places of a stack; without a stack, as it is.

    Args:
        finding: The finding; a line that it has is kept where the stack has none in the model file.
        stack: The user's frames, innermost last.
        file: The model file.
    """
    if not stack:
        return finding
    inner = stack[-1]
    other = inner.file != str(file)
    line = inner.span.line if not other else line_in(stack, file) or finding.line
    calls = tuple(Call(place.file, place.span, place.function) for place in stack[:-1])
    file_of = inner.file if other else None
    return replace(finding, line=line, file=file_of, span=inner.span, calls=calls)


def user_error(
    error: BaseException, user: UserCode, shown: str, code: str, *, line: int | None = None, hint: str = ""
) -> CaptureError:
    """The message for an exception in the user's code: `model.py:12: ValueError: …`.

    Args:
        error: The exception.
        user: The user's code.
        shown: The file as the user wrote it.
        code: Rule code of the finding.
        line: The line where the traceback has none in the file.
        hint: Added to the message.
    """
    if isinstance(error, SystemExit):
        text = f"{exit_told(error)} was called"
    else:
        text = told(error)
    if isinstance(error, ModuleNotFoundError):
        text += (
            f" (with the interpreter {sys.executable}; "
            "an editor's setting `torchlean.python.interpreter` selects another)"
        )
        if (folder := _folder_with(error.name, Path(user.file))) is not None:
            text += f"; it lies in {folder}: a pyproject.toml in that folder, or it in PYTHONPATH, lets it be found"
    elif isinstance(error, ImportError) and "no known parent package" in text:
        text += " (the file's folder, or one above it, is called like a module that there is already)"
    elif type(error).__name__ == "BdbQuit":
        text = "it stopped in a debugger, and a capture has no terminal; take the breakpoint out"
    elif (lack := lack_of_memory(error)) is not None:
        text = lack
    stack = user.of_exception(error)
    finding = CaptureFinding(code, text + _operands(error, stack, user) + hint, line)
    return CaptureError.of(shown, located(finding, stack, Path(user.file)))


def _folder_with(name: str | None, file: Path) -> Path | None:
    """The nearest folder above a file's own that has a module of this name; None where none of the user's has."""
    if not name or "." in name:  # what it is a part of was found
        return None
    for folder in file.parent.parents:
        if not folder.name:  # the root of the file system is nobody's
            break
        inside = (found for pattern in ("*.py", "*/*.py") for found in (folder / name).glob(pattern))
        if (folder / f"{name}.py").is_file() or next(inside, None) is not None:
            return folder
    return None


_ALLOCATION = re.compile(r"can't allocate memory: you tried to allocate (?P<size>\d+) bytes")
_MIB = 1 << 20


def lack_of_memory(error: BaseException) -> str | None:
    """What to say where memory ran out; None where something else is the matter."""
    asked = _ALLOCATION.search(text_of(error)) if isinstance(error, RuntimeError) else None
    if asked is None and type(error) is not MemoryError:
        return None
    size = f" (for a tensor of {int(asked['size']) / _MIB:,.0f} MiB)" if asked is not None else ""
    limit = _memory_limit()
    if limit is None:
        return f"memory ran out{size}"
    return (
        f"the capture needs more than its memory limit of {limit / _MIB:,.0f} MiB{size}; "
        "an editor's setting `torchlean.memoryLimit` changes it"
    )


def _memory_limit() -> int | None:
    """The limit of this process's address space in bytes, where it has one."""
    if sys.platform == "win32":
        return None
    import resource

    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else limit


def _operands(error: BaseException, stack: Stack, user: UserCode) -> str:
    """What the names in the failing expression are: `; h is [1, 8], self.fc is Linear(in_features=4, …)`."""
    if not stack or not isinstance(error, RuntimeError | ValueError | IndexError | TypeError):
        return ""
    frame = None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == stack[-1].file:
            frame = trace.tb_frame
        trace = trace.tb_next
    if frame is None:
        return ""
    found: dict[str, str] = {}
    for name in _NAMES.findall(user.text_at(stack[-1])):
        parts = name.split(".")
        value: Any = frame.f_locals.get(parts[0])
        for part in parts[1:]:
            table = getattr(value, "__dict__", {})
            tables = (
                table,
                table.get("_modules") or {},
                table.get("_parameters") or {},
                table.get("_buffers") or {},
            )
            value = next((one[part] for one in tables if part in one), None)
        if isinstance(value, torch.Tensor):
            found[name] = str(list(value.shape))
        elif isinstance(value, torch.nn.Module) and len(parts) > 1 and not list(value.children()):
            found[name] = repr(value)
    return "".join(f"; {name} is {what}" for name, what in list(found.items())[:_MAX_OPERANDS])


_NAMES = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_MAX_OPERANDS = 4


@contextmanager
def user_code(
    user: UserCode, shown: str, code: str, *, line: int | None = None, hint: str = ""
) -> Iterator[None]:
    """Around a call of the user's code: whatever it raises is its `user_error`, even a KeyboardInterrupt."""
    try:
        yield
    except BaseException as error:
        if getattr(error, "ends_job", False):
            raise
        raise user_error(error, user, shown, code, line=line, hint=hint) from error


def module_of_node(node: torch.fx.Node) -> tuple[str, str] | None:
    """Path and class name of the submodule that a traced operator comes from; None for the model itself."""
    stack: dict[str, tuple[str, Any]] = node.meta.get("nn_module_stack") or {}
    for path, kind in reversed(list(stack.values())):
        if path:
            name = kind if isinstance(kind, str) else kind.__name__
            return path.removeprefix("L['self']."), name.rpartition(".")[2]
        break
    return None
