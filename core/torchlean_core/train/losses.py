"""Losses by name, between a batch of outputs and a batch of targets."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F

LossFunction = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def _cross_entropy(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Classes are on the last axis; targets are class numbers, or probabilities of the output's shape."""
    classes = output.shape[-1]
    if output.ndim == 2:
        return F.cross_entropy(output, target)
    if target.is_floating_point():
        return F.cross_entropy(output.reshape(-1, classes), target.reshape(-1, classes))
    return F.cross_entropy(output.reshape(-1, classes), target.reshape(-1))


LOSSES: dict[str, LossFunction] = {
    "mse": F.mse_loss,
    "l1": F.l1_loss,
    "huber": F.huber_loss,
    "cross_entropy": _cross_entropy,
    "bce_with_logits": F.binary_cross_entropy_with_logits,
}
"""Every loss; each is the mean over the batch."""

OWN_LOSS = "mse_loss"
"""Kind of an output that is a loss already."""
