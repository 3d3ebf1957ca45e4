"""What a model's `state_dict` holds, and what of it the artifact has no place for: kept for the way back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch

_DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
"""Types of tensors as safetensors spells them."""


@dataclass(frozen=True, slots=True)
class State:
    """The entries of a model's `state_dict`.

    Attributes:
        tensors: By name, in order.
        tied: Names of which the tensor has an earlier one: that.
        folded: Names of those that constants of the artifact were computed from.
    """

    tensors: dict[str, torch.Tensor]
    tied: dict[str, str]
    folded: tuple[str, ...] = ()

    def recorded(self) -> dict[str, Any]:
        """The extra field `captured_from.state`."""
        found: dict[str, Any] = {"names": list(self.tensors)}
        if self.tied:
            found["tied"] = self.tied
        if self.folded:
            found["folded"] = list(self.folded)
        return found

    def carried(self, placed: Iterable[str]) -> dict[str, torch.Tensor]:
        """Entries without a place in the artifact; those that no file of tensors can hold are left out."""
        known = {*placed, *self.tied}
        return {
            name: tensor
            for name, tensor in self.tensors.items()
            if name not in known and tensor.dtype in _DTYPES and tensor.layout is torch.strided
        }


def state_of(module: torch.nn.Module, folded: Iterable[str]) -> State:
    """The entries that `module.state_dict()` has, without running hooks of the user's."""
    tensors: dict[str, torch.Tensor] = {}
    for path, part in module.named_modules(remove_duplicate=False):
        kept = (name for name in part._buffers if name not in part._non_persistent_buffers_set)
        for table, names in ((part._parameters, list(part._parameters)), (part._buffers, list(kept))):
            for name in names:
                tensor = table[name]
                if tensor is not None:
                    tensors[f"{path}.{name}" if path else name] = tensor
    first: dict[int, str] = {}
    tied = {}
    for name, tensor in tensors.items():
        if (earlier := first.setdefault(id(tensor), name)) != name:
            tied[name] = earlier
    return State(tensors, tied, tuple(name for name in tensors if name in set(folded)))


def type_name(tensor: torch.Tensor) -> str:
    """A tensor's type as safetensors spells it."""
    return _DTYPES[tensor.dtype]
