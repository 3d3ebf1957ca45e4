"""The input is one image; a convolution inside sees 4. It is 4 convolutions (or, for conv1d, one conv2d with a
kernel of height 1)."""

from torch import nn


# torchlean: example-shape=1,2,4,8
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.Conv1d(2, 3, 3, padding=1)

    def forward(self, x):
        n, c, h, w = x.shape
        return self.c(x.permute(0, 2, 1, 3).reshape(n * h, c, w))
