"""Storage first: parameters without storage, then storage on the target device, then values in it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from torchlean_core.errors import UserError, first_line
from torchlean_core.graph import Program
from torchlean_core.init.plan import Plan, attention_scales, require_whole
from torchlean_core.init.schemes import fill
from torchlean_core.init.structure import clear_structural_zeros


def materialize(
    program: Program,
    plan: Plan,
    device: torch.device | str = "cpu",
    kept: Mapping[str, torch.Tensor] | None = None,
) -> dict[str, torch.Tensor]:
    """The parameters of a program with the values of a plan, float32, on a device.

    Structural zeros of kernels stay zero, and attention scales get their value.

    Args:
        program: The program.
        plan: An initializer for every parameter that neither is kept nor is an attention scale.
        device: Where the storage is made and filled.
        kept: Values that are taken over instead.

    Raises:
        UserError: An initializer is missing, belongs to no parameter or does not fit its own, or the device has not
            enough memory.
    """
    require_whole(plan, program, kept or ())
    shapes = {parameter.name: parameter.shape for parameter in program.parameters()}
    tensors = allocate(shapes, torch.device(device))
    scales = attention_scales(program)
    filled: dict[str, torch.Tensor] = {}
    for name, tensor in tensors.items():
        if kept is not None and name in kept:
            tensor.copy_(kept[name])
        elif name in scales:
            tensor.fill_(scales[name])
        else:
            fill(tensor, plan[name])
            filled[name] = tensor
    clear_structural_zeros(program, filled)
    return tensors


def allocate(
    shapes: Mapping[str, tuple[int, ...]], device: torch.device, dtype: torch.dtype = torch.float32
) -> dict[str, torch.Tensor]:
    """Tensors by name, made on the device `meta` and then given storage on another, without values.

    Raises:
        UserError: The device has not enough memory.
    """
    holder = nn.Module()
    try:
        for position, shape in enumerate(shapes.values()):
            holder.register_buffer(f"t{position}", torch.empty(shape, dtype=dtype, device="meta"))
        holder.to_empty(device=device)
    except (RuntimeError, OverflowError, TypeError) as error:
        raise UserError(f"no memory for the parameters on {device}: {first_line(error)}") from error
    return dict(zip(shapes, holder.buffers(), strict=True))
