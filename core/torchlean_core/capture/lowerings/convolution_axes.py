"""One axis of a convolution: its geometry, which taps see what, and the constant matrices that say it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis that is convolved.

    Attributes:
        size: Entries of the operand.
        taps: Entries of the kernel.
        stride: Between windows.
        before: Zeros in front; negative: entries cut off.
        after: Zeros behind; negative: entries cut off.
        dilation: Between taps.
        apart: Between the operand's entries, of a transposed convolution; zeros are put in.
        backwards: Whether the kernel's last tap comes first, as in a transposed convolution.
    """

    size: int
    taps: int
    stride: int = 1
    before: int = 0
    after: int = 0
    dilation: int = 1
    apart: int = 1
    backwards: bool = False

    @property
    def reach(self) -> int:
        """Entries from a window's first tap to its last."""
        return self.dilation * (self.taps - 1) + 1

    @property
    def outputs(self) -> int:
        """Number of windows; 0 or less where none fits."""
        spread = (self.size - 1) * self.apart + 1
        return (spread + self.before + self.after - self.reach) // self.stride + 1

    @property
    def is_plain(self) -> bool:
        """Whether the operand's entries are as they are, but for zeros around them."""
        return self.apart == 1 and min(self.before, self.after) >= 0

    @property
    def padded(self) -> tuple[int, int]:
        """The zeros before and after, where entries that are cut off count as none."""
        return max(self.before, 0), max(self.after, 0)

    def seen(self, tap: int, window: int) -> int | None:
        """The entry that a tap of a window sees; None for padding and zeros put in."""
        place = tap * self.dilation + window * self.stride - self.before
        entry, between = divmod(place, self.apart)
        return entry if not between and 0 <= entry < self.size else None

    def windows(self) -> torch.Tensor:
        """Which entry (last axis) each tap (first axis) of each window (second) sees: ones among zeros.

        The taps are in the order of the kernel.
        """
        matrix = torch.zeros(self.taps, self.outputs, self.size)
        for tap in range(self.taps):
            for window in range(self.outputs):
                entry = self.seen(tap, window)
                if entry is not None:
                    matrix[self.taps - 1 - tap if self.backwards else tap, window, entry] = 1.0
        return matrix

    def spread(self, left: int, right: int) -> Axis:
        """The axis of the operand that `spreading` gives, with that many zeros left to be put around it."""
        size = (self.size - 1) * self.apart + 1 + self.before - left + self.after - right
        return replace(self, size=size, apart=1, before=left, after=right)

    def spreading(self, left: int, right: int) -> torch.Tensor | None:
        """The matrix that puts zeros between and around entries, and cuts off, but for some zeros; None: nothing."""
        spread = self.spread(left, right)
        matrix = torch.zeros(spread.size, self.size)
        for entry in range(self.size):
            place = self.before - left + entry * self.apart
            if 0 <= place < spread.size:
                matrix[place, entry] = 1.0
        return None if torch.equal(matrix, torch.eye(self.size)) else matrix

    def useful(self) -> tuple[int, int]:
        """The taps, from the first to before the last, that see an entry in any window; at least one."""
        found = [
            tap
            for tap in range(self.taps)
            if any(self.seen(tap, window) is not None for window in range(self.outputs))
        ]
        return (found[0], found[-1] + 1) if found else (0, 1)

    def cropped(self) -> Axis:
        """The axis with a kernel of the taps that see an entry, and the same windows."""
        first, end = self.useful()
        return replace(
            self,
            taps=end - first,
            before=self.before - first * self.dilation,
            after=self.after - (self.taps - end) * self.dilation,
        )

    def kept(self) -> tuple[int, int]:
        """The entries of the kernel's axis that `cropped` keeps, as start and stop."""
        first, end = self.useful()
        return (self.taps - end, self.taps - first) if self.backwards else (first, end)
