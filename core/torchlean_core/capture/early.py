"""Selections made early: before the operators that make infinities of entries that are not taken.

A selection is a product with a matrix of zeros and ones, and zero times infinity is NaN. It commutes with elementwise
operators, and with all others that keep the axis; so entries that are not taken are left out before their logarithm or
reciprocal is computed. Where nothing can be infinite a selection stays where the model makes it, but for parts of sums
of linear layers (the gates of a recurrent layer): made early, they become parts of the layers' weights.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from torchlean_core.capture.ranges import range_of
from torchlean_core.capture.values import NodeIndex, Shape, Value
from torchlean_core.kinds.operators import (
    ADD,
    BROADCAST_TO,
    CONCAT,
    CONST,
    LINEAR,
    MATMUL,
    PERMUTE,
    REDUCE_MEAN,
    REDUCE_SUM,
    SOFTMAX,
    SUB,
)

if TYPE_CHECKING:
    from torchlean_core.capture.builder import Draft, GraphBuilder

_MOST = 500
"""Nodes before which parts of one selection are made; the rest of them stays where it is."""

_SUMS = (ADD, SUB)
_REDUCTIONS = (REDUCE_SUM, REDUCE_MEAN)


def _moves(draft: Draft) -> bool:
    return draft.kind == "select" or _keeps_order(draft)


def _keeps_order(draft: Draft) -> bool:
    return draft.operator is not None and draft.operator.keeps_order


def _elementwise(draft: Draft) -> bool:
    return draft.operator is not None and draft.operator.elementwise


def selected_early(b: GraphBuilder, x: Value, axis: int, indices: Sequence[int]) -> Value | None:
    """Entries of one axis, selected before what can be infinite or splits a layer; None where nothing is won."""
    if not range_of(b, x.index).wild and not _splits_layers(b, x, axis):
        return None
    if b.moves_left == 0:
        return None
    draft = b.draft(x)
    before, outermost = b.provenance, b.moves_left is None
    b.provenance = draft.origin
    b.moves_left = (_MOST if b.moves_left is None else b.moves_left) - 1
    try:
        return _commuted(b, x, draft, axis, list(indices))
    finally:
        b.provenance = before
        if outermost:
            b.moves_left = None


def _splits_layers(b: GraphBuilder, x: Value, axis: int) -> bool:
    """Whether entries of the last axis are taken of a sum of linear layers, or of one behind another selection."""
    draft = b.draft(x)
    if axis != len(x.shape) - 1:
        return False
    behind = draft.kind == "select" and draft.fields["axis"] != axis
    return (behind or draft.operator in _SUMS) and all(
        _is_of_layers(b, index, x.shape[axis]) for index in draft.parents
    )


def _is_of_layers(b: GraphBuilder, index: NodeIndex, outputs: int) -> bool:
    """Whether a value is a sum of linear layers with that many outputs, reshaped and selected along other axes."""
    draft = b.drafts[index]
    if draft.operator is LINEAR:
        return draft.shape[-1] == outputs
    if not (draft.operator in _SUMS or _moves(draft)) or draft.shape[-1:] != (outputs,):
        return False
    return all(_is_of_layers(b, parent, outputs) for parent in draft.parents)


def _commuted(b: GraphBuilder, x: Value, draft: Draft, axis: int, indices: list[int]) -> Value | None:
    parents = [Value(index, b.drafts[index].shape) for index in draft.parents]
    operator, kind, fields = draft.operator, draft.kind, draft.fields
    if _elementwise(draft):
        return b.add(kind, *(_operand(b, parent, axis, indices) for parent in parents))
    if operator in _REDUCTIONS:
        return _of_reduction(b, parents[0], draft, axis, indices)
    if operator is SOFTMAX and fields["axis"] != axis:
        return b.add(kind, b.select(parents[0], axis, indices), axis=fields["axis"])
    if kind == "select" and fields["axis"] != axis:
        inner = b.select(parents[0], axis, indices)
        # Where it stays a selection nothing is won, and two would go before each other for ever.
        return None if b.draft(inner).kind == "select" else b.select(inner, fields["axis"], fields["indices"])
    if operator is PERMUTE:
        return b.permute(b.select(parents[0], fields["perm"][axis], indices), fields["perm"])
    if operator is BROADCAST_TO:
        return _of_broadcast(b, parents[0], x.shape, axis, indices)
    if _keeps_order(draft):
        return _of_reshape(b, parents[0], x.shape, axis, indices)
    if operator is CONCAT:
        return _of_concat(b, parents, fields["axis"], axis, indices)
    if operator is MATMUL:
        return _of_product(b, x, parents, axis, indices)
    return None


def _of_reduction(b: GraphBuilder, x: Value, draft: Draft, axis: int, indices: list[int]) -> Value | None:
    """Along an axis that is left of it."""
    axes, keepdim = draft.asked["axes"], draft.asked["keepdim"]
    left = [place for place in range(len(x.shape)) if keepdim or place not in axes]
    if left[axis] in axes:
        return None
    assert draft.operator is not None
    return b.reduce(draft.operator, b.select(x, left[axis], indices), axes, keepdim)


def _operand(b: GraphBuilder, x: Value, axis: int, indices: list[int]) -> Value:
    """As `select`, without a matrix where the operand is a constant."""
    draft = b.draft(x)
    if draft.operator is BROADCAST_TO:
        found = _of_broadcast(b, b.parent(x), x.shape, axis, indices)
    elif draft.operator is CONST and draft.extra.get("trainable") is False:
        entries = draft.params["value"].entries(axis, indices)
        found = None if entries is None else b.const(entries)
    else:
        found = None
    return b.select(x, axis, indices) if found is None else found


def _of_broadcast(b: GraphBuilder, x: Value, shape: Shape, axis: int, indices: list[int]) -> Value | None:
    aligned = b.dialect.broadcast(x.shape, shape)
    if aligned is None:
        return None
    x = b.reshape(x, aligned)
    if x.shape[axis] != 1:
        x = b.select(x, axis, indices)
    return b.broadcast(x, (*shape[:axis], len(indices), *shape[axis + 1 :]))


def _of_reshape(b: GraphBuilder, x: Value, shape: Shape, axis: int, indices: list[int]) -> Value | None:
    """Where the axis is one of the operand's, or a factor of one; and before an elementwise operator any."""
    if 0 in shape:
        return None
    before, size = math.prod(shape[:axis]), shape[axis]
    for place, inner in enumerate(x.shape):
        start = math.prod(x.shape[:place])
        if before % start or (start * inner) % (before * size):
            continue
        outer = before // start
        after = inner // (outer * size)
        entries = [
            (first * size + index) * after + last
            for first in range(outer)
            for index in indices
            for last in range(after)
        ]
        taken = b.select(x, place, entries)
        return b.reshape(taken, (*shape[:axis], len(indices), *shape[axis + 1 :]))
    draft = b.draft(x)
    if not _elementwise(draft):
        return None
    operands = [Value(index, b.drafts[index].shape) for index in draft.parents]
    return b.add(draft.kind, *(_operand(b, b.reshape(one, shape), axis, indices) for one in operands))


