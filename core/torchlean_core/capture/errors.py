"""Why a capture fails: errors that know the place in the user's model file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from torchlean_core.basics.visible import visible
from torchlean_core.errors import UserError


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a Python file: lines from 1, columns from 0 in characters; the end is the place behind it."""

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Call:
    """One call on the way from the model's `forward` down to a finding.

    Attributes:
        file: Absolute path of the file.
        span: The expression that makes the call.
        function: Qualified name of the function in which it stands.
    """

    file: str
    span: Span
    function: str


@dataclass(frozen=True, slots=True)
class CaptureFinding:
    """One thing about a place in the user's code.

    Attributes:
        code: TL601 unsupported operator, TL602 does not construct, TL603 fails, TL606 dense kernel,
            TL607 weights that no further construction gives again, TL608 a check of values that is left out.
        message: What is the matter, and what to do.
        line: Line, counted from 1; None where no line is known.
        operator: ATen operator, where there is one (`aten.gelu.default`).
        module: Path and class of the submodule it belongs to (`net.1 (GELU)`), where there is one.
        file: Absolute path of the file in which `line` and `span` are; None for the model file.
        span: The expression, where it is known.
        calls: How the model's `forward` got there, by one way after the other where there are several: outermost call
            first, the finding's own place left out.
        modules: Paths of all submodules for which it was found at this place.
        allow: A substitution that a user may allow in its place (`gelu=erf`).
        dialect: Name of a dialect in which there is no such trouble.
        uses: How often it was found at this place.
        alternatives: Further substitutions that would do.
    """

    code: str
    message: str
    line: int | None = None
    operator: str | None = None
    module: str | None = None
    file: str | None = None
    span: Span | None = None
    calls: tuple[Call, ...] = ()
    modules: tuple[str, ...] = ()
    allow: str | None = None
    dialect: str | None = None
    uses: int = 1
    alternatives: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """The message as a command line has it, with the option that helps."""
        if self.allow is not None:
            others = "".join(f" or {text}" for text in self.alternatives)
            return f"{self.message}: --approximate {self.allow}{others}"
        return self.message if self.dialect is None else f"{self.message}: --dialect {self.dialect}"

    @classmethod
    def of_json(cls, value: Mapping[str, Any]) -> CaptureFinding:
        """From what `dataclasses.asdict` gave."""
        span = value.get("span")
        calls = [Call(one["file"], Span(**one["span"]), one["function"]) for one in value.get("calls") or ()]
        modules = tuple(value.get("modules") or ())
        alternatives = tuple(value.get("alternatives") or ())
        lists = {"calls": tuple(calls), "modules": modules, "alternatives": alternatives}
        return cls(**{**value, "span": span and Span(**span), **lists})

    def show(self, file: str, often: str = "") -> str:
        """One line of text: place, code, operator, module, message.

        Args:
            file: The model file as the user wrote it.
            often: How often it was found, and where else.
        """
        where = f" in {self.module}" if self.module else ""
        if others := self.modules[1 : _MAX_MODULES + 1]:
            left_out = len(self.modules) - 1 - len(others)
            where += (
                " and "
                + ", ".join(f"`{path}`" for path in others)
                + (f" and {left_out} more" * (left_out > 0))
            )
        what = f"{self.operator}{where}{often}: {self.told}" if self.operator else self.told
        return f"{self.place(file)}: {self.code} {what}"

    def place(self, file: str) -> str:
        """File and line.

        Args:
            file: The model file as the user wrote it.
        """
        line = self.line if self.file is None or self.span is None else self.span.line
        name = self.file or file
        return name if line is None else f"{name}:{line}"


_MAX_MODULES = 4


class CaptureError(UserError):
    """A model cannot be captured.

    Attributes:
        findings: What is the matter, each with its place.
        data: The same for transport: `{"findings": [{"code", "message", "line", "operator", "module"}]}`.
    """

    def __init__(self, message: str, findings: Sequence[CaptureFinding] = ()) -> None:
        super().__init__(message)
        self.findings = list(findings)
        self.data = {"findings": [asdict(finding) for finding in findings]}

    @classmethod
    def at(cls, file: str, code: str, message: str, line: int | None = None) -> CaptureError:
        """The error for one finding, without a more exact place."""
        return cls.of(file, CaptureFinding(code, message, line))

    @classmethod
    def of(cls, file: str, finding: CaptureFinding) -> CaptureError:
        """The error for one finding."""
        return cls(finding.show(file), [finding])


class Refused(Exception):
    """Raised by a lowering: this use of the operator has no exact form; the message says why.

    Attributes:
        allow: A substitution that a user may allow in its place (`gelu=erf`).
        alternatives: Further substitutions that would do.
        dialect: Name of a dialect in which there is no such trouble.
    """

    def __init__(self, message: str, *, allow: str | None = None, alternatives: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.allow = allow
        self.alternatives = tuple(alternatives)


class TooLarge(Refused):
    """Raised by a lowering: the form needs a tensor larger than all parameters together may be."""


def refused(shown: str, message: str, code: str = "TL602") -> CaptureError:
    """The error for a file that is not captured; names in it cannot lead a terminal astray.

    Args:
        shown: The file as the user wrote it.
        message: What is the matter.
        code: Rule code of the finding.
    """
    return CaptureError.at(shown, code, visible(message))
