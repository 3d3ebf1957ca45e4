"""Structural zeros: cells of a dense kernel that stand for a grouped or dilated convolution (semantics 2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch

from torchlean_core.errors import UserError
from torchlean_core.graph import Program, TensorNode
from torchlean_core.kinds.code import structure


@dataclass(frozen=True, slots=True)
class _Structure:
    """The convolution that a dense kernel (out, in, *kernel) stands for."""

    shape: tuple[int, ...]
    groups: int
    dilation: tuple[int, ...]

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
    for name, described in _structures(program).items():
        mask = torch.zeros(described.shape, dtype=torch.bool, device=device)
        cells = tuple(slice(None, None, step) for step in described.dilation)
        for rows, columns in described.blocks():
            mask[(rows, columns, *cells)] = True
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
    for name, described in _structures(program).items():
        kernel = tensors.get(name)
        if kernel is None:
            continue
        for rows, columns in described.blocks():
            kernel[rows, : columns.start].zero_()
            kernel[rows, columns.stop :].zero_()
        for axis, step in enumerate(described.dilation, start=2):
            for place in range(described.shape[axis]):
                if place % step:
                    kernel.select(axis, place).zero_()


def _structures(program: Program) -> dict[str, _Structure]:
    found: dict[str, _Structure] = {}
    for node in program.nodes:
        kernel = node.params.get("kernel")
        if kernel is None or kernel.view or not node.fields["marks"]:
            continue
        described = _structure(program, node, kernel.shape)
        if described.groups > 1 or any(step > 1 for step in described.dilation):
            found[kernel.parameter.name] = described
    return found


def _structure(program: Program, node: TensorNode, shape: tuple[int, ...]) -> _Structure:
    try:
        groups, dilation = structure(node.fields)
    except UserError as error:
        raise UserError(f"node {node.raw} ({program.kind_of(node)}): {error}") from error
    return _Structure(shape, groups, dilation)
