"""A spectral layer: real in, real out, linear; the DFT of a fixed length is a pair of constant matrices (cos,
sin)."""

import torch
from torch import nn


# torchlean: example-shape=2,8
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.randn(5, dtype=torch.cfloat))

    def forward(self, x):
        return torch.fft.irfft(torch.fft.rfft(x) * self.w, n=8)
