"""A module in another precision."""

from __future__ import annotations

import torch

_COMPLEX = {torch.float32: torch.complex64, torch.float64: torch.complex128}


def converted(module: torch.nn.Module, dtype: torch.dtype) -> torch.nn.Module:
    """The same module, its real and its complex tensors in a precision; `Module.to` makes complex ones real.

    Args:
        module: Is changed.
        dtype: float32 or float64.
    """

    def moved(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.is_complex():
            return tensor.to(_COMPLEX[dtype])
        return tensor.to(dtype) if tensor.is_floating_point() else tensor

    found: torch.nn.Module = module._apply(moved)  # type: ignore[no-untyped-call]
    return found
