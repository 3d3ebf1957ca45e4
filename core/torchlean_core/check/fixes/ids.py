"""Numbering, order, and the ends: the same graph under ids that are places, and in an order that runs.

Three rewrites of the whole graph keep every edge and all ends. Sorting by id keeps all ids, too. Renumbering
keeps the order. Reordering keeps neither, and is for graphs in which a parent comes after its user. None of them is
offered where an id is ambiguous, or where one that names nothing would come to name something.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence

from torchlean_core.check.checker import Report, check_text
from torchlean_core.check.findings import Finding
from torchlean_core.check.fixes.layout import remove_elements, set_member
from torchlean_core.check.fixes.model import Edit, Family, Fix, apply_edits, quick_fix
from torchlean_core.check.fixes.plan import end_edits, id_edits
from torchlean_core.check.fixes.view import (
    View,
    clear_ids,
    count_errors,
    keyed_note,
    readable_node,
    sound_text,
    view_of,
)
from torchlean_core.check.nodes import Record
from torchlean_core.kinds import INPUT
from torchlean_core.kinds.dialect import INPUT_FIELD
from torchlean_core.kinds.spec import Path


def by_id(view: View) -> list[int] | None:
    """The order by id; None where the ids are not 0, 1, … or a parent's id is not smaller than its user's."""
    if any(index not in view.places for index in range(len(view.records))):
        return None
    for record in view.records:
        if record is not None and any(
            parent is None or parent >= record.ref for parent in record.parents or ()
        ):
            return None
    return [view.places[index] for index in range(len(view.records))]


def topological(view: View) -> list[int] | None:
    """The order nearest to the present one in which parents come first; None where there is a cycle."""
    waits = [0] * len(view.records)
    for users in view.users.values():
        for user in users:
            waits[user] += 1
    ready = [index for index, count in enumerate(waits) if not count]
    heapq.heapify(ready)
    order = []
    while ready:
        index = heapq.heappop(ready)
        order.append(index)
        for user in view.users.get(index, ()):
            waits[user] -= 1
            if not waits[user]:
                heapq.heappush(ready, user)
    return order if len(order) == len(view.records) else None


def rewrite(view: View, order: Sequence[int]) -> tuple[Edit, ...]:
    """Put the nodes in an order, number them by their new places, and keep edges and ends.

    Args:
        view: The graph; its ids are clear.
        order: Present places in their new order.
    """
    document = view.document
    ids = {place: number for number, place in enumerate(order)}
    edits: list[Edit] = []
    for number, place in enumerate(order):
        record = view.records[place]
        assert record is not None and record.parents is not None
        # A parent that names no node keeps its id: there is nothing that it could be renamed to.
        parents = [
            ids[view.places[parent]] if parent in view.places else parent
            for parent in record.parents
            if parent is not None
        ]
        if number == place == record.id and parents == record.parents:
            continue
        tree = document.tree_of(place)
        assert tree is not None
        changes = id_edits(tree, record.id, number, record.parents, parents)
        if number == place:
            edits += changes
            continue
        span = document.node_span(number)
        assert span is not None
        inside = [Edit(edit.start - tree.start, edit.end - tree.start, edit.text) for edit in changes]
        edits.append(Edit(*span, apply_edits(document.text[tree.start : tree.end], inside)))
    return (*edits, *end_edits(view, ids))


def _whole(view: View, title: str, order: Sequence[int], *, preferred: bool) -> Fix | None:
    """A rewrite of the whole graph as a fix; None where the graph has more errors after it."""
    edits = rewrite(view, order)
    if not edits or count_errors(check_text(apply_edits(view.document.text, edits))) > view.errors:
        return None
    changed = sum(
        view.keyed(place) and record.id != number
        for number, place in enumerate(order)
        if (record := view.records[place]) is not None
    )
    return Fix(title + keyed_note(changed), edits, safe=not changed, preferred=preferred)


def _rewrites(view: View) -> list[Fix]:
    """All rewrites of a graph with clear ids, made once."""
    made = view.made.get("rewrites")
    if made is None:
        made = view.made["rewrites"] = list(_make_rewrites(view))
    assert isinstance(made, list)
    return made


def _make_rewrites(view: View) -> Iterator[Fix]:
    present = list(range(len(view.records)))
    found = None
    if (order := by_id(view)) is not None and order != present:
        found = _whole(view, "Sort nodes by id", order, preferred=True)
        if found is not None:
            yield found
    order = topological(view)
    if order is not None:
        title = "Renumber ids by place, keeping edges"
        if order != present:
            title = "Reorder nodes so that parents come first, and renumber, keeping edges"
        other = _whole(view, title, order, preferred=found is None)
        if other is not None:
            yield other


@quick_fix(
    "rewrite",
    "TL101",
    "TL103",
    family=Family.IDS,
    requires=(readable_node, clear_ids),
    why="Keeps edges and ends; unsafe where a node gets another id that parameters or random numbers go by.",
)
def _rewrite(report: Report, finding: Finding) -> Iterator[Fix]:
    """Sort, renumber or reorder the whole graph."""
    view = view_of(report)
    if finding.code == "TL103":
        record = view.record(finding.index)
        assert record is not None and record.parents is not None
        position = finding.path[-1]
        if not isinstance(position, int) or record.parents[position] not in view.places:
            return
    yield from _rewrites(view)


@quick_fix(
    "set-id",
    "TL101",
    family=Family.IDS,
    requires=(readable_node, sound_text),
    why="Nobody names the node by its old id, and no other has the new one; unsafe for keyed nodes.",
)
def _set_id(report: Report, finding: Finding) -> Iterator[Fix]:
    """Set one id to its place, where the whole graph cannot be renumbered."""
    view = view_of(report)
    record = view.record(finding.index)
    if record is None or record.id is None or record.index in report.by_id or record.ref in _named(view):
        return
    if clear_ids(report, finding) and _rewrites(view):
        return
    if any(parent is None or parent >= min(record.ref, record.index) for parent in record.parents or ()):
        return
    start, end = report.span(finding)
    edits = (Edit(start, end, str(record.index)),)
    if record.index in _named(view):
        # Somebody names a node that is missing. It is this one only where all others are in their places.
        others = [one for one in view.records if one is not None and one.ref != one.index]
        if len(others) > 1 or count_errors(check_text(apply_edits(view.document.text, edits))) > view.errors:
            return
    keyed = int(view.keyed(record.index))
    yield Fix(f"Set id to {record.index}{keyed_note(keyed)}", edits, safe=not keyed, preferred=True)


def _named(view: View) -> frozenset[int]:
    """Ids that a parent or an end names."""
    made = view.made.get("named")
    if made is None:
        parents = (parent for record in view.records if record is not None for parent in record.parents or ())
        made = view.made["named"] = frozenset(
            one for one in (*parents, *view.ends.values()) if one is not None
        )
    assert isinstance(made, frozenset)
    return made


def _about_end(report: Report, finding: Finding) -> bool:
    """The finding is about what a field of the root names."""
    field = finding.path[0] if finding.path else finding.data.get("field")
    return finding.index is None and field in report.dialect.end_fields


@quick_fix(
    "set-end",
    "TL104",
    "TL010",
    "TL011",
    family=Family.FIELDS,
    requires=(_about_end,),
    why="Safe for the input where there is only one `input` node; every other end is a guess.",
)
def _set_end(report: Report, finding: Finding) -> Iterator[Fix]:
    """Name the input node, or the nodes that nobody uses as outputs."""
    view = view_of(report)
    name = str(finding.path[0] if finding.path else finding.data["field"])
    tree = view.document.root
    if tree is None or (finding.code == "TL104" and _names_by_id(view, finding.path)):
        return
    if len(finding.path) > 1:
        yield from _mend_entry(view, finding)
        return
    is_input = name == INPUT_FIELD
    candidates = _inputs(view) if is_input else _outputs(view)
    many = view.dialect.many_outputs and not is_input
    verb = "Add" if finding.code == "TL010" else "Set"
    choices = [[record] for record in candidates[:3]]
    if many:
        said = view.root.get(name)
        if (
            type(said) is int
            and said in view.places
            and (record := view.records[view.places[said]]) is not None
        ):
            choices = [[record]]  # an id without its array
        elif 1 < len(candidates) <= _MAX_OUTPUTS:
            choices.append(candidates[::-1])
    for number, records in enumerate(choices):
        ids = [record.ref for record in records]
        value = ids[0] if is_input else view.dialect.outputs_json(ids)
        title = f"Add {name}: {value}" if verb == "Add" else f"Set {name} to {value}"
        edit = set_member(view.document.text, tree, name, value, first=True)
        safe = is_input and len(candidates) == 1
        yield Fix(title + _kind_note(records), (edit,), safe=safe, preferred=number == 0)


_MAX_OUTPUTS = 8
"""Nodes that may all be meant as outputs; of more, one is."""


def _kind_note(records: Sequence[Record]) -> str:
    kind = records[0].kind if len(records) == 1 else None
    return f" (`{kind}`)" if kind is not None and len(kind) <= 40 else ""


def _mend_entry(view: View, finding: Finding) -> Iterator[Fix]:
    """Let one entry of an array of outputs name another node, or take it out."""
    name, position = finding.path[0], finding.path[1]
    pair = view.document.root.member(str(name)) if view.document.root is not None else None
    if pair is None or not isinstance(position, int) or position >= len(pair[1].items):
        return
    named = set(view.ends.values())
    candidates = [record for record in _outputs(view) if record.ref not in named]
    item = pair[1].items[position]
    for number, record in enumerate(candidates[:3]):
        edit = Edit(item.start, item.end, str(record.ref))
        title = f"Set {name}[{position}] to {record.ref}"
        yield Fix(title + _kind_note([record]), (edit,), safe=False, preferred=number == 0)
    spans = [(one.start, one.end) for one in pair[1].items]
    if len(spans) > 1:
        edits = tuple(remove_elements(spans, frozenset((position,))))
        yield Fix(f"Remove {name}[{position}]", edits, safe=False, preferred=not candidates)
    elif not candidates:
        for record in _outputs(view)[:1]:
            edit = Edit(item.start, item.end, str(record.ref))
            title = f"Set {name}[{position}] to {record.ref}"
            yield Fix(title + _kind_note([record]), (edit,), safe=False, preferred=True)


def _names_by_id(view: View, path: Path) -> bool:
    """Whether an end is right about the node, and only the node's id is not its place."""
    record = view.record(view.places.get(view.ends.get(path, -1)))
    if record is None or record.is_tuple:
        return False
    return path[0] != INPUT_FIELD or record.kind == INPUT


def _usable(view: View, record: Record | None) -> bool:
    return (
        record is not None
        and record.is_tuple is False
        and record.id is not None
        and record.id < len(view.records)
        and record.id in view.places
    )


def _inputs(view: View) -> list[Record]:
    return [one for one in view.records if one is not None and one.kind == INPUT and _usable(view, one)]


def _outputs(view: View) -> list[Record]:
    """Nodes that nobody uses, the last first; else the last node."""
    usable = [one for one in view.records if one is not None and _usable(view, one)]
    sinks = [one for one in usable if not view.users.get(one.index) and one.kind != INPUT]
    return sinks[::-1] or usable[-1:]


__all__ = ["by_id", "rewrite", "topological"]
