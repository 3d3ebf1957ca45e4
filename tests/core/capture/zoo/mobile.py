"""Convolutional networks for small devices: depthwise convolutions, inverted residuals, channel shuffles."""

import torch
import torch.nn.functional as F
from torch import nn


# torchlean: example-shape=1,3,32,32
class MobileNet(nn.Module):
    """Depthwise, then pointwise convolutions."""

    class Block(nn.Module):
        def __init__(self, inputs: int, outputs: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False)
            self.bn1 = nn.BatchNorm2d(inputs)
            self.conv2 = nn.Conv2d(inputs, outputs, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(outputs)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3, padding=1, bias=False)
        steps = ((1, 2, 1), (2, 4, 2), (4, 4, 1), (4, 8, 2), (8, 8, 1), (8, 16, 2), (16, 16, 1))
        self.layers = nn.Sequential(*(self.Block(a * width, b * width, stride) for a, b, stride in steps))
        self.linear = nn.Linear(16 * width, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = F.avg_pool2d(self.layers(F.relu(self.conv(x))), 4)
        return self.linear(out.view(out.size(0), -1))


class Inverted(nn.Module):
    """Expand, depthwise, an optional gate, project; a residual where shapes allow it."""

    def __init__(
        self, inputs: int, outputs: int, stride: int, expand: int, size: int, act: type[nn.Module], gate: bool
    ) -> None:
        super().__init__()
        width = inputs * expand
        self.residual = stride == 1 and inputs == outputs
        self.expand = nn.Sequential(nn.Conv2d(inputs, width, 1, bias=False), nn.BatchNorm2d(width), act())
        self.depthwise = nn.Sequential(
            nn.Conv2d(width, width, size, stride, size // 2, groups=width, bias=False),
            nn.BatchNorm2d(width),
            act(),
        )
        self.gate = None
        if gate:
            self.gate = nn.Sequential(
                nn.AdaptiveAvgPool2d(1),
                nn.Conv2d(width, width // 4, 1),
                nn.ReLU(),
                nn.Conv2d(width // 4, width, 1),
                nn.Hardsigmoid() if act is nn.Hardswish else nn.Sigmoid(),
            )
        self.project = nn.Sequential(nn.Conv2d(width, outputs, 1, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.depthwise(self.expand(x))
        if self.gate is not None:
            out = out * self.gate(out)
        out = self.project(out)
        return out + x if self.residual else out


class InvertedNet(nn.Module):
    def __init__(
        self, steps: list[tuple[int, int, int, int, int]], act: type[nn.Module], gate: bool, classes: int = 10
    ) -> None:
        super().__init__()
        first, last = steps[0][0], steps[-1][1]
        self.stem = nn.Sequential(nn.Conv2d(3, first, 3, 2, 1, bias=False), nn.BatchNorm2d(first), act())
        self.blocks = nn.Sequential(*(Inverted(*step, act, gate) for step in steps))
        self.head = nn.Sequential(nn.Conv2d(last, 2 * last, 1), nn.BatchNorm2d(2 * last), act())
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(2 * last, classes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.head(self.blocks(self.stem(x)))
        return self.classifier(F.adaptive_avg_pool2d(x, (1, 1)).flatten(1))


# torchlean: example-shape=1,3,32,32
def mobilenet_v2() -> nn.Module:
    return InvertedNet([(4, 4, 1, 2, 3), (4, 8, 2, 3, 3), (8, 8, 1, 3, 3)], nn.ReLU6, False)


# torchlean: example-shape=1,3,32,32
def mobilenet_v3() -> nn.Module:
    return InvertedNet([(8, 8, 2, 1, 3), (8, 12, 2, 4, 3), (12, 12, 1, 2, 5)], nn.Hardswish, True)


# torchlean: example-shape=1,3,32,32
def efficientnet() -> nn.Module:
    return InvertedNet([(8, 4, 1, 1, 3), (4, 8, 2, 4, 3), (8, 8, 1, 4, 3), (8, 12, 2, 4, 5)], nn.SiLU, True)


def shuffle(x: torch.Tensor, groups: int) -> torch.Tensor:
    n, c, h, w = x.size()
    return x.view(n, groups, c // groups, h, w).permute(0, 2, 1, 3, 4).reshape(n, c, h, w)


# torchlean: example-shape=1,3,32,32
class ShuffleNet(nn.Module):
    """Grouped 1 x 1 convolutions with channels shuffled between them."""

    class Block(nn.Module):
        def __init__(self, inputs: int, outputs: int, stride: int, groups: int) -> None:
            super().__init__()
            self.stride, self.groups = stride, groups
            middle = outputs // 4
            self.conv1 = nn.Conv2d(inputs, middle, 1, groups=groups, bias=False)
            self.bn1 = nn.BatchNorm2d(middle)
            self.conv2 = nn.Conv2d(middle, middle, 3, stride, 1, groups=middle, bias=False)
            self.bn2 = nn.BatchNorm2d(middle)
            rest = outputs - inputs if stride == 2 else outputs
            self.conv3 = nn.Conv2d(middle, rest, 1, groups=groups, bias=False)
            self.bn3 = nn.BatchNorm2d(rest)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out = shuffle(F.relu(self.bn1(self.conv1(x))), self.groups)
            out = self.bn3(self.conv3(self.bn2(self.conv2(out))))
            if self.stride == 2:
                return F.relu(torch.cat([out, F.avg_pool2d(x, 3, stride=2, padding=1)], 1))
            return F.relu(out + x)

    def __init__(self, groups: int = 2) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 1, bias=False)
        self.blocks = nn.Sequential(
            self.Block(8, 16, 2, groups), self.Block(16, 16, 1, groups), self.Block(16, 32, 2, groups)
        )
        self.linear = nn.Linear(32, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = F.avg_pool2d(self.blocks(F.relu(self.conv(x))), 8)
        return self.linear(out.view(out.size(0), -1))


# torchlean: example-shape=1,3,32,32
class ShuffleNetV2(nn.Module):
    """Channels split in two: one half is computed, the other kept; then they are shuffled."""

    class Block(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            half = width // 2
            self.branch = nn.Sequential(
                nn.Conv2d(half, half, 1, bias=False),
                nn.BatchNorm2d(half),
                nn.ReLU(inplace=True),
                nn.Conv2d(half, half, 3, padding=1, groups=half, bias=False),
                nn.BatchNorm2d(half),
                nn.Conv2d(half, half, 1, bias=False),
                nn.BatchNorm2d(half),
                nn.ReLU(inplace=True),
            )

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            kept, used = x.chunk(2, dim=1)
            out = torch.cat((kept, self.branch(used)), dim=1)
            n, c, h, w = out.shape
            return out.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, c, h, w)

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, width, 3, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        self.blocks = nn.Sequential(self.Block(width), self.Block(width))
        self.linear = nn.Linear(width, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(self.blocks(self.stem(x)).mean([2, 3]))


# torchlean: example-shape=1,3,24,24
class GhostNet(nn.Module):
    """Half of the channels from a convolution, the other half from cheap depthwise ones; cut to a number."""

    class Ghost(nn.Module):
        def __init__(self, inputs: int, outputs: int) -> None:
            super().__init__()
            self.outputs = outputs
            half = (outputs + 1) // 2
            self.primary = nn.Sequential(
                nn.Conv2d(inputs, half, 1, bias=False), nn.BatchNorm2d(half), nn.ReLU(True)
            )
            self.cheap = nn.Sequential(
                nn.Conv2d(half, half, 3, padding=1, groups=half, bias=False),
                nn.BatchNorm2d(half),
                nn.ReLU(True),
            )

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x1 = self.primary(x)
            return torch.cat([x1, self.cheap(x1)], dim=1)[:, : self.outputs, :, :]

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            self.Ghost(3, 9), nn.MaxPool2d(2), self.Ghost(9, 15), nn.AdaptiveMaxPool2d(1)
        )
        self.linear = nn.Linear(15, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(self.layers(x).flatten(1))
