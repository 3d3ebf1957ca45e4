"""The best validation of a run: which step it was after, how long ago, and the parameters of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch


class Best:
    """Follows validation losses.

    Attributes:
        step: The step after which validation was best; 0 before the first one.
        loss: The loss then.
        since: Validations since then, which were no better.
        params: Copies of the parameters then, by name; empty unless they are kept.
    """

    def __init__(self, *, keeps: bool) -> None:
        """Begin; `keeps` the parameters."""
        self.step, self.loss, self.since = 0, float("inf"), 0
        self.params: dict[str, torch.Tensor] = {}
        self._keeps = keeps

    def see(self, step: int, loss: float, params: Mapping[str, torch.Tensor]) -> None:
        """Take notice of a validation."""
        if self.step and loss >= self.loss:
            self.since += 1
            return
        self.step, self.loss, self.since = step, loss, 0
        if self._keeps:
            self.params = {name: tensor.detach().clone() for name, tensor in params.items()}

    def state(self) -> dict[str, Any] | None:
        """Numbers for a checkpoint; None before the first validation."""
        return {"step": self.step, "loss": self.loss, "since": self.since} if self.step else None

    def restore(self, state: Mapping[str, Any] | None, params: Mapping[str, torch.Tensor]) -> None:
        """Take over what `state` gave, and the parameters."""
        if state is not None:
            self.step, self.loss, self.since = state["step"], state["loss"], state["since"]
            self.params = dict(params)
