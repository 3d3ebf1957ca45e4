"""Hints beside the text: what the ids in it mean."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from torchlean_core.check.nodes import Record
from torchlean_core.check.places import place
from torchlean_core.kinds.numbers import show
from torchlean_core.navigate.explain import code, value_text
from torchlean_core.navigate.links import Links


class Hint(NamedTuple):
    """A hint: the offset behind which it is shown, its text, and more when it is pointed at."""

    offset: int
    label: str
    tooltip: str


def hints(
    links: Links,
    start: int,
    end: int,
    *,
    parents: bool = True,
    targets: bool = True,
    limit: int | None = None,
) -> tuple[list[Hint], int]:
    """The hints between two offsets, in the order of the text.

    Args:
        links: The graph.
        start: First offset.
        end: Last offset.
        parents: Whether to say kind and shape of every parent, and of the ends.
        targets: Whether to say which operator a node was captured from, where that stands on another line.
        limit: No node is looked at once there are so many hints; none for no limit.

    Returns:
        The hints, and how many nodes were not looked at: finding their places would take longest.
    """
    document = links.report.document
    spans = document.spans
    found: list[Hint] = []
    if parents and (spans is None or start <= spans.opening or end > spans.closing):
        found += (hint for hint in _end_hints(links) if start <= hint.offset <= end)
    if spans is None or not (parents or targets):
        return found, 0
    first, last = spans.touched(start, end)
    last = min(last, len(links.report.records))
    for index in range(first, last):
        if limit is not None and len(found) >= limit:
            return found, last - index
        record = links.report.records[index]
        if record is not None:
            inside = [*_parent_hints(links, record)] if parents else []
            if targets:
                inside += _target_hints(links, record)
            found += (hint for hint in sorted(inside) if start <= hint.offset <= end)
    return found, 0


def _end_hints(links: Links) -> Iterator[Hint]:
    for path, value in links.ends():
        record = links.record(value)
        if record is not None:
            yield _hint(place(links.report.document, None, path)[1], record)


def _parent_hints(links: Links, record: Record) -> Iterator[Hint]:
    for position, parent in enumerate(links.parents(record)):
        if parent is not None:
            yield _hint(place(links.report.document, record.index, ("parents", position))[1], parent)


def _hint(offset: int, record: Record) -> Hint:
    target = record.raw.get("debug_target")
    tooltip = f"node {show(record.ref)}"
    if isinstance(target, str) and target:
        tooltip += f", captured from {code(target)}"
    return Hint(offset, f"/* {code(record.kind or '?')} {value_text(record)} */", tooltip)


def _target_hints(links: Links, record: Record) -> Iterator[Hint]:
    target = record.raw.get("debug_target")
    if not isinstance(target, str) or not target or "kind" not in record.raw:
        return
    document = links.report.document
    offset = place(document, record.index, ("kind",))[1]
    other = place(document, record.index, ("debug_target",))[0]
    if document.text.find("\n", min(offset, other), max(offset, other)) >= 0:
        yield Hint(offset, f"/* {code(target)} */", "captured from this operator")
