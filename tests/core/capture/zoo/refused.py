"""Models without an exact form: capture has to refuse them, and say which operator is why."""

import torch
from torch import nn


# torchlean: example-shape=1,6,8
class ExactGelu(nn.Module):
    """The error function is no operator of the format."""

    def __init__(self) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.mlp(x)


# torchlean: example-shape=1,5
class Embedded(nn.Module):
    """Numbers taken for the indices of an embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(10, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.embedding(x.abs().long().clamp(max=9)).sum(1)


# torchlean: example-shape=1,8
class TopKGate(nn.Module):
    """Only the two best experts count."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Linear(8, 4)
        self.experts = nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        best, _ = torch.topk(self.gate(x), 2, dim=-1)
        return self.experts(x) * (self.gate(x) >= best[:, -1:])


# torchlean: example-shape=1,16
class Spiking(nn.Module):
    """A step function: discontinuous, and no comparison exists."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(16, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        potential = self.layer(x)
        return torch.heaviside(potential - 1, torch.zeros(())) + torch.where(
            potential > 0, potential, x[:, :8]
        )


# torchlean: example-shape=1,8
class Spectral(nn.Module):
    """Fourier transform, sine integral and a logarithm of one plus: none is in the format."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.fft.rfft(x).abs() + torch.log1p(x.abs()).sum() + torch.erf(x).mean()
