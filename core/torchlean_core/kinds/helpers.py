"""Functions that generated code calls beside torch's own; the emitter copies their source.

Also the arithmetic behind deterministic initialization (semantics section 4): everything works on whole
tensors of 64-bit words on their device, wrapping as unsigned integers do.
"""

import torch
import torch.nn.functional as F
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


def diagonal_blocks(kernel: torch.Tensor, groups: int) -> torch.Tensor:
    """Of a dense kernel (out, in, ...) what a grouped convolution reads, (out, in / groups, ...)."""
    rows, columns = kernel.shape[0] // groups, kernel.shape[1] // groups
    parts = kernel.reshape(groups, rows, groups, columns, *kernel.shape[2:])
    return parts.diagonal(dim1=0, dim2=2).movedim(-1, 0).reshape(-1, columns, *kernel.shape[2:])


def convolution(
    x: torch.Tensor,
    kernel: torch.Tensor,
    bias: torch.Tensor | None,
    stride: tuple[int, ...],
    before: tuple[int, ...],
    after: tuple[int, ...],
    dilation: tuple[int, ...],
    groups: int,
) -> torch.Tensor:
    """A convolution of x (samples, in, ...) over any number of axes: along the first, one of the others per tap."""
    if kernel.ndim == 2:
        return F.conv1d(x.unsqueeze(-1), kernel.unsqueeze(-1), bias, groups=groups).squeeze(-1)
    pads = [number for pair in zip(reversed(before), reversed(after), strict=True) for number in pair]
    x = F.pad(x, pads)
    if kernel.ndim == 3:
        return F.conv1d(x, kernel, bias, stride, 0, dilation, groups)
    count = (x.shape[2] - dilation[0] * (kernel.shape[2] - 1) - 1) // stride[0] + 1
    none = (0,) * (kernel.ndim - 3)
    result = torch.zeros(())
    for tap in range(kernel.shape[2]):
        first = tap * dilation[0]
        part = x[:, :, first : first + (count - 1) * stride[0] + 1 : stride[0]]
        flat = part.movedim(2, 1).flatten(0, 1)
        found = convolution(flat, kernel[:, :, tap], None, stride[1:], none, none, dilation[1:], groups)
        result = result + found if tap else found
    result = result.reshape(x.shape[0], count, *result.shape[1:]).movedim(1, 2)
    return result if bias is None else result + bias.reshape(-1, *[1] * (kernel.ndim - 2))


def pool(
    x: torch.Tensor, kernel: tuple[int, ...], stride: tuple[int, ...], padding: tuple[int, ...], largest: bool
) -> torch.Tensor:
    """A pool over the last axes, as many as there are: one axis after the other."""
    for place in range(len(kernel)):
        axis = x.ndim - len(kernel) + place
        pads = [0, 0] * (x.ndim - 1 - axis) + [padding[place], padding[place]]
        windows = F.pad(x, pads, value=float("-inf") if largest else 0.0).unfold(
            axis, kernel[place], stride[place]
        )
        x = windows.amax(-1) if largest else windows.mean(-1)
    return x


class Reshape(nn.Module):
    """The same elements in another shape, as a layer."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The elements of x in `shape`."""
        return x.reshape(self.shape)
