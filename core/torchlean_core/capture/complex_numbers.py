"""Complex numbers on the way from real ones to real ones: a pair of real tensors, and operators of such pairs.

A Fourier transform of a fixed length is a pair of constant matrices, cosines and sines; torch computes them, whatever
the norm. What moves elements, or adds them up, applies to both parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils import _pytree

from torchlean_core.capture.assemble import apply_matrix
from torchlean_core.capture.builder import GraphBuilder, broadcast_shape
from torchlean_core.capture.errors import Refused
from torchlean_core.capture.folding import derived_of
from torchlean_core.capture.lowerings.digits import root_of_sum
from torchlean_core.capture.lowerings.elementwise import SMALLEST_NORMAL
from torchlean_core.capture.lowerings.shape import axis_of, stack
from torchlean_core.capture.registry import LOWERINGS
from torchlean_core.capture.values import Known, Shape, Tensor, Value

aten = torch.ops.aten

Real = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]
"""Gives the result of an operator of real operands: operator, arguments, arguments by name."""


@dataclass(frozen=True, slots=True, eq=False)
class Complex:
    """A complex tensor.

    Attributes:
        re: Its real part.
        im: Its imaginary part, of the same shape.
    """

    re: Tensor
    im: Tensor

    @property
    def shape(self) -> Shape:
        """Its shape."""
        return self.re.shape


Number = Complex | Value | Known | complex | float
"""What an operator of complex numbers takes."""

_PARTWISE = frozenset(
    {
        aten.cat.default,
        aten.stack.default,
        aten.sum.default,
        aten.sum.dim_IntList,
        aten.mean.default,
        aten.mean.dim,
        aten.cumsum.default,
        aten.neg.default,
        aten.index.Tensor,
        aten.index_select.default,
        aten.index_put.default,
        aten.gather.default,
        aten.slice_scatter.default,
        aten.select_scatter.default,
        aten.copy.default,
        aten.roll.default,
        aten.repeat.default,
        aten.diagonal.default,
        aten.unfold.default,
        aten.tril.default,
        aten.triu.default,
        aten.where.self,
    }
)
"""Operators, beside those that move elements, that apply to real and imaginary parts alike."""

_SAME = frozenset(
    {aten.resolve_conj.default, aten.resolve_neg.default, aten.clone.default, aten.alias.default}
)
_CONJUGATES = frozenset({aten._conj.default, aten.conj.default, aten.conj_physical.default})
_PRODUCTS = frozenset(
    {aten.mm.default, aten.bmm.default, aten.matmul.default, aten.mv.default, aten.dot.default}
)


def is_complex(leaf: Any) -> bool:
    """Whether an argument is complex: a pair, a known tensor, or a number of Python."""
    if isinstance(leaf, Known):
        return leaf.tensor.is_complex()
    return isinstance(leaf, Complex | complex)


def of_complex(
    b: GraphBuilder, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any], real: Real
) -> Any:
    """The result of an operator that takes or gives complex numbers; None where it does neither.

    Args:
        b: The builder.
        target: The operator.
        args: Its arguments.
        kwargs: Its arguments by name.
        real: For operators of the parts.

    Raises:
        Refused: It has no form.
    """
    rule = _RULES.get(target)
    if rule is not None and (target in _MADE or any(map(is_complex, _pytree.tree_leaves((args, kwargs))))):
        return rule(b, real, *args, **kwargs)
    if target is aten._to_copy.default and kwargs.get("dtype") in (torch.complex64, torch.complex128):
        return pair(b, args[0])
    if not any(map(is_complex, _pytree.tree_leaves((args, kwargs)))):
        return None
    if target in _SAME or target is aten._to_copy.default:
        return pair(b, args[0])
    if target in _PRODUCTS:
        return _bilinear(b, lambda x, y: real(target, (x, y), kwargs), *args)
    lowering = LOWERINGS.get(target)
    if target in _PARTWISE or (lowering is not None and lowering.moves):

        def part(number: int) -> Any:
            plain, named = _pytree.tree_map(lambda leaf: _part(leaf, number), (args, kwargs))
            return real(target, plain, named)

        parts = part(0), part(1)
        if isinstance(parts[0], tuple | list):
            return tuple(Complex(*both) for both in zip(*parts, strict=True))
        return Complex(*parts)
    raise Refused("of complex numbers has no form in torchlean.ir.v1")


def pair(b: GraphBuilder, x: Number, shape: Shape = ()) -> Complex:
    """Anything as a pair; a number in a shape."""
    if isinstance(x, Complex):
        return x
    if isinstance(x, Known) and x.tensor.is_complex():
        return Complex(_part(x, 0), _part(x, 1))
    if isinstance(x, Value | Known):
        return Complex(x, Known(torch.zeros(x.shape)))
    number = complex(x)
    return Complex(
        *(Known(torch.full(shape, part, dtype=torch.float64)) for part in (number.real, number.imag))
    )


def _part(leaf: Any, number: int) -> Any:
    """The real (0) or imaginary (1) part of an argument; what tells places and sizes is of both."""
    if isinstance(leaf, Complex):
        return (leaf.re, leaf.im)[number]
    if isinstance(leaf, complex):
        return (leaf.real, leaf.imag)[number]
    if isinstance(leaf, Value):
        return Known(torch.zeros(leaf.shape)) if number else leaf
    if isinstance(leaf, Known) and leaf.tensor.is_complex():
        values = leaf.tensor.detach().resolve_conj()
        part = (values.imag if number else values.real).contiguous()
        return Known(part, None, leaf.trainable, leaf.state, derived=derived_of([leaf]))
    if isinstance(leaf, Known) and leaf.tensor.is_floating_point() and number:
        return Known(torch.zeros(leaf.shape))
    return leaf


# -- arithmetic of parts, which may all be known, or 0 -----------------------------------------------------


def _is_zero(x: Tensor | float) -> bool:
    if isinstance(x, Known):
        return not x.trainable and not bool(x.tensor.any())
    return not isinstance(x, Value) and x == 0


def _sum(b: GraphBuilder, x: Tensor, y: Tensor, sign: float = 1.0) -> Tensor:
    if _is_zero(y):
        return x if x.shape == broadcast_shape(x.shape, y.shape) else _wide(b, x, y.shape)
    if _is_zero(x):
        return _wide(b, y if sign == 1 else b.times(b.value(y), sign), x.shape)
    return b.plus(x, y) if sign == 1 else b.minus(x, y)


def _wide(b: GraphBuilder, x: Tensor, other: Shape) -> Tensor:
    shape = broadcast_shape(x.shape, other)
    return x if x.shape == shape else b.broadcast(b.value(x), shape)


def _product(b: GraphBuilder, x: Tensor, y: Tensor) -> Tensor:
    if _is_zero(x) or _is_zero(y):
        return Known(torch.zeros(broadcast_shape(x.shape, y.shape)))
    return b.times(x, y)


def _bilinear(b: GraphBuilder, product: Callable[[Tensor, Tensor], Tensor], x: Number, y: Number) -> Complex:
    """A product of complex numbers of products of real ones."""

    def of(left: Tensor, right: Tensor) -> Tensor | None:
        return None if _is_zero(left) or _is_zero(right) else product(left, right)

    def joined(one: Tensor | None, other: Tensor | None, sign: float, like: Tensor | None) -> Tensor:
        if one is None and other is None:
            assert like is not None, "one part of a product is not 0"
            return Known(torch.zeros(like.shape))
        if other is None:
            assert one is not None
            return one
        if one is None:
            return other if sign == 1 else b.times(b.value(other), sign)
        return b.plus(one, other) if sign == 1 else b.minus(one, other)

    a, c = pair(b, x), pair(b, y)
    parts = of(a.re, c.re), of(a.im, c.im), of(a.re, c.im), of(a.im, c.re)
    some = next((part for part in parts if part is not None), None)
    return Complex(joined(parts[0], parts[1], -1.0, some), joined(parts[2], parts[3], 1.0, some))


def _mul(b: GraphBuilder, real: Real, x: Number, other: Number) -> Complex:
    a, c = pair(b, x), pair(b, other)
    re = _sum(b, _product(b, a.re, c.re), _product(b, a.im, c.im), -1.0)
    return Complex(re, _sum(b, _product(b, a.re, c.im), _product(b, a.im, c.re)))


def _add(b: GraphBuilder, real: Real, x: Number, other: Number, alpha: float = 1) -> Complex:
    a, c = pair(b, x), pair(b, other)
    if alpha != 1:
        c = _mul(b, real, c, alpha)
    return Complex(_sum(b, a.re, c.re), _sum(b, a.im, c.im))


def _sub(b: GraphBuilder, real: Real, x: Number, other: Number, alpha: float = 1) -> Complex:
    return _add(b, real, x, other, -alpha)


def _div(b: GraphBuilder, real: Real, x: Number, other: Number) -> Complex:
    return _mul(b, real, x, _reciprocal(b, real, other))


def _reciprocal(b: GraphBuilder, real: Real, x: Number) -> Complex:
    """The conjugate, divided by the square of the absolute value."""
    a = pair(b, x)
    if isinstance(a.re, Known) and isinstance(a.im, Known):
        inverse = 1.0 / torch.complex(a.re.tensor.double(), a.im.tensor.double())
        trains, state = a.re.trainable or a.im.trainable, a.re.state or a.im.state
        return pair(b, Known(inverse, None, trains, state, derived=derived_of([a.re, a.im])))
    if _is_zero(a.im):
        return Complex(b.unary("inv", a.re), a.im)
    scale = b.unary("inv", _squared(b, a))
    return Complex(b.times(a.re, scale), b.times(b.times(b.value(a.im), scale), -1.0))


def _squared(b: GraphBuilder, x: Complex) -> Value:
    return b.value(_sum(b, _product(b, x.re, x.re), _product(b, x.im, x.im)))


def _abs(b: GraphBuilder, real: Real, x: Number) -> Value:
    """The root of the sum of squares, scaled as in `hypot`; its gradient at 0 is 0."""
    a = pair(b, x)
    parts = [b.value(part) for part in (a.re, a.im) if not _is_zero(part)]
    if len(parts) < 2:
        return b.unary("abs", parts[0] if parts else b.value(a.re))
    larger = b.binary("max_elem", *(b.unary("abs", part) for part in parts))
    scale = b.unary("detach", b.binary("max_elem", larger, SMALLEST_NORMAL))
    inverse = b.unary("inv", scale)
    scaled = Complex(*(b.times(part, inverse) for part in parts))
    return b.times(scale, root_of_sum(b, _squared(b, scaled)))


def _square(b: GraphBuilder, real: Real, x: Number, exponent: float = 2) -> Complex:
    if exponent != 2:
        raise Refused(f"a complex number to the power {exponent}: supported is 2")
    return _mul(b, real, x, x)


def _exp(b: GraphBuilder, real: Real, x: Number) -> Complex:
    a = pair(b, x)
    size, angle = b.unary("exp", a.re), b.value(a.im)
    return Complex(b.times(size, b.unary("cos", angle)), b.times(size, b.unary("sin", angle)))


def _tanh(b: GraphBuilder, real: Real, x: Number) -> Complex:
    """(t + i s c (1 - t^2)) / (c^2 + t^2 s^2), t of the real part, s and c of the imaginary one."""
    a = pair(b, x)
    t, angle = b.unary("tanh", b.value(a.re)), b.value(a.im)
    s, c = b.unary("sin", angle), b.unary("cos", angle)
    square, both = b.times(t, t), b.times(t, s)
    scale = b.unary("inv", b.plus(b.times(c, c), b.times(both, both)))
    im = b.times(b.times(s, c), b.minus(1.0, square))
    return Complex(b.times(t, scale), b.times(im, scale))


def _sigmoid(b: GraphBuilder, real: Real, x: Number) -> Complex:
    """(1 + tanh(x / 2)) / 2."""
    return _mul(b, real, _add(b, real, _tanh(b, real, _mul(b, real, x, 0.5)), 1.0), 0.5)


def _padded(
    b: GraphBuilder, real: Real, x: Number, pad: Sequence[int], mode: str = "constant", value: Any = None
) -> Complex:
    """Both parts padded; a number is padded with its parts."""
    number = complex(value or 0)
    if mode != "constant":
        return Complex(*(real(aten.pad.default, (part, pad, mode), {}) for part in _parts(b, x)))
    pairs = zip(_parts(b, x), (number.real, number.imag), strict=True)
    return Complex(*(real(aten.constant_pad_nd.default, (part, pad, fill), {}) for part, fill in pairs))


def _padded_with(b: GraphBuilder, real: Real, x: Number, pad: Sequence[int], value: Any = 0) -> Complex:
    return _padded(b, real, x, pad, "constant", value)


def _parts(b: GraphBuilder, x: Number) -> tuple[Tensor, Tensor]:
    a = pair(b, x)
    return a.re, a.im


def _conjugate(b: GraphBuilder, real: Real, x: Number) -> Complex:
    a = pair(b, x)
    return Complex(a.re, a.im if _is_zero(a.im) else b.times(b.value(a.im), -1.0))


def _as_real(b: GraphBuilder, real: Real, x: Number) -> Value:
    a = pair(b, x)
    return stack(b, [a.re, a.im], len(a.shape))


def _as_complex(b: GraphBuilder, real: Real, x: Tensor) -> Complex:
    last = len(x.shape) - 1
    return Complex(*(real(aten.select.int, (x, last, number), {}) for number in (0, 1)))


def _complex(b: GraphBuilder, real: Real, x: Tensor, imag: Tensor) -> Complex:
    return Complex(_wide(b, x, imag.shape), _wide(b, imag, x.shape))


def _polar(b: GraphBuilder, real: Real, abs: Tensor, angle: Tensor) -> Complex:
    parts = [real(function, (angle,), {}) for function in (aten.cos.default, aten.sin.default)]
    return Complex(*(real(aten.mul.Tensor, (abs, part), {}) for part in parts))


# -- Fourier transforms --------------------------------------------------------------------------------------


def _unit(size: int) -> torch.Tensor:
    return torch.eye(size, dtype=torch.complex128)


def _along(b: GraphBuilder, x: Complex, axis: int, matrix: torch.Tensor) -> Complex:
    """A complex matrix (new size, size) along an axis."""

    def product(part: Tensor, of: torch.Tensor) -> Tensor:
        sizes = (*x.shape[:axis], matrix.shape[0], *x.shape[axis + 1 :])
        if _is_zero(part) or not bool(of.any()):
            return Known(torch.zeros(sizes))
        return apply_matrix(b, b.value(part), axis, of, "the matrix of a Fourier transform")

    re = _sum(b, product(x.re, matrix.real), product(x.im, matrix.imag), -1.0)
    return Complex(re, _sum(b, product(x.re, matrix.imag), product(x.im, matrix.real)))


def _fft_c2c(
    b: GraphBuilder, real: Real, x: Number, dim: Sequence[int], normalization: int, forward: bool
) -> Complex:
    result = pair(b, x)
    for one in dim:
        axis = axis_of(one, len(result.shape))
        matrix = aten._fft_c2c(_unit(result.shape[axis]), [0], normalization, forward)
        result = _along(b, result, axis, matrix)
    return result


def _fft_r2c(
    b: GraphBuilder, real: Real, x: Tensor, dim: Sequence[int], normalization: int, onesided: bool
) -> Complex:
    axis = axis_of(dim[-1], len(x.shape))
    unit = torch.eye(x.shape[axis], dtype=torch.float64)
    matrix = aten._fft_r2c(unit, [0], normalization, onesided)
    half = _along(b, pair(b, x), axis, matrix)
    return _fft_c2c(b, real, half, dim[:-1], normalization, True)


def _fft_c2r(
    b: GraphBuilder, real: Real, x: Number, dim: Sequence[int], normalization: int, last_dim_size: int
) -> Tensor:
    """The real result of an inverse transform: of both parts a real matrix each."""
    before = _fft_c2c(b, real, pair(b, x), dim[:-1], normalization, False)
    axis = axis_of(dim[-1], len(before.shape))
    unit = _unit(before.shape[axis])
    found: list[Tensor] = []
    for part, factor in ((before.re, 1.0), (before.im, 1j)):
        matrix = aten._fft_c2r(unit * factor, [0], normalization, last_dim_size)
        sizes = (*before.shape[:axis], last_dim_size, *before.shape[axis + 1 :])
        if _is_zero(part):
            found.append(Known(torch.zeros(sizes)))
            continue
        found.append(apply_matrix(b, b.value(part), axis, matrix, "the matrix of a Fourier transform"))
    return _sum(b, found[0], found[1])


_MADE: dict[Any, Callable[..., Any]] = {
    aten._fft_r2c.default: _fft_r2c,
    aten._fft_c2c.default: _fft_c2c,
    aten._fft_c2r.default: _fft_c2r,
    aten.view_as_complex.default: _as_complex,
    aten.complex.default: _complex,
    aten.polar.default: _polar,
}
"""What makes complex numbers of real ones, or real ones of complex ones, whatever it is given."""

_RULES: dict[Any, Callable[..., Any]] = {
    **_MADE,
    **dict.fromkeys(_CONJUGATES, _conjugate),
    **dict.fromkeys((aten.mul.Tensor, aten.mul.Scalar), _mul),
    **dict.fromkeys((aten.add.Tensor, aten.add.Scalar), _add),
    **dict.fromkeys((aten.sub.Tensor, aten.sub.Scalar), _sub),
    **dict.fromkeys((aten.div.Tensor, aten.div.Scalar), _div),
    aten.reciprocal.default: _reciprocal,
    aten.abs.default: _abs,
    aten.square.default: _square,
    aten.pow.Tensor_Scalar: _square,
    aten.exp.default: _exp,
    aten.tanh.default: _tanh,
    aten.sigmoid.default: _sigmoid,
    aten.pad.default: _padded,
    aten.constant_pad_nd.default: _padded_with,
    aten.view_as_real.default: _as_real,
}
