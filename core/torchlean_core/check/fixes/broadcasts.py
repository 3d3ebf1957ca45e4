"""Nodes put between an operand and its user: broadcasts that PyTorch does silently, and reshapes that say which."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torchlean_core.check.findings import Finding
from torchlean_core.check.fixes.model import Family, Fix, quick_fix
from torchlean_core.check.fixes.plan import Insertion, New, Plan, plan_edits
from torchlean_core.check.fixes.view import View, keyed_note, readable_node, takes_nodes_before, view_of
from torchlean_core.check.report import Report
from torchlean_core.kinds import Dialect, Problems, shared
from torchlean_core.kinds.alignment import right_aligned
from torchlean_core.kinds.dialects import others
from torchlean_core.kinds.numbers import show_shape


def offer_plan(view: View, plan: Plan, title: str, *, safe: bool, preferred: bool = True) -> Fix:
    """A plan as a fix; not safe where a keyed node gets another id, or what cannot be read may name a node."""
    shifted = plan.shifted(view)
    settled = all(view.settled(insertion.user) for insertion in plan.insertions)
    return Fix(
        title + keyed_note(shifted),
        lambda: plan_edits(view, plan),
        safe=safe and settled and not shifted and not view.unread,
        preferred=preferred,
        plan=plan,
    )


def common_shape(a: Sequence[int], b: Sequence[int]) -> list[int] | None:
    """The shape to which PyTorch broadcasts two, or None where it refuses."""
    rank = max(len(a), len(b))
    left, right = ([1] * (rank - len(one)) + list(one) for one in (a, b))
    if any(x != y and 1 not in (x, y) for x, y in zip(left, right, strict=True)):
        return None
    return [y if x == 1 else x for x, y in zip(left, right, strict=True)]


def reshape(source: Sequence[int], target: Sequence[int]) -> New:
    """A new `reshape` node."""
    fields = {"in_shape": list(source), "out_shape": list(target)}
    return New(shared.RESHAPE.name, tuple(target), fields)


def broadcast(dialect: Dialect, source: Sequence[int], target: Sequence[int]) -> tuple[New, ...]:
    """Nodes that bring a shape to another as PyTorch would, in the dialect's reading and in PyTorch's alike."""
    aligned = right_aligned(source, target)
    assert aligned is not None
    first = () if dialect.broadcast(source, target) == aligned else (reshape(source, aligned),)
    start = list(source) if not first else aligned
    return (*first, New(shared.BROADCAST, tuple(target), {"from_shape": start, "to_shape": list(target)}))


@quick_fix(
    "insert-broadcast",
    {
        "Insert broadcast_to: both operands become …": "TL202",
        "Insert reshape and broadcast_to: both operands become …": "TL202",
    },
    family=Family.STRUCTURE,
    requires=(readable_node, takes_nodes_before),
    why="Never safe: it guesses that PyTorch's broadcasting was meant, and adds nodes.",
)
def _insert_broadcast(report: Report, finding: Finding) -> Iterator[Fix]:
    """Bring the operands of an elementwise kind to one shape, as PyTorch would."""
    assert finding.index is not None
    view = view_of(report)
    record = view.records[finding.index]
    if record is None or record.entry is None or not record.entry.operator.elementwise:
        return  # before the operands are looked up: a concat can have a million
    operands = view.operands(record)
    if operands is None or len(operands) != 2:
        return
    left, right = (operand.shape for operand in operands)
    if left is None or right is None or (target := common_shape(left, right)) is None:
        return
    plan = Plan(
        tuple(
            Insertion(finding.index, position, broadcast(view.dialect, shape, target))
            for position, shape in enumerate((left, right))
            if shape != target
        )
    )
    kinds = [node.kind for insertion in plan.insertions for node in insertion.chain]
    what = "reshape and broadcast_to" if "reshape" in kinds else "broadcast_to"
    yield offer_plan(view, plan, f"Insert {what}: both operands become {show_shape(target)}", safe=False)


@quick_fix(
    "explicit-broadcast",
    {
        "Make the broadcast explicit: reshape to … first": "TL401",
        "Read the broadcast as PyTorch does: reshape to … first": "TL401",
        "Insert a reshape to …": "TL208",
    },
    family=Family.STRUCTURE,
    requires=(readable_node, takes_nodes_before),
    why="Safe where it keeps TorchLean's reading and no keyed node gets another id; PyTorch's reading is a guess.",
)
def _explicit_broadcast(report: Report, finding: Finding) -> Iterator[Fix]:
    """Reshape before a broadcast, so that its axes line up from the left and from the right alike."""
    assert finding.index is not None
    view = view_of(report)
    record = view.records[finding.index]
    operand = view.operand(record, 0) if record is not None else None
    if record is None or operand is None or record.parents is None or len(record.parents) != 1:
        return
    source, target = record.fields.get("from_shape"), record.fields.get("to_shape")
    if source is None or target is None or operand.shape != source:
        return
    if finding.code == "TL208":
        yield from _other_readings(view, record.index, source, target)
        return
    theirs = right_aligned(source, target)
    ours = view.dialect.broadcast(source, target)
    assert ours is not None
    plan = _aligning(record.index, source, ours)
    title = f"Make the broadcast explicit: reshape to {show_shape(ours)} first"
    yield offer_plan(view, plan, title, safe=True)
    if theirs is not None:
        plan = _aligning(record.index, source, theirs)
        title = f"Read the broadcast as PyTorch does: reshape to {show_shape(theirs)} first"
        yield offer_plan(view, plan, title, safe=False, preferred=False)


def _other_readings(view: View, index: int, source: Sequence[int], target: Sequence[int]) -> Iterator[Fix]:
    """Where other dialects read a broadcast: said with a reshape before it."""
    for other in others(view.dialect):
        aligned = other.broadcast(source, target)
        if aligned is None:
            continue
        as_torch = ", as PyTorch aligns" if aligned == right_aligned(source, target) else ""
        title = f"Insert a reshape to {show_shape(aligned)}{as_torch}"
        yield offer_plan(view, _aligning(index, source, aligned), title, safe=False)


def _aligning(index: int, source: Sequence[int], aligned: Sequence[int]) -> Plan:
    insertion = Insertion(index, 0, (reshape(source, aligned),))
    return Plan((insertion,), fields=((index, "from_shape", list(aligned)),))


@quick_fix(
    "drop-batch",
    {
        "Insert a reshape of the batch of one to …": "TL210",
    },
    family=Family.STRUCTURE,
    requires=(readable_node, takes_nodes_before),
    why="Never safe: it guesses that a batch of one was meant, and adds a node.",
)
def _drop_batch(report: Report, finding: Finding) -> Iterator[Fix]:
    """Reshape a batch of one image to the image, where the node gives an image."""
    assert finding.index is not None
    view = view_of(report)
    record = view.records[finding.index]
    operand = view.operand(record, 0) if record is not None else None
    if record is None or record.entry is None or operand is None or operand.shape is None:
        return
    if (
        record.entry.category != "convolution and pooling"
        or not record.complete
        or len(record.parents or ()) != 1
    ):
        return
    x = operand.shape
    if len(x) != 4 or x[0] != 1:
        return
    result = record.entry.infer(record.fields, [x[1:]], record.shape)
    if isinstance(result, Problems) and len(result) > 1:
        return
    plan = Plan((Insertion(record.index, 0, (reshape(x, x[1:]),)),))
    yield offer_plan(view, plan, f"Insert a reshape of the batch of one to {show_shape(x[1:])}", safe=False)
