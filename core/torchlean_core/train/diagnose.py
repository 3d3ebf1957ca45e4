"""Where a loss that is not finite came from."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from torchlean_core.errors import UserError
from torchlean_core.graph import TensorNode
from torchlean_core.interp import Interpreter


def first_not_finite(interpreter: Interpreter, params: Mapping[str, torch.Tensor], x: torch.Tensor) -> str:
    """The first node where values that are not finite arise, for a batch of inputs, in words.

    A node is the place where they arise if its operands are free of them (or hold infinities only, and it
    is the first with NaN). A constant mask that holds -inf on purpose does not count.
    """
    live = interpreter.program.live()
    for sample in x:
        state: list[tuple[bool, bool]] = []  # by node: holds NaN, holds an infinity
        for node, value in interpreter.trace(params, sample):
            found = bool(value.isnan().any()), bool(value.isinf().any())
            state.append(found)
            nan_arises = found[0] and not any(state[parent][0] for parent in node.parents)
            inf_arises = found[1] and not any(any(state[parent]) for parent in node.parents)
            if node.id in live and (nan_arises or (inf_arises and not _is_mask(node))):
                return _words(node, params, "nan" if found[0] else "inf")
    return "every node is finite, only the loss itself is not"


def require_finite(params: Mapping[str, torch.Tensor], step: int) -> None:
    """Refuse parameters that the last step made NaN or infinite.

    Raises:
        UserError: It did.
    """
    for name, tensor in params.items():
        if not bool(torch.isfinite(tensor).all()):
            raise UserError(f"step {step} made {name} not finite; try a smaller --lr, or --clip")


def _is_mask(node: TensorNode) -> bool:
    value = node.params.get("value")
    return value is not None and not value.trainable


def _words(node: TensorNode, params: Mapping[str, torch.Tensor], what: str) -> str:
    text = f"the first node that gives {what} is node {node.raw} ({node.kind.name})"
    names = [parameter.name for parameter in node.params.values() if parameter is not None]
    bad = [name for name in names if not bool(torch.isfinite(params[name]).all())]
    return f"{text}, whose parameter {bad[0]} is not finite" if bad else text
