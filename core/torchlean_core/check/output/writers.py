"""Writers: what a command hands its reports to, one file at a time; each knows one output format."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from torchlean_core.check.output.json import finding_object
from torchlean_core.check.report import Report

if TYPE_CHECKING:
    from rich.text import Text

FORMATS = ("text", "json", "sarif", "github")
"""Names of the output formats."""


class Writer(Protocol):
    """Writes reports in one format."""

    def add(self, name: str, report: Report) -> None:
        """Write, or keep, the findings of one file."""

    def unreadable(self, name: str, message: str) -> None:
        """Note that a file could not be read."""

    def close(self) -> None:
        """Write what was kept."""


def make_writer(format_name: str, stream: TextIO, show: Callable[[Text], None]) -> Writer:
    """The writer of a format.

    Args:
        format_name: One of `FORMATS`.
        stream: Where formats for tools go.
        show: Shows one finding to people.
    """
    if format_name == "text":
        return _TextWriter(show)
    if format_name == "github":
        return _GithubWriter(stream)
    return _JsonWriter(stream) if format_name == "json" else _SarifWriter(stream)


class _TextWriter:
    def __init__(self, show: Callable[[Text], None]) -> None:
        self._show = show

    def add(self, name: str, report: Report) -> None:
        if report.findings:
            from torchlean_core.check.output.text import finding_text

            for finding in report.findings:
                self._show(finding_text(name, report, finding))

    def unreadable(self, name: str, message: str) -> None:
        pass  # the message on stderr is all there is to say

    def close(self) -> None:
        pass


class _JsonWriter:
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._objects: list[dict[str, Any]] = []

    def add(self, name: str, report: Report) -> None:
        self._objects += [finding_object(name, report, finding) for finding in report.findings]

    def unreadable(self, name: str, message: str) -> None:
        pass  # the public form has no place for it; exit code 2 and stderr say it

    def close(self) -> None:
        self._stream.write(json.dumps(self._objects, ensure_ascii=True, indent=1) + "\n")


class _SarifWriter:
    def __init__(self, stream: TextIO) -> None:
        from torchlean_core.check.output.sarif import SarifLog

        self._stream = stream
        self._log = SarifLog()

    def add(self, name: str, report: Report) -> None:
        self._log.add(name, report)

    def unreadable(self, name: str, message: str) -> None:
        self._log.unreadable(name, message)

    def close(self) -> None:
        self._stream.write(json.dumps(self._log.value(), ensure_ascii=True, indent=1) + "\n")


class _GithubWriter:
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def add(self, name: str, report: Report) -> None:
        from torchlean_core.check.output.github import finding_command

        for finding in report.findings:
            self._stream.write(finding_command(name, report, finding) + "\n")

    def unreadable(self, name: str, message: str) -> None:
        from torchlean_core.check.output.github import file_command

        self._stream.write(file_command(name, message) + "\n")

    def close(self) -> None:
        pass
