"""A small convolutional network: an 8 x 8 image in, 10 scores out.

Convolutions of torchlean.ir.v1 work on one image, so the batch size is 1:

    torchlean capture examples/tiny_cnn.py:TinyCNN -o tiny_cnn.ir.json
"""

import torch
from torch import nn


# torchlean: example-shape=1,1,8,8
class TinyCNN(nn.Module):
    """A convolution with ReLU and max pooling, then one linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, kernel_size=3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.scores = nn.Linear(4 * 4 * 4, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores (1, 10) of an image (1, 1, 8, 8)."""
        x = self.pool(torch.relu(self.conv(x)))
        return self.scores(x.flatten(1))
