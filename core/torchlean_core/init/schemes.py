"""Initialization schemes and the bulk tensor arithmetic that fills storage with their values.

A value depends on scheme, seed and row-major flat index only. It is computed in float64 on the tensor's
own device, in chunks, so that filling a big tensor needs little more than the tensor itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields

import torch

from torchlean_core.errors import UserError
from torchlean_core.init.arguments import ARGUMENTS, is_seed, leaves
from torchlean_core.kinds.numbers import show_shape

_MASK = (1 << 64) - 1
_LOW = 0xFFFFFFFF
_UNIT = 1.0 / 4294967296.0
_SMALL = 1e-290
_CHUNK = {"cpu": 1 << 15, "cuda": 1 << 22}
"""Elements at a time: what fits a CPU's cache, and what makes a GPU's kernel launches cheap."""

SCHEMES: dict[str, tuple[str, ...]] = {
    "zeros": (),
    "ones": (),
    "uniform": ("lo", "hi", "seed"),
    "xavier_uniform": ("fan_in", "fan_out", "seed"),
    "kaiming_uniform": ("fan_in", "seed"),
    "normal": ("mean", "std", "seed"),
    "flat": ("values",),
}
"""Scheme names, with the arguments each takes."""

FAN_SCHEMES = ("xavier_uniform", "kaiming_uniform")
"""Schemes that need fans: those of the shape, which takes a rank of 2 or more, or given ones."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """One initializer.

    Attributes:
        name: A name of `SCHEMES`.
        seed: Seed of the schemes that draw.
        lo: Lower bound of `uniform`.
        hi: Upper bound of `uniform`.
        mean: Mean of `normal`.
        std: Standard deviation of `normal`.
        values: Row-major payload of `flat`, which needs it; None for the others.
        fan_in: Fan of xavier and kaiming in place of the shape's.
        fan_out: Fan of xavier in place of the shape's.
    """

    name: str
    seed: int = 0
    lo: float = 0.0
    hi: float = 1.0
    mean: float = 0.0
    std: float = 1.0
    values: tuple[float, ...] | None = None
    fan_in: int | None = None
    fan_out: int | None = None

    def __post_init__(self) -> None:
        """Refuse what plan files refuse; nested lists of values become flat.

        Raises:
            UserError: There is no scheme of that name, it takes no such argument, or a value is out of range or
                missing.
        """
        if self.name not in SCHEMES:
            raise UserError(f"unknown scheme {self.name!r}; there are {', '.join(SCHEMES)}")
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "name" or (value is field.default or value == field.default) is True:
                continue
            if field.name not in SCHEMES[self.name]:
                raise UserError(not_taken(self.name, field.name))
            argument = ARGUMENTS[field.name]
            if not argument.valid(value):
                raise UserError(f"{field.name} must be {argument.expected}, found {str(value)[:40]}")
        if self.lo > self.hi:
            raise UserError(f"lo {self.lo} is greater than hi {self.hi}")
        if self.name == "flat":
            if self.values is None:
                raise UserError("flat needs its values")
            object.__setattr__(self, "values", tuple(map(float, leaves(self.values))))

    def fits(self, rank: int) -> bool:
        """Whether the scheme has the fans it needs for a tensor of a rank."""
        given = [getattr(self, name) for name in SCHEMES[self.name] if name.startswith("fan_")]
        return rank >= 2 or None not in given

    def describe(self) -> str:
        """The scheme in words, for provenance: `uniform lo=0.0 hi=1.0 seed=3`."""
        named = {name: getattr(self, name) for name in SCHEMES[self.name] if name != "values"}
        arguments = [f"{name}={value}" for name, value in named.items() if value is not None]
        return " ".join([self.name, *arguments])


def not_taken(scheme: str, argument: str) -> str:
    """The message for an argument that a scheme has not."""
    return f"{scheme} takes no {argument!r}; it takes {', '.join(SCHEMES[scheme]) or 'nothing'}"


def unit(seed: int, k: int) -> float:
    """The number in [0, 1) that a seed gives at an index: low32(mix(mix(seed) + k)) / 2^32.

    Args:
        seed: Unsigned 64-bit integer.
        k: Index, 0 or greater; a parameter's elements count in row-major order.

    Raises:
        UserError: One of them is something else.
    """
    _require_index(k)
    if not is_seed(seed):
        raise UserError(f"seed must be {ARGUMENTS['seed'].expected}, found {str(seed)[:40]}")
    return (mix(mix(seed) + k & _MASK) & _LOW) * _UNIT


def value_at(scheme: Scheme, shape: Sequence[int], k: int) -> float:
    """The value of one element of a parameter, as `fill` gives it: computed in float64, rounded to float32.

    Args:
        scheme: The initializer.
        shape: Shape of the parameter.
        k: Row-major flat index of the element.

    Raises:
        UserError: There is no such element, or the scheme does not fit the shape.
    """
    _require_index(k)
    size = math.prod(shape)
    if k >= size:
        raise UserError(f"a tensor of shape {show_shape(shape)} has {size} elements, and none at index {k}")
    value = torch.empty(1, dtype=torch.float32)
    _fill_part(value, scheme, shape, k)
    return float(value)


def _require_index(k: int) -> None:
    if not isinstance(k, int) or isinstance(k, bool) or k < 0:
        raise UserError(f"the index must be a whole number >= 0, found {str(k)[:40]}")


def fans(shape: Sequence[int]) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight [out, in, k1, …, kd].

    Raises:
        UserError: The rank is less than 2.
    """
    if len(shape) < 2:
        raise UserError(f"a tensor of shape {show_shape(shape)} has no fan_in: its rank is less than 2")
    window = math.prod(shape[2:])
    return shape[1] * window, shape[0] * window


