"""The rule for operators that are linear in their one operand that is unknown: a matrix, which torch computes.

Whatever the operator (a grid that is known samples an image, a triangular system is solved, entries are added up at
known places), its result is M x + c. The operator itself gives c at 0 and the columns of M at the unit vectors. Where
it treats parts of axes alike, one smaller matrix applies to all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils import _pytree

from torchlean_core.capture.assemble import apply_matrix
from torchlean_core.capture.builder import GraphBuilder
from torchlean_core.capture.folding import derived_of
from torchlean_core.capture.memory import Memory
from torchlean_core.capture.values import Known, Masked, Shape, Unknown, Value

Function = Callable[[torch.Tensor], torch.Tensor]
"""A function of a float64 tensor."""

_MOST_COLUMNS = 1 << 14
"""Columns of a matrix, for each of which the operator is applied once."""

_MOST_ENTRIES = 1 << 24
"""Entries of a matrix: 64 MiB."""

_ROUNDING = 1e-9
"""Largest difference of float64 computations that is rounding, of the largest entry."""

_SCALES = (1.0, 1e100, 1e-150)
"""Sizes at which an operator has to be linear: one with a threshold is not, at one of them."""


@dataclass(frozen=True, slots=True)
class Affine:
    """A function of a tensor of shape (lead…, middle…, tail…): a matrix along the middle, and a constant added.

    Attributes:
        lead: Number of elements of the axes before.
        tail: Number of elements of the axes behind.
        matrix: (outputs, inputs) of the middle.
        shift: What is added, in the shape of the result.
    """

    lead: int
    tail: int
    matrix: torch.Tensor
    shift: torch.Tensor


def affine_of(function: Function, shape: Shape) -> Affine | None:
    """What an affine function is; None where it is none, or its matrix is too large.

    Args:
        function: The function.
        shape: Shape of its operand.
    """
    shift = function(torch.zeros(shape, dtype=torch.float64))
    if not shift.is_floating_point() or not bool(torch.isfinite(shift).all()):
        return None

    def linear(x: torch.Tensor) -> torch.Tensor:
        return function(x) - shift

    # Beside a constant nothing is left of what is small.
    scales = _SCALES[:2] if bool(shift.any()) else _SCALES
    if not _is_linear(linear, shape, scales):
        return None
    for before, behind in _splits(shape, tuple(shift.shape)):
        found = _matrix(linear, shape, tuple(shift.shape), before, behind)
        if found is not None:
            return Affine(math.prod(shape[:before]), math.prod(shape[len(shape) - behind :]), found, shift)
    return None


def apply_affine(
    b: GraphBuilder, x: Value, affine: Affine, why: str, derived: tuple[str, ...], *, trainable: bool
) -> Value:
    """The nodes of an affine function.

    Args:
        b: The builder.
        x: Its operand.
        affine: The function.
        why: What the matrix stands for, added to `debug_target`.
        derived: Names of the parameters that it was computed from.
        trainable: Whether one of these trains.

    Raises:
        Refused: A tensor is larger than all parameters together may be.
    """
    outputs, inputs = affine.matrix.shape
    shape = tuple(affine.shift.shape)
    matrix = Known(affine.matrix, trainable=trainable, state=bool(derived), derived=derived)
    if outputs == inputs and torch.equal(affine.matrix, torch.eye(inputs, dtype=affine.matrix.dtype)):
        result = b.reshape(x, shape)
    else:
        rows = b.reshape(x, (affine.lead, inputs, affine.tail))
        result = b.reshape(apply_matrix(b, rows, 1, matrix, why), shape)
    if bool((affine.shift == 0).all()):
        return result
    shift = Known(affine.shift, trainable=trainable, state=bool(derived), derived=derived)
    return b.plus(result, shift)


def _is_linear(function: Function, shape: Shape, scales: Sequence[float]) -> bool:
    generator = torch.Generator().manual_seed(4)
    x, y = (torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2))
    images = function(x), function(y)
    for scale in scales:
        together = function(scale * (2.0 * x - 3.0 * y)) / scale
        if not _same(together, 2.0 * images[0] - 3.0 * images[1]):
            return False
    return True


def _same(found: torch.Tensor, expected: torch.Tensor) -> bool:
    if not bool(torch.isfinite(found).all() & torch.isfinite(expected).all()):
        return False
    size = float(expected.abs().max()) if expected.numel() else 0.0
    return found.shape == expected.shape and bool(((found - expected).abs() <= _ROUNDING * size).all())


def _splits(shape: Shape, result: Shape) -> Iterator[tuple[int, int]]:
    """Numbers of axes before and behind that may be treated alike, those with most elements first."""
    before = _common(shape, result)
    behind = _common(shape[::-1], result[::-1])
    rank = min(len(shape), len(result))
    pairs = [(k, t) for k in range(before + 1) for t in range(behind + 1) if k + t <= rank]

    def alike(pair: tuple[int, int]) -> int:
        return math.prod(shape[: pair[0]]) * math.prod(shape[len(shape) - pair[1] :])

    yield from sorted(pairs, key=alike, reverse=True)


def _common(a: Sequence[int], c: Sequence[int]) -> int:
    count = 0
    for x, y in zip(a, c, strict=False):
        if x != y:
            break
        count += 1
    return count


def _matrix(function: Function, shape: Shape, result: Shape, before: int, behind: int) -> torch.Tensor | None:
    """The matrix along the middle axes of a linear function; None where it has none, or it is too large."""
    lead, tail = math.prod(shape[:before]), math.prod(shape[len(shape) - behind :])
    inputs = math.prod(shape[before : len(shape) - behind])
    outputs = math.prod(result[before : len(result) - behind])
    if inputs > _MOST_COLUMNS or inputs * outputs > _MOST_ENTRIES:
        return None

    def of_middle(x: torch.Tensor) -> torch.Tensor:
        return function(x.reshape(shape)).reshape(lead, outputs, tail)

    # All that is alike gets the same column, scaled by what tells places apart.
    generator = torch.Generator().manual_seed(5)

    def random(*sizes: int) -> torch.Tensor:
        return torch.randn(*sizes, generator=generator, dtype=torch.float64)

    places = random(lead, 1, tail)
    for _ in range(2):
        image = of_middle(random(1, inputs, 1) * places) / places
        if not _same(image, image[:1, :, :1].expand_as(image)):
            return None
    matrix = torch.zeros(outputs, inputs, dtype=torch.float64)
    ones = torch.ones(lead, 1, tail, dtype=torch.float64)
    for column in range(inputs):
        unit = torch.zeros(1, inputs, 1, dtype=torch.float64)
        unit[0, column, 0] = 1.0
        matrix[:, column] = of_middle(unit * ones)[0, :, 0]
    x = random(lead, inputs, tail)
    return matrix if _same(of_middle(x), torch.einsum("oi,lit->lot", matrix, x)) else None


def by_matrix(b: GraphBuilder, node: torch.fx.Node, args: Any, kwargs: Any) -> Any:
    """The result, or results, of an operator that is linear in its one unknown operand; None for any other.

    What is elementwise has a form of its own where it is linear: a matrix would hide what it does at the ends of
    the range.
    """
    target = node.target
    assert isinstance(target, torch._ops.OpOverload), "others were refused"
    leaves = _pytree.tree_leaves((args, kwargs))
    unknown = {leaf for leaf in leaves if isinstance(leaf, Value)}
    known = [leaf for leaf in leaves if isinstance(leaf, Known)]
    others = any(isinstance(leaf, Masked | Memory | Unknown) for leaf in leaves)
    apart = {torch.Tag.pointwise, torch.Tag.nondeterministic_seeded} & set(target.tags)
    if len(unknown) != 1 or others or apart or target._schema.is_mutable:
        return None
    (x,) = unknown
    derived = derived_of(known)
    trainable = any(one.trainable for one in known)
    several = isinstance(node.meta.get("val"), tuple | list)

    def part(number: int) -> Value | None:
        def function(operand: torch.Tensor) -> torch.Tensor:
            def value(leaf: Value | Known) -> torch.Tensor:
                tensor = operand if isinstance(leaf, Value) else leaf.tensor.detach()
                return tensor.double() if tensor.is_floating_point() else tensor

            plain, named = _pytree.tree_map_only(Value | Known, value, (args, kwargs))
            with torch.no_grad():
                result = target(*plain, **named)
            found: torch.Tensor = result[number] if several else result
            return found

        try:
            affine = affine_of(function, x.shape)
        except RuntimeError:  # it does not compute in float64
            return None
        if affine is None:
            return None
        why = f"the matrix of {target}"
        return apply_affine(b, x, affine, why, derived, trainable=trainable)

    if not several:
        return part(0)
    parts = tuple(part(number) for number in range(len(node.meta["val"])))
    return None if all(one is None for one in parts) else parts
