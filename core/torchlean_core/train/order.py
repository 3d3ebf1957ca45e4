"""Which samples each step takes, and bringing them to the device."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from torchlean_core.init.arguments import MAX_SEED
from torchlean_core.init.schemes import mix
from torchlean_core.train.data import Dataset

_RESIDENT = 1 << 30  # bytes of data that are kept on the device as a whole


class Order:
    """Every epoch deals all samples once, in an order that follows from the seed and its number alone.

    So a run that begins at any step takes the same samples as one that came there.
    """

    def __init__(self, count: int, size: int, seed: int) -> None:
        """Deal `count` samples, `size` a step."""
        self._count, self._size, self._key = count, size, mix(seed)
        self._epoch = -1
        self._dealt = torch.empty(0, dtype=torch.int64)

    @property
    def per_epoch(self) -> int:
        """Steps of an epoch; its last one can be smaller than the others."""
        return math.ceil(self._count / self._size)

    def index(self, step: int) -> torch.Tensor:
        """Numbers of the samples of a step, counted from 1."""
        epoch, place = divmod(step - 1, self.per_epoch)
        if epoch != self._epoch:
            generator = torch.Generator().manual_seed(mix(self._key + epoch & MAX_SEED))
            self._dealt, self._epoch = torch.randperm(self._count, generator=generator), epoch
        return self._dealt[place * self._size : (place + 1) * self._size]


class Feed:
    """Samples on the device: all of them where they are small, else one batch at a time.

    Attributes:
        count: How many there are.
        counts: How much each counts in a mean of the loss: (n,); the same where None.
    """

    def __init__(
        self,
        data: Dataset,
        device: torch.device,
        fold: Callable[[Dataset], Dataset],
        counts: torch.Tensor | None = None,
    ) -> None:
        """Prepare samples; `fold` gives them the axes that the network takes.

        Args:
            data: The samples.
            device: Where they go.
            fold: Gives them the axes that the network takes.
            counts: How much each counts in a mean (`Objective.sample_weights`); the same where None.
        """
        self._data, self.counts = fold(data), counts
        self._device = device
        self.count = len(data)
        tensors = self._data.tensors()
        self._resident = device.type != "cpu" and sum(tensor.nbytes for tensor in tensors) <= _RESIDENT
        if self._resident:
            self._data = Dataset(*(tensor.to(device) for tensor in tensors))

    def batch(self, index: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The samples of an index, on the device; nothing waits for the device."""
        if self._device.type == "cpu":
            return self._data.take(index)
        if self._resident:
            return self._data.take(index.pin_memory().to(self._device, non_blocking=True))
        taken = self._data.take(index)
        return tuple(tensor.pin_memory().to(self._device, non_blocking=True) for tensor in taken)

    def targets(self) -> torch.Tensor:
        """All targets, wherever they are kept."""
        assert self._data.y is not None, "a loss with metrics has targets"
        return self._data.y

    def in_order(self, size: int) -> list[torch.Tensor]:
        """Indices of all samples, so many at a time."""
        return list(torch.split(torch.arange(self.count), size))
