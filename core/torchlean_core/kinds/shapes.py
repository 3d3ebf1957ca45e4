"""Shape rules: from a kind's fields and its parents' shapes to the output shape, or what is wrong.

Each function is an `Infer` of the kind table. Rules follow TorchLean's `Infer`; ir-v1 section 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torchlean_core.kinds.numbers import numel, same_numel, show, show_shape
from torchlean_core.kinds.spec import Infer, Path, Problem, Problems, Shape

Fields = Mapping[str, Any]


def _problem(code: str, message: str, path: Path = (), parents: tuple[int, ...] = ()) -> Problems:
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
        return _problem(
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
        return _disagree(parents)
    return parents[0]


def mse_loss(fields: Fields, parents: Sequence[Shape], shape: Shape | None) -> Shape | Problems:
    """A scalar, of parents with equal shapes."""
    return _disagree(parents) if parents[0] != parents[1] else []


def _disagree(parents: Sequence[Shape]) -> Problems:
    return _problem(
        "TL202",
        f"operands must have equal shapes, found {show_shape(parents[0])} and {show_shape(parents[1])} "
        "(there is no implicit broadcasting; insert a broadcast_to)",
        ("parents",),
        (0, 1),
    )


def scalar(fields: Fields, parents: Sequence[Shape], shape: Shape | None) -> Shape:
    """Always a scalar (`sum`)."""
    return []


def _axis_problem(fields: Fields, shape: Shape) -> Problems | None:
    axis, rank = fields["axis"], len(shape)
    if axis < rank:
        return None
    if rank == 0:
        return _problem("TL203", f"axis {show(axis)} of a scalar: a scalar has no axis", ("axis",), (0,))
    return _problem(
        "TL203",
        f"axis {show(axis)} is out of range: the operand {show_shape(shape)} has rank {rank}, "
        f"so axis must be in 0..{rank - 1}",
        ("axis",),
        (0,),
    )


def reduction(fields: Fields, parents: Sequence[Shape], shape: Shape | None) -> Shape | Problems:
    """The parent's shape without `axis`."""
    problem = _axis_problem(fields, parents[0])
    axis = fields["axis"]
    return problem or [*parents[0][:axis], *parents[0][axis + 1 :]]


def softmax(fields: Fields, parents: Sequence[Shape], shape: Shape | None) -> Shape | Problems:
    """The parent's shape; `axis` in range."""
    return _axis_problem(fields, parents[0]) or parents[0]


def layernorm(fields: Fields, parents: Sequence[Shape], shape: Shape | None) -> Shape | Problems:
    """The parent's shape; `axis` in range, and neither side of it empty."""
    problem = _axis_problem(fields, parents[0])
    if problem:
        return problem
    if 0 in parents[0]:
        return _problem(
            "TL206",
            f"layernorm needs every dimension > 0, found {show_shape(parents[0])}",
            ("parents", 0),
            (0,),
        )
    return parents[0]


def permute(fields: Fields, parents: Sequence[Shape], shape: Shape | None) -> Shape | Problems:
    """out[i] = in[perm[i]]."""
    perm, rank = fields["perm"], len(parents[0])
    if len(perm) != rank or sorted(perm) != list(range(rank)):
        return _problem(
            "TL204",
            f"perm must be a permutation of the {rank} axes of {show_shape(parents[0])}, "
            f"found {show_shape(perm)}",
            ("perm",),
            (0,),
        )
    return [parents[0][axis] for axis in perm]


def _rank_problem(shape: Shape, expected: str) -> Problems:
    return _problem(
        "TL210",
        f"needs {expected}, found {show_shape(shape)} of rank {len(shape)}",
        ("parents", 0),
        (0,),
    )


def swap_first_two(fields: Fields, parents: Sequence[Shape], shape: Shape | None) -> Shape | Problems:
    """First two axes swapped; rank at least 2."""
    x = parents[0]
    if len(x) < 2:
        return _rank_problem(x, "an operand of rank 2 or more")
    return [x[1], x[0], *x[2:]]


