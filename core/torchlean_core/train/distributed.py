"""Training in several processes, which `torchrun` starts: what each of them knows, and what they share."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import NoReturn

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from torchlean_core.errors import UsageError, UserError
from torchlean_core.interp import resolve_device
from torchlean_core.train.module import ScalarModule


@dataclass(frozen=True, slots=True)
class World:
    """The processes of a run.

    Attributes:
        rank: The number of this one.
        size: How many there are.
        device: What this one computes on.
    """

    rank: int
    size: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes and reports."""
        return self.rank == 0

    def share(self, index: torch.Tensor, counts: torch.Tensor | None = None) -> tuple[torch.Tensor, float]:
        """This process's part of a step's samples, and the weight of its mean loss among the others'.

        Gradients are averaged over processes; the weights make that the mean over all samples also where
        these do not divide evenly. A process without a sample that counts takes one that does, for nothing.

        Args:
            index: Numbers of the step's samples.
            counts: How much each sample of the data counts in a mean; the same where None.
        """
        if self.size == 1:
            return index, 1.0
        part = index[self.rank :: self.size]
        if counts is None:
            weight = len(part) * self.size / len(index)
        else:
            total = counts[index].sum().item()
            weight = counts[part].sum().item() * self.size / total if total else float(len(part) > 0)
            index = index[counts[index] > 0] if total else index
        return (part if weight else index[:1]), weight

    def own(self, index: torch.Tensor) -> torch.Tensor:
        """This process's part of some samples; with those of the others it is all, each once."""
        return index if self.size == 1 else index[self.rank :: self.size]

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        """The sum of a tensor over all processes; every one of them has to ask."""
        if self.size > 1:
            values = values.clone()
            dist.all_reduce(values)
        return values

    def agreed(self, value: float) -> float:
        """The first process's value of a number, so that all decide alike; every one of them has to ask."""
        if self.size == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64, device=self.device)
        dist.broadcast(shared, 0)
        return float(shared.item())

    def mean(self, loss: torch.Tensor, weight: float) -> float:
        """The mean loss of a step over all processes; every one of them has to ask."""
        if self.size == 1:
            return loss.item()
        total = loss * (weight / self.size)
        dist.all_reduce(total)
        return total.item()

    def require_same(self, what: str, value: int) -> None:
        """Refuse to go on where the processes differ in a number.

        Raises:
            UserError: They do.
        """
        values = self._values(value)
        if len(set(values)) > 1:
            raise UserError(f"the processes found different numbers of {what}: {', '.join(map(str, values))}")

    def require_same_content(self, what: str, digest: Callable[[], str]) -> None:
        """Refuse to go on where the processes differ in content, by its hash in hex; one process needs none.

        Raises:
            UserError: They do.
        """
        if self.size > 1 and len(set(self._values(int(digest()[:15], 16)))) > 1:
            raise UserError(
                f"the processes have different {what}: a function must give each of them the same"
            )

    def _values(self, value: int) -> list[int]:
        """The value that each process has of a number of 63 bits."""
        if self.size == 1:
            return [value]
        found = [torch.zeros(1, dtype=torch.int64, device=self.device) for _ in range(self.size)]
        dist.all_gather(found, torch.tensor([value], dtype=torch.int64, device=self.device))
        return [int(tensor) for tensor in found]


@contextmanager
def world(device: str) -> Iterator[World]:
    """The processes of this run: one, or those that torchrun started, joined for the time of the block.

    Raises:
        UsageError: The device is not there, or one for all processes was named.
        UserError: Another process ended before the block did.
    """
    if not dist.is_available() or not dist.is_torchelastic_launched():
        yield World(0, 1, resolve_device(device))
        return
    local, size = int(os.environ["LOCAL_RANK"]), int(os.environ["WORLD_SIZE"])
    chosen = resolve_device(device)
    if chosen.index is not None and size > 1:
        raise UsageError(f"--device {device} is one for {size} processes; --device cuda takes one for each")
    if chosen.type == "cuda":
        chosen = resolve_device(f"cuda:{local}")
        torch.cuda.set_device(chosen)
    dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    try:
        yield World(dist.get_rank(), size, chosen)
        dist.barrier()  # no process goes while another still talks to it
    except RuntimeError as error:
        if not is_loss_of_another(error):
            raise
        raise UserError(
            "another process of the run ended, so this one ends too; its message says why"
        ) from error
    finally:
        dist.destroy_process_group()


def is_loss_of_another(error: Exception) -> bool:
    """Whether an error says that another process of the group does not answer any more."""
    return isinstance(error, dist.DistError) or (isinstance(error, RuntimeError) and "gloo" in str(error))


def leave(code: int) -> NoReturn:
    """End this process with an exit code, when its work is done and its files are closed.

    Gloo's threads outlive the group of processes. One that still lets go of a tensor while the interpreter is
    being taken down is ended by it in the middle of C++ code, and that aborts the process: a run that has gone
    well would count as failed. So a process that has been in a group is not taken down but left.
    """
    if not dist.is_available() or not dist.is_torchelastic_launched():
        sys.exit(code)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            with suppress(OSError):  # a reader that went away misses nothing
                stream.flush()
    os._exit(code)


class _Replica(nn.Module):
    """A scalar module's loss as a module of torch: what DistributedDataParallel wraps."""

    def __init__(self, module: ScalarModule, names: list[str]) -> None:
        super().__init__()
        self._module = module
        for name in names:
            self.register_parameter(name, module.leaves[name])

    def forward(self, *xs: torch.Tensor) -> torch.Tensor:
        return self._module.forward(*xs)


def replicate(module: ScalarModule, batch: tuple[torch.Tensor, ...]) -> DistributedDataParallel:
    """The module's loss with gradients averaged over processes.

    Args:
        module: The module, with the same parameters in every process.
        batch: Any batch: parameters that its loss does not depend on are left out, as there is nothing to wait for.

    Raises:
        UserError: It depends on none.
    """
    module.descend(*batch)
    names = [name for name in module.leaves if name not in module.unreached()]
    for leaf in module.leaves.values():
        leaf.grad = None
    return DistributedDataParallel(_Replica(module, names))
