"""ASPP: 4.7 million weights, a dense kernel of 1.26 thousand million. On a 4x4 image all taps but one see padding
alone."""

from torch import nn


# torchlean: example-shape=1,2048,4,4
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(2048, 256, 3, padding=24, dilation=24)

    def forward(self, x):
        return self.c(x)
