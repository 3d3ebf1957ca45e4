"""An unused mask: its conversion leaves aten._assert_tensor_metadata behind, which counts as impure and keeps
aten.lt alive."""

import torch
from torch import nn


# torchlean: example-shape=2,4
class Model(nn.Module):
    def forward(self, x):
        mask = (x < 0).to(torch.float32)  # its sum is thrown away
        _ = mask.sum()
        return torch.tanh(x)
