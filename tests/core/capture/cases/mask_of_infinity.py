"""Where(known, 0, 1/d) is a product with a mask, and infinity * 0 is NaN (Coulomb matrices). min_elem and max_elem
with constants (0 where masked, the largest float elsewhere) are exact there."""

import torch
from torch import nn


# torchlean: example-shape=4,3
class Model(nn.Module):
    def forward(self, x):
        d = torch.cdist(x, x)
        return torch.where(torch.eye(4, dtype=torch.bool), torch.zeros(()), 1 / d).sum(-1)
