"""Values of a sort, median or topk without their indices: min_elem and max_elem in a sorting network."""

from torch import nn


# torchlean: example-shape=2,5
class Model(nn.Module):
    def forward(self, x):
        return x.median(dim=-1).values
