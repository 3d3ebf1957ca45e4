"""Windows of convolutions and pools: kernels, strides and what lies around the entries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from torchlean_core.capture.errors import Refused
from torchlean_core.onnx.graph import Node


@dataclass(frozen=True, slots=True)
class Windows:
    """How windows lie along each axis behind the first two.

    Attributes:
        kernel: Entries of a window.
        strides: From one window to the next.
        dilations: From one entry to the next.
        pads: Zeros before and after.
        ceil: Whether a last window may reach beyond.
    """

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]
    ceil: bool = False

    @property
    def axes(self) -> int:
        """How many axes there are."""
        return len(self.kernel)

    def reach(self, axis: int) -> int:
        """Entries from the first to the last one of a window."""
        return self.dilations[axis] * (self.kernel[axis] - 1) + 1

    def count(self, axis: int, size: int) -> int:
        """How many windows an axis has; one that would begin behind the entries is none."""
        before, after = self.pads[axis]
        room, stride = size + before + after - self.reach(axis), self.strides[axis]
        if room < 0 and not self.ceil:
            return 0
        if not self.ceil:
            return room // stride + 1
        found = -(-room // stride) + 1
        return found - 1 if (found - 1) * stride >= size + before else found


def windows_of(node: Node, x: torch.Tensor, kernel: Sequence[int]) -> Windows:
    """The windows of a convolution or pool over a tensor.

    Raises:
        Refused: The attributes do not fit one another, or there are more axes than torch has windows for.
    """
    count = x.dim() - 2
    if not 1 <= count <= 3:
        raise Refused(f"of a tensor with {x.dim()} axes; those with 3 to 5 are supported")
    kernel = tuple(kernel)
    strides = tuple(node.get("strides") or [1] * count)
    dilations = tuple(node.get("dilations") or [1] * count)
    pads = list(node.get("pads") or [0] * (2 * count))
    if not len(kernel) == len(strides) == len(dilations) == count or len(pads) != 2 * count:
        raise Refused(f"kernel, strides, dilations and pads are to have {count} axes")
    if min((*kernel, *strides, *dilations)) < 1 or min(pads) < 0:
        raise Refused("a kernel, stride or dilation is below 1, or a pad below 0")
    both = tuple(zip(pads[:count], pads[count:], strict=True))
    found = Windows(kernel, strides, dilations, both, bool(node.get("ceil_mode")))
    auto = node.get("auto_pad", "NOTSET")
    if auto == "NOTSET":
        return found
    if auto == "VALID":
        both = ((0, 0),) * count
    elif auto in ("SAME_UPPER", "SAME_LOWER"):
        both = tuple(_same(found, axis, x.shape[2 + axis], auto) for axis in range(count))
    else:
        raise Refused(f"auto_pad {auto} is not supported")
    return Windows(kernel, strides, dilations, both, found.ceil)


def _same(windows: Windows, axis: int, size: int, auto: str) -> tuple[int, int]:
    """Zeros with which there is a window for each stride."""
    stride = windows.strides[axis]
    total = max(0, (-(-size // stride) - 1) * stride + windows.reach(axis) - size)
    small, large = total // 2, total - total // 2
    return (small, large) if auto == "SAME_UPPER" else (large, small)