def transpose3d_last_two(fields: Fields, parents: Sequence[Shape], shape: Shape | None) -> Shape | Problems:
    """Last two axes swapped; rank exactly 3."""
    x = parents[0]
    if len(x) != 3:
        return _rank_problem(x, "an operand of rank 3")
    return [x[0], x[2], x[1]]


def _field_is_parent(fields: Fields, name: str, parents: Sequence[Shape]) -> Problems | None:
    if list(fields[name]) == list(parents[0]):
        return None
    return _problem(
        "TL209",
        f"{name} {show_shape(fields[name])} is not the parent's shape {show_shape(parents[0])}",
        (name,),
        (0,),
    )


def reshape(fields: Fields, parents: Sequence[Shape], shape: Shape | None) -> Shape | Problems:
    """`out_shape`; `in_shape` is the parent's and has as many elements."""
    source, target = fields["in_shape"], fields["out_shape"]
    problems = _field_is_parent(fields, "in_shape", parents) or Problems()
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
    problem = _field_is_parent(fields, "value_shape", parents)
    if problem:
        return problem
    if shape is not None and len(shape) == 1 and same_numel(parents[0], shape):
        return list(shape)  # the same result without multiplying out astronomic products
    count = numel(parents[0])
    if count is None:
        return _problem(
            "TL201",
            f"flatten of {show_shape(parents[0])} gives one dimension with all elements, "
            f"not {show_shape(shape or [])}",
            ("shape",),
            (0,),
        )
    return [count]


def broadcast_axes(source: Shape, target: Shape) -> list[int] | None:
    """The broadcast witness: `source` with a 1 inserted for every new axis, or None where there is none.

    TorchLean matches from the left, greedily and without backtracking (ir-v1 section 4). The result has
    the target's rank; `x.reshape(result).expand(target)` is the value of `broadcast_to`.
    """
    aligned: list[int] = []
    rest = list(source)
    position = 0
    for dim in target:
        if position < len(rest) and rest[position] in (dim, 1):
            aligned.append(rest[position])
            position += 1
        else:
            aligned.append(1)
    return aligned if position == len(rest) else None


def torch_broadcast_axes(source: Shape, target: Shape) -> list[int] | None:
    """How PyTorch aligns `source` to `target` (from the right), or None where it refuses."""
    if len(source) > len(target):
        return None
    aligned = [1] * (len(target) - len(source)) + list(source)
    if any(have not in (want, 1) for have, want in zip(aligned, target, strict=True)):
        return None
    return aligned


def broadcast_to(fields: Fields, parents: Sequence[Shape], shape: Shape | None) -> Shape | Problems:
    """`to_shape`, where the witness exists; `from_shape` is the parent's."""
    source, target = fields["from_shape"], fields["to_shape"]
    problems = _field_is_parent(fields, "from_shape", parents) or Problems()
    if broadcast_axes(source, target) is None:
        hint = ""
        if (aligned := torch_broadcast_axes(source, target)) is not None:
            hint = f"; PyTorch aligns from the right: reshape to {show_shape(aligned)} first"
        message = (
            f"no broadcast from {show_shape(source)} to {show_shape(target)}: TorchLean matches axes from "
            f"the left, greedily{hint}"
        )
        problems = Problems((*problems, Problem("TL208", message, ("to_shape",), (0,))))
    return problems or list(target)


def concat(fields: Fields, parents: Sequence[Shape], shape: Shape | None) -> Shape | Problems:
    """Same rank, equal off-axis dimensions; the axis dimensions are summed."""
    first = parents[0]
    axis = fields["axis"]
    found = list(_axis_problem(fields, first) or ())
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


