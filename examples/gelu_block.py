"""A residual block with a GELU, which has no exact form in `torchlean.ir.v1`: what a capture says about it."""

from __future__ import annotations

import torch
from torch import nn


class Branch(nn.Module):
    """Linear, GELU, linear."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.widen = nn.Linear(width, hidden)
        self.gelu = nn.GELU()
        self.shrink = nn.Linear(hidden, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features (…, width) from features (…, width)."""
        h = self.widen(x)
        h = self.gelu(h)
        return self.shrink(h)


# torchlean: example-shape=1,6
class GeluBlock(nn.Module):
    """Two branches around a sum, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.narrow = Branch(6, 12)
        self.wide = Branch(6, 24)
        self.head = nn.Linear(6, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores (1, 2) from features (1, 6)."""
        for branch in (self.narrow, self.wide):
            x = x + branch(x)
        return torch.softmax(self.head(x), dim=-1)
