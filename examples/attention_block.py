"""A transformer block: 5 tokens of 8 numbers in, as many out.

torchlean capture examples/attention_block.py:AttentionBlock -o attention_block.ir.json
"""

import torch
import torch.nn.functional as F
from torch import nn


# torchlean: example-shape=1,5,8
class AttentionBlock(nn.Module):
    """Self-attention and a small feed-forward network, each behind a normalization and with a shortcut."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.hidden = nn.Linear(width, 2 * width)
        self.shrink = nn.Linear(2 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Tokens (1, 5, 8) from tokens (1, 5, 8)."""
        y = self.norm1(x)
        y = F.scaled_dot_product_attention(self.query(y), self.key(y), self.value(y))
        x = x + self.out(y)
        return x + self.shrink(torch.relu(self.hidden(self.norm2(x))))
