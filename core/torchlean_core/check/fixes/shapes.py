"""Declared shapes: set one to the inferred one, or carry it on to everything that depends on it.

Changing a shape changes what the users of the node are judged by. So a fix counts the errors of all nodes that it
touches before and after, and is offered only where they do not become more.
"""

from __future__ import annotations

import copy
import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from torchlean_core.check.attention import check_projection
from torchlean_core.check.findings import Finding
from torchlean_core.check.fixes.edit import Edit
from torchlean_core.check.fixes.fields import errors_note
from torchlean_core.check.fixes.layout import set_member
from torchlean_core.check.fixes.model import Family, Fix, quick_fix
from torchlean_core.check.fixes.view import View, readable_node, view_of
from torchlean_core.check.nodes import Reader, Record
from torchlean_core.check.payload import check_payload
from torchlean_core.check.report import Report
from torchlean_core.kinds import Dialect, Problems
from torchlean_core.kinds import operators as ops
from torchlean_core.kinds.numbers import show_shape

_Dims = list[int]
_Errors = Counter[tuple[Any, ...]]
"""Errors of one node, by rule and field."""

_NO_ERRORS: _Errors = Counter()
_MISSING: _Errors = Counter([("TL010", ())])


@dataclass(slots=True)
class Sweep:
    """What setting shapes comes to.

    Attributes:
        shapes: New shapes by place.
        fields: New values of repeated-shape fields by place.
        before: Errors of the touched nodes before.
        after: Errors of the touched nodes after.
        worse: Places of the nodes that have more errors after.
        new: Errors after that are others than those before.
    """

    shapes: dict[int, _Dims] = field(default_factory=dict)
    fields: dict[int, _Dims] = field(default_factory=dict)
    before: int = 0
    after: int = 0
    worse: list[int] = field(default_factory=list)
    new: int = 0


def sweep(view: View, starts: Iterable[int], *, follow: bool) -> Sweep:
    """Set the shapes of some nodes to what follows from their operands.

    Args:
        view: The graph.
        starts: Places of the nodes.
        follow: Whether what depends on them follows too, as far as it can.
    """
    result = Sweep()
    begun = set(starts)
    queue = sorted(begun)
    queued = set(queue)
    while queue:
        index = heapq.heappop(queue)
        record = view.records[index]
        if record is None:
            continue
        adapt = follow or index in begun
        if _step(view, result, record, adapt=adapt, start=index in begun):
            for user in _judged_by(view, index):
                if user > index and user not in queued:
                    queued.add(user)
                    heapq.heappush(queue, user)
    return result


def _judged_by(view: View, index: int) -> Iterator[int]:
    """The users of a node, and for tuple-valued ones the projections."""
    for user in view.users.get(index, ()):
        record = view.records[user]
        if record is not None and record.is_tuple:
            yield from view.users.get(user, ())
        else:
            yield user


def _step(view: View, result: Sweep, record: Record, *, adapt: bool, start: bool) -> bool:
    """Adapt one node and count its errors; whether its shape changed."""
    operands = view.operands(record)
    if operands is None or record.entry is None or record.is_tuple:
        return False
    low, high = record.entry.arity
    if not low <= len(operands) <= (len(operands) if high is None else high):
        return False
    if record.entry is view.dialect.getitem:
        return _project(view, result, record, operands[0], start=start)
    old = [operand.shape for operand in operands]
    new = [result.shapes.get(operand.index, operand.shape) for operand in operands]
    if not record.complete or any(operand.is_tuple is not False for operand in operands) or None in new:
        return False
    shapes: list[_Dims] = [shape for shape in new if shape is not None]
    fields: Mapping[str, Any] = record.fields
    shape = record.shape
    name = record.entry.repeated
    if adapt and name is not None and (start or fields[name] == old[0]):
        fields = {**fields, name: shapes[0]}
    if adapt:
        inferred = _inferred(record, fields, shapes, shape)
        if inferred is None:
            fields = record.fields
        else:
            shape = inferred
    missing = _MISSING if record.shape is None and start else _NO_ERRORS
    before = missing
    if None not in old:
        known = [one for one in old if one is not None]
        before = before + _errors(view.dialect, record, record.fields, known, record.shape)
    after = _errors(view.dialect, record, fields, shapes, shape) + (missing if shape is None else _NO_ERRORS)
    _count(result, record.index, before, after)
    if fields is not record.fields and name is not None and fields[name] != record.fields[name]:
        result.fields[record.index] = list(fields[name])
    if shape is None or shape == record.shape:
        return False
    result.shapes[record.index] = shape
    return True


