"""Models of which the artifact gives the values, but training it is not training them, and what says so."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations


class _Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient):
        return -gradient


class _Clip(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clamp(-1, 1)

    @staticmethod
    def backward(ctx, gradient):
        return gradient


# torchlean: example-shape=1,6
class GradientReversal(nn.Module):
    """A custom function that turns gradients round."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(6, 4)
        self.b = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.b(_Reverse.apply(torch.tanh(self.a(x))))  # here


# torchlean: example-shape=1,6
class StraightThroughFunction(nn.Module):
    """A clamp whose gradient is that of the identity."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(6, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return _Clip.apply(3 * self.a(x))  # here


# torchlean: example-shape=1,6
class ScaledGradient(nn.Module):
    """A hook that makes a gradient smaller."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(6, 4)
        self.b = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = torch.relu(self.a(x))
        h.register_hook(lambda gradient: 0.1 * gradient)  # here
        return self.b(h)


# torchlean: example-shape=1,4,8,8
class ComputedKernel(nn.Module):
    """A convolution with a kernel that is computed, which no node has."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = parametrizations.weight_norm(nn.Conv2d(4, 4, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x)  # here


# torchlean: example-shape=1,4
class Orthogonal(nn.Module):
    """A weight that is a matrix exponential of a parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = parametrizations.orthogonal(nn.Linear(4, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x)  # here


# torchlean: example-shape=1,6
class Pruned(nn.Module):
    """Small weights count as zero: the mask is made of the weight."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 6))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x, self.weight * (self.weight.abs() > 0.5))  # here


# torchlean: example-shape=1,3,4
class PaddedTable(nn.Module):
    """A table with a padding entry, which torch does not train."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(5, 4, padding_idx=0)
        nn.init.normal_(self.table.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.table(torch.tensor([0, 1, 2]))  # here


# torchlean: example-shape=1,6
class HookOnParameter(nn.Module):
    """A hook on the gradient of a parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(6, 4)
        self.a.weight.register_hook(lambda gradient: 0.1 * gradient)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.a(x)


# torchlean: example-shape=1,6
class SharedMemory(nn.Module):
    """Two parameters of their own over the same memory."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(6, 6)
        self.b = nn.Linear(6, 6)
        self.b.weight = nn.Parameter(self.a.weight.data)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.b(torch.tanh(self.a(x)))
