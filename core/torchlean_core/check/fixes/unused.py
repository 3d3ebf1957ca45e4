"""Nodes that the output does not depend on: taken out, one with what depends on it, or all."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from torchlean_core.check.findings import Finding
from torchlean_core.check.fixes.model import Family, Fix, quick_fix
from torchlean_core.check.fixes.plan import Plan, plan_edits
from torchlean_core.check.fixes.view import View, keyed_note, readable_node, settled_node, view_of
from torchlean_core.check.report import Report

_EDGES = ("TL00", "TL010", "TL011", "TL014", "TL015", "TL101", "TL102", "TL103")
"""Codes of errors for which an edge may be missing, or lead elsewhere: what stands before may be meant to be used."""

_MAX_BRANCH = 100
"""Nodes that go together with one; for more there is the fix that removes all."""


@quick_fix(
    "remove-unused",
    {
        "Remove this unused node": "TL403",
        "Remove this unused node and the … on it": "TL403",
        "Remove all … unused nodes": "TL403",
    },
    family=Family.REMOVAL,
    requires=(readable_node, settled_node),
    why="Never safe: a node that is being written, and is not used yet, would go as well. Not offered where a node "
    "behind it has wrong ids or parents: it may be meant to use this one. A whole file is rid of them by "
    "`check --fix --unsafe-fixes --select TL403` only: beside other fixes it could be a guess that left them unused.",
)
def _remove_unused(report: Report, finding: Finding) -> Iterator[Fix]:
    """Remove a node that the output does not depend on; the ids behind it close up."""
    assert finding.index is not None
    view = view_of(report)
    if "broken" not in view.made:
        broken = [f.index for f in report.findings if f.code.startswith(_EDGES) and f.index is not None]
        view.made["broken"] = max(broken, default=-1)
    if finding.index < view.made["broken"]:  # type: ignore[operator]
        return  # what seems unused may be what a broken node behind it was meant to use
    everything = view.made.get("unused")
    if everything is None:
        places = {f.index for f in report.findings if f.code == "TL403" and f.index is not None}
        places = {index for index in places if index >= view.made["broken"] and view.settled(index)}  # type: ignore[operator]
        everything = view.made["unused"] = _remove_all(view, places)
    assert isinstance(everything, Fix) and everything.plan is not None
    if any(end in everything.plan.removed for end in view.ends.values()):
        return  # `input_id` names a node that is no input: that comes first
    every = everything.plan.removed
    branch = frozenset(islice(view.branch(finding.index), _MAX_BRANCH + 1))
    if branch <= every and len(branch) <= _MAX_BRANCH:
        title = "Remove this unused node"
        if len(branch) > 1:
            title += f" and the {len(branch) - 1} that depend{'s' if len(branch) == 2 else ''} on it"
        plan = Plan(removed=branch)
        yield Fix(
            title + keyed_note(plan.shifted(view)),
            lambda: plan_edits(view, plan),
            safe=False,
            preferred=True,
            plan=plan,
        )
    if len(every) > 1:
        yield everything


def _remove_all(view: View, unused: set[int]) -> Fix:
    places: set[int] = set()
    for index in sorted(unused, reverse=True):  # users come behind
        # An `input` node is never unused, whatever parents it should not have.
        if all(user in places for user in view.users.get(index, ())):
            places.add(index)
    plan = Plan(removed=frozenset(places))
    title = f"Remove all {len(places)} unused nodes" + keyed_note(plan.shifted(view))
    return Fix(title, lambda: plan_edits(view, plan), safe=False, plan=plan)
