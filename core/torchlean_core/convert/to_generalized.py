"""From the classic dialect to the generalized one, kind by kind (ir-v1-generalized section 10)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torchlean_core.convert.draft import Site
from torchlean_core.convert.eps import epsilon
from torchlean_core.convert.kernels import resolved
from torchlean_core.convert.refusal import refuse
from torchlean_core.convert.rules import Direction, Rule, same_loss
from torchlean_core.graph.payload import fields_of
from torchlean_core.kinds import CLASSIC, GENERALIZED
from torchlean_core.kinds import operators as ops
from torchlean_core.kinds.alignment import right_aligned, witness
from torchlean_core.kinds.numbers import show_shape


def _operator_fields(at: Site) -> Mapping[str, Any]:
    kind = at.draft.source.dialect.tensor_kinds[at.node.kind]
    return kind.steps(fields_of(replace(at.node, fields=at.fields), kind.extras), at.xs, at.shape)[0].fields


def _input(at: Site) -> int:
    """All inputs are given the same tensor: the first one, and what was another is that, too."""
    first = next((node for node in at.draft.nodes if node.kind == at.node.kind), None)
    if first is None:
        return at.keep(at.node.kind, {})
    if first.shape != at.shape:
        refuse(
            at.node,
            f"the generalized dialect has one input, and this one's shape {show_shape(at.shape)} differs from "
            f"that of the first, {show_shape(first.shape or ())}",
        )
    return at.keep("reshape", {"in_shape": at.shape, "out_shape": at.shape}, parents=[first.id])


def _transpose(at: Site) -> int:
    fields = _operator_fields(at)
    return at.keep("transpose", {"axis1": fields["axis1"], "axis2": fields["axis2"]})


def _reduction(at: Site) -> int:
    axis = at.fields["axis"]
    if at.xs[0][axis] == 0:
        refuse(at.node, f"a reduced axis of extent 0: axis {axis} of {show_shape(at.xs[0])}")
    return at.keep(at.node.kind, {"axes": (axis,), "keepdim": False})


def _convolution(at: Site) -> int:
    f = at.fields
    if f["outC"] == 0:
        refuse(at.node, "no output channels: the generalized dialect refuses a convolution without any")
    marks: dict[str, Any] = {name: at.extra.pop(name) for name in ("groups", "dilation") if name in at.extra}
    kernel = resolved(at.payload, marks, f)
    fields = {
        "spatial_rank": 2,
        "kernel": kernel.size,
        "stride": (f["stride"],) * 2,
        "padding": (f["padding"],) * 2,
        "dilation": kernel.dilation,
        "padding_after": (f["padding"],) * 2,
        "groups": kernel.groups,
        "channel_axis": 0,
        "in_channels": f["inC"],
        "out_channels": f["outC"],
    }
    return at.keep("conv", fields, payload=kernel.payload, facts={"input_spatial": list(at.xs[0][1:])})


def _pool(at: Site) -> int:
    fields = _operator_fields(at)
    for size, cells in zip(fields["kernel"], fields["padding"], strict=True):
        if cells > size // 2:
            refuse(
                at.node,
                f"padding over half the window: {cells} for a window of {size}; the generalized result is empty",
            )
    if 0 in at.xs[0][1:]:
        refuse(at.node, f"an empty input axis in {show_shape(at.xs[0])}: the generalized result is empty")
    geometry = {name: tuple(fields[name]) for name in ("kernel", "stride", "padding")}
    operator = at.draft.source.dialect.tensor_kinds[at.node.kind].operator
    return at.keep(operator.name, {"spatial_rank": 2, **geometry})


def _batch_norm(at: Site) -> int:
    facts = {"eps": epsilon(at)} if at.payload.arrays or "eps" in at.extra else {}
    return at.keep("batch_norm_eval", {"channel_axis": 1, "channels": at.fields["channels"]}, facts=facts)


def _layernorm(at: Site) -> int:
    axis = at.fields["axis"]
    suffix = at.xs[0][axis:]
    neutral = {"gamma": at.filled(suffix, 1.0), "beta": at.filled(suffix, 0.0)}
    payload = replace(at.payload, arrays=neutral)
    return at.keep(at.node.kind, {"axis": axis}, payload=payload, facts={"eps": epsilon(at)})


def _broadcast(at: Site) -> int:
    target = at.fields["to_shape"]
    view = witness(at.xs[0], target)
    assert view is not None, "an artifact without errors has the witness"
    parents, source = at.parents, at.xs[0]
    if view != right_aligned(source, target):
        parents, source = [at.reshape(at.parents[0], view)], tuple(view)
    return at.keep(at.node.kind, {"from_shape": tuple(source), "to_shape": target}, parents=parents)


def _attention(at: Site) -> int:
    import numpy as np

    payload = at.payload
    if "bias" in at.fields:  # nobody reads it there
        at.extra["bias"] = at.fields["bias"]
    if payload.arrays:
        arrays = dict(payload.arrays)
        size = at.fields["embed_dim"]
        for name in ("q_b", "k_b", "v_b", "out_b"):
            arrays.setdefault(name, np.zeros((size,), np.float32))
        scale = arrays["scale"]
        if scale.size == 0:
            wanted = size / at.fields["num_heads"]
            arrays["scale"] = np.array(1.0 / math.sqrt(wanted) if wanted else 0.0, np.float32)
        else:
            one = scale.reshape(-1)[0]
            if not np.array_equal(scale, np.full_like(scale, one), equal_nan=True):
                refuse(
                    at.node,
                    f"the entries of {payload.names['scale']} differ, and the generalized dialect has one number",
                )
            arrays["scale"] = np.asarray(one)
        payload = replace(payload, arrays=arrays)
    return at.keep(
        at.node.kind,
        {name: value for name, value in at.fields.items() if name != "bias"},
        payload=payload,
        shape=None,
        tuple_shapes=at.node.tuple_shapes,
    )


_RULES: Mapping[str, Rule] = {
    ops.INPUT.name: _input,
    ops.TRANSPOSE.name: _transpose,
    ops.REDUCE_SUM.name: _reduction,
    ops.REDUCE_MEAN.name: _reduction,
    ops.CONV.name: _convolution,
    ops.MAX_POOL.name: _pool,
    ops.AVG_POOL.name: _pool,
    ops.BATCH_NORM.name: _batch_norm,
    ops.LAYERNORM.name: _layernorm,
    ops.BROADCAST_TO.name: _broadcast,
    ops.MSE_LOSS.name: same_loss,
}

TO_GENERALIZED = Direction(CLASSIC, GENERALIZED, _RULES, _attention)
