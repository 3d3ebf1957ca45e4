"""Models of which training depends on what a parameter is: shared, fixed, absent, a view, computed, detached."""

import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations, parametrize


# torchlean: example-shape=1,6
class FrozenBackbone(nn.Module):
    """A part that is not trained, its batch normalization included."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU())
        self.head = nn.Linear(8, 2)
        self.backbone.requires_grad_(False)
        nn.init.normal_(self.backbone[1].running_mean)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.backbone(x))


# torchlean: example-shape=1,6
class LowRankAdapter(nn.Module):
    """A fixed weight and a trained difference of low rank."""

    def __init__(self) -> None:
        super().__init__()
        self.base = nn.Linear(6, 5)
        self.base.requires_grad_(False)
        self.down = nn.Parameter(torch.randn(2, 6))
        self.up = nn.Parameter(torch.randn(5, 2) * 0.1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.base(x) + (x @ self.down.T) @ self.up.T * 0.5


# torchlean: example-shape=1,6
class RandomFeatures(nn.Module):
    """Buffers as weights, plain and transposed."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("basis", torch.randn(6, 6))
        self.register_buffer("shift", torch.rand(6))
        self.out = nn.Linear(6, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(torch.cos(F.linear(x, self.basis, self.shift)) + x @ self.basis.T)


# torchlean: example-shape=1,6
class NoBias(nn.Module):
    """Layers without bias, normalizations without scale and shift."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(6, 8, bias=False)
        self.norm = nn.BatchNorm1d(8, affine=False)
        self.layer = nn.LayerNorm(8, bias=False)
        self.b = nn.Linear(8, 3, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.b(torch.tanh(self.layer(self.norm(self.a(x)))))


# torchlean: example-shape=1,6
class SharedTwice(nn.Module):
    """One layer called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Linear(6, 6)
        self.out = nn.Linear(6, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.mix(torch.tanh(self.mix(x))))


# torchlean: example-shape=1,6
class TiedDecoder(nn.Module):
    """The decoder's weight is the encoder's, transposed; another layer has it under a second name."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(6, 3)
        self.again = nn.Linear(6, 3)
        self.again.weight = self.encoder.weight
        self.bias = nn.Parameter(torch.zeros(6))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        code = torch.tanh(self.encoder(x)) + self.again(x)
        return F.linear(code, self.encoder.weight.t(), self.bias)


# torchlean: example-shape=1,12
class Siamese(nn.Module):
    """Two halves of the input through the same branch."""

    def __init__(self) -> None:
        super().__init__()
        self.branch = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a, b = x.chunk(2, dim=1)
        return (self.branch(a) - self.branch(b)).abs().sum(1, keepdim=True)


# torchlean: example-shape=1,5,4
class Recurrent(nn.Module):
    """A bidirectional LSTM of two layers, then a GRU and a plain recurrence."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(4, 3, num_layers=2, bidirectional=True, batch_first=True)
        self.gru = nn.GRU(6, 3, batch_first=True, bias=False)
        self.rnn = nn.RNN(3, 3, batch_first=True)
        self.out = nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.rnn(self.gru(self.lstm(x)[0])[0])[0][:, -1])