def _inferred(
    record: Record, fields: Mapping[str, Any], shapes: Sequence[_Dims], declared: _Dims | None
) -> _Dims | None:
    """The shape that follows; None where nothing does."""
    assert record.entry is not None
    if record.entry.operator is ops.LINEAR and declared and shapes[0]:
        declared = [*shapes[0][:-1], declared[-1]]
    found = record.entry.infer(fields, shapes, declared)
    return None if found is None or isinstance(found, Problems) else list(found)


def _errors(
    dialect: Dialect,
    record: Record,
    fields: Mapping[str, Any],
    shapes: Sequence[_Dims],
    declared: _Dims | None,
) -> _Errors:
    """The errors of a node, by rule and field."""
    assert record.entry is not None
    found = record.entry.infer(fields, shapes, declared)
    if isinstance(found, Problems):
        return Counter((problem.code, problem.path) for problem in found)
    wrong = found is not None and declared is not None and list(found) != declared
    if wrong or not dialect.inline or declared is None or not record.entry.params:
        return Counter([("TL201", ("shape",))] if wrong else ())
    payload: list[Finding] = []
    check_payload(record.index, record.id, record.entry, record.raw, fields, shapes, declared, payload)
    return Counter((finding.code, finding.path) for finding in payload)


def _project(view: View, result: Sweep, record: Record, parent: Record, *, start: bool) -> bool:
    """Set the shape of a projection to its component's, or judge it by an attention's new input shape."""
    sources = view.operands(parent) or []
    old = [copy.copy(source) for source in sources]
    new = [copy.copy(source) for source in sources]
    for source in new:
        source.shape = result.shapes.get(source.index, source.shape)
    changed = copy.copy(record)
    index = record.fields.get("index")
    if start and index is not None and parent.tuple_shapes is not None and index < len(parent.tuple_shapes):
        changed.shape = parent.tuple_shapes[index]
    missing = _MISSING if record.shape is None and start else _NO_ERRORS
    before = missing + _projection_errors(view.dialect, record, parent, old)
    after = _projection_errors(view.dialect, changed, parent, new)
    if changed.shape is None:
        after = after + missing
    _count(result, record.index, before, after)
    if changed.shape is None or changed.shape == record.shape:
        return False
    result.shapes[record.index] = changed.shape
    return True


def _projection_errors(dialect: Dialect, record: Record, parent: Record, sources: list[Record]) -> _Errors:
    reader = Reader(True, dialect)

    def find(ref: int, before: int) -> Record | None:
        return next((source for source in sources if source.ref == ref), None)

    check_projection(reader, record, copy.copy(parent), find)
    return Counter(
        (finding.code, finding.path) for finding in reader.findings if finding.index == record.index
    )


def _count(result: Sweep, index: int, before: _Errors, after: _Errors) -> None:
    result.before += before.total()
    result.after += after.total()
    result.new += (after - before).total()
    if after.total() > before.total():
        result.worse.append(index)


def sweep_edits(view: View, found: Sweep) -> tuple[Edit, ...]:
    """The edits of a sweep."""
    edits = []
    for index in sorted(found.shapes.keys() | found.fields.keys()):
        tree = view.document.tree_of(index)
        record = view.records[index]
        assert tree is not None and record is not None and record.kind is not None
        if index in found.fields:
            name = record.entry.repeated if record.entry is not None else None
            assert name is not None, "only such a field gets a new value"
            edits.append(set_member(view.document.text, tree, name, found.fields[index]))
        if index in found.shapes:
            edits.append(set_member(view.document.text, tree, "shape", found.shapes[index]))
    return tuple(edits)


def _sets_shape(report: Report, finding: Finding) -> bool:
    """The finding is about a shape that follows from the operands."""
    if finding.code == "TL010":
        return finding.data.get("field") == "shape"
    return finding.path == ("shape",) or (finding.code == "TL209" and len(finding.path) == 1)


