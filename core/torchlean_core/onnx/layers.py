"""Products with a matrix of the file, and the bias that is added to them, as the one layer that they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F

from torchlean_core.onnx.graph import Node
from torchlean_core.onnx.steps import Computed, Held, Operand, Step


def linear(
    node: Node, x: torch.Tensor, matrix: torch.Tensor, bias: torch.Tensor | None = None
) -> torch.Tensor:
    """A linear layer."""
    return F.linear(x, matrix.t(), None if bias is None else bias.reshape(-1))


def with_layers(
    steps: Sequence[Step],
    learned: Mapping[str, torch.Tensor],
    ranks: Mapping[str, int],
    outputs: Collection[str],
) -> list[Step]:
    """The steps with a linear layer for each product with a learned matrix.

    Args:
        steps: In order.
        learned: The parameters.
        ranks: Number of axes of what is computed.
        outputs: Names of what is returned.
    """
    uses = Counter(one.name for step in steps for one in step.operands if isinstance(one, Computed))
    uses.update([*outputs])
    layers: dict[str, int] = {}
    found: list[Step | None] = []
    for step in steps:
        if _is_layer(step, learned, ranks):
            layers[step.node.outputs[0]] = len(found)
            found.append(replace(step, function=linear))
            continue
        place = _added_to(step, layers, uses)
        if place is not None and (layer := found[place]) is not None:
            bias = next(one for one in step.operands if isinstance(one, Held))
            columns = learned[_name(layer.operands[1])].shape[1]
            if _is_bias(bias, columns, learned, ranks[step.node.outputs[0]]):
                found[place] = None
                node = replace(layer.node, outputs=step.node.outputs)
                found.append(replace(layer, node=node, operands=(*layer.operands, bias)))
                continue
        found.append(step)
    return [step for step in found if step is not None]


def _name(operand: Operand) -> str:
    assert isinstance(operand, Held)
    return operand.name


def _is_layer(step: Step, learned: Mapping[str, torch.Tensor], ranks: Mapping[str, int]) -> bool:
    if step.node.operator != "MatMul":
        return False
    x, matrix = step.operands
    if not isinstance(x, Computed) or not isinstance(matrix, Held):
        return False
    return matrix.name in learned and learned[matrix.name].dim() == 2 and ranks[x.name] > 0


def _added_to(step: Step, layers: Mapping[str, int], uses: Mapping[str, int]) -> int | None:
    """The place of the layer that a step adds a tensor of the module to, where nothing else uses it."""
    if step.node.operator != "Add" or sorted(type(one).__name__ for one in step.operands) != [
        "Computed",
        "Held",
    ]:
        return None
    (x,) = (one.name for one in step.operands if isinstance(one, Computed))
    return layers.get(x) if uses[x] == 1 else None


def _is_bias(bias: Held, columns: int, learned: Mapping[str, torch.Tensor], rank: int) -> bool:
    """Whether a tensor is one number for each column."""
    found = learned.get(bias.name)
    if found is None:
        return False
    return found.numel() == columns and list(found.shape[-1:]) == [columns] and found.dim() <= rank
