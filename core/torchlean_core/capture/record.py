"""What a capture learned about the user's own code: shapes by line, operators by expression, findings (no torch here).

A record is plain JSON on its way from the worker to the server and to `--explain`; `docs/python-files.md` has the
table of its fields. Lines count from 1, columns from 0 in characters (code points) of the line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from torchlean_core.capture.errors import CaptureFinding, Span


@dataclass(frozen=True, slots=True)
class Seen:
    """One distinct tensor that a name was bound to or an expression gave.

    Attributes:
        shape: Its shape.
        dtype: Its type without `torch.` (`float32`).
        count: How often it was seen.
        modules: Paths of the modules for which it was seen (`net.0`), "" for the model itself; in order, each once.
    """

    shape: tuple[int, ...]
    dtype: str = "float32"
    count: int = 1
    modules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Bound:
    """What a name was bound to by a line.

    Attributes:
        name: The local name; `return` for what the function returned.
        values: The distinct tensors, in the order in which they were first seen. Tensors inside tuples, lists and
            dicts have names such as `out[0]` and `out["mask"]`.
    """

    name: str
    values: tuple[Seen, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A statement of a function that ran.

    Attributes:
        file: Place in `Record.files`.
        line: First line of the statement; for the arguments, the line of `def`.
        end_line: Its last line (of a compound statement: of its header), at whose end a hint stands.
        function: Qualified name of the function (`TinyMLP.forward`).
        bound: What was bound; empty where the statement ran and bound no tensor.
        count: How often it ran.
    """

    file: int
    line: int
    end_line: int
    function: str
    bound: tuple[Bound, ...] = ()
    count: int = 1


@dataclass(frozen=True, slots=True)
class Expression:
    """A call (or operator) expression of the user's code that gave tensors.

    Attributes:
        file: Place in `Record.files`.
        span: Where it stands.
        function: Qualified name of the function in which it stands.
        values: The distinct tensors that it gave.
        operators: ATen operators that it became, each once (`aten.linear.default`).
        nodes: Ids of the artifact's nodes that it became; empty where nothing was captured.
    """

    file: int
    span: Span
    function: str
    values: tuple[Seen, ...] = ()
    operators: tuple[str, ...] = ()
    nodes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class File:
    """A file of the workspace in which something was recorded.

    Attributes:
        path: Absolute path.
        sha256: Hash of the bytes that ran, in hex.
    """

    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Record:
    """What one capture of one model learned, whether or not it succeeded.

    Attributes:
        name: The class or function that was captured.
        example_shape: Shape of its input.
        files: The files; the model's own is the first.
        lines: Statements that ran below `forward`, by file and line.
        expressions: Expressions that gave tensors, by file and place.
        findings: What is the matter (TL601 to TL608, TL405).
        complete: Whether forward ran to its end; otherwise the last lines are missing.
        traced_by_other: Whether a tracer that the user's code installed kept names from being recorded.
        result: What was captured: `nodes`, `parameters`, `max_relative_error`, `dtype`, `seconds`, `output`
            (path or null); null where the capture failed.
    """

    name: str
    example_shape: tuple[int, ...]
    files: tuple[File, ...] = ()
    lines: tuple[Line, ...] = ()
    expressions: tuple[Expression, ...] = ()
    findings: tuple[CaptureFinding, ...] = ()
    complete: bool = True
    traced_by_other: bool = False
    result: Mapping[str, Any] | None = field(default=None)

    @property
    def ran(self) -> bool:
        """Whether it came as far as the model's forward: not where the file or the constructor is wrong."""
        return self.complete or bool(self.lines or self.expressions)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)

    @classmethod
    def of_json(cls, value: Mapping[str, Any]) -> Record:
        """From what `as_json` gave."""
        return cls(
            name=value["name"],
            example_shape=tuple(value["example_shape"]),
            files=tuple(File(**one) for one in value["files"]),
            lines=tuple(_line(one) for one in value["lines"]),
            expressions=tuple(_expression(one) for one in value["expressions"]),
            findings=tuple(CaptureFinding.of_json(one) for one in value["findings"]),
            complete=value["complete"],
            traced_by_other=value["traced_by_other"],
            result=value["result"],
        )


def _seen(values: list[dict[str, Any]]) -> tuple[Seen, ...]:
    return tuple(
        Seen(tuple(one["shape"]), one["dtype"], one["count"], tuple(one["modules"])) for one in values
    )


def _line(value: dict[str, Any]) -> Line:
    bound = tuple(Bound(one["name"], _seen(one["values"])) for one in value["bound"])
    return Line(**{**value, "bound": bound})


def _expression(value: dict[str, Any]) -> Expression:
    return Expression(
        value["file"],
        Span(**value["span"]),
        value["function"],
        _seen(value["values"]),
        tuple(value["operators"]),
        tuple(value["nodes"]),
    )
