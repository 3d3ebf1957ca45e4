"""Autoencoders, generators, discriminators, super-resolution and style transfer."""

import torch
import torch.nn.functional as F
from torch import nn


# torchlean: example-shape=1,1,16,16
class Autoencoder(nn.Module):
    """Strided convolutions down, transposed ones up."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
        )
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(2 * width, width, 3, stride=2, padding=1, output_padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(width, 1, 3, stride=2, padding=1, output_padding=1),
            nn.Sigmoid(),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.decoder(self.encoder(x))


# torchlean: example-shape=2,20
class VariationalMean(nn.Module):
    """A variational autoencoder without its noise: the mean of the code, decoded, beside the divergence."""

    def __init__(self, inputs: int = 20, code: int = 3) -> None:
        super().__init__()
        self.hidden = nn.Linear(inputs, 12)
        self.mean, self.log_variance = nn.Linear(12, code), nn.Linear(12, code)
        self.decode = nn.Sequential(nn.Linear(code, 12), nn.ReLU(), nn.Linear(12, inputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = F.relu(self.hidden(x))
        mean, log_variance = self.mean(h), self.log_variance(h)
        divergence = -0.5 * torch.sum(
            1 + log_variance - mean.pow(2) - log_variance.exp(), dim=1, keepdim=True
        )
        return torch.cat((self.decode(mean), divergence), 1)


# torchlean: example-shape=1,8,1,1
class Generator(nn.Module):
    """Noise to an image through transposed convolutions without bias, batch norm, tanh (DCGAN)."""

    def __init__(self, noise: int = 8, width: int = 4) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(noise, 4 * width, 4, 1, 0, bias=False),
            nn.BatchNorm2d(4 * width),
            nn.ReLU(True),
            nn.ConvTranspose2d(4 * width, 2 * width, 4, 2, 1, bias=False),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(True),
            nn.ConvTranspose2d(2 * width, 3, 4, 2, 1, bias=False),
            nn.Tanh(),
        )

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.main(z)


# torchlean: example-shape=1,3,16,16
class Discriminator(nn.Module):
    """Strided convolutions with leaky ReLU in place to one probability (DCGAN)."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(3, width, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(width, 2 * width, 4, 2, 1, bias=False),
            nn.BatchNorm2d(2 * width),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(2 * width, 1, 4, 1, 0, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.main(x).view(-1, 1).squeeze(1)


# torchlean: example-shape=1,3,16,16
class PatchDiscriminator(nn.Module):
    """A score for every patch, with instance norm (pix2pix)."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, width, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 4, 2, 1),
            nn.InstanceNorm2d(2 * width),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, 1, 4, 1, 1),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


# torchlean: example-shape=1,1,10,10
class SubPixel(nn.Module):
    """Super-resolution by convolutions and a pixel shuffle (ESPCN)."""

    def __init__(self, factor: int = 3) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 5, padding=2)
        self.conv2 = nn.Conv2d(8, factor**2, 3, padding=1)
        self.shuffle = nn.PixelShuffle(factor)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(self.shuffle(self.conv2(torch.tanh(self.conv1(x)))))


# torchlean: example-shape=1,3,8,8
class ResidualSuperResolution(nn.Module):
    """Residual blocks without batch norm, scaled, between a mean shift and its inverse (EDSR)."""

    def __init__(self, width: int = 6) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.45, 0.44, 0.40]).view(1, 3, 1, 1))
        self.head = nn.Conv2d(3, width, 3, padding=1)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(width, width, 3, padding=1), nn.ReLU(True), nn.Conv2d(width, width, 3, padding=1)
            )
            for _ in range(2)
        )
        self.tail = nn.Sequential(
            nn.Conv2d(width, 4 * width, 3, padding=1), nn.PixelShuffle(2), nn.Conv2d(width, 3, 3, padding=1)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = features = self.head(x - self.mean)
        for block in self.blocks:
            features = features + block(features).mul(0.1)
        return self.tail(features + x) + self.mean


# torchlean: example-shape=1,3,16,16
class BicubicFree(nn.Module):
    """Super-resolution that learns the difference to a bilinear enlargement."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 6, 9, padding=4), nn.PReLU(), nn.Conv2d(6, 3, 5, padding=2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        large = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
        return (large + self.layers(large)).clamp(0, 1)


# torchlean: example-shape=1,3,16,16
class StyleTransfer(nn.Module):
    """Reflection padding, affine instance norm, residual blocks, nearest enlargement."""

    class Unit(nn.Module):
        def __init__(
            self, inputs: int, outputs: int, size: int, stride: int = 1, grow: int | None = None
        ) -> None:
            super().__init__()
            self.grow = grow
            self.pad = nn.ReflectionPad2d(size // 2)
            self.conv = nn.Conv2d(inputs, outputs, size, stride)
            self.norm = nn.InstanceNorm2d(outputs, affine=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if self.grow:
                x = F.interpolate(x, mode="nearest", scale_factor=self.grow)
            return self.norm(self.conv(self.pad(x)))

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.down1, self.down2 = self.Unit(3, width, 5), self.Unit(width, 2 * width, 3, stride=2)
        self.inner1, self.inner2 = self.Unit(2 * width, 2 * width, 3), self.Unit(2 * width, 2 * width, 3)
        self.up = self.Unit(2 * width, width, 3, grow=2)
        self.out = nn.Sequential(nn.ReplicationPad2d(2), nn.Conv2d(width, 3, 5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.down2(F.relu(self.down1(x))))
        x = x + self.inner2(F.relu(self.inner1(x)))
        return self.out(F.relu(self.up(x)))


# torchlean: example-shape=1,4,8,8
class Denoiser(nn.Module):
    """A diffusion model's block: group norm, SiLU, a fixed time embedding, attention over pixels."""

    def __init__(self, width: int = 4, time: float = 10.0) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(2, width), nn.GroupNorm(2, width)
        self.conv1, self.conv2 = nn.Conv2d(width, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)
        frequencies = torch.exp(-torch.arange(4.0))
        self.register_buffer(
            "embedding", torch.cat([(time * frequencies).sin(), (time * frequencies).cos()])[None]
        )
        self.time = nn.Sequential(nn.Linear(8, width), nn.SiLU(), nn.Linear(width, width))
        self.qkv = nn.Conv2d(width, 3 * width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.conv1(F.silu(self.norm1(x))) + self.time(self.embedding)[:, :, None, None]
        h = x + self.conv2(F.silu(self.norm2(h)))
        b, c, height, width = h.shape
        q, k, v = self.qkv(h).reshape(b, 3, c, height * width).unbind(1)
        weights = torch.softmax(torch.bmm(q.transpose(1, 2), k) * c**-0.5, dim=-1)
        return h + torch.bmm(v, weights.transpose(1, 2)).reshape(b, c, height, width)
