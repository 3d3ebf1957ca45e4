"""The graph as an outline: one entry per node, what it is searched by, what can be folded."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from torchlean_core.check.nodes import Record
from torchlean_core.check.places import place
from torchlean_core.kinds import INPUT, Dialect, Kind, TupleKind
from torchlean_core.kinds.numbers import show
from torchlean_core.navigate.explain import code, value_text
from torchlean_core.navigate.links import Links
from torchlean_core.text.numbers import Numbers

ROLES = ("input", "constant", "layer", "tuple", "operation", "unknown")
"""What sort of thing a node is in an outline."""


class Entry(NamedTuple):
    """One node: its place in `nodes`, name, a few words, its role, and the offsets of its text."""

    place: int
    name: str
    detail: str
    role: str
    span: tuple[int, int]


def entries(links: Links, first: int = 0, last: int | None = None) -> Iterator[Entry]:
    """The nodes `[first:last]` as entries of an outline."""
    spans = links.report.document.spans
    if spans is None:
        return
    records = links.report.records
    starts, ends = spans.starts, spans.ends
    for index in range(first, min(len(records), len(spans), len(records) if last is None else last)):
        record = records[index]
        if record is not None:
            yield Entry(
                index,
                name_of(record),
                detail_of(record),
                role_of(links, record),
                (starts[index], ends[index]),
            )


def name_of(record: Record) -> str:
    """How a node is called: id and kind."""
    return f"{show(record.ref)} {code(record.kind or '?')}"


def detail_of(record: Record) -> str:
    """Its shape, operands and module."""
    detail = value_text(record)
    if record.parents:
        parents = ["?" if parent is None else show(parent) for parent in record.parents[:8]]
        detail += f" ← {', '.join(parents)}{', …' if len(record.parents) > 8 else ''}"
    source = record.raw.get("source")
    module = source.get("module") if isinstance(source, dict) else None
    return f"{detail} · {code(module)}" if isinstance(module, str) and module else detail


def role_of(links: Links, record: Record) -> str:
    """What sort of thing a node is, one of `ROLES`."""
    return "tuple" if record.is_tuple else _role(links.dialect, record.kind)


@lru_cache(256)
def _role(dialect: Dialect, kind: str | None) -> str:
    entry = None if kind is None else dialect.kind(kind)
    if isinstance(entry, TupleKind):
        return "tuple"
    if not isinstance(entry, Kind):
        return "unknown"
    if entry.name == INPUT:
        return "input"
    if entry.arity == (0, 0):
        return "constant"
    return "layer" if entry.params else "operation"


def search_texts(record: Record) -> tuple[str, ...]:
    """What a node is searched by, in small letters: id and kind, module, the node of an ONNX file, and target."""
    source = record.raw.get("source")
    module = source.get("module") if isinstance(source, dict) else None
    node = source.get("node") if isinstance(source, dict) else None
    target = record.raw.get("debug_target")
    texts = [f"{record.ref} {record.kind or ''}", module, node, target]
    return tuple(text.lower() for text in texts if isinstance(text, str))


def matches(texts: tuple[str, ...], query: str) -> bool:
    """Whether a node is meant by a search: the letters of the query stand, in order, in one of its texts."""
    return not query or any(_in_order(query.lower(), text) for text in texts)


def _in_order(query: str, text: str) -> bool:
    position = 0
    for char in query:
        if char.isspace():
            continue
        position = text.find(char, position) + 1
        if not position:
            return False
    return True


def folds(links: Links) -> Iterator[tuple[int, int]]:
    """Offsets of what can be folded: the array of nodes, the nodes, the arrays and objects of the root.

    Of what is in a node, only a long array of numbers can, and as one.
    """
    document = links.report.document
    root = document.root
    if root is None:
        return
    for key, value in root.members:
        if isinstance(value.value, dict | list) and key.value != "nodes":
            yield value.start, value.end
    spans = document.spans
    if spans is None:
        return
    yield spans.opening, min(spans.closing + 1, len(document.text))
    for index in range(len(spans)):
        yield spans.starts[index], spans.ends[index]
        raw = links.nodes[index] if index < len(links.nodes) else None
        for key, value in raw.items() if type(raw) is dict else ():
            if type(value) is Numbers:
                yield place(document, index, (key,))
