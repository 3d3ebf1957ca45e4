"""What people read beside the loss: accuracy of classes, mean absolute error and R² of values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from torchlean_core.interp import Batch
from torchlean_core.train.losses import LossFunction, Objective

METRICS = ("accuracy", "mae", "r2")
"""Every metric by name; the loss says which of them there are."""

_AT_ONCE = 1024

Outputs = Callable[[Mapping[str, torch.Tensor], torch.Tensor], torch.Tensor]
"""(parameters by name, inputs) to outputs, folded as `Batch.function` gives them."""


@dataclass(slots=True)
class Tap:
    """Keeps the outputs of a loss that is computed anyway, for the metrics of that batch.

    Attributes:
        is_open: Whether to keep them.
        outputs: Those of the last batch, detached; None where they were not kept.
    """

    is_open: bool = False
    outputs: torch.Tensor | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """The loss and the metrics of outputs against targets, over any number of batches.

    Attributes:
        outputs: The network.
        loss: Its loss, between outputs and targets.
        objective: What the loss is; the class axis is known.
        device: Where it computes.
    """

    outputs: Outputs
    loss: LossFunction
    objective: Objective
    device: torch.device

    @classmethod
    def of(cls, batch: Batch, objective: Objective, device: torch.device) -> Measure | None:
        """The measure of a network with this loss; None where the graph is its own loss, which has no targets."""
        if objective.name is None:
            return None
        return cls(batch.function, objective.function(device), objective, device)

    def look(
        self, params: Mapping[str, torch.Tensor], x: torch.Tensor, y: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The mean loss of a batch, and its sums: float64 numbers, which add up over batches.

        Args:
            params: Parameters by name.
            x: Inputs, folded.
            y: Targets, folded.
        """
        with torch.no_grad():
            output = self.outputs(params, x)
            return self.loss(output, y), self.sums(output, y)

    def nothing(self) -> torch.Tensor:
        """The sums of no sample."""
        return torch.zeros(2 if self._counts_right else 3, dtype=torch.float64, device=self.device)

    @property
    def _counts_right(self) -> bool:
        return self.objective.has_classes or self.objective.name == "bce_with_logits"

    def sums(self, output: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Right and all targets that count; or absolute and squared errors, and their number: float64."""
        if not self._counts_right:
            error = output.to(torch.float64) - y
            numbers = error.abs().sum(), error.square().sum(), torch.full_like(error.sum(), error.numel())
            return torch.stack(numbers)
        axis = self.objective.class_axis
        if axis is None:  # logits, one by one
            right = (output > 0) == (y > 0.5)
            counted = torch.ones_like(right)
        else:
            target = y.argmax(axis) if y.is_floating_point() else y
            ignored = self.objective.ignore_index
            counted = torch.ones_like(target, dtype=torch.bool) if ignored is None else target != ignored
            right = (output.argmax(axis) == target) & counted
        return torch.stack([right.sum(), counted.sum()]).to(torch.float64)

    def metrics(self, sums: torch.Tensor, y: torch.Tensor) -> dict[str, float]:
        """Metrics by name from sums over some samples, and their targets; without those that have no value.

        They have 8 digits, which is what outputs in float32 have.

        `accuracy` is the part of the targets (samples, pixels, places in a sequence) whose class is right: the
        largest output, or a logit's sign. `mae` is the mean absolute error. `r2` is 1 - Σ(y - ŷ)²/Σ(y - ȳ)², with
        ȳ the mean of each output element over the samples; it has no value where the targets do not vary.
        """
        numbers = sums.tolist()
        if self._counts_right:
            right, counted = numbers
            return {"accuracy": _rounded(right / counted)} if counted else {}
        absolute, squared, count = numbers
        found = {"mae": _rounded(absolute / count)} if count else {}
        spread = _spread(y)
        if spread > 0:
            found["r2"] = _rounded(1 - squared / spread)
        return found


def _spread(y: torch.Tensor) -> float:
    """Σ(y - ȳ)² over samples (n, …), a part of them at a time."""
    mean = y.mean(0, dtype=torch.float64)
    return sum((part - mean).square().sum().item() for part in torch.split(y, _AT_ONCE))


def _rounded(value: float) -> float:
    return float(f"{value:.8g}")
