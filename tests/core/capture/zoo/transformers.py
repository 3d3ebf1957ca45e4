"""Attention, transformer blocks, and image models made of them."""

import math

import torch
import torch.nn.functional as F
from torch import nn


# torchlean: example-shape=1,6,8
class SingleHeadAttention(nn.Module):
    """Scaled dot-product attention written out."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(width, width, bias=False) for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.query(x), self.key(x), self.value(x)
        scores = q @ k.transpose(-2, -1) / math.sqrt(k.size(-1))
        return torch.softmax(scores, dim=-1) @ v


class SelfAttention(nn.Module):
    """Several heads from one projection to queries, keys and values; causal on request."""

    def __init__(self, width: int, heads: int, context: int = 0) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.dropout = nn.Dropout(0.1)
        self.mask: torch.Tensor | None
        self.register_buffer(
            "mask", torch.tril(torch.ones(context, context)).view(1, 1, context, context) if context else None
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        b, t, c = x.shape
        q, k, v = self.qkv(x).split(c, dim=2)
        q, k, v = (y.view(b, t, self.heads, c // self.heads).transpose(1, 2) for y in (q, k, v))
        scores = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
        if self.mask is not None:
            scores = scores.masked_fill(self.mask[:, :, :t, :t] == 0, float("-inf"))
        y = self.dropout(F.softmax(scores, dim=-1)) @ v
        return self.out(y.transpose(1, 2).contiguous().view(b, t, c))


# torchlean: example-shape=1,5,12
class CausalAttention(nn.Module):
    """Three heads with a constant causal mask."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = SelfAttention(12, 3, context=8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.attention(x)


# torchlean: example-shape=1,5,8
class FusedAttention(nn.Module):
    """`scaled_dot_product_attention` with `is_causal`, heads moved by `unflatten`."""

    def __init__(self, width: int = 8, heads: int = 2) -> None:
        super().__init__()
        self.heads = heads
        self.q, self.kv = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        k, v = self.kv(x).chunk(2, dim=-1)
        q, k, v = (y.unflatten(-1, (self.heads, -1)).transpose(1, 2) for y in (self.q(x), k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).flatten(-2))


