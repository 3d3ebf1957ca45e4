"""The metrics of a run: one JSON object a line, written as the run goes, so that others can watch it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO, Any

from torchlean_core.errors import UsageError
from torchlean_core.files import replacing, write_text

Entry = dict[str, Any]


class MetricsFile:
    """A file that always holds whole lines.

    Attributes:
        entries: What it holds.
    """

    def __init__(self, path: Path, entries: list[Entry]) -> None:
        """Metrics for a path, with the entries of the run that is continued; nothing is written yet."""
        self.entries = list(entries)
        self._path = path
        self._before: bytes | None = None
        self._file: IO[str] | None = None

    def open(self) -> None:
        """Begin the file, in place of an older one.

        Raises:
            UsageError: It cannot be written.
        """
        try:
            self._before = self._path.read_bytes() if self._path.exists() else None
            write_text(self._path, "".join(map(_line, self.entries)))
            self._file = self._path.open("a", encoding="utf-8", newline="\n")
        except OSError as error:
            raise UsageError(f"{self._path}: {error.strerror or error}") from error

    def add(self, entry: Entry) -> None:
        """Append an entry: there for readers at once."""
        self.entries.append(entry)
        if self._file is not None:
            self._file.write(_line(entry))
            self._file.flush()

    def close(self, *, keep: bool) -> None:
        """End the file; without `keep`, what was there before is put back."""
        if self._file is None:
            return
        self._file.close()
        self._file = None
        if keep:
            return
        if self._before is None:
            self._path.unlink(missing_ok=True)
            return
        with replacing(self._path) as temporary:
            temporary.write_bytes(self._before)


def _line(entry: Entry) -> str:
    return json.dumps(entry) + "\n"
