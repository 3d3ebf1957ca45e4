"""The steps that a graph comes to for one shape of its input."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from torchlean_core.onnx.graph import Node


@dataclass(frozen=True, slots=True)
class Computed:
    """An operand that is computed, by its name."""

    name: str


@dataclass(frozen=True, slots=True)
class Held:
    """An operand that is a tensor of the module, by its name in the file."""

    name: str


@dataclass(frozen=True, slots=True)
class Plain:
    """An operand that is a number, a list of such, or left out."""

    value: Any


Operand = Computed | Held | Plain


@dataclass(frozen=True, slots=True)
class Step:
    """One operator that depends on the input or on parameters.

    Attributes:
        node: The operator in the file.
        function: Computes it.
        operands: What it takes.
        forgets: Names of values that nothing takes any more afterwards.
    """

    node: Node
    function: Callable[..., Any]
    operands: tuple[Operand, ...]
    forgets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """A graph for one shape.

    Attributes:
        input: Name of the input.
        steps: In order.
        parameters: Tensors that training changes, by their names in the file.
        constants: Tensors that stay as they are.
        outputs: What is returned, by the outputs' names.
    """

    input: str
    steps: tuple[Step, ...]
    parameters: Mapping[str, torch.Tensor]
    constants: Mapping[str, torch.Tensor]
    outputs: Mapping[str, Operand]
