"""Some of the architectures at the width and depth that people use; for the table of the documentation."""

from branched import DenseNet
from generative import Generator
from mobile import InvertedNet, MobileNet
from plain import VGG
from residual import Basic, Bottleneck, Residual
from torch import nn
from transformers import VisionTransformer
from verification import CollisionAvoidance


# torchlean: example-shape=1,3,32,32
def resnet18() -> nn.Module:
    return Residual(Basic, [2, 2, 2, 2], 64)


# torchlean: example-shape=1,3,32,32
def resnet50() -> nn.Module:
    return Residual(Bottleneck, [3, 4, 6, 3], 64)


# torchlean: example-shape=1,3,32,32
def vgg11() -> nn.Module:
    return VGG(64)


# torchlean: example-shape=1,3,32,32
def densenet() -> nn.Module:
    return DenseNet(growth=12, depths=(16, 16, 16))


# torchlean: example-shape=1,3,32,32
def mobilenet() -> nn.Module:
    return MobileNet(16)


# torchlean: example-shape=1,3,32,32
def efficientnet() -> nn.Module:
    steps = [(32, 16, 1, 1, 3), (16, 24, 2, 6, 3), (24, 24, 1, 6, 3), (24, 40, 2, 6, 5), (40, 80, 1, 6, 3)]
    return InvertedNet(steps, nn.SiLU, True)


# torchlean: example-shape=1,3,32,32
def vision_transformer() -> nn.Module:
    return VisionTransformer(size=32, patch=4, width=192, heads=3, depth=12)


# torchlean: example-shape=1,100,1,1
def dcgan_generator() -> nn.Module:
    return Generator(100, 64)


# torchlean: example-shape=1,5
def acas_xu() -> nn.Module:
    return CollisionAvoidance(50)
