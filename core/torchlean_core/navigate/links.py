"""The edges of an artifact: which node an id means, and every place that names it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torchlean_core.basics.lazy import lazy
from torchlean_core.check.nodes import Record
from torchlean_core.check.report import Report
from torchlean_core.kinds import Dialect, Kind, TupleKind
from torchlean_core.kinds.spec import Path
from torchlean_core.navigate.spots import Spot


@dataclass(frozen=True, slots=True)
class Use:
    """A place that names a node: place of the node that it stands in (None for the root), and path there."""

    index: int | None
    path: Path


class Links:
    """Who is where, and who uses whom, in one checked text; works for texts with errors too.

    Attributes:
        report: The check of the text.
    """

    def __init__(self, report: Report) -> None:
        self.report = report

    @property
    def dialect(self) -> Dialect:
        """The dialect of the file."""
        return self.report.dialect

    def entry(self, record: Record) -> Kind | TupleKind | None:
        """What the dialect knows of a node's kind, whatever the node holds."""
        return None if record.kind is None else self.dialect.kind(record.kind)

    @lazy
    def nodes(self) -> list[Any]:
        """The elements of `nodes`, as far as they can be read."""
        root = self.report.document.value
        nodes = root.get("nodes") if isinstance(root, dict) else None
        return nodes if isinstance(nodes, list) and len(nodes) == len(self.report.records) else []

    @lazy
    def users(self) -> dict[int, list[tuple[int, int]]]:
        """For every id that is named as a parent: (place of the user, position in its parents), in order."""
        found: dict[int, list[tuple[int, int]]] = {}
        for index, raw in enumerate(self.nodes):
            parents = raw.get("parents") if type(raw) is dict else None
            if type(parents) is not list:
                continue
            for position, parent in enumerate(parents):
                if type(parent) is not int:  # 2.0 is an id too: the record knows
                    record = self.report.records[index]
                    parent = (record.parents or parents)[position] if record is not None else None
                if type(parent) is int:
                    found.setdefault(parent, []).append((index, position))
        return found

    def users_of(self, node_id: int) -> list[tuple[int, int]]:
        """The users of one node, without looking up those of all."""
        if "users" in self.__dict__:
            return self.users.get(node_id, [])
        try:
            places = [index for index, raw in enumerate(self.nodes) if node_id in raw["parents"]]
        except (KeyError, TypeError):  # something there is no node
            return self.users.get(node_id, [])
        return [
            (index, position)
            for index in places
            for position, parent in enumerate(self.nodes[index]["parents"])
            if parent == node_id and type(parent) in (int, float)
        ]

    @lazy
    def disciplined(self) -> bool:
        """Whether every node's id is its place."""
        try:
            return [raw["id"] for raw in self.nodes] == list(range(len(self.nodes)))
        except (KeyError, TypeError):
            return False

    def record(self, node_id: int) -> Record | None:
        """The node that an id means: the one that stands at its place, else the first that has the id."""
        records = self.report.records
        if 0 <= node_id < len(records):
            record = records[node_id]
            if record is not None and record.ref == node_id:
                return record
        return self.report.by_id.get(node_id)

    def parents(self, record: Record) -> list[Record | None]:
        """The nodes that a node's parent ids mean, None for each that means none."""
        return [self.record(parent) if parent is not None else None for parent in record.parents or ()]

    def ends(self) -> Iterator[tuple[Path, int]]:
        """The places of the root that name a node, with its id."""
        root = self.report.document.value
        for path, value in self.dialect.ends_of(root) if isinstance(root, dict) else ():
            node_id = _natural(value)
            if node_id is not None:
                yield path, node_id

    def named(self, spot: Spot) -> int | None:
        """The node id that stands at a spot: an `id`, a parent, an end of the root; None anywhere else."""
        if spot.on_key:
            return None
        if spot.index is None:
            return _natural(spot.value) if self.is_end(spot.path) else None
        record = self.report.records[spot.index]
        if record is None:
            return None
        if spot.path == ("id",):
            return record.id
        if len(spot.path) == 2 and spot.path[0] == "parents" and isinstance(spot.path[1], int):
            parents = record.parents or []
            return parents[spot.path[1]] if spot.path[1] < len(parents) else None
        return None

    def is_end(self, path: Path) -> bool:
        """Whether a node's id stands, or could stand, at a place of the root."""
        depth = 2 if self.dialect.many_outputs and path[:1] == (self.dialect.output_field,) else 1
        return len(path) == depth and path[0] in self.dialect.end_fields

    def declarations(self, node_id: int) -> list[Use]:
        """Every `id` field that says this id; more than one where ids are not unique."""
        first = self.record(node_id)
        if first is None or first.id is None:
            return []
        records = self.report.records
        if self.disciplined:
            return [Use(first.index, ("id",))]
        return [
            Use(record.index, ("id",)) for record in records if record is not None and record.id == node_id
        ]

    def uses(self, node_id: int) -> Iterator[Use]:
        """Every place that names a node: the ends of the root, then parents in order."""
        for path, value in self.ends():
            if value == node_id:
                yield Use(None, path)
        for index, position in self.users_of(node_id):
            yield Use(index, ("parents", position))


def _natural(value: Any) -> int | None:
    """A natural number, also one that was read as a float."""
    if type(value) is int and value >= 0:
        return value
    if type(value) is float and value >= 0 and value.is_integer():
        return int(value)
    return None
