"""Shape rules that only the classic dialect has; ir-v1 section 3."""

from __future__ import annotations

from collections.abc import Sequence

from torchlean_core.kinds.call import Shape
from torchlean_core.kinds.numbers import show, show_shape
from torchlean_core.kinds.shapes import Fields, axis_problem, channel_problem, rank_problem, refused
from torchlean_core.kinds.spec import Infer, Problem, Problems


def reduction(fields: Fields, parents: Sequence[Shape], shape: Shape | None) -> Shape | Problems:
    """The parent's shape without `axis`."""
    problem = axis_problem(fields, parents[0])
    axis = fields["axis"]
    return problem or [*parents[0][:axis], *parents[0][axis + 1 :]]


def layernorm(fields: Fields, parents: Sequence[Shape], shape: Shape | None) -> Shape | Problems:
    """The parent's shape; `axis` in range, and neither side of it empty."""
    problem = axis_problem(fields, parents[0])
    if problem:
        return problem
    if 0 in parents[0]:
        return refused(
            "TL206",
            f"layernorm needs every dimension > 0, found {show_shape(parents[0])}",
            ("parents", 0),
            (0,),
        )
    return parents[0]


def swap_first_two(fields: Fields, parents: Sequence[Shape], shape: Shape | None) -> Shape | Problems:
    """First two axes swapped; rank at least 2."""
    x = parents[0]
    if len(x) < 2:
        return rank_problem(x, "an operand of rank 2 or more")
    return [x[1], x[0], *x[2:]]


def transpose3d_last_two(fields: Fields, parents: Sequence[Shape], shape: Shape | None) -> Shape | Problems:
    """Last two axes swapped; rank exactly 3."""
    x = parents[0]
    if len(x) != 3:
        return rank_problem(x, "an operand of rank 3")
    return [x[0], x[2], x[1]]


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
            return rank_problem(x, f"an unbatched image (C, H, W) of rank 3{hint}")
        found = []
        if channels is not None and fields[channels] != x[0]:
            found.append(channel_problem(fields, channels, x, x[0]))
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


def batch_norm(fields: Fields, parents: Sequence[Shape], shape: Shape | None) -> Shape | Problems:
    """(N, C, H, W) with C = channels, nothing empty."""
    x = parents[0]
    if len(x) != 4:
        return rank_problem(x, "a batched image (N, C, H, W) of rank 4")
    found = []
    if fields["channels"] != x[1]:
        found.append(channel_problem(fields, "channels", x, x[1]))
    if 0 in x:
        message = f"batch_norm2d_nchw_eval needs every dimension > 0, found {show_shape(x)}"
        found.append(Problem("TL206", message, ("parents", 0), (0,)))
    return Problems(found) if found else x
