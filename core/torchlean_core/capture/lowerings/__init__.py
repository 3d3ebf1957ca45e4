"""The lowerings by family; importing this package fills the registry."""

from torchlean_core.capture.lowerings import (
    activation,
    attention,
    convolution,
    elementwise,
    error_function,
    identity,
    masks,
    matrix,
    normalization,
    padding,
    pooling,
    reduction,
    resample,
    selection,
    shape,
    windows,
)

__all__ = [
    "activation",
    "attention",
    "convolution",
    "elementwise",
    "error_function",
    "identity",
    "masks",
    "matrix",
    "normalization",
    "padding",
    "pooling",
    "reduction",
    "resample",
    "selection",
    "shape",
    "windows",
]