def fill(tensor: torch.Tensor, scheme: Scheme) -> None:
    """Fill a contiguous floating tensor in place, on its device.

    Raises:
        UserError: The scheme does not fit the tensor's shape.
    """
    _fill_part(tensor, scheme, tensor.shape, 0)


@torch.no_grad()
def _fill_part(tensor: torch.Tensor, scheme: Scheme, shape: Sequence[int], first: int) -> None:
    """Fill a tensor with the values that one of a shape has from an index on."""
    if scheme.name in ("zeros", "ones"):
        tensor.fill_(float(scheme.name == "ones"))
    elif scheme.name == "flat":
        _fill_flat(tensor, scheme.values, shape, first)
    elif scheme.name == "normal":
        with _one_thread(tensor.device):
            _fill_normal(tensor, scheme, first)
    else:
        low, width = _bounds(shape, scheme)
        with _one_thread(tensor.device):
            _fill_uniform(tensor, scheme.seed, low, width, first)


@contextmanager
def _one_thread(device: torch.device) -> Iterator[None]:
    """On the CPU, a dozen short operations for each chunk: threads would mostly wait for each other."""
    before = torch.get_num_threads()
    if device.type == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if device.type == "cpu":
            torch.set_num_threads(before)


def _bounds(shape: Sequence[int], scheme: Scheme) -> tuple[float, float]:
    """Lower bound and width of a uniform scheme."""
    if scheme.name == "uniform":
        return scheme.lo, scheme.hi - scheme.lo
    derived = (0, 0) if len(shape) < 2 and scheme.fits(len(shape)) else fans(shape)
    fan_in = derived[0] if scheme.fan_in is None else scheme.fan_in
    fan_out = derived[1] if scheme.fan_out is None else scheme.fan_out
    total = fan_in + fan_out if scheme.name == "xavier_uniform" else fan_in
    limit = math.sqrt(6.0 / total) if total else 0.0  # no fan: no elements either, or nothing feeds them
    return -limit, 2.0 * limit


def _fill_flat(
    tensor: torch.Tensor, values: Sequence[float] | None, shape: Sequence[int], first: int
) -> None:
    assert values is not None, "flat has values"
    size = math.prod(shape)
    if len(values) != size:
        raise UserError(f"flat has {len(values)} values, but {show_shape(shape)} has {size} elements")
    part = values[first : first + tensor.numel()]
    tensor.copy_(torch.tensor(part, dtype=torch.float64, device=tensor.device).reshape(tensor.shape))


def _fill_normal(tensor: torch.Tensor, scheme: Scheme, first: int) -> None:
    flat = tensor.view(-1)
    draw = _Generator(scheme.seed, flat.device, flat.numel(), stride=2)
    for start, size in draw.chunks(flat.numel()):
        radius = draw.words(2 * (first + start), size).clone()
        radius.add_(1.0).div_(4294967297.0).log_().mul_(-2.0).sqrt_()
        angle = draw.words(2 * (first + start) + 1, size).mul_(_UNIT).mul_(6.283185307179586).cos_()
        flat[start : start + size] = radius.mul_(angle).mul_(scheme.std).add_(scheme.mean)


def _fill_uniform(tensor: torch.Tensor, seed: int, low: float, width: float, first: int) -> None:
    flat = tensor.view(-1)
    draw = _Generator(seed, flat.device, flat.numel())
    # Scaling by a power of two is exact, so the unit may be left out, unless the product is subnormal.
    factors = [width * _UNIT] if abs(width) > _SMALL else [_UNIT, width]
    for start, size in draw.chunks(flat.numel()):
        values = draw.words(first + start, size)
        for factor in factors:
            values.mul_(factor)
        flat[start : start + size] = values.add_(low)


class _Generator:
    """The words low32(mix(mix(seed) + k)) for runs of k, in buffers that are used again and again."""

    def __init__(self, seed: int, device: torch.device, count: int, stride: int = 1) -> None:
        self._key = mix(seed)
        self._size = min(_CHUNK[device.type], max(count, 1))
        self._steps = torch.arange(self._size, dtype=torch.int64, device=device) * stride
        self._z = torch.empty_like(self._steps)
        self._t = torch.empty_like(self._steps)

    def chunks(self, count: int) -> list[tuple[int, int]]:
        """(first index, length) of every chunk of `count` elements."""
        return [(start, min(self._size, count - start)) for start in range(0, count, self._size)]

    def words(self, first: int, count: int) -> torch.Tensor:
        """The words for k = first, first + stride, … as float64; the next call overwrites them."""
        z, t = self._z[:count], self._t[:count]
        # The first addition of SplitMix64 is folded into the start; shifts are logical, hence the masks.
        start = _signed(self._key + first + 0x9E3779B97F4A7C15)
        torch.add(self._steps[:count], start, out=z)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            torch.bitwise_right_shift(z, shift, out=t)
            z.bitwise_xor_(t.bitwise_and_((1 << (64 - shift)) - 1)).mul_(_signed(factor))
        torch.bitwise_right_shift(z, 31, out=t)
        z.bitwise_xor_(t).bitwise_and_(_LOW)  # the mask drops the bits that a logical shift clears
        return t.view(torch.float64).copy_(z)


def mix(x: int) -> int:
    """SplitMix64 of one word."""
    z = (x + 0x9E3779B97F4A7C15) & _MASK
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & _MASK
    return z ^ (z >> 31)


def _signed(word: int) -> int:
    """The signed integer with the same low 64 bits."""
    word &= _MASK
    return word - (1 << 64) if word >> 63 else word
