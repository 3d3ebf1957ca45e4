"""Uses of stored tensors as arrays: spread out for readers that know of no views, and gathered from such files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torchlean_core.errors import UserError
from torchlean_core.graph import Parameter, Program, Use
from torchlean_core.graph.views import View
from torchlean_core.kinds.numbers import show_shape

if TYPE_CHECKING:
    from torchlean_core.params.format import Array


def viewed(array: Array, view: View) -> Array:
    """A view of an array."""
    for step in view:
        array = _STEPS[step.name](array, step.value)
    return array


def _sliced(x: Array, parts: Any) -> Array:
    places = [slice(None)] * x.ndim
    for axis, start, stop in parts:
        places[axis] = slice(start, stop)
    return x[tuple(places)]


def _embedded(x: Array, value: Any) -> Array:
    import numpy as np

    shape, start, step = value
    result = np.zeros(shape, dtype=x.dtype)
    ends = (first + (size - 1) * apart + 1 for size, first, apart in zip(x.shape, start, step, strict=True))
    if x.size:
        result[tuple(map(slice, start, ends, step))] = x
    return result


def _in_blocks(x: Array, groups: int) -> Array:
    import numpy as np

    out, inner = x.shape[0] // groups, x.shape[1]
    result = np.zeros((x.shape[0], inner * groups, *x.shape[2:]), dtype=x.dtype)
    for g in range(groups):
        rows = slice(g * out, (g + 1) * out)
        result[rows, g * inner : (g + 1) * inner] = x[rows]
    return result


def _expanded(x: Array, shape: Any) -> Array:
    import numpy as np

    return np.broadcast_to(x, shape)


def _flipped(x: Array, axes: Any) -> Array:
    import numpy as np

    return np.flip(x, axes)


_STEPS: Mapping[str, Any] = {
    "permute": lambda x, order: x.transpose(order),
    "slice": _sliced,
    "reshape": lambda x, shape: x.reshape(shape),
    "flip": _flipped,
    "expand": _expanded,
    "embed": _embedded,
    "blocks": _in_blocks,
}


def spread(arrays: Mapping[str, Array], program: Program) -> dict[str, Array]:
    """Every use as an array of its own, under its own name, and what the model does not have as what stands for it."""
    import numpy as np

    found = {
        # `ascontiguousarray` would turn a scalar into a vector.
        use.name: np.asarray(viewed(arrays[use.parameter.name], use.view), order="C")
        for use in program.uses()
    }
    for name, absent in program.without.items():
        found[name] = np.full(absent.parameter.shape, absent.neutral, dtype=np.float32)
    return found


def gathered(
    arrays: Mapping[str, Array], program: Program, where: str, *, of_uses: bool = False
) -> dict[str, Array]:
    """Arrays of uses as the tensors that are stored for them; arrays under other names stay as they are.

    Args:
        arrays: By name of a stored tensor (of its shape), or of a use (of that one's).
        program: Whose parameters they are.
        where: What messages begin with: the file.
        of_uses: Whether each array is that of a use, also where the stored tensor has its name and shape.

    Raises:
        UserError: Uses of one tensor do not agree, or together leave a part of it out.
    """
    import numpy as np

    uses: dict[str, list[Use]] = {}
    for use in program.uses():
        uses.setdefault(use.parameter.name, []).append(use)
    found = dict(arrays)
    for parameter in program.parameters():
        whole = arrays.get(parameter.name)
        given = [use for use in uses[parameter.name] if use.name in arrays]
        moved = of_uses and any(use.name == parameter.name and use.view for use in given)
        if whole is not None and whole.shape == parameter.shape and not moved:
            given = [use for use in given if use.name != parameter.name]
        elif all(arrays[use.name].shape != use.shape for use in given):
            continue  # missing, or of a shape that is none of both
        else:
            whole = None
        for use in given:
            if use.name != parameter.name:
                del found[use.name]
        if whole is not None and not given:
            continue  # one copy of all of it
        found[parameter.name] = _whole(parameter, whole, given, arrays, where)
    for name, absent in program.without.items():
        if name in found and bool(np.all(found[name] == absent.neutral)):
            del found[name]
    return found


def _whole(
    parameter: Parameter, whole: Array | None, given: list[Use], arrays: Mapping[str, Array], where: str
) -> Array:
    import numpy as np

    count = int(np.prod(parameter.shape, dtype=np.int64))
    # Element k of the tensor is number k + 1; 0 is an element of a use that is none of the tensor.
    numbers = np.arange(1, count + 1).reshape(parameter.shape)
    values = np.zeros(count + 1, dtype=np.float64 if whole is None else whole.dtype)
    known = np.zeros(count + 1, dtype=bool)
    known[0] = True
    if whole is not None:
        values[1:], known[1:] = whole.reshape(-1), True
    for use in given:
        array, places = arrays[use.name], viewed(numbers, use.view).reshape(-1)
        if array.shape != use.shape:
            raise UserError(
                f"{where}: TL502 {parameter.owner}: {use.name} has shape {show_shape(array.shape)}, "
                f"expected {show_shape(use.shape)}"
            )
        flat = array.reshape(-1)
        if whole is None and not known[1:].any():
            values = values.astype(array.dtype)
        told = known[places] & (values[places] != flat) & ~(np.isnan(values[places]) & np.isnan(flat))
        if told.any():
            other = "zero" if bool((places[told] == 0).all()) else parameter.name
            raise UserError(
                f"{where}: TL502 {parameter.owner}: {use.name} is another use of {parameter.name}, "
                f"but differs from {other}"
            )
        values[places], known[places] = flat, True
        values[0] = 0
    if not known.all():
        raise UserError(
            f"{where}: TL501 {parameter.owner}: {parameter.name} {show_shape(parameter.shape)}: the file has "
            f"{int(known[1:].sum()):,} of its {count:,} elements"
        )
    return values[1:].reshape(parameter.shape)
