"""The memory of numbers that are computed while a graph is planned: it has a limit, whatever the file asks for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import torch

MOST_BYTES = 1 << 31
"""Bytes that all numbers that are held at once may take."""


@dataclass(slots=True)
class Memory:
    """Counts what tensors take; those that share their numbers count once.

    Attributes:
        size: Bytes that are taken.
        users: How many tensors there are of each storage, by its address.
        given: Addresses of storages that are not counted.
    """

    size: int = 0
    users: Counter[int] = field(default_factory=Counter)
    given: frozenset[int] = frozenset()

    @classmethod
    def beside(cls, tensors: Iterable[torch.Tensor]) -> Memory:
        """What is taken beside tensors of the file, which stay."""
        return cls(given=frozenset(one.untyped_storage().data_ptr() for one in tensors))

    def take(self, tensor: torch.Tensor) -> bool:
        """Count a tensor, where there is room for it; whether there was."""
        storage = tensor.untyped_storage()
        address, size = storage.data_ptr(), storage.nbytes()
        if address in self.given:
            return True
        if not self.users[address]:
            if self.size + size > MOST_BYTES:
                del self.users[address]
                return False
            self.size += size
        self.users[address] += 1
        return True

    def release(self, tensor: torch.Tensor) -> None:
        """Count a tensor no more; one that was not counted is no matter."""
        storage = tensor.untyped_storage()
        address = storage.data_ptr()
        if address not in self.users:
            return
        self.users[address] -= 1
        if not self.users[address]:
            del self.users[address]
            self.size -= storage.nbytes()


def too_much() -> str:
    """Why there is no room, in words."""
    return f"what is known beforehand takes more than {MOST_BYTES >> 20:,} MiB"
