"""Instances of a large model over the same memory: its parameters are neither copied nor drawn again for each.

That is safe where forward leaves them alone, which is looked at when it has run, and where a copy of the module is as
good as another instance.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from types import FunctionType
from typing import Any

import torch
from torch.nn.parameter import is_lazy

from torchlean_core.capture.precision import converted, in_type

LARGE = 1_000_000
"""Scalars from which on parameters are shared; to copy or draw fewer costs next to nothing."""

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_DEPTH = 5
"""Containers in one another that are looked into; deeper ones are taken for what may hold anything."""


def scalars(module: torch.nn.Module) -> int:
    """Number of scalars of a module's parameters, each counted once."""
    return sum(p.numel() for p in module.parameters() if not is_lazy(p))


def can_share(module: torch.nn.Module) -> bool:
    """Whether a copy of a large module is as good as another instance, and can have its parameters' memory.

    A function in an attribute, or a hook, may hold on to the module that it was made for.
    """
    own = vars(torch.nn.Module())
    for part in module.modules():
        if hasattr(type(part), "__deepcopy__") or any(getattr(part, name, None) for name in _HOOKS):
            return False
        if any(_holds_on(value) for name, value in vars(part).items() if name not in own):
            return False
    return (
        scalars(module) >= LARGE
        and all(map(_is_plain, module.parameters()))
        and not any(map(is_lazy, module.buffers()))
    )


def _holds_on(value: object, depth: int = _DEPTH) -> bool:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return depth == 0 or any(_holds_on(one, depth - 1) for one in value)
    return isinstance(value, FunctionType) and bool(value.__closure__)


def _is_plain(parameter: torch.nn.Parameter) -> bool:
    return (
        type(parameter) is torch.nn.Parameter
        and parameter.is_leaf
        and parameter.layout is torch.strided
        and parameter.device.type == "cpu"
        and not parameter._backward_hooks
        and not getattr(parameter, "_post_accumulate_grad_hooks", None)
    )


def sharing(
    module: torch.nn.Module, held: Callable[[torch.Tensor], torch.Tensor] = torch.Tensor.detach
) -> torch.nn.Module:
    """A copy of a module with other parameters over the same memory, or over what `held` makes of each."""
    memo: dict[int, Any] = {}
    for parameter in module.parameters():
        other = torch.nn.Parameter(held(parameter.detach()), parameter.requires_grad)
        vars(other).update(vars(parameter))
        memo[id(parameter)] = other
    return copy.deepcopy(module, memo)


def in_float64(module: torch.nn.Module) -> torch.nn.Module:
    """A copy of a module in float64, each parameter converted once."""
    return converted(sharing(module, lambda one: in_type(one, torch.float64)), torch.float64)


def held_by(
    module: torch.nn.Module, another: torch.nn.Module, tensors: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Tensors of which those that are parameters of a module are taken from a converted copy of it.

    Args:
        module: The module.
        another: Its copy.
        tensors: Any tensors by name.
    """
    copies = {
        _place(one): other.detach()
        for one, other in zip(module.parameters(), another.parameters(), strict=True)
        if one.numel()
    }
    return {name: copies.get(_place(tensor), tensor) for name, tensor in tensors.items()}


def _place(tensor: torch.Tensor) -> tuple[Any, ...]:
    return tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype


def same_weights(one: torch.nn.Module, another: torch.nn.Module) -> bool:
    """Whether two instances have the same parameters, bit for bit but for the sign of zero, and no NaN."""
    mine, theirs = dict(one.named_parameters()), dict(another.named_parameters())
    return mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in mine)


def fingerprints(module: torch.nn.Module) -> dict[str, int]:
    """A number for each parameter that is another one where it was changed."""
    return {name: int(_integers(one.detach()).sum()) for name, one in module.named_parameters()}


_INTEGERS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64, 16: torch.int64}


def _integers(tensor: torch.Tensor) -> torch.Tensor:
    """The bits of a tensor as integers, which are as long as can be: these are added the fastest."""
    if not tensor.is_contiguous():
        tensor = tensor.contiguous()
    size = tensor.element_size()
    flat = tensor.reshape(-1)
    even = flat.numel() * size % 8 == 0 and flat.storage_offset() * size % 8 == 0
    return flat.view(torch.int64 if even else _INTEGERS[size])


def changed(before: Mapping[str, int], module: torch.nn.Module) -> Iterator[str]:
    """Names of the parameters whose fingerprints are others now."""
    yield from (name for name, number in fingerprints(module).items() if before[name] != number)
