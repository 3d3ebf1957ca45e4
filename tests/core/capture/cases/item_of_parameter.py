"""A number out of a parameter: known, but refused as one 'that depends on the input'."""

import torch
from torch import nn


# torchlean: example-shape=2,4
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.s = nn.Parameter(torch.tensor(2.0))

    def forward(self, x):
        return x * self.s.item()
