"""From the generalized dialect to the classic one, kind by kind (ir-v1-generalized section 10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod

from torchlean_core.convert.draft import NO_PAYLOAD, Payload, Site
from torchlean_core.convert.eps import epsilon
from torchlean_core.convert.refusal import refuse
from torchlean_core.convert.rules import Direction, Rule, same_loss
from torchlean_core.convert.windows import convolution, pool
from torchlean_core.kinds import CLASSIC, GENERALIZED
from torchlean_core.kinds import operators as ops
from torchlean_core.kinds.alignment import right_aligned, witness
from torchlean_core.kinds.dialects.generalized.shapes import batch_of
from torchlean_core.kinds.numbers import show_shape


def _transpose(at: Site) -> int:
    rank, axes = len(at.xs[0]), {at.fields["axis1"], at.fields["axis2"]}
    if axes == {0, 1}:
        return at.keep("swap_first_two", {})
    if axes == {1, 2} and rank == 3:
        return at.keep("transpose3d_last_two", {})
    order = list(range(rank))
    first, second = at.fields["axis1"], at.fields["axis2"]
    order[first], order[second] = order[second], order[first]
    return at.keep("permute", {"perm": tuple(order)})


def _reduction(at: Site) -> int:
    """One axis after another, largest first; the last of them has what the node has beside its fields."""
    value, shape = at.parents[0], list(at.xs[0])
    axes = sorted(at.fields["axes"], reverse=True)
    if not axes:
        at.draft.seat[at.node.id] = value
    for axis in axes:
        without = [*shape[:axis], *shape[axis + 1 :]]
        if axis == axes[-1]:
            value = at.keep(at.node.kind, {"axis": axis}, parents=[value], shape=without)
        else:
            value = at.draft.add(at.node.kind, [value], without, {"axis": axis})
        shape = without
        if at.fields["keepdim"]:
            shape.insert(axis, 1)
            value = at.reshape(value, shape)
    return value


def _batch_norm(at: Site) -> int:
    x, axis = at.xs[0], at.fields["channel_axis"]
    if 0 in x:
        refuse(at.node, f"an empty axis in {show_shape(x)}")
    facts = {"eps": epsilon(at)} if "eps" in at.node.inline or at.payload.arrays else {}
    fields = {"channels": at.fields["channels"]}
    if len(x) == 4 and axis == 1:
        return at.keep("batch_norm2d_nchw_eval", fields, facts=facts)
    merged = (prod(x[:axis]), x[axis], prod(x[axis + 1 :]), 1)
    value = at.keep(
        "batch_norm2d_nchw_eval",
        fields,
        parents=[at.reshape(at.parents[0], merged)],
        shape=merged,
        facts=facts,
    )
    return at.reshape(value, x)


def _matmul(at: Site) -> int:
    values, shapes = list(at.parents), [list(x) for x in at.xs]
    for side, vector in enumerate(len(shape) == 1 for shape in at.xs):
        if vector:
            shapes[side] = [1, *shapes[side]] if side == 0 else [*shapes[side], 1]
            values[side] = at.reshape(values[side], shapes[side])
    batch = batch_of(shapes[0][:-2], shapes[1][:-2])
    assert batch is not None, "an artifact without errors has a common batch"
    for side in (0, 1):
        if shapes[side][:-2] == batch:
            continue
        if lead := len(batch) + 2 - len(shapes[side]):
            shapes[side] = [1] * lead + shapes[side]
            values[side] = at.reshape(values[side], shapes[side])
        if shapes[side][:-2] != batch:
            shapes[side] = [*batch, *shapes[side][-2:]]
            values[side] = at.broadcast(values[side], shapes[side])
    for side in (0, 1):
        if len(batch) > 1:
            shapes[side] = [prod(batch), *shapes[side][-2:]]
            values[side] = at.reshape(values[side], shapes[side])
    product = (*shapes[0][:-1], shapes[1][-1])
    value = at.keep(at.node.kind, {}, parents=values, shape=product)
    return value if product == at.shape else at.reshape(value, at.shape)


def _softplus(at: Site, *, main: bool = True) -> int:
    """relu(x) + log(exp(-abs(x)) + 1), which overflows nowhere."""
    x, shape = at.parents[0], at.xs[0]

    def step(kind: str, *parents: int) -> int:
        return at.draft.add(kind, parents, shape)

    positive = step("relu", x)
    size = step("abs", x)
    decay = step("exp", step("mul_elem", size, _constant(at, -1.0, shape)))
    tail = step("log", step("add", decay, _constant(at, 1.0, shape)))
    if main:
        return at.keep("add", {}, parents=[positive, tail])
    return step("add", positive, tail)


def _constant(at: Site, value: float, shape: Sequence[int]) -> int:
    payload = Payload({"": at.filled(shape, value)})
    return at.draft.add("const", [], shape, extra={"trainable": False}, payload=payload)


def _safe_log(at: Site) -> int:
    soft = _softplus(at, main=False)
    small = at.broadcast(at.parents[1], at.shape)
    return at.keep("log", {}, parents=[at.draft.add("add", [soft, small], at.shape)])


def _layernorm(at: Site) -> int:
    import numpy as np

    axis, x = at.fields["axis"], at.xs[0]
    if 0 in x[:axis]:
        refuse(at.node, f"an empty leading axis in {show_shape(x)}")
    payload = at.payload
    value = at.keep(at.node.kind, {"axis": axis}, payload=NO_PAYLOAD, facts={"eps": epsilon(at)})
    gamma, beta = (payload.arrays.get(name) for name in ("gamma", "beta"))
    said = [payload.said.get(name, {}) for name in ("gamma", "beta")]
    is_plain = gamma is None or beta is None or (bool(np.all(gamma == 1)) and bool(np.all(beta == 0)))
    if is_plain and all(not one or one.get("absent") is True for one in said):
        return value
    for name, kind in (("gamma", "mul_elem"), ("beta", "add")):
        value = at.draft.add(kind, [value, _affine(at, payload, name, axis, x)], x)
    return value


def _affine(at: Site, payload: Payload, name: str, axis: int, x: tuple[int, ...]) -> int:
    """Gamma or beta as a constant of the operand's shape."""
    suffix = x[axis:]
    said = payload.said.get(name, {})
    extra = {}
    if said.get("absent") is True:  # what the model does not have is not trained here either
        said, extra = {}, {"trainable": False}
    arrays = {"": payload.arrays[name]} if name in payload.arrays else {}
    constant = replace(payload, arrays=arrays, said={"": said} if said else {})
    value = at.draft.add("const", [], suffix, extra=extra, payload=constant)
    if witness(suffix, x) != right_aligned(suffix, x):
        value = at.reshape(value, (1,) * axis + suffix)
    return at.broadcast(value, x) if axis else value