def _of_concat(
    b: GraphBuilder, parts: Sequence[Value], joined: int, axis: int, indices: list[int]
) -> Value | None:
    if axis != joined:
        return b.add("concat", *(b.select(part, axis, indices) for part in parts), axis=joined)
    owners = [(place, entry) for place, part in enumerate(parts) for entry in range(part.shape[axis])]
    runs: list[tuple[int, list[int]]] = []
    for index in indices:
        place, entry = owners[index]
        if runs and runs[-1][0] == place:
            runs[-1][1].append(entry)
        else:
            runs.append((place, [entry]))
    taken = [b.select(parts[place], axis, entries) for place, entries in runs]
    return b.add("concat", *taken, axis=axis) if len(taken) > 1 else taken[0]


def _of_product(
    b: GraphBuilder, x: Value, sides: Sequence[Value], axis: int, indices: list[int]
) -> Value | None:
    """Rows of the left side, columns of the right one, or entries of a batch axis of those that have them."""
    left, right = sides
    if min(len(left.shape), len(right.shape)) < 2:
        return None
    from_the_end = len(x.shape) - axis
    if from_the_end != 1:
        left = _entries(b, left, from_the_end, indices, is_batch=from_the_end > 2)
    if from_the_end != 2:
        right = _entries(b, right, from_the_end, indices, is_batch=from_the_end > 2)
    return b.said(MATMUL, left, right)


def _entries(b: GraphBuilder, x: Value, from_the_end: int, indices: list[int], *, is_batch: bool) -> Value:
    """Entries of an axis; a batch axis that is broadcast serves all of them as it is."""
    axis = len(x.shape) - from_the_end
    if is_batch and (axis < 0 or x.shape[axis] == 1):
        return x
    return b.select(x, axis, indices)
