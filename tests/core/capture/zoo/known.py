"""Models that compute with what they know beforehand: edges, masks, grids, state; and numbers between real ones."""

import torch
import torch.nn.functional as F
from torch import nn

EDGES = torch.tensor([[0, 1, 2, 3, 0, 1, 2, 3, 4, 4], [1, 2, 3, 4, 0, 1, 2, 3, 4, 0]])


# torchlean: example-shape=5,6
class GraphConvolution(nn.Module):
    """Symmetrically normalized sums over known edges."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, 8), nn.Linear(8, 3)
        self.register_buffer("edges", EDGES)

    def spread(self, h: torch.Tensor) -> torch.Tensor:
        source, target = self.edges
        degree = torch.bincount(target, minlength=5).float()
        weight = (degree[source] * degree[target]).rsqrt()
        return torch.zeros_like(h).index_add(0, target, h[source] * weight[:, None])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.spread(self.second(torch.relu(self.spread(self.first(x)))))


# torchlean: example-shape=5,6
class GraphAttention(nn.Module):
    """Attention over known edges, its softmax by target."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(6, 4)
        self.source, self.target = nn.Linear(4, 1), nn.Linear(4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        source, target = EDGES
        h = self.project(x)
        scores = F.leaky_relu((self.source(h)[source] + self.target(h)[target]).squeeze(1), 0.2)
        largest = scores.new_full((5,), -1e30).scatter_reduce(0, target, scores, "amax")
        powers = (scores - largest[target]).exp()
        total = scores.new_zeros(5).scatter_add(0, target, powers)
        return h.new_zeros(5, 4).index_add(0, target, h[source] * (powers / total[target])[:, None])


# torchlean: example-shape=1,2,12,12
class SpatialSampler(nn.Module):
    """An image sampled at a known grid."""

    def __init__(self) -> None:
        super().__init__()
        angle = torch.tensor(0.3)
        turn = torch.stack([angle.cos(), -angle.sin(), angle.new_zeros(()), angle.sin(), angle.cos()])
        self.register_buffer("theta", torch.cat([turn, torch.zeros(1)]).reshape(1, 2, 3))
        self.conv = nn.Conv2d(2, 3, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        grid = F.affine_grid(self.theta, [1, 2, 8, 8], align_corners=False)
        return self.conv(F.grid_sample(x, grid, align_corners=False))


# torchlean: example-shape=3,8
class NormalizingFlow(nn.Module):
    """Affine coupling behind a normalization that is initialized by data, once."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("initialized", torch.tensor(True))
        self.register_buffer("mask", torch.arange(8) % 2 == 0)
        self.log_scale, self.bias = nn.Parameter(torch.zeros(8)), nn.Parameter(torch.zeros(8))
        self.net = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.initialized:
            self.bias.data = -x.mean(0)
        x = (x + self.bias) * self.log_scale.exp()
        shift, scale = self.net(x[:, self.mask]).chunk(2, -1)
        y = x.clone()
        y[:, ~self.mask] = x[:, ~self.mask] * torch.tanh(scale).exp() + shift
        return y


# torchlean: example-shape=3,6
class GaussianPolicy(nn.Module):
    """A policy's mean and the entropy of its distribution, whose arguments are checked."""

    def __init__(self) -> None:
        super().__init__()
        self.mean, self.log_std = nn.Linear(6, 2), nn.Parameter(torch.zeros(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = torch.distributions.Normal(self.mean(x), self.log_std.clamp(-5, 2).exp())
        return found.mean + found.entropy()


# torchlean: example-shape=2,8,6
class FourierMixing(nn.Module):
    """Tokens mixed by a Fourier transform in place of attention."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.mlp = nn.LayerNorm(6), nn.Linear(6, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(x + torch.fft.fft(torch.fft.fft(x, dim=-1), dim=-2).real)
        return x + torch.tanh(self.mlp(x))


# torchlean: example-shape=2,6,8
class RotaryAttention(nn.Module):
    """Positions as turns of complex numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(8, 24)
        angles = torch.outer(torch.arange(6.0), 10.0 ** -torch.arange(0, 4))
        self.register_buffer("turns", torch.polar(torch.ones_like(angles), angles))

    def turned(self, x: torch.Tensor) -> torch.Tensor:
        pairs = torch.view_as_complex(x.reshape(2, 6, 4, 2))
        return torch.view_as_real(pairs * self.turns).flatten(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.qkv(x).chunk(3, -1)
        return F.scaled_dot_product_attention(self.turned(q), self.turned(k), v)


# torchlean: example-shape=1,4,6,6
class GeneralizedMeanPool(nn.Module):
    """A power that trains, and its root."""

    def __init__(self) -> None:
        super().__init__()
        self.p = nn.Parameter(torch.tensor([3.3]))
        self.head = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(x.clamp(min=1e-6).pow(self.p).mean((2, 3)).pow(1.0 / self.p))


# torchlean: example-shape=2,9
class RobustScale(nn.Module):
    """Centred by the median, scaled by the median distance, outliers compressed on both sides."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        centred = x - x.median(-1, keepdim=True).values
        scaled = centred / (centred.abs().median(-1, keepdim=True).values + 1e-3)
        return torch.where(
            scaled.abs() < 1, scaled, torch.sign(scaled) * (1 + torch.log(scaled.abs().clamp(min=1)))
        )


# torchlean: example-shape=1,2,5,5
class DynamicFilter(nn.Module):
    """A kernel that another part of the network makes."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Linear(2, 36)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.conv2d(x, self.kernel(x.mean((2, 3))).reshape(2, 2, 3, 3), padding=1)


# torchlean: example-shape=1,2,4,6,6
class VolumeNet(nn.Module):
    """Convolutions and pools over three axes."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv3d(2, 4, 3, padding=1), nn.Conv3d(4, 3, 3, groups=1, stride=2)
        self.norm = nn.BatchNorm3d(4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.adaptive_avg_pool3d(self.second(torch.relu(self.norm(self.first(x)))), 1).flatten(1)
