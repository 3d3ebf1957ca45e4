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
    links: Links, start: int, end: int, *, parents: bool = True, targets: bool = True
) -> Iterator[Hint]:
    """The hints between two offsets, in the order of the text.

    Args:
        links: The graph.
        start: First offset.
        end: Last offset.
        parents: Whether to say kind and shape of every parent, and of the ends.
        targets: Whether to say which operator a node was captured from, where that stands on another line.
    """
    document = links.report.document
    spans = document.spans
    if parents and (spans is None or start <= spans.opening or end > spans.closing):
        yield from (hint for hint in _end_hints(links) if start <= hint.offset <= end)
    if spans is None:
        return
    first, last = spans.touched(start, end)
    for index in range(first, min(last, len(links.report.records))):
        record = links.report.records[index]
        if record is not None:
            found = [*_parent_hints(links, record)] if parents else []
            if targets:
                found += _target_hints(links, record)
            yield from (hint for hint in sorted(found) if start <= hint.offset <= end)


def _end_hints(links: Links) -> Iterator[Hint]:
    for name, value in links.ends():
        record = links.record(value)
        if record is not None:
            yield _hint(place(links.report.document, None, (name,))[1], record)


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
    if "\n" in document.text[min(offset, other) : max(offset, other)]:
        yield Hint(offset, f"/* {code(target)} */", "captured from this operator")