# torchlean: example-shape=1,6,8
class Encoder(nn.Module):
    """Two layers of `nn.TransformerEncoder`, norm last, ReLU, then the mean of the tokens."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.encoder(x).mean(1))


# torchlean: example-shape=1,6,8
class PreNormBlock(nn.Module):
    """Norm first, attention by `nn.MultiheadAttention`, a feed-forward part with tanh GELU."""

    def __init__(self, width: int = 8, heads: int = 4) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU("tanh"), nn.Linear(4 * width, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm1(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        return x + self.mlp(self.norm2(x))


class RootMeanSquareNorm(nn.Module):
    def __init__(self, width: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.linspace(0.5, 1.5, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight


# torchlean: example-shape=1,4,16
class GatedDecoderBlock(nn.Module):
    """RMS norm, rotary positions, grouped queries, a causal mask, a SiLU-gated feed-forward part (Llama)."""

    def __init__(self, width: int = 16, heads: int = 4, groups: int = 2, context: int = 4) -> None:
        super().__init__()
        self.heads, self.groups, self.size = heads, groups, width // heads
        self.norm1, self.norm2 = RootMeanSquareNorm(width), RootMeanSquareNorm(width)
        self.q = nn.Linear(width, width, bias=False)
        self.k, self.v = (nn.Linear(width, groups * self.size, bias=False) for _ in range(2))
        self.o = nn.Linear(width, width, bias=False)
        self.gate, self.up = nn.Linear(width, 24, bias=False), nn.Linear(width, 24, bias=False)
        self.down = nn.Linear(24, width, bias=False)
        angles = torch.outer(
            torch.arange(context).float(), 1 / 100 ** (torch.arange(0, self.size, 2) / self.size)
        )
        self.register_buffer("cos", torch.cat([angles, angles], -1).cos(), persistent=False)
        self.register_buffer("sin", torch.cat([angles, angles], -1).sin(), persistent=False)
        self.register_buffer("mask", torch.triu(torch.full((context, context), float("-inf")), diagonal=1))

    def rotate(self, x: torch.Tensor) -> torch.Tensor:
        a, b = x.chunk(2, dim=-1)
        return x * self.cos + torch.cat((-b, a), dim=-1) * self.sin

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        b, t, _ = x.shape
        y = self.norm1(x)
        q = self.rotate(self.q(y).view(b, t, self.heads, self.size).transpose(1, 2))
        k = self.rotate(self.k(y).view(b, t, self.groups, self.size).transpose(1, 2))
        v = self.v(y).view(b, t, self.groups, self.size).transpose(1, 2)
        k, v = (z.repeat_interleave(self.heads // self.groups, dim=1) for z in (k, v))
        scores = torch.matmul(q, k.transpose(2, 3)) / math.sqrt(self.size) + self.mask
        x = x + self.o((F.softmax(scores, dim=-1) @ v).transpose(1, 2).reshape(b, t, -1))
        y = self.norm2(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))


# torchlean: example-shape=1,3,16,16
class VisionTransformer(nn.Module):
    """Patches by a strided convolution, a class token, learned positions, pre-norm blocks."""

    class Block(nn.Module):
        def __init__(self, width: int, heads: int) -> None:
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.attention = SelfAttention(width, heads)
            self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = x + self.attention(self.norm1(x))
            return x + self.mlp(self.norm2(x))

    def __init__(
        self, size: int = 16, patch: int = 4, width: int = 12, heads: int = 3, depth: int = 2
    ) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, kernel_size=patch, stride=patch)
        self.token = nn.Parameter(torch.randn(1, 1, width) * 0.02)
        self.positions = nn.Parameter(torch.randn(1, (size // patch) ** 2 + 1, width) * 0.02)
        self.blocks = nn.Sequential(*(self.Block(width, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat((self.token.expand(x.shape[0], -1, -1), x), dim=1) + self.positions
        return self.head(self.norm(self.blocks(x))[:, 0])


# torchlean: example-shape=1,3,16,16
class Mixer(nn.Module):
    """Perceptrons over tokens and over channels in turn (MLP-Mixer); patches by reshaping."""

    class Block(nn.Module):
        def __init__(self, tokens: int, width: int) -> None:
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.tokens = nn.Sequential(
                nn.Linear(tokens, 8), nn.GELU(approximate="tanh"), nn.Linear(8, tokens)
            )
            self.channels = nn.Sequential(
                nn.Linear(width, 16), nn.GELU(approximate="tanh"), nn.Linear(16, width)
            )

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = x + self.tokens(self.norm1(x).transpose(1, 2)).transpose(1, 2)
            return x + self.channels(self.norm2(x))

    def __init__(self, patch: int = 4, width: int = 8) -> None:
        super().__init__()
        self.patch = patch
        self.embed = nn.Linear(3 * patch * patch, width)
        self.blocks = nn.Sequential(self.Block(16, width), self.Block(16, width))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        b, c, h, w = x.shape
        p = self.patch
        x = x.reshape(b, c, h // p, p, w // p, p).permute(0, 2, 4, 3, 5, 1).reshape(b, -1, p * p * c)
        return self.head(self.norm(self.blocks(self.embed(x))).mean(dim=1))


# torchlean: example-shape=1,6,8
class EinsumAttention(nn.Module):
    """Heads by `einsum`, positions added as a learned bias, a gate on the result."""

    def __init__(self, width: int = 8, heads: int = 2, tokens: int = 6) -> None:
        super().__init__()
        self.q, self.k, self.v = (
            nn.Parameter(torch.randn(heads, width, width // heads) * 0.3) for _ in range(3)
        )
        self.o = nn.Parameter(torch.randn(heads, width // heads, width) * 0.3)
        self.bias = nn.Parameter(torch.randn(heads, tokens, tokens) * 0.1)
        self.gate = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = (torch.einsum("btc,hcd->bhtd", x, w) for w in (self.q, self.k, self.v))
        weights = (torch.einsum("bhid,bhjd->bhij", q, k) / q.shape[-1] ** 0.5 + self.bias).softmax(-1)
        y = torch.einsum("bhij,bhjd,hdc->bic", weights, v, self.o)
        return y * torch.sigmoid(self.gate(x))


# torchlean: example-shape=1,6,8
class LinearAttention(nn.Module):
    """Attention with a positive feature map instead of softmax, so that keys and values meet first."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = torch.chunk(self.qkv(x), 3, dim=-1)
        q, k = F.elu(q) + 1, F.elu(k) + 1
        context = k.transpose(1, 2) @ v
        norm = q @ k.sum(dim=1).unsqueeze(-1)
        return (q @ context) / (norm + 1e-6)
