"""The lowerings by family; importing this package fills the registry."""

from torchlean_core.capture.lowerings import (
    activation,
    attention,
    convolution,
    elementwise,
    identity,
    matrix,
    normalization,
    pooling,
    reduction,
    selection,
    shape,
)

__all__ = [
    "activation",
    "attention",
    "convolution",
    "elementwise",
    "identity",
    "matrix",
    "normalization",
    "pooling",
    "reduction",
    "selection",
    "shape",
]
