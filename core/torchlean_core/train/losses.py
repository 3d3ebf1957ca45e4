"""Losses by name, between a batch of outputs and a batch of targets."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
import torch.nn.functional as F

from torchlean_core.errors import UsageError, UserError
from torchlean_core.kinds.numbers import show_shape
from torchlean_core.options.choices import CROSS_ENTROPY, LOSSES

LossFunction = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

_PLAIN: dict[str, LossFunction] = {
    "mse": F.mse_loss,
    "l1": F.l1_loss,
    "huber": F.huber_loss,
    "bce_with_logits": F.binary_cross_entropy_with_logits,
}


@dataclass(frozen=True, slots=True)
class Objective:
    """What is minimized: a loss with its options. All but the name belong to cross_entropy.

    Attributes:
        name: One of `LOSSES`; None where the graph's output is the loss.
        class_axis: Axis of the artifact's output that the classes are on, counted as in its shape, or from its
            end where negative; None where it follows from the targets.
        class_weights: One weight for each class, as torch's `weight`; empty for none.
        label_smoothing: As torch's, from 0 to 1.
        ignore_index: Class number of targets that do not count; None for none.
        of_command: Whether messages name options of the command line, in place of these arguments.
    """

    name: str | None
    class_axis: int | None = None
    class_weights: tuple[float, ...] = ()
    label_smoothing: float = 0.0
    ignore_index: int | None = None
    of_command: bool = field(default=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Check what does not depend on the output.

        Raises:
            UserError: The loss is unknown, or an option is impossible or not one of this loss.
        """
        if self.name is not None and self.name not in LOSSES:
            raise UserError(f"unknown loss {self.name!r}; there are {', '.join(LOSSES)}")
        given = {
            "class_axis": self.class_axis is not None,
            "class_weights": bool(self.class_weights),
            "label_smoothing": self.label_smoothing != 0,
            "ignore_index": self.ignore_index is not None,
        }
        if self.name != CROSS_ENTROPY and any(given.values()):
            option = self.spelled(next(name for name, is_given in given.items() if is_given))
            loss = "--loss cross_entropy" if self.of_command else "the loss cross_entropy"
            raise UsageError(f"{option} belongs to {loss}, not to {self.name or 'the graph'}")
        if not 0 <= self.label_smoothing <= 1:
            option = self.spelled("label_smoothing")
            raise UsageError(f"{option} must be from 0 to 1, found {self.label_smoothing}")
        weights = self.spelled("class_weights")
        if any(not (math.isfinite(weight) and weight >= 0) for weight in self.class_weights):
            raise UsageError(f"{weights} must be finite and 0 or greater")
        if self.class_weights and not any(self.class_weights):
            raise UsageError(f"{weights} are all 0: nothing would count")

    def spelled(self, argument: str) -> str:
        """An argument as whoever gave it knows it: `class_axis`, or `--class-axis`."""
        return "--" + argument.replace("_", "-") if self.of_command else argument

    @property
    def has_classes(self) -> bool:
        """Whether the output has an axis of classes."""
        return self.name == CROSS_ENTROPY

    def class_axes(self, outputs: Sequence[int]) -> list[int]:
        """The axes of an output shape that classes can be on: the one that was named, or all larger than 1.

        Class weights leave those of as many classes.

        Raises:
            UserError: There is none.
            UsageError: The axis that was named is none of the output's, or has one class only.
        """
        if not outputs:
            raise UserError("cross_entropy needs an output with an axis of classes; this one is a scalar")
        large = [axis for axis, size in enumerate(outputs) if size > 1]
        if not large:
            raise UserError(
                f"cross_entropy needs two classes or more; the output {show_shape(outputs)} has one value "
                "(bce_with_logits is the loss of a single logit)"
            )
        option, where = self.spelled("class_axis"), f"the output {show_shape(outputs)}"
        if self.class_axis is None:
            weights = len(self.class_weights)
            if weights and weights not in outputs:
                raise UsageError(
                    f"{self.spelled('class_weights')} has {weights} numbers; {where} has no axis of {weights} classes"
                )
            return [axis for axis in large if not weights or outputs[axis] == weights]
        rank = len(outputs)
        if not -rank <= self.class_axis < rank:
            raise UsageError(f"{option} {self.class_axis}: {where} has the axes 0 to {rank - 1}")
        axis = self.class_axis % rank
        if axis not in large:
            raise UsageError(
                f"{option} {self.class_axis}: {where} has one class there; axes are counted as in this shape"
            )
        return [axis]

    def on_axis(self, axis: int, outputs: Sequence[int]) -> Objective:
        """The objective with its classes on this axis of the output.

        Raises:
            UsageError: There are more or fewer classes than weights.
        """
        if self.class_weights and len(self.class_weights) != outputs[axis]:
            raise UsageError(
                f"{self.spelled('class_weights')} has {len(self.class_weights)} numbers for {outputs[axis]} classes"
            )
        return replace(self, class_axis=axis - len(outputs))

    def one_axis(self, outputs: Sequence[int]) -> Objective:
        """The objective with its classes on the only axis that they can be on.

        Raises:
            UserError: There is none.
            UsageError: There are several.
        """
        if not self.has_classes:
            return self
        return self.on_axis(self.require_one_axis(self.class_axes(outputs), outputs), outputs)

    def require_one_axis(self, axes: list[int], outputs: Sequence[int]) -> int:
        """The only axis of a list that classes can be on.

        Raises:
            UsageError: There are several.
        """
        if len(axes) > 1:
            *most, last = map(str, axes)
            raise UsageError(
                f"the classes can be on axis {', '.join(most)} or {last} of the output {show_shape(outputs)}; "
                f"{self.spelled('class_axis')} says which (1 where the model is one of images or sequences as "
                "torch has them)"
            )
        return axes[0]

    def function(self, device: torch.device | str = "cpu") -> LossFunction:
        """The loss of a batch of outputs and targets on a device; the class axis must be known.

        The classes' weights, label smoothing and the ignored class are torch's `F.cross_entropy`'s.
        """
        assert self.name is not None, "a graph that is its own loss has no loss between output and target"
        if not self.has_classes:
            return _PLAIN[self.name]
        assert self.class_axis is not None and self.class_axis < 0, "the class axis is known"
        axis, smoothing = self.class_axis, self.label_smoothing
        ignored = -100 if self.ignore_index is None else self.ignore_index  # torch's default: no class number
        weights = torch.tensor(self.class_weights, device=device) if self.class_weights else None

        def cross_entropy(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
            is_numbers = not target.is_floating_point()
            if axis != -1:
                output = output.movedim(axis, 1)
                target = target if is_numbers else target.movedim(axis, 1)
            elif output.ndim > 2:
                output = output.reshape(-1, output.shape[-1])
                target = target.reshape(-1) if is_numbers else target.reshape(output.shape)
            weight = None if weights is None else weights.to(output)
            return F.cross_entropy(output, target, weight, ignore_index=ignored, label_smoothing=smoothing)

        return cross_entropy

    def sample_weights(self, y: torch.Tensor | None) -> torch.Tensor | None:
        """How much each sample counts in the mean: (n,), float64; None where all count the same.

        A mean over a batch is one by these weights, so that means of batches make up the mean of all.

        Args:
            y: All targets, (n, …).
        """
        is_plain = not self.class_weights and self.ignore_index is None
        if y is None or not self.has_classes or is_plain or y.is_floating_point():
            return None
        counts = torch.ones_like(y, dtype=torch.bool) if self.ignore_index is None else y != self.ignore_index
        if self.class_weights:
            weights = torch.tensor(self.class_weights, dtype=torch.float64)
            return (weights[torch.where(counts, y, 0)] * counts).reshape(len(y), -1).sum(1)
        return counts.to(torch.float64).reshape(len(y), -1).sum(1)
