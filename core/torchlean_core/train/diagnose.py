"""Where a loss that is not finite came from, and which node torch cannot compute."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from torchlean_core.errors import UserError, first_line, type_name
from torchlean_core.graph import Program, TensorNode
from torchlean_core.interp import Interpreter


class Diagnosis:
    """Looks at single samples, node by node, where a batch went wrong."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def first_not_finite(self, params: Mapping[str, torch.Tensor], x: torch.Tensor) -> str:
        """The first node where values that are not finite arise, for a batch of inputs, in words.

        A node is the place where they arise if its operands are free of them (or hold infinities only, and it
        is the first with NaN). A constant mask that holds -inf on purpose does not count.
        """
        interpreter = self._interpreter(params, x)
        live = self._program.live()
        for sample in self._samples(x):
            state: list[tuple[bool, bool]] = []  # by node: holds NaN, holds an infinity
            for node, value in interpreter.trace(interpreter.params, sample):
                found = bool(value.isnan().any()), bool(value.isinf().any())
                state.append(found)
                nan_arises = found[0] and not any(state[parent][0] for parent in node.parents)
                inf_arises = found[1] and not any(any(state[parent]) for parent in node.parents)
                if node.id in live and (nan_arises or (inf_arises and not _is_mask(node))):
                    return _words(self._program, node, params, "nan" if found[0] else "inf")
        return "every node is finite, only the loss itself is not"

    def refusal(self, params: Mapping[str, torch.Tensor], x: torch.Tensor, error: Exception) -> UserError:
        """The error for a step that torch refused: of the node that it refuses for one sample, or in its words."""
        try:
            self._interpreter(params, x).function(params, self._samples(x)[0])
        except UserError as refused:
            return refused
        return UserError(f"torch cannot compute a step: {first_line(error) or type_name(error)}")

    def _interpreter(self, params: Mapping[str, torch.Tensor], x: torch.Tensor) -> Interpreter:
        tensor = next(iter(params.values()), x)
        return Interpreter(self._program, params, tensor.dtype, tensor.device)

    def _samples(self, x: torch.Tensor) -> torch.Tensor:
        """Inputs with the axes of the artifact."""
        return x.reshape(x.shape[0], *self._program.nodes[self._program.input_id].shape)


def require_finite(
    params: Mapping[str, torch.Tensor], step: int, advice: str = "a smaller --lr, or --clip"
) -> None:
    """Refuse parameters that the last step made NaN or infinite.

    Raises:
        UserError: It did.
    """
    for name, tensor in params.items():
        if not bool(torch.isfinite(tensor).all()):
            raise UserError(f"step {step} made {name} not finite; try {advice}")


def _is_mask(node: TensorNode) -> bool:
    value = node.params.get("value")
    return value is not None and not value.parameter.trainable


def _words(program: Program, node: TensorNode, params: Mapping[str, torch.Tensor], what: str) -> str:
    text = f"the first node that gives {what} is node {node.raw} ({program.kind_of(node)})"
    names = [use.parameter.name for use in node.params.values() if use is not None]
    bad = [name for name in names if not bool(torch.isfinite(params[name]).all())]
    return f"{text}, whose parameter {bad[0]} is not finite" if bad else text
