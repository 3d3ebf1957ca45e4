"""Structural zeros: cells of a dense kernel that stand for a grouped or dilated convolution (semantics 2)."""

from __future__ import annotations

from typing import Any

import torch

from torchlean_core.errors import UserError
from torchlean_core.graph import Program, TensorNode


def kernel_masks(program: Program, device: torch.device | str = "cpu") -> dict[str, torch.Tensor]:
    """For every kernel with structural zeros, by name: True where a value may be other than zero.

    Raises:
        UserError: The fields `groups` and `dilation` of a node do not fit its kernel.
    """
    masks: dict[str, torch.Tensor] = {}
    for node in program.nodes:
        kernel = node.params.get("kernel")
        if kernel is None or not ("groups" in node.fields or "dilation" in node.fields):
            continue
        mask = _mask(node, kernel.shape, torch.device(device))
        if mask is not None:
            masks[kernel.name] = mask
    return masks


def _mask(node: TensorNode, shape: tuple[int, ...], device: torch.device) -> torch.Tensor | None:
    """The mask of one kernel (outC, inC, kH, kW), or None where nothing is structurally zero."""
    out_channels, in_channels, height, width = shape
    (groups,) = _numbers(node, "groups", 1)
    down, across = _numbers(node, "dilation", 2)
    if groups == down == across == 1:
        return None
    for channels, name in ((out_channels, "outC"), (in_channels, "inC")):
        if channels % groups:
            raise UserError(f"node {node.raw} (conv2d): groups {groups} does not divide {name} {channels}")

    def axis(size: int) -> torch.Tensor:
        return torch.arange(size, device=device)

    per_out, per_in = max(out_channels // groups, 1), in_channels // groups
    same_group = (axis(out_channels) // per_out)[:, None] == (axis(in_channels) // per_in)[None, :]
    taps = (axis(height) % down == 0)[:, None] & (axis(width) % across == 0)[None, :]
    return same_group[:, :, None, None] & taps[None, None, :, :]


def _numbers(node: TensorNode, name: str, count: int) -> tuple[int, ...]:
    """A field as `count` numbers: one number stands for all of them, and so does an array of one."""
    value: Any = node.fields.get(name, 1)
    values = list(value) if isinstance(value, list | tuple) else [value]
    if len(values) == 1:
        values *= count
    if len(values) != count or not all(type(v) is int and 0 < v < 1 << 62 for v in values):
        words = "a number > 0" if count == 1 else f"a number > 0, or {count} of them"
        raise UserError(f"node {node.raw} (conv2d): {name} must be {words}, found {str(value)[:40]}")
    return tuple(values)
