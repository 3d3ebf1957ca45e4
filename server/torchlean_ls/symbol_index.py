"""The nodes of artifacts that are not open, to be searched: read once for each version of a file."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from torchlean_core.basics.reading import read_regular
from torchlean_core.check import Report, check_bytes
from torchlean_core.navigate import Links
from torchlean_core.navigate.outline import entries, matches, search_texts
from torchlean_core.text import Encoding, no_collector

MAX_NODES = 100_000
"""Nodes that are kept, some 30 MiB; files beyond are read again for every search."""

MAX_BYTES = 25_000_000
"""Size of the biggest file that is searched."""


class Symbol(NamedTuple):
    """One node: its name and role in an outline, and its range as JSON."""

    name: str
    role: str
    range: dict[str, Any]


class Nodes:
    """The nodes of one file, small: there may be many of them."""

    def __init__(self, report: Report, encoding: Encoding) -> None:
        found = list(entries(Links(report)))
        records = (report.records[entry.place] for entry in found)
        self._texts = [search_texts(record) if record is not None else () for record in records]
        self._names = [entry.name for entry in found]
        self._roles = [entry.role for entry in found]
        offsets = [offset for entry in found for offset in entry.span]
        places = report.document.lines.positions(offsets, encoding)
        self._places = array("Q", [number for place in places for number in place])

    def __len__(self) -> int:
        return len(self._names)

    def matching(self, query: str) -> Iterator[Symbol]:
        """The nodes that a search means."""
        for index, texts in enumerate(self._texts):
            if matches(texts, query):
                line, column, last, until = self._places[4 * index : 4 * index + 4]
                start, end = {"line": line, "character": column}, {"line": last, "character": until}
                yield Symbol(self._names[index], self._roles[index], {"start": start, "end": end})


class SymbolIndex:
    """The nodes by file; belongs to the thread for long work."""

    def __init__(self) -> None:
        self._kept: dict[Path, tuple[tuple[int, int], Nodes]] = {}
        self._count = 0

    def of(self, path: Path, encoding: Encoding) -> Nodes | None:
        """The nodes of a file as it is now; None where it cannot be read, or is too big.

        Args:
            path: The file.
            encoding: Units of columns in the ranges; one for the whole session.
        """
        try:
            status = path.stat()
            version = status.st_mtime_ns, status.st_size
            known = self._kept.get(path)
            if known is not None and known[0] == version:
                return known[1]
            self._drop(path)
            if status.st_size > MAX_BYTES:
                return None
            content = read_regular(path, MAX_BYTES)
        except OSError:
            self._drop(path)
            return None
        with no_collector():  # nothing here makes cycles, and much is made
            found = Nodes(check_bytes(content), encoding)
        # What is there stays: searches go through all files in one order, and the oldest would always be needed next.
        if self._count + len(found) <= MAX_NODES:
            self._kept[path] = version, found
            self._count += len(found)
        return found

    def keep_only(self, paths: Collection[Path]) -> None:
        """Let the other files go."""
        for path in [path for path in self._kept if path not in paths]:
            self._drop(path)

    def _drop(self, path: Path) -> None:
        known = self._kept.pop(path, None)
        self._count -= len(known[1]) if known is not None else 0
