"""What a lowering computes with: values of the new graph, and tensors that are known beforehand."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NewType

import torch

from torchlean_core.graph import views
from torchlean_core.graph.identity import Identity
from torchlean_core.graph.views import Step, View, source, then
from torchlean_core.interp.compile import compiled

Shape = tuple[int, ...]

NodeIndex = NewType("NodeIndex", int)


@dataclass(frozen=True, slots=True)
class Value:
    """The result of a node of the graph that is being built.

    Attributes:
        index: Place of the node in the builder (not its id in the artifact, which comes at the end).
        shape: Shape of the tensor.
    """

    index: NodeIndex
    shape: Shape


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """A tensor that does not depend on the network's input: a parameter, a buffer, a constant.

    Attributes:
        tensor: Its value.
        name: Qualified name in the model, for a parameter or a buffer, or a view of one.
        trainable: Whether training may change it: it is, or is computed from, a parameter that the model trains.
        state: Whether it is, or is computed from, a parameter or a buffer. What is computed from one is
            computed in float64, since it is no number that the model's author wrote in float32.
        base: The parameter or buffer itself, of a view of one; None where it is no view.
        view: How it is made of that.
        derived: Names of the parameters that the model trains and that it was computed from.
        absent: Whether the model has no such tensor (`bias=False`), and this is what changes nothing.
        fixed: Whether no gradient goes through this use of it (`weight.detach()`).
    """

    tensor: torch.Tensor
    name: str | None = None
    trainable: bool = False
    state: bool = False
    base: torch.Tensor | None = None
    view: View = ()
    derived: tuple[str, ...] = ()
    absent: bool = False
    fixed: bool = False

    @property
    def shape(self) -> Shape:
        """Its shape."""
        return tuple(self.tensor.shape)

    @property
    def stored(self) -> torch.Tensor:
        """The tensor that is stored for it: the parameter itself, where it is a view of one."""
        return self.tensor if self.base is None else self.base

    @property
    def identity(self) -> Identity:
        """What the artifact says of it."""
        if self.absent:
            return Identity(absent=True)
        return Identity(
            self.name,
            self.view,
            tuple(self.stored.shape),
            None if self.trainable and not self.fixed else False,
            derived=self.derived,
        )

    def moved(self, step: Step) -> Known:
        """A view of it."""
        tensor = compiled(f"lambda p: {source((step,), 'p')}", views.HELPERS)(self.tensor.detach())
        if self.name is None:
            return replace(self, tensor=tensor)
        view = then(self.view, tuple(self.stored.shape), step)
        return replace(self, tensor=tensor, base=self.stored, view=view)

    def places(self) -> torch.Tensor:
        """Numbers of the elements of what is stored that it holds."""
        count = self.stored.numel()
        numbers = torch.arange(1, count + 1, dtype=torch.float64).reshape(self.stored.shape)
        held = compiled(f"lambda p: {source(self.view, 'p')}", views.HELPERS)(numbers).reshape(-1).long()
        return held[held > 0] - 1  # 0 is what a view puts between them

    def reshape(self, *shape: int) -> Known:
        """The same elements in another shape."""
        return self.moved(views.reshape(shape))

    def rows(self, chosen: Sequence[int]) -> Known | None:
        """Entries of the first axis; None where they are no view of a tensor that has a name."""
        if self.name is None:
            return replace(self, tensor=self.tensor.detach()[torch.tensor(list(chosen))])
        steps = views.rows(self.shape, chosen)
        if steps is None:
            return None
        result = self
        for step in steps:
            result = result.moved(step)
        return result

    def entries(self, axis: int, chosen: Sequence[int]) -> Known | None:
        """Entries of an axis; None where they are no view of a tensor that has a name."""
        order = [axis, *(other for other in range(len(self.shape)) if other != axis)]
        taken = self.moved(views.permute(*order)).rows(chosen)
        back = [order.index(place) for place in range(len(order))]
        return None if taken is None else taken.moved(views.permute(*back))


def absent(tensor: torch.Tensor) -> Known:
    """What stands where the model has no tensor, and changes nothing."""
    return Known(tensor, absent=True)


@dataclass(frozen=True, slots=True)
class Masked:
    """A value plus a constant with -inf in it, on its way to a softmax: the sum is made directly before that.

    Attributes:
        value: The finite summand.
        mask: The constant, of a shape that broadcasts to the value's.
    """

    value: Value
    mask: Known

    @property
    def shape(self) -> Shape:
        """Its shape."""
        return self.value.shape


@dataclass(frozen=True, slots=True)
class Unknown:
    """Stands for a result that has no form in the graph, such as indices.

    Attributes:
        why: What it is, for the message to whatever uses it; None where something was refused already, so
            that what follows from it is not judged.
    """

    why: str | None = None


Tensor = Value | Known
Operand = Value | Known | bool | int | float
"""What an elementwise operator takes."""


def is_finite(tensor: torch.Tensor) -> bool:
    """Whether all elements are finite, looked at without a tensor as large as it; NaN is least and most."""
    if not tensor.numel() or not (tensor.is_floating_point() or tensor.is_complex()):
        return True
    if tensor.is_complex():
        return bool(torch.isfinite(tensor).all())
    return all(math.isfinite(float(end)) for end in torch.aminmax(tensor))


def content(tensor: torch.Tensor) -> memoryview:
    """The bytes of a contiguous tensor on the CPU, without a copy (numpy may be missing, which has a way)."""
    assert tensor.is_contiguous() and tensor.device.type == "cpu"
    size = tensor.numel() * tensor.element_size()
    if not size:
        return memoryview(b"")
    memory = (ctypes.c_ubyte * size).from_address(tensor.data_ptr())
    memory.tensor = tensor  # type: ignore[attr-defined]  # lives as long as the view of its memory
    return memoryview(memory).cast("B")
