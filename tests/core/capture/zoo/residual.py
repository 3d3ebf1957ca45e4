"""Convolutional networks with residual connections, for images of 32 x 32."""

import torch
import torch.nn.functional as F
from torch import nn


def conv_norm(inputs: int, outputs: int, size: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    )


class Basic(nn.Module):
    """Two 3 x 3 convolutions."""

    expansion = 1

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = conv_norm(inputs, width, 3, stride)
        self.conv2 = conv_norm(width, width, 3)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != width:
            self.shortcut = conv_norm(inputs, width, 1, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.conv2(F.relu(self.conv1(x)))
        out += self.shortcut(x)
        return F.relu(out)


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3 (in groups on request), 1 x 1."""

    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int, groups: int = 1) -> None:
        super().__init__()
        outputs = self.expansion * width
        self.conv1 = conv_norm(inputs, width, 1)
        self.conv2 = conv_norm(width, width, 3, stride, groups)
        self.conv3 = conv_norm(width, outputs, 1)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = conv_norm(inputs, outputs, 1, stride) if stride != 1 or inputs != outputs else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.conv1(x))
        out = self.relu(self.conv2(out))
        return self.relu(self.conv3(out) + identity)


class Residual(nn.Module):
    """Four stages of blocks."""

    def __init__(
        self, block: type[Basic | Bottleneck], depths: list[int], width: int, classes: int = 10
    ) -> None:
        super().__init__()
        self.stem = conv_norm(3, width, 3)
        channels = width
        stages = []
        for index, depth in enumerate(depths):
            layers = []
            for position in range(depth):
                stride = 2 if index and not position else 1
                layers.append(block(channels, width * 2**index, stride))
                channels = width * 2**index * block.expansion
            stages.append(nn.Sequential(*layers))
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.linear = nn.Linear(channels, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = F.relu(self.stem(x))
        out = self.layer4(self.layer3(self.layer2(self.layer1(out))))
        out = F.avg_pool2d(out, out.shape[-1])
        return self.linear(out.view(out.size(0), -1))


# torchlean: example-shape=1,3,32,32
def resnet18() -> nn.Module:
    return Residual(Basic, [2, 2, 2, 2], 4)


# torchlean: example-shape=1,3,32,32
def resnet50() -> nn.Module:
    return Residual(Bottleneck, [3, 4, 6, 3], 2)


# torchlean: example-shape=1,3,32,32
class PreActResNet(nn.Module):
    """Norm and activation before the convolution; the shortcut branches off after them."""

    class Block(nn.Module):
        def __init__(self, inputs: int, outputs: int, stride: int) -> None:
            super().__init__()
            self.bn1 = nn.BatchNorm2d(inputs)
            self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(outputs)
            self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
            if stride != 1 or inputs != outputs:
                self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out = F.relu(self.bn1(x))
            shortcut = self.shortcut(out) if hasattr(self, "shortcut") else x
            out = self.conv2(F.relu(self.bn2(self.conv1(out))))
            return out + shortcut

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3, padding=1, bias=False)
        self.blocks = nn.Sequential(
            self.Block(width, width, 1), self.Block(width, 2 * width, 2), self.Block(2 * width, 4 * width, 2)
        )
        self.norm = nn.BatchNorm2d(4 * width)
        self.linear = nn.Linear(4 * width, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = F.relu(self.norm(self.blocks(self.conv(x))))
        return self.linear(F.adaptive_avg_pool2d(out, 1).flatten(1))


# torchlean: example-shape=1,3,32,32
class ResNeXt(nn.Module):
    """Bottlenecks whose middle convolution works in groups."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv_norm(3, 8, 3)
        self.blocks = nn.Sequential(Bottleneck(8, 8, 1, groups=4), Bottleneck(32, 16, 2, groups=4))
        self.linear = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.blocks(self.stem(x).relu_())
        return self.linear(out.mean(dim=(-2, -1)))


class Excitation(nn.Module):
    """Channels scaled by a gate computed from their means."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        w = F.avg_pool2d(x, (x.size(2), x.size(3)))
        return x * self.fc2(F.relu(self.fc1(w))).sigmoid()


# torchlean: example-shape=1,3,32,32
class SENet(nn.Module):
    """Residual blocks with squeeze and excitation."""

    class Block(Basic):
        def __init__(self, inputs: int, width: int, stride: int) -> None:
            super().__init__(inputs, width, stride)
            self.gate = Excitation(width, max(1, width // 4))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out = self.gate(self.conv2(F.relu(self.conv1(x))))
            return F.relu(out + self.shortcut(x))

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv_norm(3, 8, 3), nn.ReLU())
        self.blocks = nn.Sequential(self.Block(8, 8, 1), self.Block(8, 16, 2), self.Block(16, 32, 2))
        self.linear = nn.Linear(32, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = F.avg_pool2d(self.blocks(self.stem(x)), 8)
        return self.linear(out.reshape(out.shape[0], -1))


# torchlean: example-shape=1,3,32,32
class RegNet(nn.Module):
    """Stages of grouped bottlenecks with squeeze and excitation, all of a fixed group width."""

    class Block(nn.Module):
        def __init__(self, inputs: int, outputs: int, stride: int, group_width: int) -> None:
            super().__init__()
            self.conv1 = conv_norm(inputs, outputs, 1)
            self.conv2 = conv_norm(outputs, outputs, 3, stride, groups=outputs // group_width)
            self.gate = Excitation(outputs, inputs // 4)
            self.conv3 = conv_norm(outputs, outputs, 1)
            self.shortcut = (
                conv_norm(inputs, outputs, 1, stride) if (inputs, 1) != (outputs, stride) else nn.Identity()
            )

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out = self.gate(F.relu(self.conv2(F.relu(self.conv1(x)))))
            return F.relu(self.conv3(out).add_(self.shortcut(x)))

    def __init__(self, group_width: int = 4) -> None:
        super().__init__()
        self.stem = conv_norm(3, 8, 3)
        widths, depths = (8, 16, 32), (1, 1, 2)
        blocks = []
        inputs = 8
        for stage, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            for position in range(depth):
                blocks.append(self.Block(inputs, width, 2 if stage and not position else 1, group_width))
                inputs = width
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(inputs, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.blocks(F.relu(self.stem(x)))
        return self.head(F.adaptive_avg_pool2d(out, (1, 1)).flatten(1))


# torchlean: example-shape=1,3,32,32
class DeepLayerAggregation(nn.Module):
    """Trees of residual blocks whose results are joined by roots."""

    class Root(nn.Module):
        def __init__(self, inputs: int, outputs: int) -> None:
            super().__init__()
            self.conv = conv_norm(inputs, outputs, 1)

        def forward(self, *xs: torch.Tensor) -> torch.Tensor:
            return F.relu(self.conv(torch.cat(xs, dim=1)))

    class Tree(nn.Module):
        def __init__(self, inputs: int, outputs: int, levels: int, stride: int) -> None:
            super().__init__()
            self.root = DeepLayerAggregation.Root(2 * outputs, outputs)
            kind = DeepLayerAggregation.Tree if levels > 1 else None
            self.left = kind(inputs, outputs, levels - 1, stride) if kind else Basic(inputs, outputs, stride)
            self.right = kind(outputs, outputs, levels - 1, 1) if kind else Basic(outputs, outputs, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            left = self.left(x)
            return self.root(left, self.right(left))

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.base = nn.Sequential(conv_norm(3, width, 3), nn.ReLU())
        self.tree1 = self.Tree(width, 2 * width, 1, 1)
        self.tree2 = self.Tree(2 * width, 4 * width, 2, 2)
        self.tree3 = self.Tree(4 * width, 8 * width, 1, 2)
        self.linear = nn.Linear(8 * width, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.tree3(self.tree2(self.tree1(self.base(x))))
        out = F.avg_pool2d(out, 4)
        out = F.adaptive_avg_pool2d(out, 1)
        return self.linear(out.view(out.size(0), -1))


# torchlean: example-shape=1,3,32,32
class WideResNet(nn.Module):
    """Pre-activation blocks with dropout between the convolutions, and leaky ReLU."""

    class Block(nn.Module):
        def __init__(self, inputs: int, outputs: int, stride: int) -> None:
            super().__init__()
            self.bn1 = nn.BatchNorm2d(inputs, momentum=0.001)
            self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1)
            self.bn2 = nn.BatchNorm2d(outputs, momentum=0.001)
            self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1)
            self.shortcut = nn.Conv2d(inputs, outputs, 1, stride) if inputs != outputs else None

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            pre = F.leaky_relu(self.bn1(x), negative_slope=0.1)
            out = F.dropout(self.conv1(pre), p=0.3, training=self.training)
            out = self.conv2(F.leaky_relu(self.bn2(out), 0.1))
            return torch.add(x if self.shortcut is None else self.shortcut(pre), out)

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(3, width, 3, 1, 1),
            self.Block(width, 2 * width, 1),
            self.Block(2 * width, 4 * width, 2),
            self.Block(4 * width, 4 * width, 1),
            nn.BatchNorm2d(4 * width),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(4 * width, 10),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x)


# torchlean: example-shape=1,3,16,16
class ConvNeXt(nn.Module):
    """Large depthwise kernels, layer norm over channels, an inverted bottleneck, a learned scale per channel."""

    class Block(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.depthwise = nn.Conv2d(width, width, 7, padding=3, groups=width)
            self.norm = nn.LayerNorm(width, eps=1e-6)
            self.expand = nn.Linear(width, 4 * width)
            self.act = nn.GELU(approximate="tanh")
            self.project = nn.Linear(4 * width, width)
            self.scale = nn.Parameter(torch.full((width,), 0.1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out = self.depthwise(x).permute(0, 2, 3, 1)
            out = self.scale * self.project(self.act(self.expand(self.norm(out))))
            return x + out.permute(0, 3, 1, 2)

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 4, stride=4)
        self.blocks = nn.Sequential(self.Block(width), self.Block(width))
        self.norm = nn.GroupNorm(1, width)
        self.head = nn.Linear(width, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.blocks(self.patches(x)))
        return self.head(x.mean((-2, -1)))
