"""Convolutional networks without branches."""

import torch
import torch.nn.functional as F
from torch import nn


# torchlean: example-shape=1,1,28,28
class LeNet(nn.Module):
    """LeNet-5 with the original average pooling and tanh."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.avg_pool2d(torch.tanh(self.conv1(x)), 2)
        x = F.avg_pool2d(torch.tanh(self.conv2(x)), 2)
        x = x.view(-1, 400)
        return self.fc3(torch.tanh(self.fc2(torch.tanh(self.fc1(x)))))


# torchlean: example-shape=3,32,32
class UnbatchedLeNet(nn.Module):
    """LeNet on one image without a batch axis, with ReLU and max pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc = nn.Sequential(nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 10))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), kernel_size=2, stride=2)
        return self.fc(torch.flatten(x))


# torchlean: example-shape=1,3,64,64
class AlexNet(nn.Module):
    """Large strides, overlapping max pooling, adaptive average pooling, dropout."""

    def __init__(self, width: int = 4, classes: int = 10) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, width, kernel_size=11, stride=4, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(width, 3 * width, kernel_size=5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(3 * width, 4 * width, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
        )
        self.pool = nn.AdaptiveAvgPool2d((2, 2))
        self.classifier = nn.Sequential(
            nn.Dropout(),
            nn.Linear(16 * width, 32),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            nn.Linear(32, classes),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(torch.flatten(self.pool(self.features(x)), 1))


# torchlean: example-shape=1,3,32,32
class VGG(nn.Module):
    """VGG-11 with batch norm; layers from a configuration list."""

    CONFIGURATION = (1, "M", 2, "M", 4, 4, "M", 8, 8, "M", 8, 8, "M")

    def __init__(self, width: int = 4, classes: int = 10) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for entry in self.CONFIGURATION:
            if entry == "M":
                layers.append(nn.MaxPool2d(2, 2))
                continue
            layers += [
                nn.Conv2d(channels, entry * width, 3, padding=1),
                nn.BatchNorm2d(entry * width),
                nn.ReLU(True),
            ]
            channels = entry * width
        layers.append(nn.AvgPool2d(kernel_size=1, stride=1))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(channels, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.features(x)
        return self.classifier(out.view(out.size(0), -1))


# torchlean: example-shape=1,3,32,32
class AllConvolutional(nn.Module):
    """Strides instead of pooling, a 1 x 1 convolution for the classes, a global mean."""

    def __init__(self, width: int = 8, classes: int = 10) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, width, 3, padding="same"),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(2 * width, 2 * width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(2 * width, classes, 1),
            nn.ReLU(),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x).mean([2, 3])


# torchlean: example-shape=1,3,24,24
class SqueezeNet(nn.Module):
    """Fire modules: squeeze to few channels, expand through two kernels; pooling with `ceil_mode`."""

    class Fire(nn.Module):
        def __init__(self, channels: int, squeeze: int, expand: int) -> None:
            super().__init__()
            self.squeeze = nn.Conv2d(channels, squeeze, 1)
            self.expand1 = nn.Conv2d(squeeze, expand, 1)
            self.expand3 = nn.Conv2d(squeeze, expand, 3, padding=1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = F.relu(self.squeeze(x), inplace=True)
            return torch.cat([F.relu(self.expand1(x)), F.relu(self.expand3(x))], 1)

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            self.Fire(8, 2, 8),
            self.Fire(16, 2, 8),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            self.Fire(16, 4, 12),
        )
        self.classifier = nn.Sequential(
            nn.Dropout(0.5), nn.Conv2d(24, classes, 1), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d((1, 1))
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.flatten(self.classifier(self.features(x)), 1)


# torchlean: example-shape=1,2,40
class KeywordSpotter(nn.Module):
    """One-dimensional convolutions on a signal, dilated ones too, and pooling to a fixed length."""

    def __init__(self, classes: int = 6) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(2, 8, 5, stride=2),
            nn.BatchNorm1d(8),
            nn.ReLU(),
            nn.MaxPool1d(2),
            nn.Conv1d(8, 16, 3, padding=2, dilation=2),
            nn.BatchNorm1d(16),
            nn.ReLU(),
            nn.AdaptiveAvgPool1d(1),
        )
        self.head = nn.Linear(16, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.layers(x).squeeze(-1))


# torchlean: example-shape=1,4,24
class TemporalConvolution(nn.Module):
    """Causal dilated convolutions: padded at both ends, cut at the end, with residuals."""

    class Block(nn.Module):
        def __init__(self, inputs: int, outputs: int, dilation: int) -> None:
            super().__init__()
            self.cut = 2 * dilation
            self.conv1 = nn.Conv1d(inputs, outputs, 3, padding=self.cut, dilation=dilation)
            self.conv2 = nn.Conv1d(outputs, outputs, 3, padding=self.cut, dilation=dilation)
            self.shortcut = nn.Conv1d(inputs, outputs, 1) if inputs != outputs else None

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out = F.relu(self.conv1(x)[:, :, : -self.cut])
            out = F.relu(self.conv2(out)[:, :, : -self.cut])
            return F.relu(out + (x if self.shortcut is None else self.shortcut(x)))

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(self.Block(4, 6, 1), self.Block(6, 6, 2), self.Block(6, 6, 4))
        self.head = nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.blocks(x)[:, :, -1])


# torchlean: example-shape=4,3,8,8
class BatchOfImages(nn.Module):
    """Several images at once."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(4, 4, 3, stride=2),
        )
        self.classifier = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(x).flatten(1))
