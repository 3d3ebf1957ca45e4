"""Views: how a use of a parameter is made of the stored tensor (semantics section 2a).

A view is a sequence of steps, applied in order. Nothing here needs torch: what computes a view is the source text
of a torch expression, which the interpreter, the trainer and generated code share.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torchlean_core.kinds.numbers import show_shape

Shape = tuple[int, ...]


class ViewError(ValueError):
    """A view is malformed, or does not fit the tensor that it is applied to."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a view.

    Attributes:
        name: Its key in the artifact (`permute`, `slice`, `reshape`, `flip`, `expand`, `embed`, `blocks`).
        value: Its value, arrays as tuples: an order of axes, (axis, start, stop) triples, a shape, axes, a shape,
            (shape, start, step), a number of groups.
    """

    name: str
    value: Any


View = tuple[Step, ...]
"""Steps in order; none: the tensor as it is."""


def permute(*order: int) -> Step:
    """Axes in another order, as `torch.permute`."""
    return Step("permute", order)


def narrow(*parts: tuple[int, int, int]) -> Step:
    """Of each (axis, start, stop) the entries from start to before stop."""
    return Step("slice", parts)


def reshape(shape: Sequence[int]) -> Step:
    """The same elements in row-major order in another shape."""
    return Step("reshape", tuple(shape))


def flip(*axes: int) -> Step:
    """The entries of axes backwards."""
    return Step("flip", axes)


def expand(shape: Sequence[int]) -> Step:
    """Axes of size 1, and new ones in front, repeated, as `torch.expand`."""
    return Step("expand", tuple(shape))


def embed(shape: Sequence[int], start: Sequence[int], step: Sequence[int]) -> Step:
    """Into zeros of a shape, the entries of each axis from `start` on, `step` apart."""
    return Step("embed", (tuple(shape), tuple(start), tuple(step)))


def blocks(groups: int) -> Step:
    """The dense kernel (out, in, …), zero off its blocks, of a grouped one (out, in / groups, …)."""
    return Step("blocks", groups)


# -- shapes -----------------------------------------------------------------------------------------------


def viewed_shape(view: View, shape: Shape) -> Shape:
    """The shape of a view of a tensor.

    Raises:
        ViewError: A step does not fit.
    """
    for step in view:
        shape = _RULES[step.name](step.value, shape)
    return shape


def _permuted(order: Sequence[int], shape: Shape) -> Shape:
    if sorted(order) != list(range(len(shape))):
        raise ViewError(f"permute {show_shape(order)} is no order of the axes of {show_shape(shape)}")
    return tuple(shape[axis] for axis in order)


def _narrowed(parts: Sequence[tuple[int, int, int]], shape: Shape) -> Shape:
    sizes = list(shape)
    for axis, start, stop in parts:
        if axis >= len(shape) or not start <= stop <= sizes[axis]:
            raise ViewError(f"slice [{axis}, {start}, {stop}] does not fit {show_shape(shape)}")
        sizes[axis] = stop - start
    return tuple(sizes)


def _reshaped(target: Shape, shape: Shape) -> Shape:
    if math.prod(target) != math.prod(shape):
        raise ViewError(
            f"reshape of {show_shape(shape)} to {show_shape(target)} changes the number of elements"
        )
    return target


def _flipped(axes: Sequence[int], shape: Shape) -> Shape:
    if any(axis >= len(shape) for axis in axes) or len(set(axes)) != len(axes):
        raise ViewError(f"flip {show_shape(axes)} does not name axes of {show_shape(shape)}")
    return shape


def _expanded(target: Shape, shape: Shape) -> Shape:
    new = len(target) - len(shape)
    if new < 0 or any(a not in (1, b) for a, b in zip(shape, target[new:], strict=True)):
        raise ViewError(f"expand of {show_shape(shape)} to {show_shape(target)}")
    return target


def _embedded(value: tuple[Shape, Shape, Shape], shape: Shape) -> Shape:
    target, start, step = value
    if not len(target) == len(start) == len(step) == len(shape):
        raise ViewError(f"embed into {show_shape(target)} does not fit the rank of {show_shape(shape)}")
    for size, room, first, apart in zip(shape, target, start, step, strict=True):
        if apart < 1 or (size and first + (size - 1) * apart >= room):
            raise ViewError(f"embed: {show_shape(shape)} does not fit into {show_shape(target)}")
    return target


def _in_blocks(groups: int, shape: Shape) -> Shape:
    if len(shape) < 2 or groups < 1 or shape[0] % groups:
        raise ViewError(f"blocks {groups} does not divide {show_shape(shape)}")
    return (shape[0], shape[1] * groups, *shape[2:])


_RULES: Mapping[str, Callable[[Any, Shape], Shape]] = {
    "permute": _permuted,
    "slice": _narrowed,
    "reshape": _reshaped,
    "flip": _flipped,
    "expand": _expanded,
    "embed": _embedded,
    "blocks": _in_blocks,
}
"""The shape that each step gives; the one list of steps."""


def source_shape(view: View, shape: Shape) -> Shape | None:
    """The least shape of a tensor of which a view has this shape; None where a step does not tell.

    Raises:
        ViewError: No tensor has such a view.
    """
    for step in reversed(view):
        value = step.value
        if step.name == "permute":
            if sorted(value) != list(range(len(shape))):
                raise ViewError(f"permute {show_shape(value)} is no order of the axes of {show_shape(shape)}")
            shape = tuple(shape[value.index(axis)] for axis in range(len(value)))
        elif step.name == "slice":
            sizes = list(shape)
            for axis, start, stop in value:
                if axis >= len(sizes) or stop - start != sizes[axis]:
                    raise ViewError(f"slice [{axis}, {start}, {stop}] does not give {show_shape(shape)}")
                sizes[axis] = stop
            shape = tuple(sizes)
        elif step.name == "blocks":
            if len(shape) < 2 or not value or shape[1] % value or shape[0] % value:
                raise ViewError(f"blocks {value} does not divide {show_shape(shape)}")
            shape = (shape[0], shape[1] // value, *shape[2:])
        elif step.name == "embed" and not any(value[1]):
            room, _, apart = value
            if room != shape or len(apart) != len(room) or 0 in apart:
                raise ViewError(f"embed into {show_shape(room)} does not give {show_shape(shape)}")
            shape = tuple((size - 1) // by + 1 for size, by in zip(room, apart, strict=True))
        elif step.name != "flip":
            return None
    return shape


# -- composing ----------------------------------------------------------------------------------------------


def then(view: View, base: Shape, step: Step) -> View:
    """A view followed by one more step, in the shortest form: what changes nothing goes.

    Args:
        view: The view so far.
        base: Shape of the tensor that it is a view of.
        step: The step.

    Raises:
        ViewError: The step does not fit.
    """
    before = viewed_shape(view, base)
    after = viewed_shape((step,), before)
    last = view[-1] if view else None
    if step.name == "permute":
        if last is not None and last.name == "permute":
            order = tuple(last.value[axis] for axis in step.value)
            return then(view[:-1], base, permute(*order))
        if list(step.value) == list(range(len(before))):
            return view
        moved = [axis for axis in step.value if before[axis] != 1]
        if moved == sorted(moved):  # only axes of size 1 move
            return then(view, base, reshape(after))
    elif step.name == "reshape":
        if last is not None and last.name == "reshape":
            return then(view[:-1], base, step)
        if before == after:
            return view
    elif step.name == "slice":
        parts = tuple(part for part in step.value if (part[1], part[2]) != (0, before[part[0]]))
        if not parts:
            return view
        if last is not None and last.name == "slice":
            return (*view[:-1], narrow(*_merged(last.value, parts)))
        return (*view, narrow(*parts))
    elif step.name == "flip":
        axes = tuple(axis for axis in step.value if before[axis] > 1)
        return (*view, flip(*axes)) if axes else view
    elif before == after:  # the steps that are left change nothing without another shape
        return view
    return (*view, step)


def _merged(
    first: Sequence[tuple[int, int, int]], second: Sequence[tuple[int, int, int]]
) -> list[tuple[int, int, int]]:
    found = {axis: (start, stop) for axis, start, stop in first}
    for axis, start, stop in second:
        before = found.get(axis, (0, 0))[0]
        found[axis] = (before + start, before + stop)
    return [(axis, *ends) for axis, ends in sorted(found.items())]


def rows(base: Shape, chosen: Sequence[int]) -> View | None:
    """The view that takes rows of axis 0, in an order of which a view exists; None where none does.

    That is: neighbours, or the same neighbours out of every block of rows (as of interleaved heads).
    """
    if not chosen:
        return None
    start, total = chosen[0], base[0]
    length = next((n for n, row in enumerate(chosen) if row != start + n), len(chosen))
    if length == len(chosen):
        return then((), base, narrow((0, start, start + length)))
    period = chosen[length] - start
    if period < 1 or total % period or len(chosen) != length * (total // period):
        return None
    if start + length > period or list(chosen) != [
        block + start + n for block in range(0, total, period) for n in range(length)
    ]:
        return None
    rest = base[1:]
    view = then((), base, reshape((total // period, period, *rest)))
    view = then(view, base, narrow((1, start, start + length)))
    return then(view, base, reshape((len(chosen), *rest)))


# -- source text --------------------------------------------------------------------------------------------


HELPERS = ("embed", "blocks")
"""Steps that are computed by a function of `kinds.helpers` of that name."""


def source(view: View, text: str) -> str:
    """Source text of the torch expression that computes a view of a tensor."""
    for step in view:
        text = _step_source(step, text)
    return text


def _step_source(step: Step, text: str) -> str:
    value = step.value
    if value == () and step.name in ("permute", "slice", "flip"):
        return text  # torch wants an axis
    if step.name == "slice":
        ranges = {axis: f"{start}:{stop}" for axis, start, stop in value}
        return f"{text}[{', '.join(ranges.get(axis, ':') for axis in range(max(ranges) + 1))}]"
    if step.name == "embed":
        return f"embed({text}, {', '.join(_ints(part) for part in value)})"
    if step.name == "blocks":
        return f"blocks({text}, {value})"
    if step.name in ("expand", "reshape") and not value:
        return f"{text}.{step.name}(())"
    return f"{text}.{step.name}({', '.join(map(str, value))})"


def _ints(values: Sequence[int]) -> str:
    return f"({', '.join(map(str, values))}{',' if len(values) == 1 else ''})"


# -- JSON ---------------------------------------------------------------------------------------------------


def view_json(view: View) -> list[dict[str, Any]]:
    """A view as the artifact writes it."""
    return [{step.name: _json(step)} for step in view]


def _json(step: Step) -> Any:
    if step.name == "embed":
        return {key: list(part) for key, part in zip(("shape", "start", "step"), step.value, strict=True)}
    if step.name == "slice":
        return [list(part) for part in step.value]
    return step.value if step.name == "blocks" else list(step.value)


def parse_view(value: Any) -> View:
    """A view as the artifact writes it.

    Raises:
        ViewError: It is none.
    """
    if not isinstance(value, list):
        raise ViewError("`view` must be an array of steps")
    return tuple(_parse_step(step) for step in value)


def _parse_step(step: Any) -> Step:
    if not isinstance(step, dict) or len(step) != 1:
        raise ViewError("each step of a `view` must be an object with one key")
    ((name, value),) = step.items()
    if name not in _RULES:
        raise ViewError(f"`view` knows no step {name!r:.40}; there are {', '.join(_RULES)}")
    if name == "blocks":
        return blocks(_natural(name, value))
    if name == "embed":
        if not isinstance(value, dict) or set(value) != {"shape", "start", "step"}:
            raise ViewError("`embed` needs shape, start and step")
        return embed(*(_naturals(name, value[key]) for key in ("shape", "start", "step")))
    if name == "slice":
        parts = value if isinstance(value, list) else [None]
        found = [_naturals(name, part) for part in parts]
        if any(len(part) != 3 for part in found):
            raise ViewError("`slice` must be an array of [axis, start, stop]")
        return narrow(*((axis, start, stop) for axis, start, stop in found))
    return Step(name, _naturals(name, value))


def _naturals(name: str, value: Any) -> tuple[int, ...]:
    if not isinstance(value, list):
        raise ViewError(f"`{name}` must be an array of natural numbers")
    return tuple(_natural(name, item) for item in value)


def _natural(name: str, value: Any) -> int:
    whole = int(value) if isinstance(value, float) and value.is_integer() else value
    if type(whole) is not int or whole < 0:
        raise ViewError(f"`{name}` must hold natural numbers")
    return whole
