"""Leaky_relu written out: f(max(x,0)) + g(min(x,0)) - f(0) is exact where both branches are functions of x that
meet at 0."""

import torch
from torch import nn


# torchlean: example-shape=2,6
class Model(nn.Module):
    def forward(self, x):
        return torch.where(x > 0, x, 0.1 * x)
