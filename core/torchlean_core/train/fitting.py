"""Samples as they were found, made fit for a graph and a loss: shapes, types, and what targets mean."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import torch

from torchlean_core.basics.visible import shortened
from torchlean_core.errors import UsageError, UserError
from torchlean_core.kinds.numbers import show_shape
from torchlean_core.options.choices import CROSS_ENTROPY
from torchlean_core.train.losses import Objective

Shape = tuple[int, ...]
_SHOWN_KEYS = 12


@dataclass(frozen=True, slots=True)
class Wanted:
    """What samples are asked to be.

    Attributes:
        inputs: Shape of one input.
        outputs: Shape of one output.
        objective: The loss; one without a name takes no targets.
        x: Name of the inputs in a file or mapping; `x` where None.
        y: Name of the targets; `y` where None.
        dtype: Type of inputs, and of targets that are no class numbers.
    """

    inputs: Shape
    outputs: Shape
    objective: Objective
    x: str | None = None
    y: str | None = None
    dtype: torch.dtype = torch.float32

    @property
    def takes_targets(self) -> bool:
        """Whether the loss needs targets."""
        return self.objective.name is not None

    def keys(self, found: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Which of the names that were found are x and y: `("x", "images")`, `("y", "labels")`.

        Raises:
            UserError: One that is needed is missing; the message lists those that are there.
        """
        wanted = {"x": self.x or "x", "y": self.y or "y"} if self.takes_targets else {"x": self.x or "x"}
        missing = [role for role, name in wanted.items() if name not in found]
        for role, name in wanted.items():
            if name not in found:
                why = "" if role == "x" else f", which the loss {self.objective.name} needs"
                listed = ", ".join(shortened(key) for key in found[:_SHOWN_KEYS]) or "nothing"
                more = ", …" if len(found) > _SHOWN_KEYS else ""
                others = [key for key in found if key not in wanted.values()]
                options = " ".join(f"--{one} NAME" for one in missing)
                says = "say which are meant" if len(missing) > 1 else "says which is meant"
                hint = f"; {options} {says}" if others else ""
                raise UserError(f"holds no `{name}`{why}; it holds {listed}{more}{hint}")
            yield role, name


@dataclass(frozen=True, slots=True)
class Fitted:
    """Samples that fit.

    Attributes:
        x: Inputs, (n, *input shape).
        y: Targets, (n, …); None where there are none.
        objective: The loss, with the class axis that the targets say.
    """

    x: torch.Tensor
    y: torch.Tensor | None
    objective: Objective


def fit(found: Mapping[str, torch.Tensor], wanted: Wanted, tell: Callable[[str], None]) -> Fitted:
    """The samples `x` and `y` as the graph and the loss take them.

    Args:
        found: What was read.
        wanted: What it must be.
        tell: Gets what a user should know of how the samples are read.

    Raises:
        UserError: They do not fit.
        UsageError: An option of the loss does not fit, or the class axis is not clear.
    """
    x = shaped("x", floats("x", found["x"], wanted.dtype), wanted.inputs)
    if not len(x):
        raise UserError("the dataset is empty")
    if found["x"].dtype == torch.uint8:
        tell(
            "x is uint8 (0 to 255): taken as it is, in float32, not scaled to 0 to 1; "
            "scale it in the data (x / 255) where the model was trained so"
        )
    if not wanted.takes_targets:
        return Fitted(x, None, wanted.objective)
    y = found["y"]
    if y.shape[:1] != x.shape[:1]:
        raise UserError(
            f"x {show_shape(x.shape)} and y {show_shape(y.shape)} differ in the number of samples"
        )
    if wanted.objective.has_classes:
        return _with_classes(x, y, wanted)
    _require_no_class_numbers(y, wanted)
    y = shaped("y", floats("y", y, wanted.dtype), wanted.outputs)
    if wanted.objective.name == "bce_with_logits":
        _require_probabilities(y, "bce_with_logits")
    return Fitted(x, y, wanted.objective)


