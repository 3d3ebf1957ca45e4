"""Message passing over known edges: a matrix of 0 and 1."""

import torch
from torch import nn


# torchlean: example-shape=4,3
class Model(nn.Module):
    def forward(self, x):
        source, target = torch.tensor([[0, 1, 2, 3], [1, 0, 3, 1]])
        return torch.zeros(4, 3).index_add(0, target, x[source])
