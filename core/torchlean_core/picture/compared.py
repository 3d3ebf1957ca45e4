"""The drawing of two versions of a graph as one: the nodes of both, marked by what became of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from torchlean_core.artifact.diff import FieldChange, GraphDiff
from torchlean_core.basics.sequences import first_things_first
from torchlean_core.check.nodes import Record
from torchlean_core.check.report import Report
from torchlean_core.graph.clusters import clusters_of
from torchlean_core.navigate.explain import code
from torchlean_core.navigate.links import Links
from torchlean_core.picture.drawing import Box, Drawing, box_of, drawing_of, parts_of, short_value

_WIDTH = 60
"""Characters of a value that a picture shows."""


def compared(old: Report, new: Report, diff: GraphDiff, name: str) -> Drawing:
    """The drawing of what changed between two artifacts without errors.

    Removed nodes stand where they were, among those of the new version. Where nodes moved, so that no order suits all
    edges, an edge that would lead back is left out.
    """
    after = drawing_of(new, name)
    links = Links(old)
    changes = {change.new.id: change for change in diff.changed}
    added = {node.id for node in diff.added}
    boxes: list[Box] = []
    records: list[Record] = []
    for number, box in enumerate(after.boxes):
        record = _record(new, number)
        change = changes.get(number)
        mark = ""
        words: tuple[str, ...] = ()
        if number in added:
            mark = "added"
        elif change is not None:
            mark = "changed" if change.fields else "moved"
            words = tuple(_in_words(field) for field in change.fields)
        boxes.append(replace(box, mark=mark, changes=words))
        records.append(record)
    place = dict(diff.ids)  # old id to place in `boxes`
    for node in diff.removed:
        place[node.id] = len(boxes)
        record = _record(old, node.id)
        boxes.append(replace(box_of(links, record, ()), mark="removed"))
        records.append(record)
    edges = _edges(old, new, place)
    order = _order(len(boxes), edges, _wanted(diff, len(after.boxes)))
    position = {number: at for at, number in enumerate(order)}
    moved = {(position[a], position[b]): mark for (a, b), mark in edges.items() if position[a] < position[b]}
    pairs = sorted(moved, key=lambda pair: pair[1])
    sorted_records = [records[number] for number in order]
    return Drawing(
        after.name,
        tuple(boxes[number] for number in order),
        tuple(pairs),
        after.has_many_outputs,
        clusters_of(parts_of(sorted_records, pairs)),
        {pair: mark for pair, mark in moved.items() if mark},
    )


def _edges(old: Report, new: Report, place: dict[int, int]) -> dict[tuple[int, int], str]:
    """The edges of both versions as pairs of places, with their marks."""
    before = dict.fromkeys(
        (place[parent], place[number])
        for number, record in enumerate(old.records)
        if record is not None
        for parent in record.parents or ()
        if parent is not None
    )
    after = dict.fromkeys(
        (parent, number)
        for number, record in enumerate(new.records)
        if record is not None
        for parent in record.parents or ()
        if parent is not None
    )
    found = {pair: "" if pair in before else "added" for pair in after}
    found.update({pair: "removed" for pair in before if pair not in after})
    return found


def _wanted(diff: GraphDiff, count: int) -> list[tuple[float, int]]:
    """For every place where it should stand: a removed node after what stood before it."""
    wanted: list[tuple[float, int]] = [(float(number), 0) for number in range(count)]
    before = -1.0
    removed = {node.id for node in diff.removed}
    for old_id in range(max([*diff.ids, *removed], default=-1) + 1):
        if old_id in removed:
            wanted.append((before + 0.5, old_id))
        else:
            before = float(diff.ids[old_id])
    return wanted


def _order(count: int, edges: Iterable[tuple[int, int]], wanted: list[tuple[float, int]]) -> list[int]:
    """All places, operands before users, and otherwise as wanted; a cycle is cut at what is wanted first."""
    users: dict[int, list[int]] = {}
    for operand, user in edges:
        users.setdefault(operand, []).append(user)
    return first_things_first(sorted(range(count), key=lambda number: wanted[number]), users)


def _in_words(change: FieldChange) -> str:
    """A field that differs, in a few words."""
    return change.in_words(code(change.name), lambda value: short_value(value, _WIDTH), "→")


def _record(report: Report, node_id: int) -> Record:
    found = report.records[node_id]
    assert found is not None  # the artifact has no errors
    return found
