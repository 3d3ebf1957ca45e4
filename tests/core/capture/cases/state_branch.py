"""A branch on the module's own buffer, the same for every input (flows' ActNorm, quantizers, data-dependent init)."""

import torch
from torch import nn


# torchlean: example-shape=2,4
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("ready", torch.tensor(1.0))
        self.l = nn.Linear(4, 4)

    def forward(self, x):
        return self.l(x) if self.ready > 0 else x
