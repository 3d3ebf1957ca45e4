"""Other numbers for the same graph: an order of its nodes, an id for each, and what that does to the errors.

What an id means is decided as the checker decides it, and stays: every edge and every end leads to the node it led to.
One that leads nowhere goes on to lead nowhere.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from torchlean_core.basics.sequences import first_things_first
from torchlean_core.check.findings import Finding, Severity
from torchlean_core.check.fixes.edit import Edit, apply_edits
from torchlean_core.check.fixes.plan import end_edits, id_edits
from torchlean_core.check.fixes.view import Parents, View, by_ref
from torchlean_core.check.judge import Judge
from torchlean_core.check.nodes import Record
from torchlean_core.check.root import check_endpoints
from torchlean_core.kinds import INPUT
from torchlean_core.kinds.dialect import INPUT_FIELD
from torchlean_core.kinds.spec import Path


@dataclass(slots=True)
class Numbering:
    """Numbers for the nodes of a graph, by their present places.

    Attributes:
        order: The places in their new order.
        ids: New id of each node; None where it has none that could be changed.
        refs: New id that others mean each node with; None for what is no node.
        parents: New parents of each node.
        ends: What the root names.
        strays: Ids that name no node, and what they become, where they have to become others.
    """

    order: list[int]
    ids: list[int | None]
    refs: list[int | None]
    parents: list[Parents | None]
    ends: dict[Path, int]
    strays: dict[int, int] = field(default_factory=dict)


def renumbered(view: View, order: Sequence[int], *, first: bool = False) -> Numbering:
    """Every id its node's place in an order.

    Args:
        view: The graph.
        order: Present places in their new order.
        first: Whether an id that several nodes have means the first of them, and not the last before its user.
    """
    count = len(order)
    numbers = _numbers(order)
    strays: dict[int, int] = {}

    def new(ref: int | None, user: int | None) -> int | None:
        if ref is None:
            return None
        several = view.shared.get(ref)
        place = several[0] if first and several is not None else view.place(ref, user)
        if place is not None:
            return numbers[place]
        if ref < count:
            strays[ref] = ref + count
            return ref + count
        return ref

    ends = {}
    for path, end in view.ends.items():
        # Of several nodes with the id that the input has, the one that can be it is meant.
        inputs = [place for place in view.shared.get(end, ()) if _is_input(view, place)]
        number = numbers[inputs[0]] if path[0] == INPUT_FIELD and inputs else new(end, None)
        ends[path] = end if number is None else number
    return Numbering(
        list(order),
        [None if node_id is None else numbers[place] for place, node_id in enumerate(view.ids)],
        [None if ref is None else numbers[place] for place, ref in enumerate(view.refs)],
        [
            None if parents is None else [new(parent, place) for parent in parents]
            for place, parents in enumerate(view.parents)
        ],
        ends,
        strays,
    )


def _is_input(view: View, place: int) -> bool:
    record = view.records[place]
    return record is not None and record.kind == INPUT


def _numbers(order: Sequence[int]) -> list[int]:
    """New number of each place."""
    found = [0] * len(order)
    for number, place in enumerate(order):
        found[place] = number
    return found


def with_id(view: View, index: int, node_id: int) -> Numbering:
    """The present numbers, but for the id of one node."""
    found = Numbering(
        list(range(len(view.ids))), list(view.ids), list(view.refs), list(view.parents), dict(view.ends)
    )
    found.ids[index] = found.refs[index] = node_id
    return found


def numbering_edits(view: View, new: Numbering) -> tuple[Edit, ...]:
    """The edits that give the nodes their numbers, and put them in order; every node keeps its own text."""
    document = view.document
    edits: list[Edit] = []
    for number, place in enumerate(new.order):
        changes = id_edits(
            view, place, view.ids[place], new.ids[place], view.parents[place], new.parents[place]
        )
        if number == place:
            edits += changes
            continue
        span, source = document.node_span(number), document.node_span(place)
        assert span is not None and source is not None
        inside = [Edit(edit.start - source[0], edit.end - source[0], edit.text) for edit in changes]
        edits.append(Edit(*span, apply_edits(document.text[source[0] : source[1]], inside)))
    return (*edits, *end_edits(view, new.ends))


# -- orders -------------------------------------------------------------------------------------------------


def by_id(view: View) -> list[int] | None:
    """The order by id; None where the ids are not 0, 1, 2 and so on."""
    count = len(view.ids)
    if (
        len(view.places) != count
        or None in view.ids
        or any(index not in view.places for index in range(count))
    ):
        return None
    return [view.places[index] for index in range(count)]


def topological(view: View) -> list[int]:
    """The order nearest to the present one in which parents come first, as far as there is one: cycles stay."""
    return first_things_first(range(len(view.ids)), view.users)


# -- what it does to the errors -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Outcome:
    """What other numbers do to the errors.

    Attributes:
        change: How many more there are.
        new: How many are others than before, where more can be read then.
    """

    change: int
    new: int


def outcome(view: View, new: Numbering) -> Outcome:
    """What other numbers do to the errors: of the nodes whose operands become others, ids out of place, and ends."""
    places = _Places(new)
    changed = set()
    for place, (parents, others) in enumerate(zip(view.parents, new.parents, strict=True)):
        for parent, other in zip(parents or (), others or (), strict=True):
            if _operand(view, parent, place) != places.operand(other, place):
                changed.add(place)
    for place in tuple(changed):
        record = view.records[place]
        if record is not None and record.is_tuple:
            changed.update(view.users.get(place, ()))
    before, after = _Judged(view, view.find), _Judged(view, places.finder(view), new.order)
    for place in changed:
        record = view.records[place]
        if record is not None:
            before.add(record)
            after.add(places.record(record))
    numbers = places.numbers
    misplaced = sum(node_id is not None and node_id != place for place, node_id in enumerate(view.ids))
    still = sum(node_id is not None and node_id != numbers[place] for place, node_id in enumerate(new.ids))
    ends_before, ends_after = _ends(view, view.ends, before), _ends(view, new.ends, after)
    change = len(after.errors) - len(before.errors) + still - misplaced + ends_after - ends_before
    more = Counter(after.errors) - Counter(before.errors)
    more_ids, more_ends = max(still - misplaced, 0), max(ends_after - ends_before, 0)
    return Outcome(change, more_ids + more_ends + more.total())


def _operand(view: View, parent: int | None, user: int) -> int | None:
    own = view.refs[user]
    if parent is None or own is None or parent >= own:
        return None
    place = view.places.get(parent)
    if place is None:
        place = view.place(parent, user)
    return place if place is not None and place < user else None


class _Places:
    """Who is who under other numbers."""

    def __init__(self, new: Numbering) -> None:
        self.new = new
        self.numbers = _numbers(new.order)
        self._once, self._twice = by_ref(new.refs[place] for place in new.order)

    def operand(self, parent: int | None, user: int) -> int | None:
        """Present place of the operand that a parent id of a node names, where it is an earlier one."""
        own = self.new.refs[user]
        if parent is None or own is None or parent >= own:
            return None
        return self._before(parent, self.numbers[user])

    def _before(self, ref: int, number: int) -> int | None:
        found = self._once.get(ref, -1)
        if found < 0:
            found = max((one for one in self._twice.get(ref, ()) if one < number), default=-1)
        return self.new.order[found] if 0 <= found < number else None

    def record(self, record: Record) -> Record:
        """A node's record under its new numbers."""
        moved = copy.copy(record)
        place = record.index
        moved.index, moved.id = self.numbers[place], self.new.ids[place]
        ref = self.new.refs[place]
        assert ref is not None, "a node has an id, or goes by its place"
        moved.ref, moved.parents = ref, self.new.parents[place]
        return moved

    def finder(self, view: View) -> Any:
        """What the checker asks for: (id, place) to the node of that id before the place."""

        def find(ref: int, before: int) -> Record | None:
            place = self._before(ref, before)
            record = view.records[place] if place is not None else None
            return self.record(record) if record is not None else None

        return find


