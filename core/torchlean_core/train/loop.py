"""The training loop: batches, steps, what is logged, and when it stops."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler

from torchlean_core.errors import UserError
from torchlean_core.interp import Interpreter
from torchlean_core.train.data import Dataset, batches
from torchlean_core.train.diagnose import first_not_finite, require_finite
from torchlean_core.train.losses import LOSSES
from torchlean_core.train.module import Loss, ScalarModule
from torchlean_core.train.options import TrainRequest

_LOG_POINTS = 20
_PULSE_SECONDS = 0.5  # a display of progress hears of a long run at least this often; metrics do not


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a training run gave.

    Attributes:
        steps: Number of steps.
        first_loss: Loss of the first batch, before the first step.
        last_loss: Loss of the last batch, before the last step.
        seconds: Time that all steps took.
        metrics: One object for each logged step: step, loss, lr, and val_loss where there is validation.
    """

    steps: int
    first_loss: float
    last_loss: float
    seconds: float
    metrics: list[dict[str, Any]]


def batched_loss(interpreter: Interpreter, loss: str | None) -> Loss:
    """The mean loss of a batch: (parameters, x, y), or (parameters, x) where the graph is its own loss."""
    outputs = torch.func.vmap(interpreter.function, in_dims=(None, 0))
    if loss is None:
        return lambda params, x: outputs(params, x).mean()
    function = LOSSES[loss]
    return lambda params, x, y: function(outputs(params, x), y)


def train(
    module: ScalarModule,
    interpreter: Interpreter,
    data: Dataset,
    validation: Dataset | None,
    options: TrainRequest,
    report: Callable[[dict[str, Any]], None],
) -> Outcome:
    """Train the module's parameters in place.

    Raises:
        UserError: A loss or a parameter is not finite; the message names the step and the node.
    """
    steps = options.total_steps(len(data))
    log_every = options.log_every or max(1, steps // _LOG_POINTS)
    leaves = list(module.leaves.values())
    optimizer = _optimizer(leaves, options)
    schedule = _schedule(optimizer, options.schedule, steps)
    indices = batches(len(data), options.batch_size, torch.Generator().manual_seed(options.seed))
    metrics: list[dict[str, Any]] = []
    losses: list[float] = []
    start = told = time.perf_counter()
    for step in range(1, steps + 1):
        batch = data.take(next(indices).to(data.x.device))
        optimizer.zero_grad(set_to_none=True)
        loss = module.forward(*batch)
        value = float(loss.detach())
        if not math.isfinite(value):
            where = first_not_finite(interpreter, module.params(), batch[0])
            raise UserError(f"step {step}: the loss is {value}; {where}")
        loss.backward()  # type: ignore[no-untyped-call]
        if options.clip is not None:
            torch.nn.utils.clip_grad_norm_(leaves, options.clip)
        rate = optimizer.param_groups[0]["lr"]
        optimizer.step()
        if schedule is not None:
            schedule.step()
        losses.append(value)
        if step == 1 or step % log_every == 0 or step == steps:
            entry = {"step": step, "loss": value, "lr": rate}
            if validation is not None:
                entry["val_loss"] = _mean_loss(module, validation, options, step)
            metrics.append(entry)
            report(_progress(entry, steps))
            told = time.perf_counter()
        elif time.perf_counter() - told > _PULSE_SECONDS:
            report({**_progress({"step": step, "loss": value, "lr": rate}, steps), "kind": "pulse"})
            told = time.perf_counter()
    require_finite(module.leaves, steps)
    return Outcome(steps, losses[0], losses[-1], time.perf_counter() - start, metrics)


def _progress(entry: dict[str, Any], steps: int) -> dict[str, Any]:
    text = f"step {entry['step']}/{steps} · loss {entry['loss']:.6g}"
    if "val_loss" in entry:
        text += f" · validation {entry['val_loss']:.6g}"
    return {"kind": "progress", "percentage": 100 * entry["step"] // steps, "message": text, **entry}


def _mean_loss(module: ScalarModule, data: Dataset, options: TrainRequest, step: int) -> float:
    total = 0.0
    with torch.no_grad():
        for batch in data.batches(options.batch_size):
            total += float(module.forward(*batch)) * batch[0].shape[0]
    mean = total / len(data)
    if not math.isfinite(mean):
        raise UserError(f"step {step}: the validation loss is {mean}")
    return mean


def _optimizer(leaves: list[torch.Tensor], options: TrainRequest) -> torch.optim.Optimizer:
    lr, decay = options.learning_rate, options.weight_decay
    if options.optimizer == "sgd":
        return torch.optim.SGD(leaves, lr=lr, momentum=options.momentum or 0.0, weight_decay=decay)
    kind = torch.optim.Adam if options.optimizer == "adam" else torch.optim.AdamW
    return kind(leaves, lr=lr, weight_decay=decay)


def _schedule(optimizer: torch.optim.Optimizer, name: str, steps: int) -> LRScheduler | None:
    """The learning rate's course; cosine and linear end at zero after the last step."""
    if name == "cosine":
        return CosineAnnealingLR(optimizer, T_max=steps)
    if name == "linear":
        return LinearLR(optimizer, start_factor=1.0, end_factor=0.0, total_iters=steps)
    return None
