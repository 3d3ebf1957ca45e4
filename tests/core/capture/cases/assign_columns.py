"""Assignment at known indices: a selection of (old, new), as slice_scatter does it."""

import torch
from torch import nn


# torchlean: example-shape=2,4
class Model(nn.Module):
    def forward(self, x):
        y = torch.zeros(2, 6)
        y[:, [0, 2, 4]] = x[:, :3]
        return y
