"""Multilayer perceptrons, on vectors."""

import copy

import torch
import torch.nn.functional as F
from torch import nn

ACTIVATIONS: list[nn.Module] = [
    nn.CELU(0.8),
    nn.ELU(1.2),
    nn.GELU(approximate="tanh"),
    nn.Hardsigmoid(),
    nn.Hardswish(),
    nn.Hardtanh(-2.0, 1.5),
    nn.LeakyReLU(0.02),
    nn.LogSigmoid(),
    nn.LogSoftmax(dim=-1),
    nn.Mish(),
    nn.PReLU(),
    nn.PReLU(12),
    nn.ReLU(),
    nn.ReLU6(),
    nn.RReLU(),
    nn.SELU(),
    nn.SiLU(),
    nn.Sigmoid(),
    nn.Softmax(dim=1),
    nn.Softmin(dim=1),
    nn.Softplus(beta=2.0),
    nn.Softshrink(0.3),
    nn.Softsign(),
    nn.Tanh(),
    nn.Tanhshrink(),
]


# torchlean: example-shape=1,4
class Perceptron(nn.Module):
    """Three layers with ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 3)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


# torchlean: example-shape=2,12
class EveryActivation(nn.Module):
    """A layer for each activation of `torch.nn` that has an exact form, also the random one in eval mode."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(12, 12) for _ in ACTIVATIONS)
        self.activations = nn.ModuleList(copy.deepcopy(ACTIVATIONS))
        self.gate = nn.Sequential(nn.Linear(12, 24), nn.GLU())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer, activation in zip(self.layers, self.activations, strict=True):
            x = x + activation(layer(x))
        return self.gate(x)


# torchlean: example-shape=2,10
class NormalizedPerceptron(nn.Module):
    """Batch norm on vectors, dropout, inputs that are standardized with buffers, class probabilities."""

    def __init__(self, inputs: int = 10, width: int = 24, classes: int = 5) -> None:
        super().__init__()
        self.register_buffer("mean", torch.linspace(-1, 1, inputs))
        self.register_buffer("std", torch.linspace(0.5, 2, inputs))
        self.first = nn.Linear(inputs, width, bias=False)
        self.norm = nn.BatchNorm1d(width)
        self.second = nn.Linear(width, width)
        self.dropout = nn.Dropout(0.3)
        self.head = nn.Linear(width, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = (x - self.mean) / self.std
        x = F.leaky_relu(self.norm(self.first(x)), 0.1)
        x = self.dropout(F.elu(self.second(x)))
        return F.log_softmax(self.head(x), dim=1)


# torchlean: example-shape=3,6
class ResidualPerceptron(nn.Module):
    """Residual blocks on vectors with layer norm, and a mean over the samples subtracted at the end."""

    def __init__(self, width: int = 6, depth: int = 3) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.SiLU(), nn.Linear(2 * width, width)
            )
            for _ in range(depth)
        )
        self.scale = nn.Parameter(torch.full((depth,), 0.5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for index, block in enumerate(self.blocks):
            x = torch.add(x, block(x) * self.scale[index], alpha=0.7)
        return x - x.mean(dim=0, keepdim=True)


# torchlean: example-shape=1,3
class FourierFeatures(nn.Module):
    """Coordinates to colours: sines and cosines of random frequencies, then a perceptron (a neural field)."""

    def __init__(self, inputs: int = 3, frequencies: int = 8) -> None:
        super().__init__()
        self.register_buffer("frequencies", torch.randn(inputs, frequencies) * 3)
        self.layers = nn.Sequential(
            nn.Linear(2 * frequencies, 16), nn.Softplus(), nn.Linear(16, 3), nn.Sigmoid()
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        angles = 2 * torch.pi * x @ self.frequencies
        return self.layers(torch.cat([angles.sin(), angles.cos()], dim=-1))


# torchlean: example-shape=1,8
class Highway(nn.Module):
    """Gates between a transformed and an untouched input."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.transform = nn.ModuleList(nn.Linear(width, width) for _ in range(2))
        self.gate = nn.ModuleList(nn.Linear(width, width) for _ in range(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for transform, gate in zip(self.transform, self.gate, strict=True):
            t = torch.sigmoid(gate(x) - 1)
            x = t * torch.relu(transform(x)) + (1 - t) * x
        return x


# torchlean: example-shape=1,10
class MixtureOfExperts(nn.Module):
    """Experts that all run, weighted by a softmax gate."""

    def __init__(self, width: int = 10, experts: int = 4) -> None:
        super().__init__()
        self.gate = nn.Linear(width, experts)
        self.experts = nn.ModuleList(nn.Sequential(nn.Linear(width, 8), nn.Tanh()) for _ in range(experts))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weights = self.gate(x).softmax(dim=-1).unsqueeze(-1)
        outputs = torch.stack([expert(x) for expert in self.experts], dim=1)
        return (weights * outputs).sum(dim=1)


# torchlean: example-shape=1,12
class FactorizationMachine(nn.Module):
    """Pairwise interactions as half of the square of the sum minus the sum of the squares."""

    def __init__(self, inputs: int = 12, factors: int = 4) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, 1)
        self.factors = nn.Parameter(torch.randn(inputs, factors) * 0.3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        square_of_sum = (x @ self.factors) ** 2
        sum_of_squares = x.pow(2) @ self.factors.pow(2)
        return self.linear(x) + 0.5 * (square_of_sum - sum_of_squares).sum(1, keepdim=True)
