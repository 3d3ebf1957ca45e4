"""What a change of single nodes does to the errors: the nodes are checked before and after in a small graph.

The graph holds the changed nodes and the nodes that are judged by them (users, and projections of tuples); their
operands stand in it as inputs of the same shape. So a trial costs what the nodes cost, not what the file costs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from torchlean_core.check.checker import check_text
from torchlean_core.check.findings import Severity
from torchlean_core.check.fixes.view import View
from torchlean_core.check.judge import payload_findings
from torchlean_core.check.nodes import Record
from torchlean_core.kinds import FIELD_NAMES
from torchlean_core.text.numbers import json_text

_MAX_NODES = 2_000
_NOWHERE = 10**9
_KEYS = FIELD_NAMES | {"kind", "value_kind"}


class Trial(NamedTuple):
    """Errors at the nodes that a change concerns.

    Attributes:
        before: How many there are.
        after: How many there are then.
        new: How many of those were none before.
    """

    before: int
    after: int
    new: int


def trial(view: View, changes: Mapping[int, Mapping[str, Any]]) -> Trial | None:
    """What a change does to the errors of the nodes concerned.

    Args:
        view: The graph.
        changes: New objects of the changed nodes, by place.

    Returns:
        None where too many nodes are concerned to say.
    """
    judged = set(changes)
    for index, raw in changes.items():
        if not _seen_by_users(view.records[index], raw):
            continue
        for user in view.users.get(index, ()):
            judged.add(user)
            record = view.records[user]
            if record is not None and record.is_tuple:
                judged.update(view.users.get(user, ()))
    if len(judged) > _MAX_NODES:
        return None
    whole = set(judged)
    operands: set[int] = set()
    for index in judged:
        whole.update(_operands(view, index, changes, tuples=True))
    for index in whole:
        operands.update(_operands(view, index, changes, tuples=False))
    places = sorted(whole | operands)
    if len(places) > _MAX_NODES:
        return None
    ids = {place: number for number, place in enumerate(places)}
    before = [_object(view, place, ids, None, place in whole) for place in places]
    after = [_object(view, place, ids, changes.get(place), place in whole) for place in places]
    counted = {ids[place] for place in judged}
    old = {ids[place]: _raw(view, place, None) for place in judged}
    new = {ids[place]: _raw(view, place, changes.get(place)) for place in judged}
    errors, then = _errors(view, before, counted, old), _errors(view, after, counted, new)
    return Trial(errors.total(), then.total(), (then - errors).total())


def _seen_by_users(record: Record | None, raw: Mapping[str, Any]) -> bool:
    """Whether a change of a node can change how its users are judged."""
    if record is None or record.is_tuple:
        return True
    return any(raw.get(key) != record.raw.get(key) for key in ("shape", "value_kind", "tuple_shapes"))


def _operands(view: View, index: int, changes: Mapping[int, Mapping[str, Any]], *, tuples: bool) -> list[int]:
    """Places of the operands of a node, before and after; of the tuples among them only, where `tuples`."""
    parents: list[Any] = list(view.parents[index] or ())
    if index in changes and isinstance(after := changes[index].get("parents"), list):
        parents += after
    found = []
    for parent in parents:
        place = view.place(parent, index) if type(parent) is int else None
        if place is not None and (not tuples or _is_tuple(view.records[place])):
            found.append(place)
    return found


def _is_tuple(record: Record | None) -> bool:
    return record is not None and bool(record.is_tuple)


def _object(
    view: View, place: int, ids: Mapping[int, int], changed: Mapping[str, Any] | None, whole: bool
) -> dict[str, Any]:
    raw = _raw(view, place, changed)
    if not whole:
        kept = {key: raw[key] for key in ("shape", "value_kind", "tuple_shapes") if key in raw}
        return {"id": ids[place], "kind": "input", "parents": [], **kept}
    payload = view.dialect.payload_fields
    kept = {key: value for key, value in raw.items() if key in _KEYS and key not in payload}
    parents = kept.get("parents")
    if isinstance(parents, list):
        kept["parents"] = [_parent(view, place, parent, ids) for parent in parents]
    return {"id": ids[place], **kept}


def _raw(view: View, place: int, changed: Mapping[str, Any] | None) -> Mapping[str, Any]:
    record = view.records[place]
    return changed if changed is not None else record.raw if record is not None else {}


def _parent(view: View, user: int, parent: Any, ids: Mapping[int, int]) -> Any:
    if type(parent) is not int or parent < 0:
        return parent
    place = view.place(parent, user)
    return ids.get(place, _NOWHERE) if place is not None else _NOWHERE


def _errors(
    view: View, nodes: list[dict[str, Any]], counted: set[int], raw: Mapping[int, Mapping[str, Any]]
) -> Counter[tuple[Any, ...]]:
    """Errors at nodes of a small graph, by node, rule and field; it has no inline parameters: those are in `raw`."""
    root = {**view.dialect.root_json(0, (0,), {}), "nodes": nodes}
    report = check_text(json_text(root, default=repr))
    errors = [finding for finding in report.findings if finding.severity is Severity.ERROR]
    found = Counter((one.index, one.code, one.path) for one in errors if one.index in counted)
    if not view.dialect.inline:
        return found
    wrong = {finding.index for finding in errors}
    for index in counted - wrong:
        record = report.records[index]
        if record is not None:
            operands = [report.records[parent] for parent in record.parents or () if parent is not None]
            known = [operand for operand in operands if operand is not None]
            payload = payload_findings(view.dialect, record, known, raw[index])
            found.update((index, one.code, one.path) for one in payload)
    return found
