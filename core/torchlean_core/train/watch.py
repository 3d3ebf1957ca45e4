"""Stopping a run at its first loss that is not finite, with the parameters that gave it still there."""

from __future__ import annotations

import math

import torch
import torch.distributed as dist


class Watch:
    """On the CPU: every loss is looked at before the optimizer's step."""

    def see(self, loss: torch.Tensor) -> bool:
        """Look at the loss of a step, before its optimizer step; false where the run must stop now."""
        return math.isfinite(loss.item())

    def bad_steps(self) -> int:
        """How many of the last steps were not taken, because a loss was not finite; waits for the device."""
        return 0


class DeferredWatch(Watch):
    """On a device that nothing should wait for: steps are suppressed there, and looked at when logging.

    Torch's fused optimizers leave everything as it is where their `found_inf` is 1, as a gradient scaler asks
    them to. Once set it stays, so the parameters that gave the loss are still there when it is read.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, device: torch.device, *, shared: bool) -> None:
        """Watch the losses of an optimizer's steps; `shared` with the other processes of the group."""
        self._found = torch.zeros((), device=device)
        self._bad = torch.zeros((), device=device)
        self._one = torch.ones((), device=device)
        self._shared = shared
        optimizer.found_inf = self._found  # type: ignore[attr-defined]

    def see(self, loss: torch.Tensor) -> bool:
        """Remember, on the device, whether the loss is finite."""
        # The kernel of torch's gradient scaler: it sets `found`, and never takes it back.
        torch._amp_foreach_non_finite_check_and_unscale_([loss.clone()], self._found, self._one)
        if self._shared:
            dist.all_reduce(self._found, dist.ReduceOp.MAX)
        self._bad.add_(self._found)
        return True

    def bad_steps(self) -> int:
        """As `Watch.bad_steps`."""
        return int(self._bad.item())
