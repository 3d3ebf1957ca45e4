"""Where the nodes of an artifact on disk stand."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from torchlean_core.basics.reading import read_regular
from torchlean_core.capture.record import Record
from torchlean_core.text import Encoding, read_text
from torchlean_ls.lsp import types

_MAX_ARTIFACT = 1 << 26


class Node(NamedTuple):
    """A node of an artifact: its kind, and where it stands."""

    kind: str
    range: types.Range


def artifact_of(record: Record) -> Path | None:
    """The artifact that a capture wrote, where it wrote one."""
    output = (record.result or {}).get("output")
    return Path(output) if isinstance(output, str) else None


def nodes_of(path: Path, encoding: Encoding) -> dict[int, Node]:
    """The nodes of an artifact by id; none where it cannot be read."""
    try:
        status = path.stat()
        if status.st_size > _MAX_ARTIFACT:
            return {}
        return _nodes_of(path, encoding, status.st_mtime_ns, status.st_size)
    except OSError:
        return {}


@lru_cache(4)
def _nodes_of(path: Path, encoding: Encoding, changed: int, size: int) -> dict[int, Node]:
    """The same for one state of the file."""
    text = read_regular(path, _MAX_ARTIFACT).decode("utf-8", "replace")
    document = read_text(text)
    root = document.value
    nodes = root.get("nodes") if isinstance(root, dict) else None
    found = {}
    for index, node in enumerate(nodes if isinstance(nodes, list) else ()):
        number = node.get("id") if isinstance(node, dict) else None
        span = document.node_span(index)
        if type(number) is int and span is not None:
            first, last = document.lines.range(*span, encoding)
            where = types.Range(types.Position(*first), types.Position(*last))
            found[number] = Node(str(node.get("kind")), where)
    return found
