"""Shape rules: from a kind's fields and its parents' shapes to the output shape, or what is wrong.

Each function is an `Infer` of the kind table. Rules follow TorchLean's `Infer`; ir-v1 section 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torchlean_core.kinds.alignment import Alignment
from torchlean_core.kinds.call import Shape
from torchlean_core.kinds.numbers import numel, same_numel, show, show_shape
from torchlean_core.kinds.spec import Infer, Path, Problem, Problems

Fields = Mapping[str, Any]


def refused(code: str, message: str, path: Path = (), parents: tuple[int, ...] = ()) -> Problems:
    """A single problem, as the result of a rule."""
    return Problems((Problem(code, message, path, parents),))


def declared(fields: Fields, parents: Sequence[Shape], shape: Shape | None) -> Shape | None:
    """The node says its own shape (`input`, `rand_uniform`)."""
    return shape


def const(fields: Fields, parents: Sequence[Shape], shape: Shape | None) -> Shape | None:
    """`value_shape`, or the declared shape where that field is absent."""
    value_shape: Shape | None = fields.get("value_shape", shape)
    return value_shape


def bernoulli_mask(fields: Fields, parents: Sequence[Shape], shape: Shape | None) -> Shape | Problems | None:
    """Declared; the keep probability must be a scalar."""
    if len(parents[0]) != 0:
        return refused(
            "TL210",
            f"the keep probability must be a scalar (shape []), found {show_shape(parents[0])}",
            ("parents", 0),
            (0,),
        )
    return shape


def same(fields: Fields, parents: Sequence[Shape], shape: Shape | None) -> Shape:
    """The parent's shape."""
    return parents[0]


def equal(fields: Fields, parents: Sequence[Shape], shape: Shape | None) -> Shape | Problems:
    """All parents have one shape, which is the output's: there is no implicit broadcasting."""
    if parents[0] != parents[1]:
        return disagree(parents)
    return parents[0]


def mse_loss(fields: Fields, parents: Sequence[Shape], shape: Shape | None) -> Shape | Problems:
    """A scalar, of parents with equal shapes."""
    return disagree(parents) if parents[0] != parents[1] else []


def disagree(parents: Sequence[Shape]) -> Problems:
    """Operands whose shapes should be equal, and are not."""
    return refused(
        "TL202",
        f"operands must have equal shapes, found {show_shape(parents[0])} and {show_shape(parents[1])} "
        "(there is no implicit broadcasting; insert a broadcast_to)",
        ("parents",),
        (0, 1),
    )


def scalar(fields: Fields, parents: Sequence[Shape], shape: Shape | None) -> Shape:
    """Always a scalar (`sum`)."""
    return []


def axis_problem(fields: Fields, shape: Shape) -> Problems | None:
    """What is wrong with `axis` of an operand's shape; None where it is in range."""
    axis, rank = fields["axis"], len(shape)
    if axis < rank:
        return None
    if rank == 0:
        return refused("TL203", f"axis {show(axis)} of a scalar: a scalar has no axis", ("axis",), (0,))
    return refused(
        "TL203",
        f"axis {show(axis)} is out of range: the operand {show_shape(shape)} has rank {rank}, "
        f"so axis must be in 0..{rank - 1}",
        ("axis",),
        (0,),
    )


def softmax(fields: Fields, parents: Sequence[Shape], shape: Shape | None) -> Shape | Problems:
    """The parent's shape; `axis` in range."""
    return axis_problem(fields, parents[0]) or parents[0]


def permute(fields: Fields, parents: Sequence[Shape], shape: Shape | None) -> Shape | Problems:
    """out[i] = in[perm[i]]."""
    perm, rank = fields["perm"], len(parents[0])
    if len(perm) != rank or sorted(perm) != list(range(rank)):
        return refused(
            "TL204",
            f"perm must be a permutation of the {rank} axes of {show_shape(parents[0])}, "
            f"found {show_shape(perm)}",
            ("perm",),
            (0,),
        )
    return [parents[0][axis] for axis in perm]


def rank_problem(shape: Shape, expected: str) -> Problems:
    """An operand of a rank that the kind does not take."""
    return refused(
        "TL210",
        f"needs {expected}, found {show_shape(shape)} of rank {len(shape)}",
        ("parents", 0),
        (0,),
    )


def field_is_parent(fields: Fields, name: str, parents: Sequence[Shape]) -> Problems | None:
    """A shape field that should be the parent's shape, and is not; None where it is."""
    if list(fields[name]) == list(parents[0]):
        return None
    return refused(
        "TL209",
        f"{name} {show_shape(fields[name])} is not the parent's shape {show_shape(parents[0])}",
        (name,),
        (0,),
    )


