"""Entries written, or added, at places that are known: assignments to elements, scatter, index_put."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import torch

from torchlean_core.capture.builder import GraphBuilder
from torchlean_core.capture.errors import Refused
from torchlean_core.capture.linear_rule import affine_of, apply_affine
from torchlean_core.capture.lowerings.masks import filled
from torchlean_core.capture.lowerings.reduction import amax, amin, product
from torchlean_core.capture.lowerings.shape import axis_of, cat
from torchlean_core.capture.registry import lowers
from torchlean_core.capture.values import Known, Shape, Tensor, Value

aten = torch.ops.aten

_Put = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""A function of torch of a tensor, and of what is written to it."""


@lowers(aten.index_put.default, aten._unsafe_index_put.default)
def index_put(
    b: GraphBuilder,
    x: Tensor,
    indices: Sequence[Tensor | None],
    values: Tensor,
    accumulate: bool = False,
) -> Value:
    """Entries at indices written, or added."""
    places = [None if one is None else _known(one) for one in indices]
    shape = tuple(torch.empty(x.shape, device="meta")[tuple(_meta(one) for one in places)].shape)

    def put(whole: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
        written: torch.Tensor = aten.index_put(whole, places, new, accumulate)
        return written

    if accumulate:
        return _added(b, x, _wide(b, values, shape), put)
    return _placed(b, x, _wide(b, values, shape), put)


@lowers(aten.scatter.src)
def scatter(b: GraphBuilder, x: Tensor, dim: int, index: Tensor, src: Tensor) -> Value:
    """Entries along an axis written."""
    places = _known(index)
    return _placed(b, x, src, lambda whole, new: whole.scatter(dim, places, new))


@lowers(aten.scatter.value)
def scatter_number(b: GraphBuilder, x: Tensor, dim: int, index: Tensor, value: float) -> Value:
    """A number written along an axis."""
    places = _known(index)
    src = Known(torch.full(tuple(index.shape), float(value), dtype=torch.float64))
    return _placed(b, x, src, lambda whole, new: whole.scatter(dim, places, new))


@lowers(aten.scatter_add.default)
def scatter_add(b: GraphBuilder, x: Tensor, dim: int, index: Tensor, src: Tensor) -> Value:
    """Entries along an axis added."""
    places = _known(index)
    return _added(b, x, src, lambda whole, new: whole.scatter_add(dim, places, new))


@lowers(aten.scatter_reduce.two)
def scatter_reduce(
    b: GraphBuilder,
    x: Tensor,
    dim: int,
    index: Tensor,
    src: Tensor,
    reduce: str,
    include_self: bool = True,
) -> Value:
    """Sums, means, products and extremes of what comes to one place."""
    places = _known(index)
    if reduce in _GATHERED:
        corner = b.value(src)
        for axis, size in enumerate(places.shape):
            corner = b.select(corner, axis, range(size))
        names = torch.arange(math.prod(x.shape)).reshape(x.shape).gather(dim, places)
        return _gathered(b, x, corner, names, axis_of(dim, len(x.shape)), reduce, include_self)

    def put(whole: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
        return whole.scatter_reduce(dim, places, new, reduce, include_self=include_self)

    return _added(b, x, src, put)


@lowers(aten.index_reduce.default)
def index_reduce(
    b: GraphBuilder,
    x: Tensor,
    dim: int,
    index: Tensor,
    source: Tensor,
    reduce: str,
    include_self: bool = True,
) -> Value:
    """Means, products and extremes of what comes to one entry of an axis."""
    places = _known(index)
    if reduce in _GATHERED:
        names = torch.arange(math.prod(x.shape)).reshape(x.shape).index_select(dim, places)
        return _gathered(b, x, b.value(source), names, axis_of(dim, len(x.shape)), reduce, include_self)

    def put(whole: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
        return whole.index_reduce(dim, places, new, "mean", include_self=include_self)

    return _added(b, x, source, put)


@lowers(aten.masked_scatter.default)
def masked_scatter(b: GraphBuilder, x: Tensor, mask: Tensor, source: Tensor) -> Value:
    """Entries where a mask holds replaced by others, in their order."""
    places = _known(mask)
    return _placed(b, x, source, lambda whole, new: whole.masked_scatter(places, new))


@lowers(aten.put.default)
def put(b: GraphBuilder, x: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Value:
    """Entries of the tensor as one row written, or added."""
    places = _known(index)
    write = _added if accumulate else _placed
    return write(b, x, source, lambda whole, new: whole.put(places, new, accumulate))


@lowers(aten.diagonal_scatter.default)
def diagonal_scatter(
    b: GraphBuilder, x: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Value:
    """Entries of a diagonal written."""
    return _placed(b, x, src, lambda whole, new: whole.diagonal_scatter(new, offset, dim1, dim2))


def _known(index: Tensor) -> torch.Tensor:
    """Places.

    Raises:
        Refused: They depend on the input.
    """
    if not isinstance(index, Known):
        raise Refused("the places depend on the input")
    return index.tensor


def _meta(index: torch.Tensor | None) -> torch.Tensor | slice:
    return slice(None) if index is None else index


def _wide(b: GraphBuilder, x: Tensor, shape: Shape) -> Tensor:
    if x.shape == shape:
        return x
    return (
        Known(x.tensor.expand(shape))
        if isinstance(x, Known) and not x.trainable
        else b.broadcast(b.value(x), shape)
    )


def _fixed(x: Tensor) -> torch.Tensor | None:
    """The values of what nothing changes; None for anything else."""
    return x.tensor.detach().double() if isinstance(x, Known) and not x.trainable else None


def _placed(b: GraphBuilder, x: Tensor, src: Tensor, write: _Put) -> Value:
    """A tensor with entries of another one in place of some of its own.

    What goes where is seen of numbers that name the entries. A constant is written between bounds, and along one
    axis entries are joined and put in order; else those of the tensors as rows are.
    """
    count, more = math.prod(x.shape), math.prod(src.shape)
    own = torch.arange(count, dtype=torch.float64).reshape(x.shape)
    sources = write(own, torch.arange(count, count + more, dtype=torch.float64).reshape(src.shape)).long()
    keep = sources < count
    if bool(keep.all()):
        return b.value(x)
    constant = _fixed(src)
    if constant is not None and isinstance(x, Value):
        return filled(b, x, keep, Known(write(torch.zeros(x.shape, dtype=torch.float64), constant)))
    for axis in _axes(x.shape, src.shape):
        order = _along(x.shape, src.shape, axis, sources)
        if order is not None:
            return b.select(cat(b, [x, src], axis), axis, order)
    rows = [_row(b, one) for one in (x, src)]
    return b.reshape(b.select(cat(b, rows, 0), 0, sources.reshape(-1).tolist()), x.shape)


def _axes(shape: Shape, other: Shape) -> Iterator[int]:
    """Axes along which tensors of two shapes can be joined."""
    if len(shape) == len(other):
        for axis in range(len(shape)):
            if (*shape[:axis], *shape[axis + 1 :]) == (*other[:axis], *other[axis + 1 :]):
                yield axis


def _along(shape: Shape, other: Shape, axis: int, sources: torch.Tensor) -> list[int] | None:
    """The order of entries of an axis of both tensors joined; None where it is not everywhere the same."""
    count, more = math.prod(shape), math.prod(other)
    names = [torch.arange(count).reshape(shape), torch.arange(count, count + more).reshape(other)]
    joined = torch.cat(names, axis).movedim(axis, -1).reshape(-1, shape[axis] + other[axis])
    rows = sources.movedim(axis, -1).reshape(-1, shape[axis])
    if not joined.shape[0]:
        return None
    entries = [(joined[0] == one).nonzero().reshape(-1).tolist() for one in rows[0]]
    if not all(entries):
        return None
    order = [places[0] for places in entries]
    return order if torch.equal(joined[:, order], rows) else None


def _added(b: GraphBuilder, x: Tensor, src: Tensor, write: _Put) -> Value:
    """A tensor with entries of another one added to its own: a matrix for each of the two."""
    zeros = [torch.zeros(one.shape, dtype=torch.float64) for one in (x, src)]
    first = _summand(b, x, lambda operand: write(operand, zeros[1]))
    second = _summand(b, src, lambda operand: write(zeros[0], operand))
    if isinstance(first, Known) and not bool(first.tensor.any()):
        return b.value(second)
    if isinstance(second, Known) and not bool(second.tensor.any()):
        return b.value(first)
    return b.plus(first, second)


def _summand(b: GraphBuilder, x: Tensor, function: Callable[[torch.Tensor], torch.Tensor]) -> Tensor:
    """What one of two tensors gives, where the other one is 0."""
    fixed = _fixed(x)
    if fixed is not None:
        return Known(function(fixed))
    affine = affine_of(function, x.shape)
    if affine is None:
        raise Refused("what it adds up has no matrix of a size that is supported")
    return apply_affine(b, b.value(x), affine, "entries added up", (), trainable=False)


_GATHERED = {"amax": (amax, "max_elem"), "amin": (amin, "min_elem"), "prod": (product, "mul_elem")}
"""Reductions that are made of all that comes to one place, and what combines two values."""

_NEUTRAL = {"amax": -math.inf, "amin": math.inf, "prod": 1.0}
"""What changes nothing of a reduction."""


def _gathered(
    b: GraphBuilder, x: Tensor, src: Value, names: torch.Tensor, axis: int, reduction: str, with_own: bool
) -> Value:
    """A reduction of entries that come to known places.

    Args:
        b: The builder.
        x: What they come to.
        src: The entries.
        names: For each entry the number of its place, in the shape of the entries.
        axis: The axis along which they come.
        reduction: Its name.
        with_own: Whether a place's own value counts.
    """
    shape = x.shape
    own = torch.arange(math.prod(shape)).reshape(shape)
    rows = names.movedim(axis, -1).reshape(-1, names.shape[axis])
    places = own.movedim(axis, -1).reshape(-1, shape[axis])
    same = rows.shape[0] == places.shape[0] and bool((rows - rows[:, :1] == (rows - rows[:, :1])[:1]).all())
    first = [(places[0] == one).nonzero().reshape(-1).tolist() for one in rows[0]] if same else []
    if not same or not all(first) or not torch.equal(rows, places[:, [one[0] for one in first]]):
        flat = _gathered(
            b,
            _row(b, x),
            _row(b, src),
            names.reshape(-1),
            0,
            reduction,
            with_own,
        )
        return b.reshape(flat, shape)
    came: dict[int, list[int]] = {}
    for entry, found in enumerate(first):
        came.setdefault(found[0], []).append(entry)
    fixed = _fixed(x)
    if fixed is not None and len(came) == shape[axis] and bool((fixed == _NEUTRAL[reduction]).all()):
        x, with_own = Known(torch.zeros(shape)), False
    most = max(map(len, came.values()))
    # Of the extremes of equal entries nothing changes; a product has 1 in their place.
    ones = b.full(1.0, (*src.shape[:axis], 1, *src.shape[axis + 1 :]))
    joined, filler = (cat(b, [src, ones], axis), src.shape[axis]) if reduction == "prod" else (src, None)
    order = [
        entry
        for entries in came.values()
        for entry in [*entries, *([entries[0] if filler is None else filler] * (most - len(entries)))]
    ]
    reduce, kind = _GATHERED[reduction]
    taken = b.reshape(b.select(joined, axis, order), (*shape[:axis], len(came), most, *shape[axis + 1 :]))
    dim = axis + 1
    reduced = reduce(b, taken, dim if reduction == "prod" else [dim])  # type: ignore[operator]
    if with_own:
        reduced = b.binary(kind, b.select(b.value(x), axis, list(came)), reduced)
    place = {target: shape[axis] + number for number, target in enumerate(came)}
    return b.select(cat(b, [x, reduced], axis), axis, [place.get(n, n) for n in range(shape[axis])])


def _row(b: GraphBuilder, x: Tensor) -> Value:
    return b.reshape(b.value(x), (math.prod(x.shape),))
