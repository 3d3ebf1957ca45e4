"""In float32 the entries below the diagonal overflow, and infinity times the mask's 0 is NaN: finite outputs of
the model are NaN in the artifact for ordinary inputs (decay masks of linear attention, Mamba-2)."""

import torch
from torch import nn


# torchlean: example-shape=4
class Model(nn.Module):
    def forward(self, x):
        s = x.cumsum(0)
        return torch.exp((s[:, None] - s[None]) * 200).triu().sum(-1)