def reshape(fields: Fields, parents: Sequence[Shape], shape: Shape | None) -> Shape | Problems:
    """`out_shape`; `in_shape` is the parent's and has as many elements."""
    source, target = fields["in_shape"], fields["out_shape"]
    problems = field_is_parent(fields, "in_shape", parents) or Problems()
    if not same_numel(source, target):
        problems = Problems(
            (
                *problems,
                Problem(
                    "TL207",
                    f"reshape of {show_shape(source)} ({_elements(source)}) to {show_shape(target)} "
                    f"({_elements(target)}) changes the number of elements",
                    ("out_shape",),
                    (0,),
                ),
            )
        )
    return problems or list(target)


def _elements(shape: Shape) -> str:
    count = numel(shape)
    if count is None:
        return "more elements than can be counted"
    return "1 element" if count == 1 else f"{show(count)} elements"


def flatten(fields: Fields, parents: Sequence[Shape], shape: Shape | None) -> Shape | Problems:
    """`[numel]`; a scalar gives `[1]`."""
    problem = field_is_parent(fields, "value_shape", parents)
    if problem:
        return problem
    if shape is not None and len(shape) == 1 and same_numel(parents[0], shape):
        return list(shape)  # the same result without multiplying out astronomic products
    count = numel(parents[0])
    if count is None:
        return refused(
            "TL201",
            f"flatten of {show_shape(parents[0])} gives one dimension with all elements, "
            f"not {show_shape(shape or [])}",
            ("shape",),
            (0,),
        )
    return [count]


def broadcast_to(alignment: Alignment) -> Infer:
    """Rule of `broadcast_to`: `to_shape`, where the dialect has a broadcast to it; `from_shape` is the parent's."""

    def infer(fields: Fields, parents: Sequence[Shape], shape: Shape | None) -> Shape | Problems:
        source, target = fields["from_shape"], fields["to_shape"]
        problems = field_is_parent(fields, "from_shape", parents) or Problems()
        if alignment.axes(source, target) is None:
            message = (
                f"no broadcast from {show_shape(source)} to {show_shape(target)}: "
                f"{alignment.refusal(source, target)}"
            )
            problems = Problems((*problems, Problem("TL208", message, ("to_shape",), (0,))))
        return problems or list(target)

    return infer


def concat(fields: Fields, parents: Sequence[Shape], shape: Shape | None) -> Shape | Problems:
    """Same rank, equal off-axis dimensions; the axis dimensions are summed."""
    first = parents[0]
    axis = fields["axis"]
    found = list(axis_problem(fields, first) or ())
    found += [
        Problem("TL202", message, ("parents", position), (0, position))
        for position, other in enumerate(parents[1:], start=1)
        if (message := _concat_mismatch(first, other, axis))
    ]
    if found:
        return Problems(found)
    return [*first[:axis], sum(operand[axis] for operand in parents), *first[axis + 1 :]]


def _concat_mismatch(first: Shape, other: Shape, axis: int) -> str | None:
    if len(other) != len(first):
        return f"operands of concat must have one rank, found {show_shape(first)} and {show_shape(other)}"
    for dim, (a, b) in enumerate(zip(first, other, strict=True)):
        if a != b and dim != axis:
            return (
                f"operands of concat may differ on axis {axis} only, found {show_shape(first)} and "
                f"{show_shape(other)}, which differ on axis {dim}"
            )
    return None


def linear(fields: Fields, parents: Sequence[Shape], shape: Shape | None) -> Shape | Problems | None:
    """Declared; leading dimensions (all but the last) equal the parent's."""
    x = parents[0]
    if not x:
        return rank_problem(x, "an operand of rank 1 or more")
    if shape is None:
        return None
    if not shape:
        return refused(
            "TL210", f"linear of {show_shape(x)} cannot give a scalar (shape [])", ("shape",), (0,)
        )
    if list(shape[:-1]) != list(x[:-1]):
        return refused(
            "TL202",
            f"linear keeps all dimensions but the last: {show_shape(x)} gives "
            f"{show_shape(x[:-1])[:-1]}{', ' if len(x) > 1 else ''}out], found {show_shape(shape)}",
            ("shape",),
            (0,),
        )
    return shape


def channel_problem(fields: Fields, name: str, shape: Shape, channels: int) -> Problem:
    """A field that should be the number of channels, and is not."""
    return Problem(
        "TL211",
        f"{name} is {show(fields[name])}, but the operand {show_shape(shape)} has {show(channels)} channels",
        (name,),
        (0,),
    )
