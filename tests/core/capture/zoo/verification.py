"""Small networks as the competitions of neural-network verification use them."""

import itertools

import torch
import torch.nn.functional as F
from torch import nn


# torchlean: example-shape=1,5
class CollisionAvoidance(nn.Module):
    """Five numbers of an encounter to the scores of five advisories: six hidden layers of ReLU."""

    def __init__(self, width: int = 50) -> None:
        super().__init__()
        widths = [5, *[width] * 6, 5]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(widths))
        self.register_buffer("mean", torch.tensor([1.98e4, 0.0, 0.0, 650.0, 600.0]))
        self.register_buffer("range", torch.tensor([6.03e4, 6.28, 6.28, 1100.0, 1200.0]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.sub(x, self.mean) / self.range
        for layer in self.layers[:-1]:
            x = torch.clamp(layer(x), min=0)
        return self.layers[-1](x)


# torchlean: example-shape=1,1,28,28
class DigitClassifier(nn.Module):
    """Two strided convolutions with one-sided padding, and the margin of one class over the others."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 4, stride=2, padding=1)
        self.conv2 = nn.Conv2d(4, 8, 4, stride=2)
        self.fc1 = nn.Linear(8 * 6 * 6, 20)
        self.fc2 = nn.Linear(20, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.conv1((x - 0.1307) / 0.3081))
        x = F.relu(self.conv2(F.pad(x, (0, 1, 0, 1))))
        scores = self.fc2(F.relu(self.fc1(x.flatten(start_dim=1))))
        return scores[:, 3:4] - torch.cat([scores[:, :3], scores[:, 4:]], dim=1)


# torchlean: example-shape=1,12
class ControllerWithPlant(nn.Module):
    """A saturated controller and one step of linear dynamics with matrices that are constants."""

    def __init__(self) -> None:
        super().__init__()
        self.controller = nn.Sequential(
            nn.Linear(12, 16), nn.Tanh(), nn.Linear(16, 4), nn.Hardtanh(-0.5, 0.5)
        )
        self.register_buffer("a", torch.eye(12) * 0.98 + torch.diag(torch.full((11,), 0.02), 1))
        self.register_buffer("b", torch.randn(4, 12) * 0.1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.addmm(torch.mm(x, self.a), self.controller(x), self.b, alpha=0.1)


# torchlean: example-shape=1,2
class LyapunovFunction(nn.Module):
    """A network minus its value at the origin, its absolute value, and a quadratic form."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 1))
        self.root = nn.Parameter(torch.randn(2, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        form = 0.01 * torch.eye(2) + self.root.T @ self.root
        quadratic = ((x @ form) * x).sum(dim=-1, keepdim=True)
        return (self.net(x) - self.net(torch.zeros_like(x))).abs() + quadratic


# torchlean: example-shape=1,8
class InputConvex(nn.Module):
    """Weights made positive by softplus, the input fed to every layer."""

    def __init__(self, width: int = 8, depth: int = 3) -> None:
        super().__init__()
        self.inputs = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.weights = nn.ParameterList(
            nn.Parameter(torch.randn(width, width) * 0.3) for _ in range(depth - 1)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        z = F.softplus(self.inputs[0](x))
        for layer, weight in zip(self.inputs[1:], self.weights, strict=True):
            z = F.softplus(F.linear(z, F.softplus(weight)) + layer(x))
        return z.sum(dim=1)


# torchlean: example-shape=1,3,16,16
class SteeringFromImage(nn.Module):
    """An image and a scalar packed beside it: the network takes them apart, and an angle comes out."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.Sequential(
            nn.Conv2d(3, 6, 5, stride=(1, 2), padding=(2, 1)), nn.ELU(), nn.Conv2d(6, 8, (3, 1)), nn.ELU()
        )
        self.fc = nn.Linear(8 * 14 * 7, 8)
        self.out = nn.Linear(8, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.convs(x).flatten(1)
        return 2 * F.softsign(self.out(F.elu(self.fc(x))))
