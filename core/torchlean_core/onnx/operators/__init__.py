"""The operators of ONNX as functions of torch, by families; importing this fills the table."""

from torchlean_core.onnx.operators import (
    arithmetic,
    constants,
    convolution,
    elementwise,
    matrix,
    movement,
    normalization,
    pooling,
    recurrent,
    reduction,
    resize,
    shapes,
)

__all__ = [
    "arithmetic",
    "constants",
    "convolution",
    "elementwise",
    "matrix",
    "movement",
    "normalization",
    "pooling",
    "recurrent",
    "reduction",
    "resize",
    "shapes",
]