@quick_fix(
    "set-shape",
    {
        "Set shape to inferred …": "TL201 TL202 TL302",
        "Add inferred shape …": "TL010",
        "Set shape to inferred … and propagate to … on it": "TL201 TL202 TL302",
        "Add inferred shape … and propagate to … on it": "TL010",
    },
    family=Family.SHAPES,
    requires=(readable_node, _sets_shape),
    why="TorchLean infers the shape and accepts no other; unsafe where a user of the node then fails, and where an "
    "operand has an error of its own: its shape may be what is wrong.",
)
def _set_shape(report: Report, finding: Finding) -> Iterator[Fix]:
    """Set the declared shape to the inferred one, of this node or of everything that follows from it too."""
    assert finding.index is not None
    view = view_of(report)
    one = sweep(view, (finding.index,), follow=False)
    shape = one.shapes.get(finding.index)
    if shape is None:
        return
    title = f"{'Add' if finding.code == 'TL010' else 'Set'} shape to inferred {show_shape(shape)}"
    if finding.code == "TL010":
        title = f"Add inferred shape {show_shape(shape)}"
    offered = one.after <= one.before
    alone = _fix(view, title, one, finding.index, preferred=True)
    if not one.worse:
        yield alone  # it makes no node worse, so there are no more errors
        return
    every = sweep(view, (finding.index,), follow=True)
    others = len(every.shapes.keys() | every.fields.keys()) - 1
    if every.after <= every.before and others:
        nodes = "1 node that depends" if others == 1 else f"{others} nodes that depend"
        said = f"{title} and propagate to {nodes} on it"
        followed = _fix(view, said, every, finding.index, preferred=not offered)
        if followed.safe:
            alone, followed = replace(alone, preferred=False), replace(followed, preferred=True)
        yield followed
    if offered:
        yield alone


def _fix(view: View, title: str, found: Sweep, start: int, *, preferred: bool) -> Fix:
    """Setting shapes as a fix: they follow from the operands, so it is sure where no node has more errors then.

    Where an operand has an error of its own, its shape may be what is wrong, and not the one that follows from it.
    """
    harmless = not found.worse and not _is_in_doubt(view, start)
    return Fix(
        title + errors_note(found.new),
        partial(sweep_edits, view, found),
        safe=harmless and not found.new,
        preferred=preferred,
        start=start,
        sure=harmless and found.new > 0,
    )


def _is_in_doubt(view: View, index: int) -> bool:
    """Whether what an operand declares may be wrong: it has an error, and its shape follows from no parent of its."""
    record = view.records[index]
    operands = view.operands(record) if record is not None else None
    return any(one.index in view.faulty and not _is_plausible(view, one) for one in operands or ())


def _is_plausible(view: View, record: Record) -> bool:
    """Whether a node with too many or too few parents declares the shape that follows from those that it can have."""
    if not view.faulty[record.index] or record.entry is None or record.shape is None or not record.complete:
        return False
    operands = [view.operand(record, position) for position in range(len(record.parents or ()))]
    shapes = [one.shape for one in operands if one is not None and one.shape is not None]
    fewest, _ = record.entry.arity
    return bool(shapes) and all(
        _inferred(record, record.fields, [shape] * fewest, record.shape) == record.shape for shape in shapes
    )


@quick_fix(
    "repeat-shape",
    {
        "Set … to the parent's shape …": "TL209",
    },
    family=Family.FIELDS,
    requires=(readable_node, _sets_shape),
    why="The field has to repeat the parent's shape; unsafe where the node has another error then.",
)
def _repeat_shape(report: Report, finding: Finding) -> Iterator[Fix]:
    """Set a field that repeats the parent's shape to that shape."""
    assert finding.index is not None
    view = view_of(report)
    record = view.records[finding.index]
    assert record is not None and record.entry is not None
    operand = view.operand(record, 0)
    if operand is None or operand.shape is None or record.shape is None:
        return
    name = str(finding.path[0])
    fields = {**record.fields, name: operand.shape}
    errors = _errors(view.dialect, record, fields, [operand.shape], record.shape)
    before = _errors(view.dialect, record, record.fields, [operand.shape], record.shape)
    if errors.total() > before.total():
        return
    new = (errors - before).total()
    title = f"Set {name} to the parent's shape {show_shape(operand.shape)}{errors_note(new)}"
    edits = _member_edit(view, record.index, name, operand.shape)
    yield Fix(title, edits, safe=not errors and not _is_in_doubt(view, record.index), preferred=True)


def _member_edit(view: View, index: int, name: str, value: Sequence[int]) -> tuple[Edit, ...]:
    tree = view.document.tree_of(index)
    return (set_member(view.document.text, tree, name, value),) if tree is not None else ()
