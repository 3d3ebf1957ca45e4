"""A 3-D convolution: depth into channels, one conv2d with a banded kernel (or kD conv2d's, added)."""

from torch import nn


# torchlean: example-shape=1,1,4,6,6
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.Conv3d(1, 2, 3, padding=1)

    def forward(self, x):
        return self.c(x)
