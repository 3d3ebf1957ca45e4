"""In float32, which the artifact and its code are, it gives 0 for every input. tanh(x/2) * (exp(x) + 1) is expm1
without the cancellation."""

import torch
from torch import nn


# torchlean: example-shape=2,3
class Model(nn.Module):
    def forward(self, x):
        return torch.expm1(x * 1e-9) * 1e9