def matmul(fields: Fields, parents: Sequence[Shape], shape: Shape | None) -> Shape | Problems:
    """(m,n)(n,p) to (m,p), or (b,m,n)(b,n,p) to (b,m,p)."""
    a, b = parents
    wrong_ranks = Problems(
        Problem(
            "TL210",
            f"matmul needs operands of rank 2, or both of rank 3; operand {position} is "
            f"{show_shape(operand)} of rank {len(operand)}",
            ("parents", position),
            (position,),
        )
        for position, operand in enumerate(parents)
        if len(operand) not in (2, 3)
    )
    if wrong_ranks:
        return wrong_ranks

    def disagree(message: str) -> Problem:
        return Problem("TL202", message, ("parents",), (0, 1))

    if len(a) != len(b):
        return Problems(
            (disagree(f"matmul needs operands of one rank, found {show_shape(a)} and {show_shape(b)}"),)
        )
    found = []
    if a[-1] != b[-2]:
        found.append(
            disagree(
                f"matmul's inner dimensions differ: {show_shape(a)} has {show(a[-1])} columns, "
                f"{show_shape(b)} has {show(b[-2])} rows"
            )
        )
    if len(a) == 3 and a[0] != b[0]:
        found.append(
            disagree(
                f"matmul's batch dimensions differ: {show(a[0])} and {show(b[0])} in {show_shape(a)} and "
                f"{show_shape(b)}"
            )
        )
    return Problems(found) if found else [*a[:-1], b[-1]]


def linear(fields: Fields, parents: Sequence[Shape], shape: Shape | None) -> Shape | Problems | None:
    """Declared; leading dimensions (all but the last) equal the parent's."""
    x = parents[0]
    if not x:
        return _rank_problem(x, "an operand of rank 1 or more")
    if shape is None:
        return None
    if not shape:
        return _problem(
            "TL210", f"linear of {show_shape(x)} cannot give a scalar (shape [])", ("shape",), (0,)
        )
    if list(shape[:-1]) != list(x[:-1]):
        return _problem(
            "TL202",
            f"linear keeps all dimensions but the last: {show_shape(x)} gives "
            f"{show_shape(x[:-1])[:-1]}{', ' if len(x) > 1 else ''}out], found {show_shape(shape)}",
            ("shape",),
            (0,),
        )
    return shape


def window(channels: str | None, *, padded: bool, result: str | None = None) -> Infer:
    """Rule of convolution and pooling over (C, H, W): out(x, k) = (x + 2*padding - k) div stride + 1.

    Args:
        channels: Field that must equal the parent's channel count, if any.
        padded: Whether the `padding` field counts.
        result: Field with the output's channel count; the parent's where None.
    """

    def infer(fields: Fields, parents: Sequence[Shape], shape: Shape | None) -> Shape | Problems:
        x = parents[0]
        if len(x) != 3:
            hint = "; reshape a batch of one to (C, H, W) first" if len(x) == 4 else ""
            return _rank_problem(x, f"an unbatched image (C, H, W) of rank 3{hint}")
        found = []
        if channels is not None and fields[channels] != x[0]:
            found.append(_channel_problem(fields, channels, x, x[0]))
        padding = fields["padding"] if padded else 0
        stride = fields["stride"]
        out = [fields[result] if result else x[0]]
        for extent, kernel, side in ((x[1], "kH", "height"), (x[2], "kW", "width")):
            size = fields[kernel]
            if size and extent + 2 * padding < size:
                pad = f" + 2*{show(padding)} padding" if padding else ""
                message = (
                    f"the window does not fit: {kernel} is {show(size)}, but the input's {side} is "
                    f"{show(extent)}{pad}"
                )
                found.append(Problem("TL205", message, (kernel,), (0,)))
            elif size and stride:
                out.append((extent + 2 * padding - size) // stride + 1)
        return out if len(out) == 3 and not found else Problems(found)

    return infer


def _channel_problem(fields: Fields, name: str, shape: Shape, channels: int) -> Problem:
    return Problem(
        "TL211",
        f"{name} is {show(fields[name])}, but the operand {show_shape(shape)} has {show(channels)} channels",
        (name,),
        (0,),
    )


def batch_norm(fields: Fields, parents: Sequence[Shape], shape: Shape | None) -> Shape | Problems:
    """(N, C, H, W) with C = channels, nothing empty."""
    x = parents[0]
    if len(x) != 4:
        return _rank_problem(x, "a batched image (N, C, H, W) of rank 4")
    found = []
    if fields["channels"] != x[1]:
        found.append(_channel_problem(fields, "channels", x, x[1]))
    if 0 in x:
        message = f"batch_norm2d_nchw_eval needs every dimension > 0, found {show_shape(x)}"
        found.append(Problem("TL206", message, ("parents", 0), (0,)))
    return Problems(found) if found else x
