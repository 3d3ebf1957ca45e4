"""The metrics of a run: one JSON object a line, written as the run goes, so that others can watch it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torchlean_core.basics.reading import MOST_ARTIFACT, read_regular
from torchlean_core.errors import UsageError
from torchlean_core.files import replacing, write_text

Entry = dict[str, Any]
"""The metrics of a step: `step`, `loss` and the loss's metrics (before it, of its samples: `accuracy`, or `mae` and
`r2`), `lr`; with validation samples the same of them after it (`val_loss`, `val_accuracy`, …)."""


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
        self._file: int | None = None
        self._size = 0

    def open(self) -> None:
        """Begin the file, in place of an older one.

        Raises:
            UsageError: It cannot be written.
        """
        content = "".join(map(_line, self.entries)).encode()
        with self._named_errors():
            self._before = read_regular(self._path, MOST_ARTIFACT) if self._path.exists() else None
            write_text(self._path, content.decode())
            self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0))
        self._size = len(content)

    def add(self, entry: Entry) -> None:
        """Append an entry: there for readers at once.

        Raises:
            UsageError: It cannot be written; the file is as it was before.
        """
        self.entries.append(entry)
        if self._file is None:
            return
        line = memoryview(_line(entry).encode())
        try:
            with self._named_errors():
                while line:
                    line = line[os.write(self._file, line) :]
        except BaseException:  # a part of the line may be there, as when the disk is full
            os.ftruncate(self._file, self._size)
            raise
        self._size = os.fstat(self._file).st_size

    def close(self, *, keep: bool) -> None:
        """End the file; without `keep`, what was there before is put back.

        Raises:
            UsageError: That cannot be written.
        """
        if self._file is None:
            return
        os.close(self._file)
        self._file = None
        if keep:
            return
        with self._named_errors():
            if self._before is None:
                self._path.unlink(missing_ok=True)
                return
            with replacing(self._path) as temporary:
                temporary.write_bytes(self._before)

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UsageError(f"{self._path}: {error.strerror or error}") from error


def _line(entry: Entry) -> str:
    return json.dumps(entry) + "\n"
