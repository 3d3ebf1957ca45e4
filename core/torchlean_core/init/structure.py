"""Structural zeros: cells of a dense kernel that stand for a grouped or dilated convolution (semantics 2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from torchlean_core.errors import UserError
from torchlean_core.graph import Program, TensorNode


@dataclass(frozen=True, slots=True)
class _Structure:
    """The convolution that a dense kernel (outC, inC, kH, kW) stands for."""

    shape: tuple[int, ...]
    groups: int
    dilation: tuple[int, int]

    def blocks(self) -> Iterator[tuple[slice, slice]]:
        """Rows (of outC) and columns (of inC) of every group."""
        per_out, per_in = self.shape[0] // self.groups, self.shape[1] // self.groups
        for group in range(self.groups):
            rows = slice(group * per_out, (group + 1) * per_out)
            yield rows, slice(group * per_in, (group + 1) * per_in)


def kernel_masks(program: Program, device: torch.device | str = "cpu") -> dict[str, torch.Tensor]:
    """For every kernel with structural zeros, by name: True where a value may be other than zero.

    Raises:
        UserError: The fields `groups` and `dilation` of a node do not fit its kernel.
    """
    masks = {}
    for name, structure in _structures(program).items():
        mask = torch.zeros(structure.shape, dtype=torch.bool, device=device)
        down, across = structure.dilation
        for rows, columns in structure.blocks():
            mask[rows, columns, ::down, ::across] = True
        masks[name] = mask
    return masks


def clear_structural_zeros(program: Program, tensors: Mapping[str, torch.Tensor]) -> None:
    """Set every structural zero of kernels to zero, in place, with no memory for a mask.

    Args:
        program: The program.
        tensors: Kernels by name; those that are not here are left alone.

    Raises:
        UserError: As `kernel_masks`.
    """
    for name, structure in _structures(program).items():
        kernel = tensors.get(name)
        if kernel is None:
            continue
        for rows, columns in structure.blocks():
            kernel[rows, : columns.start].zero_()
            kernel[rows, columns.stop :].zero_()
        for axis, step in zip((2, 3), structure.dilation, strict=True):
            for place in range(structure.shape[axis]):
                if place % step:
                    kernel.select(axis, place).zero_()


def _structures(program: Program) -> dict[str, _Structure]:
    found: dict[str, _Structure] = {}
    for node in program.nodes:
        kernel = node.params.get("kernel")
        if kernel is None or not ("groups" in node.fields or "dilation" in node.fields):
            continue
        structure = _structure(node, kernel.shape)
        if structure.groups > 1 or structure.dilation != (1, 1):
            found[kernel.name] = structure
    return found


def _structure(node: TensorNode, shape: tuple[int, ...]) -> _Structure:
    (groups,) = _numbers(node, "groups", 1)
    down, across = _numbers(node, "dilation", 2)
    for channels, name in ((shape[0], "outC"), (shape[1], "inC")):
        if channels % groups:
            raise UserError(f"node {node.raw} (conv2d): groups {groups} does not divide {name} {channels}")
    return _Structure(shape, groups, (down, across))


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
