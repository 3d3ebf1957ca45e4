"""Optimizers of `torch.optim`, described by values, and their state as named tensors."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import torch

from torchlean_core.errors import UserError
from torchlean_core.kinds.numbers import show_shape

_KINDS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}
_MOMENTS = {"step", "exp_avg", "exp_avg_sq"}
_STATE = {"sgd": {"momentum_buffer"}, "adam": _MOMENTS, "adamw": _MOMENTS}
"""What each remembers of a parameter, once it had a gradient."""

OPTIMIZERS = tuple(_KINDS)
"""Every optimizer by name."""


@dataclass(frozen=True, slots=True)
class Optimizer:
    """An optimizer as a value; its state is an `OptimState`.

    Attributes:
        name: One of `OPTIMIZERS`.
        lr: Learning rate.
        momentum: Momentum; of sgd only.
        weight_decay: Weight decay.
    """

    name: str = "sgd"
    lr: float = 0.01
    momentum: float = 0.0
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        """Refuse numbers that no optimizer steps with.

        Raises:
            UserError: The learning rate, momentum or weight decay is negative or not finite.
        """
        for name in ("lr", "momentum", "weight_decay"):
            require_amount(name, getattr(self, name))

    def build(self, leaves: list[torch.Tensor]) -> torch.optim.Optimizer:
        """The optimizer of torch for some tensors, in one kernel for all of them ("fused").

        Raises:
            UserError: There is no optimizer of that name, or it has no momentum to set.
        """
        if self.name not in _KINDS:
            raise UserError(f"unknown optimizer {self.name!r}; there are {', '.join(_KINDS)}")
        if self.momentum and self.name != "sgd":
            raise UserError(f"momentum belongs to sgd, not to {self.name}")
        options: dict[str, Any] = {"lr": self.lr, "weight_decay": self.weight_decay}
        if self.name == "sgd":
            options["momentum"] = self.momentum
        return _KINDS[self.name](leaves, fused=True, **options)


def require_amount(name: str, value: Any) -> None:
    """Refuse what is no finite number, 0 or greater.

    Raises:
        UserError: It is not.
    """
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or value < 0:
        raise UserError(f"{name} must be a finite number, 0 or greater, found {str(value)[:40]}")


class OptimState:
    """What an optimizer remembers of its steps, bound to a module's parameters.

    Attributes:
        kind: The optimizer as a value.
        optimizer: The optimizer of torch, over `leaves`.
        leaves: The parameters it changes, by name.
    """

    def __init__(self, kind: Optimizer, leaves: Mapping[str, torch.Tensor]) -> None:
        self.kind = kind
        self.leaves = dict(leaves)
        self.optimizer = kind.build(list(self.leaves.values()))

    def tensors(self) -> dict[str, torch.Tensor]:
        """Copies of everything remembered: `{"linear_1_W.exp_avg": …}`; empty before the first step."""
        return {
            f"{name}.{key}": value.detach().clone()
            for name, leaf in self.leaves.items()
            for key, value in self.optimizer.state.get(leaf, {}).items()
            if isinstance(value, torch.Tensor)
        }

    def restore(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Take over what `tensors` gave, for the same parameters and optimizer.

        Raises:
            UserError: A tensor belongs to no parameter, is not of the parameter's shape, or is missing.
        """
        found: dict[torch.Tensor, dict[str, torch.Tensor]] = {}
        for full_name, value in tensors.items():
            name, _, key = full_name.rpartition(".")
            leaf = self.leaves.get(name)
            if leaf is None:
                raise UserError(
                    f"the optimizer's state {full_name!r} belongs to no parameter that is trained"
                )
            if value.ndim and value.shape != leaf.shape:
                raise UserError(
                    f"the optimizer's state {full_name!r} has shape {show_shape(value.shape)}, "
                    f"expected {show_shape(leaf.shape)}"
                )
            found.setdefault(leaf, {})[key] = value.detach().to(device=leaf.device, copy=True)
        for leaf, remembered in found.items():
            if set(remembered) != _STATE[self.kind.name]:
                name = next(name for name, own in self.leaves.items() if own is leaf)
                expected = ", ".join(sorted(_STATE[self.kind.name]))
                raise UserError(
                    f"the optimizer's state of {name} is {', '.join(sorted(remembered))}; "
                    f"{self.kind.name} remembers {expected}"
                )
        self.optimizer.state.clear()
        self.optimizer.state.update(found)
