"""What a lowering computes with: values of the new graph, and tensors that are known beforehand."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import NewType

import torch

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
        name: Qualified name in the model, for a parameter or a buffer (or a view of one).
        trainable: Whether training may change it: it is, or is computed from, a model parameter.
        state: Whether it is, or is computed from, a parameter or a buffer. What is computed from one is
            computed in float64, since it is no number that the model's author wrote in float32.
    """

    tensor: torch.Tensor
    name: str | None = None
    trainable: bool = False
    state: bool = False

    @property
    def shape(self) -> Shape:
        """Its shape."""
        return tuple(self.tensor.shape)


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


def content(tensor: torch.Tensor) -> memoryview:
    """The bytes of a contiguous tensor on the CPU, without a copy (numpy may be missing, which has a way)."""
    assert tensor.is_contiguous() and tensor.device.type == "cpu"
    size = tensor.numel() * tensor.element_size()
    if not size:
        return memoryview(b"")
    memory = (ctypes.c_ubyte * size).from_address(tensor.data_ptr())
    memory.tensor = tensor  # type: ignore[attr-defined]  # lives as long as the view of its memory
    return memoryview(memory).cast("B")
