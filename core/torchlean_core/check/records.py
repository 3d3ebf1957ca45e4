"""The records of a document's nodes, read when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

from torchlean_core.check.findings import Finding, Severity
from torchlean_core.check.nodes import NeedsExact, Reader, Record, describe
from torchlean_core.kinds import Dialect
from torchlean_core.text import BAD, Document


class Records(Sequence["Record | None"]):
    """What could be read of each node, by place; None where an element is no object. Read when asked for."""

    def __init__(self, document: Document, nodes: list[Any], dialect: Dialect) -> None:
        self._document = document
        self._dialect = dialect
        self._nodes = nodes
        self._read: dict[int, tuple[Record | None, list[Finding]]] = {}

    def __len__(self) -> int:
        return len(self._nodes)

    @overload
    def __getitem__(self, index: int) -> Record | None: ...
    @overload
    def __getitem__(self, index: slice) -> list[Record | None]: ...
    def __getitem__(self, index: int | slice) -> Record | list[Record | None] | None:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if index < 0:
            index += len(self)
        return self.read(index)[0]

    def read(self, index: int) -> tuple[Record | None, list[Finding]]:
        """A node's record and the findings of reading it.

        Raises:
            IndexError: There is no such place.
        """
        found = self._read.get(index)
        if found is None:
            found = self._read[index] = self._read_node(index)
        return found

    def _read_node(self, index: int) -> tuple[Record | None, list[Finding]]:
        raw = self._nodes[index]
        if type(raw) is not dict:
            if raw is BAD:
                return None, []
            message = f"a node is a JSON object, found {describe(raw)}"
            return None, [Finding("TL011", Severity.ERROR, message, index)]
        reader = Reader(self._document.as_spelled, self._dialect)
        try:
            return reader.read(index, raw), reader.findings
        except NeedsExact:
            tree = self._document.tree_of(index)
            assert tree is not None, "a node that was read has a place"
            reader = Reader(True, self._dialect)
            return reader.read(index, tree.value), reader.findings

    def after(self, document: Document, nodes: list[Any], places: set[int]) -> Records:
        """The records of a later version, where others stand at some places; these must not be used any more."""
        following = Records(document, nodes, self._dialect)
        following._read = self._read
        for place in places:
            following._read.pop(place, None)
        return following