def without_axis(shape: Sequence[int], axis: int) -> Shape:
    """A shape without one of its axes."""
    return (*shape[:axis], *shape[axis + 1 :])


def _with_classes(x: torch.Tensor, y: torch.Tensor, wanted: Wanted) -> Fitted:
    """Class numbers, int64, or probabilities of the output's shape; the class axis follows from their shape."""
    outputs = wanted.outputs
    objective, sample = by_targets(wanted.objective, outputs, y)
    if sample == outputs:
        y = shaped("y", floats("y", y, wanted.dtype), outputs)
        _require_probabilities(y, CROSS_ENTROPY)
        return Fitted(x, y, objective)
    assert objective.class_axis is not None, "the targets said which"
    y = class_numbers(shaped("y", y, sample), outputs[objective.class_axis], objective)
    counts = objective.sample_weights(y)
    if counts is not None and not bool(counts.any()):
        raise UserError("no target counts: all are ignored, or of classes with weight 0")
    return Fitted(x, y, objective)


def by_targets(objective: Objective, outputs: Shape, y: torch.Tensor) -> tuple[Objective, Shape]:
    """A loss with classes on the axis that its targets say.

    Returns:
        The loss, and the shape of one target: the output's without the class axis for class numbers, the
        output's for probabilities.

    Raises:
        UserError: The targets (n, …) have neither shape.
        UsageError: Several axes would do; or as `Objective.on_axis`.
    """
    axes = objective.class_axes(outputs)
    fitting = [axis for axis in axes if fits(y.shape[1:], without_axis(outputs, axis))]
    if fitting:
        axis = objective.require_one_axis(fitting, outputs)
        return objective.on_axis(axis, outputs), without_axis(outputs, axis)
    if not (y.is_floating_point() and fits(y.shape[1:], outputs)):
        raise UserError(_no_class_shape(y, axes, outputs))
    if objective.ignore_index is not None:
        raise UsageError(f"{objective.spelled('ignore_index')} is a class number, and y holds probabilities")
    return objective.on_axis(objective.require_one_axis(axes, outputs), outputs), outputs


def _no_class_shape(y: torch.Tensor, axes: list[int], outputs: Shape) -> str:
    expected = {without_axis(outputs, axis): axis for axis in reversed(axes)}
    words = [f"{_samples(shape)} (classes on axis {axis})" for shape, axis in reversed(expected.items())]
    text = (
        f"y has shape {show_shape(y.shape)}, expected class numbers, samples first: {' or '.join(words)}; "
        f"or probabilities {_samples(outputs)}"
    )
    if not y.is_floating_point() and fits(y.shape[1:], outputs):
        text += "; it holds whole numbers: as floats they are probabilities"
    return text


def class_numbers(y: torch.Tensor, count: int, objective: Objective) -> torch.Tensor:
    """Targets as class numbers in int64.

    Args:
        y: The targets, of any shape and type.
        count: How many classes there are.
        objective: The loss, which may ignore one number.

    Raises:
        UserError: One is no whole number, or is out of range.
    """
    ignored = objective.ignore_index
    floats("y", y)
    exact = y.to(torch.float64)  # class numbers of any type: those that int64 does not hold are out of range
    if not bool((exact == exact.round()).all()):
        raise UserError("y must be class numbers (whole numbers) for cross_entropy")
    counted = exact if ignored is None else exact[exact != ignored]
    bad = counted[(counted < 0) | (counted >= count)]
    if bad.numel():
        lowest = bad.min().item()
        found = lowest if lowest < 0 else bad.max().item()
        alike = bool((bad == bad[0]).all())
        hint = f"; {objective.spelled('ignore_index')} {found:g} leaves such targets out" if alike else ""
        raise UserError(f"y holds class {found:g}; there are {count} (0 to {count - 1}){hint}")
    return y.to(torch.int64)


