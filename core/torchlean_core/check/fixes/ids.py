"""Numbering and order: the same graph under ids that are places, and in an order that runs.

Rewrites of the whole graph keep every edge and all ends. Sorting by id keeps all ids, too. Renumbering keeps the order.
Reordering keeps neither, and is for graphs in which a parent comes after its user. What one node is wrong about does
not keep the others from their numbers: a cycle stays one, and an id that names nothing goes on to name nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from torchlean_core.check.findings import Finding
from torchlean_core.check.fixes.ends import names_by_id
from torchlean_core.check.fixes.fields import errors_note
from torchlean_core.check.fixes.model import Family, Fix, quick_fix
from torchlean_core.check.fixes.numbering import (
    Numbering,
    Outcome,
    by_id,
    numbering_edits,
    outcome,
    renumbered,
    topological,
    with_id,
)
from torchlean_core.check.fixes.view import View, keyed_note, readable_node, sound_text, view_of
from torchlean_core.check.report import Report
from torchlean_core.kinds.numbers import show


def _offer(
    view: View, title: str, new: Numbering, found: Outcome, *, sure: bool, preferred: bool
) -> Fix | None:
    """Other numbers as a fix; None where they change nothing, or the graph has more errors under them."""
    same = new.order == sorted(new.order) and (new.ids, new.parents) == (view.ids, view.parents)
    if found.change > 0 or (same and new.ends == view.ends):
        return None
    changed = sum(view.keyed(place) for place, now in enumerate(new.ids) if now != view.ids[place])
    sure = sure and (
        new.ids == view.ids or not view.unread
    )  # where no id changes, all go on to mean the same
    sure = sure and not changed and not new.strays
    clean = not found.new and found.change < 0
    title += _strays_note(new) + keyed_note(changed) + errors_note(found.new)
    return Fix(
        title,
        partial(numbering_edits, view, new),
        safe=sure and clean,
        preferred=preferred,
        sure=sure and not clean,
    )


def _strays_note(new: Numbering) -> str:
    """What a title says of ids that name no node, and would come to name one."""
    if not new.strays:
        return ""
    if len(new.strays) == 1:
        [(old, now)] = new.strays.items()
        return f" ({show(old)}, which names no node, becomes {show(now)})"
    return f" ({len(new.strays)} ids that name no node become others)"


def _rewrites(view: View) -> list[tuple[Fix, Numbering]]:
    """All rewrites of a graph, made once."""
    made = view.made.get("rewrites")
    if made is None:
        made = view.made["rewrites"] = list(_make_rewrites(view))
    assert isinstance(made, list)
    return made


def _make_rewrites(view: View) -> Iterator[tuple[Fix, Numbering]]:
    present = list(range(len(view.ids)))
    order = topological(view)
    if view.ids == order == present:
        return  # what is wrong is no matter of numbers
    title = "Renumber ids by place, keeping edges"
    if order != present:
        title = "Reorder nodes so that parents come first, and renumber, keeping edges"
    new = renumbered(view, order)
    found = outcome(view, new)
    preferred = True
    if (in_order := by_id(view)) is not None and in_order != present:
        kept = renumbered(view, in_order)
        # Not where a parent has a greater id than its user: an order that mends both is better.
        if (result := outcome(view, kept)).change <= found.change:
            fix = _offer(view, "Sort nodes by id", kept, result, sure=True, preferred=True)
            if fix is not None:
                preferred = False
                yield fix, kept
    if not _is_unclear(view):
        if (fix := _offer(view, title, new, found, sure=True, preferred=preferred)) is not None:
            yield fix, new
        return
    readings = []
    for first, reading in ((False, "last node before its user"), (True, "first node that has it")):
        new = renumbered(view, order, first=first)
        readings.append((f"{title}; a repeated id means the {reading}", new, outcome(view, new)))
    best = min(result.change for _, _, result in readings)
    for said, new, result in readings:
        fix = _offer(view, said, new, result, sure=False, preferred=preferred and result.change == best)
        if fix is not None:
            preferred &= not fix.preferred  # of two that are as good, the checker's reading
            yield fix, new


def _is_unclear(view: View) -> bool:
    """Whether somebody names an id that several nodes have."""
    return any(ref in view.named for ref in view.shared)


@quick_fix(
    "rewrite",
    {
        "Sort nodes by id": "TL101 TL103",
        "Renumber ids by place, keeping edges": "TL101 TL103 TL104",
        "Reorder nodes so that parents come first, and renumber, keeping edges": "TL101 TL103 TL104",
        "Renumber ids by place, keeping edges; a repeated id means the …": "TL101 TL103 TL104",
        "Reorder nodes so that parents come first, and renumber, keeping edges; a repeated id means the …": "TL101 "
        "TL103 TL104",
    },
    family=Family.IDS,
    requires=(sound_text,),
    why="Keeps edges and ends. Unsafe where a node gets another id that parameters or random numbers go by, and where "
    "an id is repeated, cannot be read or names nothing.",
)
def _rewrite(report: Report, finding: Finding) -> Iterator[Fix]:
    """Sort, renumber or reorder the whole graph."""
    view = view_of(report)
    if finding.code == "TL104":
        if names_by_id(view, finding.path):
            yield from (fix for fix, _ in _rewrites(view))
        return
    if finding.index is None or view.records[finding.index] is None:
        return
    if finding.code == "TL101":
        yield from (fix for fix, _ in _rewrites(view))
        return
    parents, position = view.parents[finding.index], finding.path[-1]
    if parents is None or not isinstance(position, int):
        return
    place = view.place(parents[position], None)
    if place is None:
        return
    for fix, new in _rewrites(view):
        own, parent = new.refs[finding.index], new.refs[place]
        named = new.parents[finding.index]
        if own is None or parent is None or named is None or named[position] != parent:
            continue
        if parent < own:
            yield fix


@quick_fix(
    "set-id",
    {"Set id to …": "TL101"},
    family=Family.IDS,
    requires=(readable_node, sound_text),
    why="No other node has the new id, and nobody means this node by the old one; unsafe where parameters or random "
    "numbers go by the id, and where it is not clear whom the old one means.",
)
def _set_id(report: Report, finding: Finding) -> Iterator[Fix]:
    """Set one id to its place, where it alone is out of place."""
    view = view_of(report)
    record = view.record(finding.index)
    if record is None or record.id is None or record.index in view.places or record.index in view.shared:
        return
    if record.index in (view.parents[record.index] or ()):
        return  # what it names would be itself
    others = [one for one in view.shared.get(record.ref, ()) if one != record.index]
    if record.ref in view.named and (not others or others[0] != record.ref):
        return  # somebody means this node: all ids have to change together
    if record.index in view.named and any(
        ref is not None and ref != place for place, ref in enumerate(view.refs) if place != record.index
    ):
        return  # somebody names a node that is missing; it is this one only where all others are in their places
    if not _is_unclear(view) and any(not rewrite.strays for _, rewrite in _rewrites(view)):
        return  # they do it for all nodes
    new = with_id(view, record.index, record.index)
    unclear = any(record.ref in (later or ()) for later in view.parents[record.index + 1 :])
    unclear = unclear or record.ref in view.ends.values()
    found = outcome(view, new)
    if found.change > 0:
        return
    keyed = int(view.keyed(record.index))
    sure, clean = not keyed and not unclear, not found.new and found.change < 0
    title = f"Set id to {record.index}{keyed_note(keyed)}{errors_note(found.new)}"
    edits = partial(numbering_edits, view, new)
    yield Fix(title, edits, safe=sure and clean, preferred=True, sure=sure and not clean)
