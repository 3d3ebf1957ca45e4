"""Nodes that come or go: a plan says which, and becomes edits that renumber everything behind them.

Plans of several findings can be merged, and are written out once. What stands in the text already stays where it
is: only ids, parents and the ends of the root change, and only where they have to.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torchlean_core.check.fixes.edit import Edit
from torchlean_core.check.fixes.layout import object_text, remove_elements, set_member
from torchlean_core.check.fixes.view import Parents, View
from torchlean_core.check.places import place as place_of
from torchlean_core.kinds.spec import Path
from torchlean_core.text.tree import Tree


@dataclass(frozen=True, slots=True)
class New:
    """A node with one parent that does not exist yet."""

    kind: str
    shape: tuple[int, ...]
    fields: Mapping[str, Any]

    def members(self, node_id: int, parent: int) -> dict[str, Any]:
        """The JSON object."""
        shape = list(self.shape)
        return {"id": node_id, "kind": self.kind, "parents": [parent], "shape": shape, **self.fields}


@dataclass(frozen=True, slots=True)
class Insertion:
    """New nodes between an operand and its user.

    Attributes:
        user: Place of the user.
        operand: Position of the operand in the user's parents.
        chain: The new nodes, each the parent of the next; the last becomes the user's parent.
    """

    user: int
    operand: int
    chain: tuple[New, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """A change of the graph's structure, by the places of the present nodes.

    Attributes:
        insertions: Nodes that come.
        removed: Places of the nodes that go; nobody who stays uses them.
        fields: New values of single fields: (place, name, value).
    """

    insertions: tuple[Insertion, ...] = ()
    removed: frozenset[int] = frozenset()
    fields: tuple[tuple[int, str, Any], ...] = ()

    def shifted(self, view: View) -> int:
        """Number of keyed nodes that get another id or go; of a plan that only inserts, or only removes."""
        starts = [*(insertion.user for insertion in self.insertions), *self.removed]
        return view.keyed_from(min(starts)) if starts else 0


def merge(plans: Iterable[Plan]) -> Plan:
    """One plan that does what all do; what concerns a removed node falls away."""
    plans = list(plans)
    removed = frozenset[int]().union(*(plan.removed for plan in plans))
    insertions: dict[tuple[int, int], Insertion] = {}
    fields: dict[tuple[int, str], tuple[int, str, Any]] = {}
    for plan in plans:
        for insertion in plan.insertions:
            if insertion.user not in removed:
                insertions.setdefault((insertion.user, insertion.operand), insertion)
        for change in plan.fields:
            if change[0] not in removed:
                fields.setdefault(change[:2], change)
    return Plan(tuple(insertions.values()), removed, tuple(fields.values()))


class Shift:
    """What ids become where nodes come or go: all others close up, or make room, and mean what they meant.

    An id that names no node follows its neighbours, so that it still names none.
    """

    def __init__(self, plan: Plan) -> None:
        changes: dict[int, int] = dict.fromkeys(plan.removed, -1)
        for insertion in plan.insertions:
            changes[insertion.user] = changes.get(insertion.user, 0) + len(insertion.chain)
        self._from = sorted(changes)
        self._moved = [0]
        for place in self._from:
            self._moved.append(self._moved[-1] + changes[place])

    def __call__(self, number: int) -> int:
        """The new id, or place, for an old one that stays."""
        return number + self._moved[bisect.bisect_right(self._from, number)]


def plan_edits(view: View, plan: Plan) -> tuple[Edit, ...]:
    """The edits of a plan; the users of new nodes take them (`View.takes_before`), those that go are settled."""
    text = view.document.text
    shift = Shift(plan)
    chains: dict[int, list[Insertion]] = {}
    for insertion in sorted(plan.insertions, key=lambda one: (one.user, one.operand)):
        chains.setdefault(insertion.user, []).append(insertion)
    fields: dict[int, list[tuple[int, str, Any]]] = {}
    for change in plan.fields:
        fields.setdefault(change[0], []).append(change)
    edits = remove_elements(_spans(view), plan.removed) if plan.removed else []
    for index, ref in enumerate(view.refs):
        if index in plan.removed or ref is None:
            continue
        old = view.parents[index]
        new = None if old is None else [None if parent is None else shift(parent) for parent in old]
        if index not in chains and index not in fields and shift(ref) == ref and new == old:
            continue
        if index in chains:
            tree = view.document.tree_of(index)
            assert tree is not None and new is not None
            edits.append(_insert(view, tree, index, shift(index), chains[index], new))
        node_id = view.ids[index]
        edits += id_edits(view, index, node_id, None if node_id is None else shift(node_id), old, new)
        for _, name, value in fields.get(index, ()):
            tree = view.document.tree_of(index)
            assert tree is not None
            edits.append(set_member(text, tree, name, value))
    return (*edits, *end_edits(view, {path: shift(end) for path, end in view.ends.items()}))


def _insert(
    view: View, tree: Tree, index: int, new_id: int, insertions: Sequence[Insertion], parents: Parents
) -> Edit:
    """The text of the nodes in front of a user; makes them its parents."""
    text = view.document.text
    before = view.document.node_span(index - 1)
    assert before is not None
    separator = text[before[1] : tree.start]
    next_id = new_id - sum(len(insertion.chain) for insertion in insertions)
    written = []
    for insertion in insertions:
        parent = parents[insertion.operand]
        assert parent is not None, "new nodes stand behind an operand"
        for node in insertion.chain:
            written.append(object_text(text, tree, node.members(next_id, parent)) + separator)
            parent, next_id = next_id, next_id + 1
        parents[insertion.operand] = parent
    return Edit(tree.start, tree.start, "".join(written))


def id_edits(
    view: View, index: int, old_id: int | None, new_id: int | None, old: Parents | None, new: Parents | None
) -> list[Edit]:
    """Edits of a node's id and parents, of those only that change.

    Args:
        view: The graph.
        index: Place of the node.
        old_id: Its id; None for one that has none, or an unreadable one: it stays.
        new_id: Its new id.
        old: Its parents.
        new: Its new parents, as many.
    """
    edits = []
    if old_id is not None and old_id != new_id:
        edits.append(Edit(*place_of(view.document, index, ("id",)), str(new_id)))
    if old is not None and new is not None and old != new:
        for position, (before, after) in enumerate(zip(old, new, strict=True)):
            if before != after and after is not None:
                edits.append(Edit(*place_of(view.document, index, ("parents", position)), str(after)))
    return edits


def end_edits(view: View, ends: Mapping[Path, int]) -> list[Edit]:
    """Edits of what the root names, of those ends only that change."""
    return [
        Edit(*place_of(view.document, None, path), str(end))
        for path, end in ends.items()
        if end != view.ends[path]
    ]


def _spans(view: View) -> list[tuple[int, int]]:
    spans = [view.document.node_span(index) for index in range(len(view.records))]
    return [span for span in spans if span is not None]
