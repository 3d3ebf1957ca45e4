"""Torch.distributions checks its arguments: a branch that can only raise (every stable-baselines3 policy)."""

import torch
from torch import nn


# torchlean: example-shape=2,4
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.l = nn.Linear(4, 2)

    def forward(self, x):
        return torch.distributions.Normal(self.l(x), torch.ones(2)).mean
