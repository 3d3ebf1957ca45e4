"""Functions that generated code calls beside torch's own; the emitter copies their source.

Also the arithmetic behind deterministic initialization (semantics section 4): everything works on whole
tensors of 64-bit words on their device, wrapping as unsigned integers do.
"""

import torch
from torch import nn


def _mix(x: torch.Tensor) -> torch.Tensor:
    """SplitMix64 of every 64-bit word of an int64 tensor, wrapping."""
    z = x + -0x61C8864680B583EB
    z = (z ^ ((z >> 30) & 0x3FFFFFFFF)) * -0x40A7B892E31B1A47
    z = (z ^ ((z >> 27) & 0x1FFFFFFFFF)) * -0x6B2FB644ECCEEE15
    return z ^ ((z >> 31) & 0x1FFFFFFFF)


def _unit(key: int, shape: list[int], like: torch.Tensor) -> torch.Tensor:
    """Deterministic uniform numbers in [0, 1) of a shape; element k is low32(mix(mix(key) + k)) / 2^32."""
    count = 1
    for dim in shape:
        count *= dim
    start = _mix(torch.tensor(key, dtype=torch.int64, device=like.device))
    words = _mix(start + torch.arange(count, dtype=torch.int64, device=like.device)) & 0xFFFFFFFF
    return (words.to(torch.float64) / 4294967296.0).to(like.dtype).reshape(shape)


def embed(
    x: torch.Tensor, shape: tuple[int, ...], start: tuple[int, ...], step: tuple[int, ...]
) -> torch.Tensor:
    """Into zeros of a shape, the entries of each axis of x from `start` on, `step` apart."""
    places = tuple(
        slice(first, first + (size - 1) * apart + 1, apart) if size else slice(0, 0)
        for size, first, apart in zip(x.shape, start, step, strict=True)
    )
    result = x.new_zeros(shape)
    result[places] = x
    return result


def blocks(x: torch.Tensor, groups: int) -> torch.Tensor:
    """The dense kernel (out, in, ...), zero off its blocks, of a grouped one (out, in / groups, ...)."""
    parts = x.reshape(groups, x.shape[0] // groups, *x.shape[1:]).movedim(0, -1)
    dense = torch.diag_embed(parts, dim1=0, dim2=2)
    return dense.reshape(x.shape[0], x.shape[1] * groups, *x.shape[2:])


class Reshape(nn.Module):
    """The same elements in another shape, as a layer."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The elements of x in `shape`."""
        return x.reshape(self.shape)
