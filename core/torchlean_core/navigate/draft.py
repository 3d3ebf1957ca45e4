"""The node that is being typed: what is there of it, and what fits it."""

from __future__ import annotations

from typing import Any

from torchlean_core.check.nodes import Record
from torchlean_core.kinds import Dialect, Kind, Shape
from torchlean_core.navigate.cursor import Cursor
from torchlean_core.navigate.guess import guess_fields, guess_shape
from torchlean_core.navigate.links import Links


class Draft:
    """The node at the cursor, as far as it is there."""

    def __init__(self, links: Links, cursor: Cursor) -> None:
        self.links = links
        members = cursor.members
        own = members.get("id")
        self.index = cursor.index
        self.id = own if type(own) is int and own >= 0 else cursor.index
        name = members.get("kind")
        self.kind = name if isinstance(name, str) else None
        self.is_tuple = members.get("value_kind") == "tuple"
        self.entry = None if self.kind is None else links.dialect.kind(self.kind)
        parents = members.get("parents")
        self.parents: list[Any] | None = parents if isinstance(parents, list) else None
        self.members = members

    @property
    def dialect(self) -> Dialect:
        """The dialect of the file."""
        return self.links.dialect

    def operands(self) -> list[Record | None] | None:
        """The nodes that its parents mean; None where it has no parents yet."""
        if self.parents is None:
            return None
        return [self.earlier(parent) for parent in self.parents]

    def earlier(self, parent: Any) -> Record | None:
        """The node of an id, where it may be an operand."""
        if type(parent) is not int or not 0 <= parent < self.id:
            return None
        return self.links.record(parent)

    def shapes(self) -> list[list[int]] | None:
        """The operands' shapes; None where one has none."""
        found = [one.shape if one is not None and not one.is_tuple else None for one in self.operands() or ()]
        return None if None in found else [shape for shape in found if shape is not None]

    def likely(self, kind: Kind) -> list[Shape]:
        """The operands' shapes, or those of the nodes before, where the operands are not there yet."""
        shapes = self.shapes()
        if self.parents and shapes:
            return list(shapes)
        needed = kind.arity[0]
        found: list[Shape] = []
        before = self.id - 1
        while before >= 0 and len(found) < needed and before > self.id - 50:
            record = self.links.record(before)
            shape = record.shape if record is not None and not record.is_tuple else None
            if shape is not None and (not found or list(found[0]) == shape):
                found.append(shape)
            before -= 1
        while found and len(found) < needed:
            found.append(found[0])
        return found

    def likely_parents(self, kind: Kind) -> list[int]:
        """Ids for the operands of a kind: the last node, and for a second one the one before of equal shape."""
        needed = kind.arity[0]
        last = self.links.record(self.id - 1)
        found = [self.id - 1] if needed and self.id else []
        before = self.id - 2
        while before >= 0 and len(found) < needed and before > self.id - 50:
            record = self.links.record(before)
            if record is not None and last is not None and record.shape == last.shape:
                found.insert(0, before)
            before -= 1
        while found and len(found) < needed:
            found.insert(0, found[0])
        return found

    def inferred(self) -> list[int] | None:
        """The shape that its kind gives, where that can be said."""
        entry = self.entry
        shapes = self.shapes()
        if not isinstance(entry, Kind) or self.parents is None or shapes is None:
            return None
        if entry is self.dialect.getitem:
            return self._component()
        known = {field.name: self.members[field.name] for field in entry.fields if field.name in self.members}
        if any(field.required and field.name not in known for field in entry.fields):
            return None
        return guess_shape(entry, shapes, known)

    def _component(self) -> list[int] | None:
        operands = self.operands() or [None]
        shapes = operands[0].tuple_shapes if operands[0] is not None else None
        index = self.members.get("index")
        if shapes is None or type(index) is not int or not 0 <= index < len(shapes):
            return None
        return shapes[index]


def fit(draft: Draft, kind: Kind, count: int | None, tuples: list[bool | None]) -> int:
    """How well a kind fits the operands: 1 its shape rule accepts them, 2 their number fits, 3 neither."""
    low, high = kind.arity
    if kind is draft.dialect.getitem:
        return 1 if tuples == [True] else 3
    if any(tuples):
        return 3
    if draft.id == 0 and count is None:
        return 1 if low == 0 else 3
    if count is not None and not (low <= count and (high is None or count <= high)):
        return 3
    shapes = draft.likely(kind)
    fields = guess_fields(kind, shapes, draft.members)
    if fields is None or guess_shape(kind, shapes, fields) is None:
        return 3 if count else 2
    if not low and draft.id and count is None:
        return 2  # another source: possible anywhere
    declared = draft.members.get("shape")
    if isinstance(declared, list) and not kind.declared and not kind.fields:
        return 1 if guess_shape(kind, shapes, fields) == declared else 2
    return 1


def takes(draft: Draft, cursor: Cursor, record: Record) -> bool:
    """Whether the kind accepts a node as the operand that is typed."""
    entry = draft.entry
    if not isinstance(entry, Kind):
        return True
    if entry is draft.dialect.getitem:
        return bool(record.is_tuple)
    if record.is_tuple or record.shape is None:
        return False
    shapes: list[Shape] = []
    for parent in (*cursor.items, record.ref, *cursor.others):
        operand = record if parent == record.ref else draft.earlier(parent)
        if operand is None or operand.shape is None:
            return False
        shapes.append(operand.shape)
    shapes += [shapes[-1]] * (entry.arity[0] - len(shapes))
    fields = guess_fields(entry, shapes, draft.members)
    return fields is not None and guess_shape(entry, shapes, fields) is not None
