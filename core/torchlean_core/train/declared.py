"""What the inputs of a loss must be, and the message where they are something else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from torchlean_core.errors import UserError, type_name
from torchlean_core.train.fitting import by_targets, class_numbers, without_axis
from torchlean_core.train.losses import Objective

Dims = Sequence[int | str]
"""A shape whose sizes may be names: of any size, and equal names of one size in all inputs."""

Form = tuple[Dims, torch.dtype | None]
"""A shape and a type; the type of the module's parameters where None."""

Check = Callable[[torch.Tensor], None]
"""Refuses values, with a `UserError`, of an input whose shape and type are right."""

CLASS_NUMBERS = torch.int64
"""Type of class numbers."""


@dataclass(frozen=True)
class Input:
    """One input of a loss.

    Attributes:
        name: What messages call it.
        shape: Its shape, such as `("n", 4)`.
        dtype: Its type; that of the module's parameters where None.
        others: Other forms that it may have, each a shape and a type as above.
        check: What its values are held against; any will do where None.
    """

    name: str
    shape: Dims
    dtype: torch.dtype | None = None
    others: Sequence[Form] = ()
    check: Check | None = None

    def forms(self) -> list[Form]:
        """All forms that it may have."""
        return [(self.shape, self.dtype), *self.others]


def require_inputs(xs: Sequence[torch.Tensor], declared: Sequence[Input], dtype: torch.dtype) -> None:
    """Check the number, shapes, types and declared values of inputs; nothing is broadcast.

    Args:
        xs: The inputs.
        declared: What they must be.
        dtype: Type of the module's parameters.

    Raises:
        UserError: They are something else, or a batch is empty: the first axis has a name, and no elements.
    """
    if len(xs) != len(declared):
        names = ", ".join(one.name for one in declared)
        raise UserError(f"the loss takes {len(declared)} inputs ({names}), found {len(xs)}")
    sizes: dict[str, int] = {}
    for x, one in zip(xs, declared, strict=True):
        if not isinstance(x, torch.Tensor):
            raise UserError(f"{one.name} is of type {type_name(x)}, expected a tensor")
        found = (
            matched
            for shape, kind in one.forms()
            if x.dtype == (kind or dtype) and (matched := _matched(x.shape, shape, sizes)) is not None
        )
        matched = next(found, None)
        if matched is None:
            expected = " or ".join(_words(shape, kind or dtype, sizes) for shape, kind in one.forms())
            raise UserError(
                f"{one.name} is {_words(x.shape, x.dtype, {})}, expected {expected}; nothing is broadcast or cast"
            )
        sizes |= matched
        if x.ndim and not x.shape[0] and isinstance(one.shape[0], str):
            raise UserError(f"{one.name} is {_words(x.shape, x.dtype, {})}: the batch is empty")
        if one.check is not None:
            one.check(x)


def program_inputs(inputs: Sequence[int], outputs: Sequence[int], objective: Objective) -> list[Input]:
    """What the loss of a graph over batches takes: x (n, *inputs), and y of the outputs' shape or class numbers."""
    x = Input("x", ("n", *inputs))
    if objective.name is None:
        return [x]
    if not objective.has_classes:
        return [x, Input("y", ("n", *outputs))]
    numbers: list[Form] = [
        (("n", *without_axis(outputs, axis)), CLASS_NUMBERS) for axis in objective.class_axes(outputs)
    ]

    def check(y: torch.Tensor) -> None:
        if y.dtype == CLASS_NUMBERS:
            known = by_targets(objective, tuple(outputs), y)[0]
            assert known.class_axis is not None, "targets of classes say their axis"
            class_numbers(y, outputs[known.class_axis], known)

    return [x, Input("y", ("n", *outputs), None, numbers, check)]


def _matched(found: Sequence[int], expected: Dims, sizes: dict[str, int]) -> dict[str, int] | None:
    """The sizes that names stand for where shapes agree, else None."""
    if len(found) != len(expected):
        return None
    sizes = dict(sizes)
    for size, wanted in zip(found, expected, strict=True):
        if size != (sizes.setdefault(wanted, size) if isinstance(wanted, str) else wanted):
            return None
    return sizes


def _words(shape: Dims, dtype: torch.dtype, sizes: dict[str, int]) -> str:
    known = [sizes.get(dim, dim) if isinstance(dim, str) else dim for dim in shape]
    return f"{str(dtype).removeprefix('torch.')} [{', '.join(map(str, known))}]"
