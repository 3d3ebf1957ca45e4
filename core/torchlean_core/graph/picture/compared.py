"""The drawing of two versions of a graph as one: the nodes of both, marked by what became of them."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, replace

from torchlean_core.artifact.diff import FieldChange, GraphDiff
from torchlean_core.check.checker import Report
from torchlean_core.check.nodes import Record
from torchlean_core.graph.clusters import clusters_of
from torchlean_core.graph.picture.drawing import Box, Drawing, box_of, drawing_of, parts_of
from torchlean_core.kinds.numbers import show_shape
from torchlean_core.navigate.explain import code
from torchlean_core.navigate.links import Links
from torchlean_core.text.numbers import Numbers, json_text

_WIDTH = 60
"""Characters of a value that a picture shows."""


@dataclass(frozen=True, slots=True)
class _Side:
    """One version: its records, which are what its ids mean."""

    report: Report

    def record(self, node_id: int) -> Record:
        found = self.report.records[node_id]
        assert found is not None  # the artifact has no errors
        return found


def compared(old: Report, new: Report, diff: GraphDiff, name: str) -> Drawing:
    """The drawing of what changed between two artifacts without errors.

    Removed nodes stand where they were, among those of the new version. Where nodes moved, so that no order suits all
    edges, an edge that would lead back is left out.
    """
    after = drawing_of(new, name)
    olds, news = _Side(old), _Side(new)
    links = Links(old)
    changes = {change.new.id: change for change in diff.changed}
    added = {node.id for node in diff.added}
    boxes: list[Box] = []
    records: list[Record] = []
    for number, box in enumerate(after.boxes):
        record = news.record(number)
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
        record = olds.record(node.id)
        boxes.append(replace(box_of(links, record, ()), mark="removed"))
        records.append(record)
    edges = _edges(old, new, place)
    order = _order(len(boxes), list(edges), _wanted(diff, len(after.boxes)))
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


def _order(count: int, edges: list[tuple[int, int]], wanted: list[tuple[float, int]]) -> list[int]:
    """All places, operands before users, and otherwise as wanted; a cycle is cut at what is wanted first."""
    users: list[list[int]] = [[] for _ in range(count)]
    waits = [0] * count
    for operand, user in edges:
        users[operand].append(user)
        waits[user] += 1
    ready = [(wanted[number], number) for number in range(count) if not waits[number]]
    heapq.heapify(ready)
    rest = sorted(range(count), key=lambda number: wanted[number], reverse=True)
    done = bytearray(count)
    order: list[int] = []
    while len(order) < count:
        if ready:
            number = heapq.heappop(ready)[1]
        else:
            while done[rest[-1]]:
                rest.pop()
            number = rest.pop()
        if done[number]:
            continue
        done[number] = 1
        order.append(number)
        for user in users[number]:
            waits[user] -= 1
            if not waits[user] and not done[user]:
                heapq.heappush(ready, (wanted[user], user))
    return order


def _in_words(change: FieldChange) -> str:
    """A field that differs, in a few words."""
    if not change.in_old:
        return f"{code(change.name)}: added {_show(change.new)}"
    if not change.in_new:
        return f"{code(change.name)}: removed {_show(change.old)}"
    return f"{code(change.name)}: {_show(change.old)} → {_show(change.new)}"


def _show(value: object) -> str:
    if isinstance(value, Numbers):
        shape = value.shape()
        return "numbers" if shape is None else f"numbers {show_shape(shape)}"
    text = code(json_text(value, default=str))
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"
