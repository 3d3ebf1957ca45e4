"""Broadcasting: how a dialect matches the axes of a tensor with those of a larger one."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torchlean_core.kinds.call import Shape
from torchlean_core.kinds.numbers import show_shape


def witness(source: Shape, target: Shape) -> list[int] | None:
    """TorchLean's broadcast witness: `source` with a 1 inserted for every new axis, or None where there is none.

    It matches from the left, greedily and without backtracking (ir-v1 section 4). The result has the target's rank;
    `x.reshape(result).expand(target)` is the value of a classic `broadcast_to`.
    """
    aligned: list[int] = []
    rest = list(source)
    position = 0
    for dim in target:
        if position < len(rest) and rest[position] in (dim, 1):
            aligned.append(rest[position])
            position += 1
        else:
            aligned.append(1)
    return aligned if position == len(rest) else None


def right_aligned(source: Shape, target: Shape) -> list[int] | None:
    """How PyTorch aligns `source` to `target` (from the right), or None where it refuses."""
    if len(source) > len(target):
        return None
    aligned = [1] * (len(target) - len(source)) + list(source)
    if any(have not in (want, 1) for have, want in zip(aligned, target, strict=True)):
        return None
    return aligned


class Alignment(NamedTuple):
    """A way of matching axes.

    Attributes:
        axes: (source, target) to the source's shape with a 1 for every new axis; None where there is no broadcast.
        refusal: (source, target) to why there is none, in words.
    """

    axes: Callable[[Shape, Shape], list[int] | None]
    refusal: Callable[[Shape, Shape], str]


def _no_witness(source: Shape, target: Shape) -> str:
    aligned = right_aligned(source, target)
    hint = (
        "" if aligned is None else f"; PyTorch aligns from the right: reshape to {show_shape(aligned)} first"
    )
    return f"TorchLean matches axes from the left, greedily{hint}"


FROM_THE_LEFT = Alignment(witness, _no_witness)
FROM_THE_RIGHT = Alignment(
    right_aligned,
    lambda source, target: "axes are matched from the right, and each must be equal, or 1 in the operand",
)
