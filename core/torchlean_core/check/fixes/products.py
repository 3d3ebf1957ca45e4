"""Operands of a matrix product: transposed, or with a batch, where the product fits then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

from torchlean_core.check.findings import Finding
from torchlean_core.check.fixes.broadcasts import broadcast, offer_plan
from torchlean_core.check.fixes.fields import errors_note
from torchlean_core.check.fixes.model import Family, Fix, quick_fix
from torchlean_core.check.fixes.plan import Insertion, New, Plan
from torchlean_core.check.fixes.view import readable_node, takes_nodes_before, view_of
from torchlean_core.check.report import Report
from torchlean_core.kinds import Dialect, Problems
from torchlean_core.kinds import operators as ops
from torchlean_core.kinds.numbers import show_shape

_MAX_CHOICES = 3
_ORDINALS = ("first", "second")


class _Way(NamedTuple):
    """What can be done with one operand.

    Attributes:
        chain: The nodes behind it.
        shape: Its shape then.
        said: What it is, for a title; "" where nothing is done.
    """

    chain: tuple[New, ...]
    shape: list[int]
    said: str


@quick_fix(
    "fit-product",
    {
        "Insert a transpose of the … operand: it becomes …": "TL202",
        "Broadcast the batch of the … operand: it becomes …": "TL202",
        "Transpose the … operand and broadcast its batch: it becomes …": "TL202",
    },
    family=Family.STRUCTURE,
    requires=(readable_node, takes_nodes_before),
    why="Never safe: it guesses which operand is meant otherwise, and adds nodes.",
)
def _fit_product(report: Report, finding: Finding) -> Iterator[Fix]:
    """Transpose an operand of a matrix product, or broadcast the batch of one, where the product fits then."""
    assert finding.index is not None
    view = view_of(report)
    record = view.records[finding.index]
    if record is None or record.entry is None or record.entry.operator is not ops.MATMUL:
        return
    operands = view.operands(record)
    if operands is None or len(operands) != 2:
        return
    shapes = [operand.shape for operand in operands if operand.shape is not None]
    if len(shapes) != 2 or any(operand.is_tuple for operand in operands):
        return
    found = []
    batches = isinstance(record.entry.infer({}, [[1, 2, 2], [2, 2, 2]], None), Problems)
    ways = [_ways(view.dialect, shapes[at], shapes[1 - at], _ORDINALS[at], batches=batches) for at in (0, 1)]
    for left, right in product(*ways):
        count = len(left.chain) + len(right.chain)
        result = record.entry.infer({}, [left.shape, right.shape], record.shape)
        if count and result is not None and not isinstance(result, Problems):
            found.append((list(result) != record.shape, count, left, right))
    found.sort(key=lambda one: one[:2])
    best = [one for one in found if one[0] == found[0][0]]
    for number, (mismatch, _, left, right) in enumerate(best[:_MAX_CHOICES]):
        insertions = tuple(
            Insertion(record.index, at, way.chain) for at, way in enumerate((left, right)) if way.chain
        )
        said = "; ".join(way.said for way in (left, right) if way.said)
        title = said[0].upper() + said[1:] + errors_note(int(mismatch))
        yield offer_plan(view, Plan(insertions), title, safe=False, preferred=number == 0)


def _ways(
    dialect: Dialect, shape: list[int], other: list[int], ordinal: str, *, batches: bool
) -> Iterator[_Way]:
    """What can be done with an operand of a shape; `batches` where the dialect broadcasts no batch itself."""
    yield _Way((), shape, "")
    turned = _transposed(dialect, shape)
    if turned is not None:
        said = f"insert a transpose of the {ordinal} operand: it becomes {show_shape(turned.shape)}"
        yield _Way((turned,), list(turned.shape), said)
    if (
        not batches
        or len(other) != 3
        or other[0] == 1
        or (len(shape) != 2 and (len(shape) != 3 or shape[0] != 1))
    ):
        return
    for before in (None, turned):
        source = shape if before is None else list(before.shape)
        target = [other[0], *source[-2:]]
        chain = broadcast(dialect, source, target)
        said = f"broadcast the batch of the {ordinal} operand: it becomes {show_shape(target)}"
        if before is not None:
            chain = (before, *chain)
            said = f"transpose the {ordinal} operand and broadcast its batch: it becomes {show_shape(target)}"
        yield _Way(chain, target, said)


def _transposed(dialect: Dialect, shape: Sequence[int]) -> New | None:
    """A node that swaps the last two axes, as the dialect says it; None for a vector."""
    rank = len(shape)
    if rank < 2:
        return None
    axes = {"axis1": rank - 2, "axis2": rank - 1}
    for kind in dialect.tensor_kinds.values():
        if kind.operator is not ops.TRANSPOSE:
            continue
        fields = {field.name: axes[field.name] for field in kind.fields if field.name in axes}
        found = kind.infer(fields, [shape], None)
        if found is None or isinstance(found, Problems):
            continue
        (step,) = kind.steps(fields, [shape], found)
        if {step.fields["axis1"], step.fields["axis2"]} == set(axes.values()):
            return New(kind.name, tuple(found), fields)
    perm = [*range(rank - 2), rank - 1, rank - 2]
    form = dialect.form(ops.PERMUTE, {"perm": perm}, [shape])
    return None if form is None else New(form.kind.name, form.shape, form.fields)
