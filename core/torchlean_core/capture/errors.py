"""Why a capture fails: errors that know the place in the user's model file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from torchlean_core.errors import UserError


@dataclass(frozen=True, slots=True)
class CaptureFinding:
    """One thing about a line of the model file.

    Attributes:
        code: TL601 unsupported operator, TL602 does not construct, TL603 fails, TL606 dense kernel.
        message: What is the matter, and what to do.
        line: Line in the model file, counted from 1; None where no line is known.
        operator: ATen operator, where there is one (`aten.gelu.default`).
        module: Path and class of the submodule it belongs to (`net.1 (GELU)`), where there is one.
    """

    code: str
    message: str
    line: int | None = None
    operator: str | None = None
    module: str | None = None

    def show(self, file: str) -> str:
        """One line of text: place, operator, module, message."""
        place = file if self.line is None else f"{file}:{self.line}"
        where = f" in {self.module}" if self.module else ""
        return (
            f"{place}: {self.operator}{where}: {self.message}"
            if self.operator
            else f"{place}: {self.message}"
        )


class CaptureError(UserError):
    """A model cannot be captured.

    Attributes:
        findings: What is the matter, each with its place.
        data: The same for transport: `{"findings": [{"code", "message", "line", "operator", "module"}]}`.
    """

    def __init__(self, message: str, findings: Sequence[CaptureFinding] = ()) -> None:
        super().__init__(message)
        self.findings = list(findings)
        self.data: dict[str, Any] = {"findings": [asdict(finding) for finding in findings]}

    @classmethod
    def at(cls, file: str, code: str, message: str, line: int | None = None) -> CaptureError:
        """The error for one finding."""
        finding = CaptureFinding(code, message, line)
        return cls(finding.show(file), [finding])


class Refused(Exception):
    """Raised by a lowering: this use of the operator has no exact form; the message says why."""
