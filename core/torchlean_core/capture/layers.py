"""What layers of `torch.nn` do to a shape, as far as a guess of an example shape needs it (no torch here)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torchlean_core.capture.constants import Unknown
from torchlean_core.capture.target import Shape

KEEPS = frozenset(
    "ReLU ReLU6 LeakyReLU PReLU ELU CELU SELU GELU SiLU Mish Tanh Sigmoid Hardtanh Hardsigmoid Hardswish Softplus "
    "Softsign Softmax LogSoftmax LogSigmoid Tanhshrink Dropout Dropout1d Dropout2d Dropout3d AlphaDropout Identity "
    "relu relu_ relu6 leaky_relu elu celu selu gelu silu mish tanh sigmoid hardtanh hardsigmoid hardswish softplus "
    "softmax log_softmax logsigmoid dropout dropout2d exp log abs sin cos sqrt float double contiguous clone detach "
    "to clamp clip neg square".split()
)
"""Layers, functions and methods that keep the shape."""


class Mismatch(Exception):
    """A shape does not fit a layer."""


@dataclass(frozen=True, slots=True)
class Step:
    """One layer or function that `forward` applies.

    Attributes:
        name: Its last name (`Linear`, `flatten`).
        given: Arguments by position (without the tensor) and by name; `Unknown` (the class) where a value is unknown.
    """

    name: str
    given: Mapping[int | str, Any]

    def value(self, place: int, name: str, default: Any = Unknown) -> Any:
        """An argument.

        Raises:
            Unknown: It cannot be told.
        """
        value = self.given.get(place, self.given.get(name, default))
        if value is Unknown:
            raise Unknown
        return value

    def size(self, place: int, name: str, default: Any = Unknown) -> int:
        """An argument that is a size.

        Raises:
            Unknown: It cannot be told, or is no positive number.
        """
        value = self.value(place, name, default)
        if type(value) is not int or value < 1:
            raise Unknown
        return value


def first_shapes(step: Step) -> list[Shape]:
    """Shapes of an input that a layer takes, likeliest first; nothing where the layer takes any or is not known.

    Raises:
        Unknown: Its sizes cannot be told.
    """
    name = step.name
    if name in ("Linear", "LazyLinear"):
        return [] if name == "LazyLinear" else [(1, step.size(0, "in_features"))]
    if name in _CONVOLUTIONS:
        channels = step.size(0, "in_channels")
        rank = _CONVOLUTIONS[name]
        return [(1, channels, *[size] * rank) for size in (_SIZES if rank == 2 else _LENGTHS)]
    if name in ("BatchNorm2d", "InstanceNorm2d"):
        return [(1, step.size(0, "num_features"), size, size) for size in _SIZES]
    if name == "GroupNorm":
        return [(1, step.size(1, "num_channels"), size, size) for size in _SIZES]
    if name == "BatchNorm1d":
        return [(1, step.size(0, "num_features"))]
    if name in ("LSTM", "GRU", "RNN"):
        return [_sequence(step.size(0, "input_size"), step.value(4, "batch_first", default=False))]
    if name == "TransformerEncoderLayer":
        return [_sequence(step.size(0, "d_model"), step.value(6, "batch_first", default=False))]
    if name == "MultiheadAttention":
        return [_sequence(step.size(0, "embed_dim"), step.given.get("batch_first", False))]
    if name in ("LayerNorm", "RMSNorm"):
        normalized = step.value(0, "normalized_shape")
        sizes = normalized if isinstance(normalized, tuple) else (normalized,)
        return [(1, *sizes)] if all(type(size) is int and size > 0 for size in sizes) else []
    return []


_CONVOLUTIONS = {"Conv1d": 1, "Conv2d": 2, "ConvTranspose1d": 1, "ConvTranspose2d": 2}
_SIZES = (32, 28, 16, 64, 224, 8, 96, 128, 227, 256, 299, 12, 10, 48, 84, 7, 4)
_LENGTHS = (64, 32, 128, 100, 16, 256, 1000, 8)


def _sequence(features: int, batch_first: Any) -> Shape:
    return (1, 8, features) if batch_first else (8, 1, features)


def flattened(size: int) -> list[Shape]:
    """Shapes of an input that is flattened to so many features: an image where that can be, else one row."""
    found: list[Shape] = []
    for channels in (1, 3):
        side = int((size // channels) ** 0.5) if size % channels == 0 else 0
        if side >= 4 and channels * side * side == size:
            found.append((1, channels, side, side))
    return [*found, (1, size)]


def applied(step: Step, shape: Shape) -> Shape:
    """The shape behind a layer.

    Raises:
        Mismatch: The layer does not take this shape.
        Unknown: What the layer does cannot be told.
    """
    if step.name in KEEPS:
        return shape
    rule = _RULES.get(step.name)
    if rule is None:
        raise Unknown
    return rule(step, shape)


def _linear(step: Step, shape: Shape) -> Shape:
    if shape[-1] != step.size(0, "in_features"):
        raise Mismatch
    return (*shape[:-1], step.size(1, "out_features"))


def _convolution(step: Step, shape: Shape) -> Shape:
    rank = _CONVOLUTIONS[step.name]
    if len(shape) != rank + 2 or shape[1] != step.size(0, "in_channels"):
        raise Mismatch
    kernel = _each(step.value(2, "kernel_size"), rank)
    stride = _each(step.value(3, "stride", default=1), rank)
    padding = step.value(4, "padding", default=0)
    dilation = _each(step.value(5, "dilation", default=1), rank)
    if padding == "same":
        return (1, step.size(1, "out_channels"), *shape[2:])
    pads = _each(0 if padding == "valid" else padding, rank)
    sizes = (_window(*each) for each in zip(shape[2:], kernel, stride, pads, dilation, strict=True))
    return (1, step.size(1, "out_channels"), *sizes)


def _pool(step: Step, shape: Shape) -> Shape:
    rank = int(step.name[-2])
    if len(shape) != rank + 2:
        raise Mismatch
    kernel = _each(step.value(0, "kernel_size"), rank)
    stride = step.value(1, "stride", default=None)
    strides = kernel if stride is None else _each(stride, rank)
    pads = _each(step.value(2, "padding", default=0), rank)
    if step.given.get("ceil_mode", False) or step.given.get("dilation", 1) != 1:
        raise Unknown
    sizes = (_window(*each, 1) for each in zip(shape[2:], kernel, strides, pads, strict=True))
    return (*shape[:2], *sizes)


def _adaptive(step: Step, shape: Shape) -> Shape:
    rank = int(step.name[-2])
    if len(shape) != rank + 2:
        raise Mismatch
    wanted = _each(step.value(0, "output_size"), rank)
    return (*shape[:2], *wanted)


def _flatten(step: Step, shape: Shape) -> Shape:
    start = step.value(0, "start_dim", default=1 if step.name == "Flatten" else 0)
    end = step.value(1, "end_dim", default=-1)
    if type(start) is not int or type(end) is not int:
        raise Unknown
    start, end = start % len(shape), end % len(shape)
    size = 1
    for dim in shape[start : end + 1]:
        size *= dim
    return (*shape[:start], size, *shape[end + 1 :])


def _view(step: Step, shape: Shape) -> Shape:
    """`x.view(1, -1)` and the like: sizes of which at most one is open."""
    sizes = [value for place, value in sorted(step.given.items(), key=str) if isinstance(place, int)]
    if len(sizes) == 1 and isinstance(sizes[0], tuple):
        sizes = list(sizes[0])
    if not all(type(size) is int for size in sizes):
        raise Unknown
    total = known = 1
    for dim in shape:
        total *= dim
    for size in sizes:
        known *= 1 if size == -1 else size
    if known < 1 or total % known or (-1 not in sizes and total != known):
        raise Mismatch
    return tuple(total // known if size == -1 else size for size in sizes)


def _pad(step: Step, shape: Shape) -> Shape:
    """`F.pad`: pairs of what is put before and behind, the last dimension first."""
    pads = _each(step.value(0, "pad"), 0)
    if len(pads) % 2 or len(pads) > 2 * len(shape):
        raise Unknown
    sizes = list(shape)
    for place in range(0, len(pads), 2):
        sizes[-1 - place // 2] += pads[place] + pads[place + 1]
    return tuple(sizes)


def _normalized(step: Step, shape: Shape) -> Shape:
    place, name = (1, "num_channels") if step.name == "GroupNorm" else (0, "num_features")
    if len(shape) < 2 or shape[1] != step.size(place, name):
        raise Mismatch
    return shape


def _layer_norm(step: Step, shape: Shape) -> Shape:
    (expected,) = first_shapes(step) or [(1, -1)]
    if shape[1 - len(expected) :] != expected[1:]:
        raise Mismatch
    return shape


def _window(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    result = (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
    if result < 1:
        raise Mismatch
    return result


def _each(value: Any, rank: int) -> tuple[int, ...]:
    """One number for each of `rank` dimensions; any count of them where that is 0."""
    values = (value,) * rank if type(value) is int else value
    if not isinstance(values, tuple) or not all(type(one) is int for one in values):
        raise Unknown
    if rank and len(values) != rank:
        raise Unknown
    return values


_RULES: dict[str, Callable[[Step, Shape], Shape]] = {
    "Linear": _linear,
    "Conv1d": _convolution,
    "Conv2d": _convolution,
    **{f"{kind}Pool{rank}d": _pool for kind in ("Max", "Avg") for rank in (1, 2)},
    **{f"{kind}_pool{rank}d": _pool for kind in ("max", "avg") for rank in (1, 2)},
    **{f"Adaptive{kind}Pool{rank}d": _adaptive for kind in ("Max", "Avg") for rank in (1, 2)},
    **{f"adaptive_{kind}_pool{rank}d": _adaptive for kind in ("max", "avg") for rank in (1, 2)},
    "Flatten": _flatten,
    "flatten": _flatten,
    "pad": _pad,
    "view": _view,
    "reshape": _view,
    "BatchNorm1d": _normalized,
    "BatchNorm2d": _normalized,
    "InstanceNorm2d": _normalized,
    "GroupNorm": _normalized,
    "LayerNorm": _layer_norm,
    "RMSNorm": _layer_norm,
}