def _broadcast(at: Site) -> int:
    source, target = at.xs[0], at.fields["to_shape"]
    aligned = right_aligned(source, target)
    assert aligned is not None, "an artifact without errors has a broadcast"
    parents = at.parents
    if witness(source, target) != aligned:
        source = (1,) * (len(target) - len(source)) + source
        parents = [at.reshape(at.parents[0], source)]
    return at.keep(at.node.kind, {"from_shape": source, "to_shape": target}, parents=parents)


def _attention(at: Site) -> int:
    fields = dict(at.fields)
    bias = at.extra.get("bias")
    if at.payload.arrays:
        fields["bias"] = True  # the other dialect does not read the field, and always adds one
    elif isinstance(bias, bool):  # anything else is no value of it here
        fields["bias"] = bias
    return at.keep(at.node.kind, fields, shape=None, tuple_shapes=at.node.tuple_shapes)


_RULES: Mapping[str, Rule] = {
    ops.TRANSPOSE.name: _transpose,
    ops.REDUCE_SUM.name: _reduction,
    ops.REDUCE_MEAN.name: _reduction,
    ops.CONV.name: convolution,
    ops.MAX_POOL.name: pool,
    ops.AVG_POOL.name: pool,
    ops.BATCH_NORM.name: _batch_norm,
    ops.MATMUL.name: _matmul,
    ops.SOFTPLUS.name: _softplus,
    ops.SAFE_LOG.name: _safe_log,
    ops.LAYERNORM.name: _layernorm,
    ops.BROADCAST_TO.name: _broadcast,
    ops.MSE_LOSS.name: same_loss,
}

TO_CLASSIC = Direction(GENERALIZED, CLASSIC, _RULES, _attention)
