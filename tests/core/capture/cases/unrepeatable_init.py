"""The weights are drawn from a generator of their own, so that each construction gives others, and the artifact of
one instance is compared with another. (Found with a package that draws numbers when first imported.)"""

import numpy as np
import torch
from torch import nn


# torchlean: example-shape=2,4
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        w = np.random.default_rng().normal(size=(4, 4)).astype(np.float32)
        self.w = nn.Parameter(torch.from_numpy(w))

    def forward(self, x):
        return x @ self.w
