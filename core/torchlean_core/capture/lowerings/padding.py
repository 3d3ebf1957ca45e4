"""Padding: constants are joined on, copies are selections, negative amounts cut off."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from torchlean_core.capture.builder import GraphBuilder
from torchlean_core.capture.errors import Refused
from torchlean_core.capture.lowerings.shape import cat
from torchlean_core.capture.registry import lowers
from torchlean_core.capture.values import Tensor, Value

aten = torch.ops.aten


@lowers(aten.constant_pad_nd.default)
def constant_pad(b: GraphBuilder, x: Value, pad: Sequence[int], value: float = 0) -> Value:
    """Constants joined on both sides of the last axes; `pad` is (left, right) from the last axis on."""
    for place in range(len(pad) // 2):
        axis = len(x.shape) - 1 - place
        left, right = pad[2 * place], pad[2 * place + 1]
        x = b.select(x, axis, range(max(-left, 0), x.shape[axis] - max(-right, 0)))
        parts: list[Tensor] = [x]
        for amount, position in ((left, 0), (right, 2)):
            if amount > 0:
                filling = b.full(value, (*x.shape[:axis], amount, *x.shape[axis + 1 :]))
                parts.insert(position, filling)
        x = cat(b, parts, axis)
    return x


@lowers(aten.pad.default)
def pad(
    b: GraphBuilder, x: Value, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Value:
    """Constant padding; the other modes are selections."""
    if mode == "constant":
        return constant_pad(b, x, pad, value or 0)
    return _padded(b, x, pad, mode)


def _padded(b: GraphBuilder, x: Value, pad: Sequence[int], mode: str) -> Value:
    """Padding by copies: `reflect`, `replicate`, `circular`."""
    for place in range(len(pad) // 2):
        axis = len(x.shape) - 1 - place
        size = x.shape[axis]
        positions = range(-pad[2 * place], size + pad[2 * place + 1])
        if mode == "reflect":
            indices = [(size - 1) - abs((size - 1) - abs(i)) for i in positions]
        elif mode == "replicate":
            indices = [min(max(i, 0), size - 1) for i in positions]
        elif mode == "circular":
            indices = [i % size for i in positions]
        else:
            raise Refused(f"padding mode {mode!r}")
        x = b.select(x, axis, indices)
    return x


@lowers(aten.reflection_pad1d.default, aten.reflection_pad2d.default, aten.reflection_pad3d.default)
def reflection_pad(b: GraphBuilder, x: Value, padding: Sequence[int]) -> Value:
    """Padding by reflection at the edges."""
    return _padded(b, x, padding, "reflect")


@lowers(aten.replication_pad1d.default, aten.replication_pad2d.default, aten.replication_pad3d.default)
def replication_pad(b: GraphBuilder, x: Value, padding: Sequence[int]) -> Value:
    """Padding by the edges' values."""
    return _padded(b, x, padding, "replicate")
