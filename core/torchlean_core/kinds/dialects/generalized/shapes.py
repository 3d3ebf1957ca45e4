"""Shape rules that only the generalized dialect has; ir-v1-generalized sections 4 and 5."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from torchlean_core.kinds.call import Shape
from torchlean_core.kinds.numbers import show, show_shape
from torchlean_core.kinds.shapes import Fields, axis_problem, channel_problem, rank_problem, refused
from torchlean_core.kinds.spec import Problem, Problems


def safe_log(fields: Fields, parents: Sequence[Shape], shape: Shape | None) -> Shape | Problems:
    """The first parent's shape; the second is a scalar."""
    if parents[1]:
        return refused(
            "TL210",
            f"the second operand must be a scalar (shape []), found {show_shape(parents[1])}",
            ("parents", 1),
            (1,),
        )
    return parents[0]


def reduction(fields: Fields, parents: Sequence[Shape], shape: Shape | None) -> Shape | Problems:
    """The parent's shape without `axes`, or with 1 in their places."""
    x, axes = parents[0], fields["axes"]
    found = [
        Problem("TL203", axis_message(axis, x, f"axes[{place}]"), ("axes", place), (0,))
        for place, axis in enumerate(axes)
        if axis >= len(x)
    ]
    seen: set[int] = set()
    for place, axis in enumerate(axes):
        if axis in seen:
            found.append(
                Problem("TL204", f"axis {show(axis)} is given twice: once is enough", ("axes", place), (0,))
            )
        elif axis < len(x) and x[axis] == 0:
            message = f"axis {show(axis)} of {show_shape(x)} has no elements to reduce"
            found.append(Problem("TL206", message, ("axes", place), (0,)))
        seen.add(axis)
    if found:
        return Problems(found)
    if fields["keepdim"]:
        return [1 if axis in seen else dim for axis, dim in enumerate(x)]
    return [dim for axis, dim in enumerate(x) if axis not in seen]


def axis_message(axis: int, shape: Shape, name: str) -> str:
    """What is wrong with an axis that an operand does not have."""
    if not shape:
        return f"{name} is {show(axis)}, but a scalar has no axis"
    return (
        f"{name} is {show(axis)}, out of range: the operand {show_shape(shape)} has rank {len(shape)}, "
        f"so it must be in 0..{len(shape) - 1}"
    )


def _axis(fields: Fields, name: str, shape: Shape) -> Problems | None:
    axis = fields[name]
    if axis < len(shape):
        return None
    return refused("TL203", axis_message(axis, shape, name), (name,), (0,))


def layernorm(fields: Fields, parents: Sequence[Shape], shape: Shape | None) -> Shape | Problems:
    """The parent's shape; `axis` in range, and something to normalize over."""
    found = axis_problem(fields, parents[0])
    if found:
        return found
    if 0 in parents[0][fields["axis"] :]:
        return refused(
            "TL206",
            f"layernorm needs every normalized dimension > 0, found {show_shape(parents[0])}",
            ("parents", 0),
            (0,),
        )
    return parents[0]


def transpose(fields: Fields, parents: Sequence[Shape], shape: Shape | None) -> Shape | Problems:
    """The two axes swapped."""
    x = list(parents[0])
    found = [problem for name in ("axis1", "axis2") for problem in _axis(fields, name, x) or ()]
    if found:
        return Problems(found)
    a, b = fields["axis1"], fields["axis2"]
    x[a], x[b] = x[b], x[a]
    return x


def matmul(fields: Fields, parents: Sequence[Shape], shape: Shape | None) -> Shape | Problems:
    """As `torch.matmul`: a left vector is a row, a right one a column; batch axes broadcast from the right."""
    scalars = Problems(
        Problem(
            "TL210",
            f"matmul needs operands of rank 1 or more; operand {position} is a scalar",
            ("parents", position),
            (position,),
        )
        for position, operand in enumerate(parents)
        if not operand
    )
    if scalars:
        return scalars
    a = [1, *parents[0]] if len(parents[0]) == 1 else list(parents[0])
    b = [*parents[1], 1] if len(parents[1]) == 1 else list(parents[1])
    found = []
    if a[-1] != b[-2]:
        message = (
            f"matmul's inner dimensions differ: {show_shape(parents[0])} has {show(a[-1])} columns, "
            f"{show_shape(parents[1])} has {show(b[-2])} rows"
        )
        found.append(Problem("TL202", message, ("parents",), (0, 1)))
    batch = batch_of(a[:-2], b[:-2])
    if batch is None:
        message = (
            f"matmul's batch dimensions {show_shape(a[:-2])} and {show_shape(b[:-2])} do not broadcast: from the "
            "right, they must be equal, or one of them 1"
        )
        found.append(Problem("TL202", message, ("parents",), (0, 1)))
    if found or batch is None:
        return Problems(found)
    rows = [] if len(parents[0]) == 1 else [a[-2]]
    columns = [] if len(parents[1]) == 1 else [b[-1]]
    return [*batch, *rows, *columns]


