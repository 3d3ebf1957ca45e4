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

if TYPE_CHECKING:
    from torchlean_core.capture.builder import Draft, GraphBuilder

_ELEMENTWISE = frozenset(
    "detach abs sqrt inv relu tanh sigmoid exp log sin cos add sub mul_elem max_elem min_elem".split()
)
_SUMS = frozenset({"add", "sub"})
_MOVES = frozenset({"reshape", "flatten", "select"})
_ALONG_AN_AXIS = frozenset({"reduce_sum", "reduce_mean"})


def selected_early(b: GraphBuilder, x: Value, axis: int, indices: Sequence[int]) -> Value | None:
    """Entries of one axis, selected before what can be infinite or splits a layer; None where nothing is won."""
    if not range_of(b, x.index).wild and not _splits_layers(b, x, axis):
        return None
    draft = b.draft(x)
    before = b.provenance
    b.provenance = draft.origin
    try:
        return _commuted(b, x, draft, axis, list(indices))
    finally:
        b.provenance = before


def _splits_layers(b: GraphBuilder, x: Value, axis: int) -> bool:
    """Whether entries of the last axis are taken of a sum of linear layers, or of one behind another selection."""
    draft = b.draft(x)
    if axis != len(x.shape) - 1:
        return False
    behind = draft.kind == "select" and draft.fields["axis"] != axis
    return (behind or draft.kind in _SUMS) and all(
        _is_of_layers(b, index, x.shape[axis]) for index in draft.parents
    )


def _is_of_layers(b: GraphBuilder, index: NodeIndex, outputs: int) -> bool:
    """Whether a value is a sum of linear layers with that many outputs, reshaped and selected along other axes."""
    draft = b.drafts[index]
    if draft.kind == "linear":
        return draft.shape[-1] == outputs
    if draft.kind not in _SUMS | _MOVES or draft.shape[-1:] != (outputs,):
        return False
    return all(_is_of_layers(b, parent, outputs) for parent in draft.parents)


def _commuted(b: GraphBuilder, x: Value, draft: Draft, axis: int, indices: list[int]) -> Value | None:
    parents = [Value(index, b.drafts[index].shape) for index in draft.parents]
    kind, fields = draft.kind, draft.fields
    if kind in _ELEMENTWISE:
        return b.add(kind, *(_operand(b, parent, axis, indices) for parent in parents))
    if kind in _ALONG_AN_AXIS:
        inner = axis + (axis >= fields["axis"])
        return b.add(kind, b.select(parents[0], inner, indices), axis=fields["axis"])
    if kind == "softmax" and fields["axis"] != axis:
        return b.add(kind, b.select(parents[0], axis, indices), axis=fields["axis"])
    if kind == "select" and fields["axis"] != axis:
        return b.select(b.select(parents[0], axis, indices), fields["axis"], fields["indices"])
    if kind == "permute":
        return b.permute(b.select(parents[0], fields["perm"][axis], indices), fields["perm"])
    if kind == "broadcast_to":
        return _of_broadcast(b, parents[0], x.shape, axis, indices)
    if kind in ("reshape", "flatten"):
        return _of_reshape(b, parents[0], x.shape, axis, indices)
    if kind == "concat":
        return _of_concat(b, parents, fields["axis"], axis, indices)
    if kind == "matmul":
        return _of_product(b, parents, axis, indices)
    return None


def _operand(b: GraphBuilder, x: Value, axis: int, indices: list[int]) -> Value:
    """As `select`, without a matrix where the operand is a constant."""
    draft = b.draft(x)
    if draft.kind == "broadcast_to":
        found = _of_broadcast(b, b.parent(x), x.shape, axis, indices)
    elif draft.kind == "const" and draft.extra.get("trainable") is False:
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
    if draft.kind not in _ELEMENTWISE:
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


def _of_product(b: GraphBuilder, sides: Sequence[Value], axis: int, indices: list[int]) -> Value:
    left, right = sides
    rank = len(left.shape)
    if axis != rank - 1:
        left = b.select(left, axis, indices)
    if axis != rank - 2:
        right = b.select(right, axis, indices)
    return b.add("matmul", left, right)
