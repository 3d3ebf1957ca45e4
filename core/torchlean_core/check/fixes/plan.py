"""Nodes that come or go: a plan says which, and becomes edits that renumber everything behind them.

Plans of several findings can be merged, and are written out once. What stands in the text already stays where it
is: only ids, parents and the ends of the root change, and only where they have to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torchlean_core.check.fixes.layout import object_text, remove_elements, set_member
from torchlean_core.check.fixes.model import Edit
from torchlean_core.check.fixes.view import View
from torchlean_core.check.places import place as place_of
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


def new_ids(view: View, plan: Plan) -> dict[int, int]:
    """New id of every node that stays, by its place."""
    before: dict[int, int] = {}
    for insertion in plan.insertions:
        before[insertion.user] = before.get(insertion.user, 0) + len(insertion.chain)
    ids = {}
    count = 0
    for index in range(len(view.records)):
        if index not in plan.removed:
            count += before.get(index, 0)
            ids[index] = count
            count += 1
    return ids


def plan_edits(view: View, plan: Plan) -> tuple[Edit, ...]:
    """The edits of a plan; ids, parents and ends of the text are in order (`View.disciplined`)."""
    text = view.document.text
    ids = new_ids(view, plan)
    chains: dict[int, list[Insertion]] = {}
    for insertion in sorted(plan.insertions, key=lambda one: (one.user, one.operand)):
        chains.setdefault(insertion.user, []).append(insertion)
    fields: dict[int, list[tuple[int, str, Any]]] = {}
    for change in plan.fields:
        fields.setdefault(change[0], []).append(change)
    edits = remove_elements(_spans(view), plan.removed) if plan.removed else []
    for index, new_id in ids.items():
        record = view.records[index]
        assert record is not None and record.parents is not None
        parents = [ids[parent] for parent in record.parents if parent is not None]
        if index not in chains and index not in fields and new_id == index and parents == record.parents:
            continue
        tree = view.document.tree_of(index)
        assert tree is not None
        if index in chains:
            edits.append(_insert(view, tree, index, new_id, chains[index], parents))
        edits += id_edits(tree, record.id, new_id, record.parents, parents)
        edits += [set_member(text, tree, name, value) for _, name, value in fields.get(index, ())]
    return (*edits, *end_edits(view, ids))


def _insert(
    view: View, tree: Tree, index: int, new_id: int, insertions: Sequence[Insertion], parents: list[int]
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
        for node in insertion.chain:
            written.append(object_text(text, tree, node.members(next_id, parent)) + separator)
            parent, next_id = next_id, next_id + 1
        parents[insertion.operand] = parent
    return Edit(tree.start, tree.start, "".join(written))


def id_edits(
    tree: Tree, old_id: int | None, new_id: int, old: Sequence[int | None], new: Sequence[int]
) -> list[Edit]:
    """Edits of a node's id and parents, of those only that change."""
    edits = []
    if old_id != new_id and (pair := tree.member("id")) is not None:
        edits.append(Edit(pair[1].start, pair[1].end, str(new_id)))
    if list(old) != list(new) and (pair := tree.member("parents")) is not None:
        for item, before, after in zip(pair[1].items, old, new, strict=True):
            if before != after:
                edits.append(Edit(item.start, item.end, str(after)))
    return edits


def end_edits(view: View, ids: Mapping[int, int]) -> list[Edit]:
    """Edits of what the root names, where it names nodes that get another id.

    Args:
        view: The graph.
        ids: New ids by place.
    """
    edits = []
    for path, end in view.ends.items():
        place = view.places.get(end)
        if place is not None and ids[place] != end:
            edits.append(Edit(*place_of(view.document, None, path), str(ids[place])))
    return edits


def _spans(view: View) -> list[tuple[int, int]]:
    spans = [view.document.node_span(index) for index in range(len(view.records))]
    return [span for span in spans if span is not None]