class _Judged:
    """The errors of some nodes, by their present places, but for ids out of place."""

    def __init__(self, view: View, find: Any, order: Sequence[int] | None = None) -> None:
        self.find = find
        self._order = order
        self._judge = Judge(find, view.dialect)
        self.errors: list[tuple[int, str]] = []
        self._told: set[tuple[int, str, str]] = set()

    def add(self, record: Record) -> None:
        """Judge a node; what several projections say of one attention counts once."""
        for found in self._judge.judge(record, []):
            if found.severity is not Severity.ERROR or found.code == "TL101" or found.index is None:
                continue
            place = found.index if self._order is None else self._order[found.index]
            told = (place, found.code, found.message)
            if found.index == record.index or told not in self._told:
                self._told.add(told)
                self.errors.append((place, found.code))


def _ends(view: View, ends: dict[Path, int], judged: _Judged) -> int:
    """Number of ends that name nothing usable."""
    root: dict[str, Any] = {}
    for path, end in ends.items():
        if len(path) == 1:
            root[str(path[0])] = end
        else:
            root.setdefault(str(path[0]), []).append(end)
    findings: list[Finding] = []
    count = len(view.records)
    check_endpoints(root, view.dialect, count, lambda ref: judged.find(ref, count), findings)
    return len(findings)
