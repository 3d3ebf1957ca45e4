"""Convolutional networks that join branches by concatenation."""

import math

import torch
import torch.nn.functional as F
from torch import nn


# torchlean: example-shape=1,3,32,32
class DenseNet(nn.Module):
    """Every layer sees the results of all layers before it; transitions halve channels and size."""

    class Layer(nn.Module):
        def __init__(self, inputs: int, growth: int) -> None:
            super().__init__()
            self.norm1 = nn.BatchNorm2d(inputs)
            self.conv1 = nn.Conv2d(inputs, 4 * growth, 1, bias=False)
            self.norm2 = nn.BatchNorm2d(4 * growth)
            self.conv2 = nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out = self.conv1(F.relu(self.norm1(x)))
            out = self.conv2(F.relu(self.norm2(out)))
            return torch.cat([out, x], 1)

    class Transition(nn.Module):
        def __init__(self, inputs: int, outputs: int) -> None:
            super().__init__()
            self.norm = nn.BatchNorm2d(inputs)
            self.conv = nn.Conv2d(inputs, outputs, 1, bias=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return F.avg_pool2d(self.conv(F.relu(self.norm(x))), 2)

    def __init__(self, growth: int = 4, depths: tuple[int, ...] = (3, 3, 3), classes: int = 10) -> None:
        super().__init__()
        channels = 2 * growth
        self.conv = nn.Conv2d(3, channels, 3, padding=1, bias=False)
        parts: list[nn.Module] = []
        for index, depth in enumerate(depths):
            for _ in range(depth):
                parts.append(self.Layer(channels, growth))
                channels += growth
            if index + 1 < len(depths):
                parts.append(self.Transition(channels, math.floor(channels * 0.5)))
                channels = math.floor(channels * 0.5)
        self.parts = nn.Sequential(*parts)
        self.norm = nn.BatchNorm2d(channels)
        self.linear = nn.Linear(channels, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = F.avg_pool2d(F.relu(self.norm(self.parts(self.conv(x)))), 8)
        return self.linear(out.view(out.size(0), -1))


# torchlean: example-shape=1,3,32,32
class GoogLeNet(nn.Module):
    """Inception blocks: four branches, one of them a max pooling of stride 1."""

    class Inception(nn.Module):
        def __init__(self, inputs: int, a: int, b: tuple[int, int], c: tuple[int, int], d: int) -> None:
            super().__init__()

            def unit(inputs: int, outputs: int, size: int) -> list[nn.Module]:
                return [
                    nn.Conv2d(inputs, outputs, size, padding=size // 2),
                    nn.BatchNorm2d(outputs),
                    nn.ReLU(True),
                ]

            self.b1 = nn.Sequential(*unit(inputs, a, 1))
            self.b2 = nn.Sequential(*unit(inputs, b[0], 1), *unit(b[0], b[1], 3))
            self.b3 = nn.Sequential(*unit(inputs, c[0], 1), *unit(c[0], c[1], 3), *unit(c[1], c[1], 3))
            self.b4 = nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), *unit(inputs, d, 1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.cat([branch(x) for branch in (self.b1, self.b2, self.b3, self.b4)], 1)

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 12, 3, padding=1), nn.BatchNorm2d(12), nn.ReLU(True))
        self.a3 = self.Inception(12, 4, (6, 8), (2, 4), 4)
        self.b3 = self.Inception(20, 8, (8, 12), (2, 6), 4)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.a4 = self.Inception(30, 12, (6, 14), (2, 4), 4)
        self.avgpool = nn.AvgPool2d(16, stride=1)
        self.linear = nn.Linear(34, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.a4(self.maxpool(self.b3(self.a3(self.stem(x)))))
        out = self.avgpool(out)
        return self.linear(out.view(out.size(0), -1))


# torchlean: example-shape=1,3,32,32
class DualPath(nn.Module):
    """A residual path and a dense path in one tensor: some channels are added, the others concatenated."""

    class Block(nn.Module):
        def __init__(
            self, inputs: int, width: int, outputs: int, dense: int, stride: int, first: bool
        ) -> None:
            super().__init__()
            self.outputs = outputs
            self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(width)
            self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, groups=4, bias=False)
            self.bn2 = nn.BatchNorm2d(width)
            self.conv3 = nn.Conv2d(width, outputs + dense, 1, bias=False)
            self.bn3 = nn.BatchNorm2d(outputs + dense)
            self.shortcut = nn.Sequential()
            if first:
                self.shortcut = nn.Sequential(
                    nn.Conv2d(inputs, outputs + dense, 1, stride, bias=False), nn.BatchNorm2d(outputs + dense)
                )

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out = F.relu(self.bn1(self.conv1(x)))
            out = F.relu(self.bn2(self.conv2(out)))
            out = self.bn3(self.conv3(out))
            x = self.shortcut(x)
            d = self.outputs
            out = torch.cat([x[:, :d, :, :] + out[:, :d, :, :], x[:, d:, :, :], out[:, d:, :, :]], 1)
            return F.relu(out)

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.blocks = nn.Sequential(
            self.Block(8, 8, 16, 4, 1, True),
            self.Block(24, 8, 16, 4, 1, False),
            self.Block(28, 16, 24, 4, 2, True),
        )
        self.linear = nn.Linear(32, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = F.avg_pool2d(self.blocks(F.relu(self.conv(x))), 16)
        return self.linear(out.view(out.size(0), -1))


# torchlean: example-shape=1,1,32,32
class UNet(nn.Module):
    """An encoder and a decoder of the same depth with skips between them."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()

        def double(inputs: int, outputs: int) -> nn.Sequential:
            return nn.Sequential(
                nn.Conv2d(inputs, outputs, 3, padding=1),
                nn.BatchNorm2d(outputs),
                nn.ReLU(inplace=True),
                nn.Conv2d(outputs, outputs, 3, padding=1),
                nn.ReLU(inplace=True),
            )

        self.down1, self.down2 = double(1, width), double(width, 2 * width)
        self.bottom = double(2 * width, 4 * width)
        self.up2 = nn.ConvTranspose2d(4 * width, 2 * width, 2, stride=2)
        self.join2 = double(4 * width, 2 * width)
        self.up1 = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.join1 = double(2 * width, width)
        self.out = nn.Conv2d(width, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        skip1 = self.down1(x)
        skip2 = self.down2(F.max_pool2d(skip1, 2))
        x = self.up2(self.bottom(F.max_pool2d(skip2, 2)))
        x = self.up1(self.join2(torch.cat((skip2, x), dim=1)))
        return self.out(self.join1(torch.cat((skip1, x), dim=1)))


# torchlean: example-shape=1,8,12,12
class PyramidPooling(nn.Module):
    """Means over grids of several sizes, enlarged again and joined: adaptive pooling and interpolation."""

    def __init__(self, channels: int = 8, sizes: tuple[int, ...] = (1, 2, 3, 5)) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(size), nn.Conv2d(channels, 2, 1), nn.ReLU()) for size in sizes
        )
        self.out = nn.Conv2d(channels + 2 * len(sizes), 3, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        size = x.shape[2:]
        grown = [F.interpolate(b(x), size=size, mode="bilinear", align_corners=False) for b in self.branches]
        return self.out(torch.cat([x, *grown], dim=1))


# torchlean: example-shape=1,3,16,16
class AtrousPyramid(nn.Module):
    """Parallel dilated convolutions and a global branch that is spread out again."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Conv2d(3, width, 3, padding=rate, dilation=rate, bias=False) for rate in (1, 2, 4)
        )
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(3, width, 1), nn.ReLU())
        self.project = nn.Sequential(nn.Conv2d(4 * width, width, 1), nn.ReLU(), nn.Dropout(0.1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pooled = self.pool(x).expand(-1, -1, x.size(2), x.size(3))
        return self.project(torch.cat([*(branch(x) for branch in self.branches), pooled], dim=1))
