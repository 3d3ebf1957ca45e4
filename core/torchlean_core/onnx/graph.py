"""The graph of an ONNX file, looked through: what the outputs need, in an order in which it can be computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import onnx
import torch

Size = int | str | None
"""A size of an axis: a number, the name of one that is open, or nothing that is known of it."""


@dataclass(frozen=True, slots=True)
class Node:
    """One operator.

    Attributes:
        operator: Its type (`Conv`).
        name: The node's name; where it has none, that of its first output.
        version: The operator set in which its meaning is as it is here.
        inputs: Names of its operands; empty for one that is left out.
        outputs: Names of its results; empty for one that is not used.
        attributes: Its attributes, those that are left out with their default values.
        given: Names of the attributes that the file gives.
    """

    operator: str
    name: str
    version: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    given: frozenset[str] = frozenset()

    def __getitem__(self, attribute: str) -> Any:
        """An attribute that is given or has a default."""
        return self.attributes[attribute]

    def get(self, attribute: str, default: Any = None) -> Any:
        """An attribute, where there is one."""
        return self.attributes.get(attribute, default)

    def wants(self, place: int) -> bool:
        """Whether an output is used."""
        return place < len(self.outputs) and bool(self.outputs[place])

    def has(self, place: int) -> bool:
        """Whether an input is there."""
        return place < len(self.inputs) and bool(self.inputs[place])


@dataclass(frozen=True, slots=True)
class Graph:
    """What a file computes.

    Attributes:
        input: Name of the input.
        sizes: Its shape, as the file has it; None where it says nothing.
        dtype: Its type.
        outputs: Names of the outputs, in order.
        nodes: What the outputs need, operands first.
        tensors: The numbers that the file holds, by name: initializers.
        opset: Version of the operator set.
        producer: What wrote the file, in words; empty where it does not say.
        proto: The model, without functions, its numbers in it: for evaluation.
    """

    input: str
    sizes: Sequence[Size] | None
    dtype: torch.dtype
    outputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    tensors: Mapping[str, torch.Tensor]
    opset: int
    producer: str
    proto: onnx.ModelProto
