"""A module in another precision."""

from __future__ import annotations

import torch

_COMPLEX = {torch.float32: torch.complex64, torch.float64: torch.complex128}


def in_type(tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """A real or complex tensor in a precision; any other as it is.

    Args:
        tensor: The tensor.
        dtype: float32 or float64.
    """
    if tensor.is_complex():
        return tensor.to(_COMPLEX[dtype])
    return tensor.to(dtype) if tensor.is_floating_point() else tensor


def converted(module: torch.nn.Module, dtype: torch.dtype) -> torch.nn.Module:
    """The same module, its real and its complex tensors in a precision; `Module.to` makes complex ones real.

    Args:
        module: Is changed.
        dtype: float32 or float64.
    """
    found: torch.nn.Module = module._apply(lambda one: in_type(one, dtype))  # type: ignore[no-untyped-call]
    return found