# torchlean: example-shape=1,6
class FusedParts(nn.Module):
    """Parts, transposes and reversals of one parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.fused = nn.Parameter(torch.randn(18, 6) * 0.3)
        self.flat = nn.Parameter(torch.randn(36) * 0.3)
        self.scale = nn.Parameter(torch.rand(3, 6))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.fused.chunk(3)
        mixed = F.linear(x, q) * F.linear(x, k.flip(0)) + x @ v + x @ self.fused[6:12].T
        mixed = mixed @ self.flat.view(6, 6) + F.linear(
            x, self.flat.reshape(6, 6)[::2].repeat_interleave(2, 0)
        )
        return mixed * self.scale[0] + self.scale[1] * self.scale.sum()


# torchlean: example-shape=1,6
class Computed(nn.Module):
    """Weights that are functions of parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.raw = nn.Parameter(torch.randn(8, 6))
        self.normed = parametrizations.weight_norm(nn.Linear(8, 8))
        self.spectral = parametrizations.spectral_norm(nn.Linear(8, 4))
        self.log_scale = nn.Parameter(torch.zeros(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = torch.tanh(F.linear(x, F.softplus(self.raw)))
        return self.spectral(torch.tanh(self.normed(h))) * self.log_scale.exp()


class _Symmetric(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.triu() + x.triu(1).transpose(-1, -2)


# torchlean: example-shape=1,6
class Parametrized(nn.Module):
    """A weight that a parametrization of the user's keeps symmetric."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 6)
        parametrize.register_parametrization(self.layer, "weight", _Symmetric())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x)


# torchlean: example-shape=1,6
class Stopped(nn.Module):
    """Regions without gradients, with one inside that has them, and detached values and parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(6, 6)
        self.b = nn.Linear(6, 6)
        self.c = nn.Linear(6, 6)
        self.target = nn.Parameter(torch.randn(6, 6))
        self.both = nn.Parameter(torch.randn(6, 6))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            h = torch.relu(self.a(x))
            with torch.enable_grad():
                inner = self.b(h)
            scale = inner.abs().mean()
        h = self.c(h) / (1 + scale) + inner
        h = h @ self.target.detach() + F.linear(h.detach(), self.both) - F.linear(h, self.both.detach())
        return h * self.both.data.sum() + x.data


# torchlean: example-shape=1,6
class StraightThrough(nn.Module):
    """Hard values forward, soft ones backward, by detaching the difference."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(6, 4)
        self.b = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        soft = torch.sigmoid(self.a(x))
        hard = soft.clamp(0.4, 0.6)
        return self.b(hard.detach() + soft - soft.detach())


# torchlean: example-shape=1,6,8
class Positions(nn.Module):
    """A table of positions looked up at fixed places, and a table of relative ones."""

    def __init__(self) -> None:
        super().__init__()
        self.position = nn.Embedding(16, 8)
        self.relative = nn.Parameter(torch.randn(11, 2) * 0.1)
        places = torch.arange(6)
        self.register_buffer("index", places[:, None] - places[None, :] + 5, persistent=False)
        self.words = nn.Embedding(7, 8)
        self.qkv = nn.Linear(8, 24)
        self.out = nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.position(torch.arange(6)) + self.words(torch.tensor([3, 0, 3, 6, 1, 1]))
        x = x @ torch.diag(self.words.weight[2])
        q, k, v = self.qkv(x).view(1, 6, 3, 2, 4).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-1, -2) / math.sqrt(4) + self.relative[self.index].permute(2, 0, 1)
        return self.out((scores.softmax(-1) @ v).transpose(1, 2).reshape(1, 6, 8))


# torchlean: example-shape=1,5,8
class Attention(nn.Module):
    """torch's own attention, twice with the same weights."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.MultiheadAttention(8, 2, batch_first=True, bias=False)
        self.block = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.one(x, x, x, need_weights=False)[0]
        return self.block(x + self.one(x, x, x, need_weights=False)[0])


# torchlean: example-shape=1,4,8,8
class Convolutions(nn.Module):
    """Grouped, dilated, transposed and one-dimensional convolutions, some of them shared."""

    def __init__(self) -> None:
        super().__init__()
        self.grouped = nn.Conv2d(4, 4, 3, padding=1, groups=2, bias=False)
        self.depthwise = nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=4)
        self.norm = nn.BatchNorm2d(4)
        self.up = nn.ConvTranspose2d(4, 6, 2, stride=2, groups=2)
        self.rows = nn.Conv1d(6, 3, 3, padding=1, dilation=1)
        self.volume = nn.BatchNorm1d(3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.grouped(F.relu(self.norm(self.grouped(x))))
        x = torch.tanh(self.depthwise(x)) + F.conv2d(x, self.grouped.weight, padding=1, groups=2)
        return self.volume(self.rows(self.up(x).mean(dim=2)))


class _Square(torch.autograd.Function):
    """A function whose own backward is the right one."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return 2 * x * gradient


# torchlean: example-shape=1,6
class OwnFunction(nn.Module):
    """A custom function with the gradient that its operators have."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(6, 6)
        self.b = nn.Linear(6, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.b(_Square.apply(self.a(x)))


# torchlean: example-shape=1,6
class Checkpointed(nn.Module):
    """Activations that are computed again in the backward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 6))
        self.b = nn.Linear(6, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.b(torch.utils.checkpoint.checkpoint(self.a, x, use_reentrant=False))


# torchlean: example-shape=1,6
class UnusedHead(nn.Module):
    """A head that forward does not use, as there is one for training only, and a counter."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(6, 4)
        self.auxiliary = nn.Linear(4, 3)
        self.register_buffer("seen", torch.tensor(7))
        self.register_buffer("places", torch.arange(3))
        self.norm = nn.BatchNorm1d(4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.a(x))
