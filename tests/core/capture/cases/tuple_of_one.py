"""One tensor in a tuple or a dict of one: one output."""

import torch
from torch import nn


# torchlean: example-shape=2,4
class Model(nn.Module):
    def forward(self, x):
        return (torch.tanh(x),)
