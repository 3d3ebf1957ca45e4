"""The course of the learning rate over the steps of a run: a rise at its beginning, then a schedule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    ExponentialLR,
    LinearLR,
    LRScheduler,
    OneCycleLR,
    StepLR,
)

from torchlean_core.errors import UsageError, UserError

_LAST = 0.01  # of the first learning rate is what `exponential` ends with

_OVER_STEPS: dict[str, Callable[[torch.optim.Optimizer, float, int], LRScheduler]] = {
    "cosine": lambda optimizer, lr, steps: CosineAnnealingLR(optimizer, T_max=steps),
    "linear": lambda optimizer, lr, steps: LinearLR(optimizer, 1.0, 0.0, total_iters=steps),
    "exponential": lambda optimizer, lr, steps: ExponentialLR(optimizer, gamma=_LAST ** (1 / steps)),
    "step": lambda optimizer, lr, steps: StepLR(optimizer, step_size=-(-steps // 3), gamma=0.1),
    "onecycle": lambda optimizer, lr, steps: OneCycleLR(
        # It may be asked for one rate more than there are steps.
        optimizer,
        max_lr=lr,
        total_steps=steps + 1,
        cycle_momentum=False,
    ),
}
"""Schedules that are laid out over a number of steps."""

PLATEAU = "plateau"
PLATEAU_VALIDATIONS = 3
"""Validations in a row without a better loss after which `plateau` takes the next lower rate."""
_PLATEAU_FACTOR = 0.1

SCHEDULES = ("constant", *_OVER_STEPS, PLATEAU)
"""Every course of the learning rate by name: cosine and linear end at zero, exponential at a hundredth; step
takes a tenth after each third of the steps; onecycle rises to the rate and falls to almost nothing; plateau takes
a tenth when validation brings nothing better."""


def is_laid_out(schedule: str) -> bool:
    """Whether a schedule depends on the number of steps."""
    return schedule in _OVER_STEPS


class Course:
    """The learning rate of an optimizer, set after each step for the next one.

    Attributes:
        needs_validation: Whether it follows the validation loss.
    """

    def __init__(
        self, optimizer: torch.optim.Optimizer, name: str, lr: float, steps: int, warmup: int | None = None
    ) -> None:
        """Lay out a schedule of `SCHEDULES`; the first `warmup` steps rise in a line to `lr`.

        Raises:
            UsageError: The rise takes all steps.
        """
        self._optimizer, self._warmup = optimizer, warmup or 0
        if self._warmup >= steps:
            raise UsageError(f"--warmup {self._warmup} leaves none of the {steps} steps behind it")
        build = _OVER_STEPS.get(name)
        self._schedule = None if build is None else build(optimizer, lr, steps - self._warmup)
        self._plateau = _Plateau(lr) if name == PLATEAU else None
        self._lr = lr
        self.needs_validation = self._plateau is not None
        if self._warmup:
            self._set(lr / self._warmup)

    def after(self, step: int) -> None:
        """Set the rate of the step behind this one, which are counted from 1."""
        if step < self._warmup:
            self._set(self._lr * (step + 1) / self._warmup)
        elif self._plateau is not None:
            self._set(self._plateau.rate)
        elif step == self._warmup:
            self._set(self._lr)  # what the schedule begins with
        elif self._schedule is not None:
            self._schedule.step()

    def validated(self, loss: float, step: int) -> None:
        """Take notice of the validation loss after a step."""
        if self._plateau is not None:
            self._plateau.see(loss)
            self.after(step)

    def state(self) -> dict[str, Any] | None:
        """What JSON holds of the state: numbers and lists of them, the rest follows from options and step."""
        if self._plateau is not None:
            return {"best": self._plateau.best, "bad": self._plateau.bad, "falls": self._plateau.falls}
        if self._schedule is None:
            return None
        kinds = (int, float, str, list, type(None))
        state = self._schedule.state_dict()
        return {name: value for name, value in state.items() if isinstance(value, kinds)}

    def restore(self, state: Mapping[str, Any] | None, step: int) -> None:
        """Take over what `state` gave after a step of the same course.

        Raises:
            UserError: It is another one's, or of another step.
        """
        if self._plateau is not None:
            self._plateau.restore(state)
        elif self._schedule is not None:
            done = max(0, step - self._warmup)
            is_own = state is not None and _form(state) == _form(self.state())
            if state is None or not is_own or state.get("last_epoch") != done:
                raise UserError(f"the state of the schedule is none of this schedule at step {step}")
            self._schedule.load_state_dict(dict(state))
            for group, rate in zip(self._optimizer.param_groups, self._schedule.get_last_lr(), strict=True):
                group["lr"] = rate
        if step <= self._warmup or self._plateau is not None:
            self.after(step)
        elif self._schedule is None:
            self._set(self._lr)

    def _set(self, rate: float) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = rate


class _Plateau:
    """A rate that falls to a tenth when validation brings nothing better."""

    def __init__(self, lr: float) -> None:
        self._lr = lr
        self.best: float | None = None
        self.bad = self.falls = 0

    @property
    def rate(self) -> float:
        """The rate now."""
        return self._lr * float(_PLATEAU_FACTOR**self.falls)

    def see(self, loss: float) -> None:
        if self.best is None or loss < self.best:
            self.best, self.bad = loss, 0
            return
        self.bad += 1
        if self.bad == PLATEAU_VALIDATIONS:
            self.bad, self.falls = 0, self.falls + 1

    def restore(self, state: Mapping[str, Any] | None) -> None:
        """Take over `best`, `bad` and `falls`.

        Raises:
            UserError: The state is another one's.
        """
        kinds = {"best": (float, int, type(None)), "bad": (int,), "falls": (int,)}
        if state is None or set(state) != set(kinds) or any(type(state[k]) not in kinds[k] for k in kinds):
            raise UserError("the state of the schedule is none of the schedule plateau")
        self.best, self.bad, self.falls = state["best"], state["bad"], state["falls"]


def _form(value: Any) -> Any:
    """What a value is made of, without its numbers."""
    if isinstance(value, Mapping):
        return {name: _form(item) for name, item in value.items()}
    return list(map(_form, value)) if isinstance(value, list) else type(value)
