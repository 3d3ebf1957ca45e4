"""What a training can be asked for by name: for command lines and questions, which import no torch."""

from __future__ import annotations

LOSSES: dict[str, str] = {
    "mse": "mean squared error, for values",
    "l1": "mean absolute error, for values with outliers",
    "huber": "squared near zero, absolute beyond",
    "cross_entropy": "for class numbers, or probabilities of classes",
    "bce_with_logits": "binary cross entropy, for yes or no by logits",
}
"""Every loss between outputs and targets by name, each the mean over the batch; what it is for, in a few words."""

CROSS_ENTROPY = "cross_entropy"
"""The loss whose output has an axis of classes."""

OWN_LOSS = "mse_loss"
"""Operator of an output that is a loss already."""

DEFAULT_LOSS = "mse"
DEFAULT_OPTIMIZER = "adam"
DEFAULT_LR = {"sgd": 0.01, "adam": 0.001, "adamw": 0.001}
"""The learning rate of each optimizer where none is asked for."""

DEFAULT_STEPS = 200
