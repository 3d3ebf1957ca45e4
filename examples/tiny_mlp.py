"""A small multilayer perceptron: 4 numbers in, 3 scores out.

Capture it into an artifact, with its weights beside it:

    torchlean capture examples/tiny_mlp.py:TinyMLP -o tiny_mlp.ir.json
"""

import torch
from torch import nn


# The comment below tells the editor and the command line which input to trace the model with.
# torchlean: example-shape=1,4
class TinyMLP(nn.Module):
    """Two linear layers with a ReLU between them."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(4, 8)
        self.scores = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores (1, 3) of an input (1, 4)."""
        x = torch.relu(self.hidden(x))
        return self.scores(x)