def _require_no_class_numbers(y: torch.Tensor, wanted: Wanted) -> None:
    """Refuse targets that are no values of the output's shape but class numbers, with the loss that takes them."""
    if fits(y.shape[1:], wanted.outputs) or y.is_floating_point() or y.is_complex():
        return
    axes = [axis for axis, size in enumerate(wanted.outputs) if size > 1]
    if any(fits(y.shape[1:], without_axis(wanted.outputs, axis)) for axis in axes):
        raise UserError(
            f"y has shape {show_shape(y.shape)}, expected samples first: {_samples(wanted.outputs)}; it holds "
            "whole numbers: for class numbers use --loss cross_entropy"
        )


def _require_probabilities(y: torch.Tensor, loss: str) -> None:
    if not bool(((y >= 0) & (y <= 1)).all()):
        raise UserError(f"y must be between 0 and 1 for {loss}")


def fits(found: Sequence[int], expected: Sequence[int]) -> bool:
    """Whether shapes are equal up to dimensions of 1 in front."""
    return _without_ones(found) == _without_ones(expected)


def _without_ones(shape: Sequence[int]) -> Shape:
    shape = tuple(shape)
    while shape[:1] == (1,):
        shape = shape[1:]
    return shape


def shaped(name: str, tensor: torch.Tensor, sample: Shape) -> torch.Tensor:
    """The tensor as (n, *sample); dimensions of 1 in front of a sample may be missing, or too many.

    Raises:
        UserError: It has another shape.
    """
    if not tensor.ndim or not fits(tensor.shape[1:], sample):
        raise UserError(
            f"{name} has shape {show_shape(tensor.shape)}, expected samples first: {_samples(sample)}"
            f"{_moved(tensor.shape[1:], sample)}"
        )
    return tensor.reshape(tensor.shape[0], *sample).contiguous()


def _samples(shape: Sequence[int]) -> str:
    return f"[n{''.join(f', {dim}' for dim in shape)}]"


def _moved(found: Sequence[int], expected: Shape) -> str:
    """A hint where the axes are there in another order, as in images with their channels last."""
    found, core = _without_ones(found), _without_ones(expected)
    if len(found) != len(core) or sorted(found) != sorted(core) or len(core) > 4:
        return ""
    orders = [order for order in permutations(range(len(core))) if tuple(found[k] for k in order) == core]
    if not orders:
        return ""
    order = next((one for one in orders if one == (len(core) - 1, *range(len(core) - 1))), orders[0])
    return f"; the axes are in another order: permute(0, {', '.join(str(k + 1) for k in order)}) of it fits"


def floats(name: str, tensor: torch.Tensor, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """The tensor in a floating type.

    Raises:
        UserError: It holds complex numbers, or values that are not finite there.
    """
    if tensor.is_complex():
        raise UserError(f"{name} is {str(tensor.dtype).removeprefix('torch.')}, expected numbers")
    rounded = tensor.to(dtype)
    bad = ~torch.isfinite(rounded)
    if bool(bad.any()):
        is_finite = bool(torch.isfinite(tensor[bad].to(torch.float64)).all())
        what = f"too large for {str(dtype).removeprefix('torch.')}" if is_finite else "not finite"
        raise UserError(f"{name} holds {int(bad.sum())} values that are {what}")
    return rounded


def csv_targets(wanted: Wanted) -> dict[int, Shape | None]:
    """Shapes that a target in a row of numbers may have, by how many those are; None where there is no target.

    Raises:
        UserError: No class axis can be found.
        UsageError: The class axis is not clear.
    """
    outputs = wanted.outputs
    if not wanted.takes_targets:
        return {0: None}
    found: dict[int, Shape | None] = {math.prod(outputs): outputs}
    if wanted.objective.has_classes:
        axes = wanted.objective.class_axes(outputs)
        for axis in axes:
            shape = without_axis(outputs, axis)
            same = [other for other in axes if math.prod(without_axis(outputs, other)) == math.prod(shape)]
            wanted.objective.require_one_axis(same, outputs)
            found[math.prod(shape)] = shape
    return found