def batch_of(a: Shape, b: Shape) -> list[int] | None:
    """What two shapes broadcast to among each other, from the right; None where they do not."""
    found = []
    for one, other in zip_longest(reversed(a), reversed(b), fillvalue=1):
        if one != other and 1 not in (one, other):
            return None
        found.append(other if one == 1 else one)
    return found[::-1]


def _lengths(fields: Fields, names: Sequence[str]) -> list[Problem]:
    """The findings about geometry that has not one number per spatial axis."""
    rank = fields["spatial_rank"]
    return [
        Problem(
            "TL212",
            f"{name} must have one number per spatial axis, {show(rank)}, found {len(fields[name])}",
            (name,),
        )
        for name in names
        if len(fields[name]) != rank
    ]


def _zeros(fields: Fields, names: Sequence[str]) -> Iterator[Problem]:
    for name in names:
        for place, size in enumerate(fields[name]):
            if size == 0:
                yield Problem("TL206", f"{name}[{place}] must be > 0, found 0", (name, place))


def conv(fields: Fields, parents: Sequence[Shape], shape: Shape | None) -> Shape | Problems:
    """dims[:channel_axis] + [out_channels] + what the windows give; zeros where a field must not be 0 were reported."""
    x, axis, rank = parents[0], fields["channel_axis"], fields["spatial_rank"]
    found = _lengths(fields, ("kernel", "stride", "padding", "dilation", "padding_after"))
    if found:
        return Problems(found)
    groups = fields["groups"]
    found += [
        Problem("TL211", f"groups {show(groups)} does not divide {name} {show(fields[name])}", ("groups",))
        for name in ("in_channels", "out_channels")
        if groups and fields[name] % groups
    ]
    if problems := _axis(fields, "channel_axis", x):
        return Problems((*found, *problems))
    if fields["in_channels"] != x[axis]:
        found.append(channel_problem(fields, "in_channels", x, x[axis]))
    if len(x) - axis - 1 != rank:
        message = (
            f"{show_shape(x)} has {len(x) - axis - 1} axes behind channel_axis {show(axis)}, "
            f"but spatial_rank is {show(rank)}"
        )
        found.append(Problem("TL210", message, ("spatial_rank",), (0,)))
        return Problems(found)
    found += _zeros(fields, ("kernel", "stride", "dilation"))
    out = []
    for place, extent in enumerate(x[axis + 1 :]):
        kernel, stride, dilation = (fields[name][place] for name in ("kernel", "stride", "dilation"))
        if not (kernel and stride and dilation):
            continue
        span = dilation * (kernel - 1) + 1
        total = extent + fields["padding"][place] + fields["padding_after"][place]
        if total < span:
            spread = f" over {show(span)} cells (dilation {show(dilation)})" if span != kernel else ""
            message = (
                f"the window does not fit: kernel[{place}] is {show(kernel)}{spread}, but axis {axis + 1 + place} of "
                f"the input has {show(extent)} cells, {show(total)} with padding"
            )
            found.append(Problem("TL205", message, ("kernel", place), (0,)))
        else:
            out.append((total - span) // stride + 1)
    if found or not all(fields[name] for name in ("in_channels", "out_channels", "groups")):
        return Problems(found)
    return [*x[:axis], fields["out_channels"], *out]


def pool(fields: Fields, parents: Sequence[Shape], shape: Shape | None) -> Shape | Problems:
    """The leading dimensions, and what the windows give: nothing where they fit nowhere, which is no error."""
    x, rank = parents[0], fields["spatial_rank"]
    found = _lengths(fields, ("kernel", "stride", "padding"))
    if found or not rank:
        return Problems(found)
    if rank > len(x):
        return rank_problem(x, f"at least {show(rank)} axes to pool over (spatial_rank)")
    found = list(_zeros(fields, ("kernel", "stride")))
    return Problems(found) if found else [*x[: len(x) - rank], *pooled(fields, x)]


def pooled(fields: Fields, shape: Shape) -> list[int]:
    """The extents that a pool gives for the last axes of a shape."""
    extents = shape[len(shape) - fields["spatial_rank"] :]
    found = []
    for x, k, s, p in zip(extents, fields["kernel"], fields["stride"], fields["padding"], strict=True):
        fits = x != 0 and p <= k // 2 and x + 2 * p >= k
        found.append((x + 2 * p - k) // s + 1 if fits else 0)
    return found


def batch_norm(fields: Fields, parents: Sequence[Shape], shape: Shape | None) -> Shape | Problems:
    """The parent's shape; `channels` is the extent of `channel_axis`."""
    x = parents[0]
    if problems := _axis(fields, "channel_axis", x):
        return problems
    channels = x[fields["channel_axis"]]
    if fields["channels"] != channels:
        return Problems((channel_problem(fields, "channels", x, channels),))
    return x if channels else Problems()
